"""The command: where it listens, how it ends, and what it says when it cannot begin."""

import re
import signal
import socket
import urllib.request

import pytest


@pytest.mark.enable_socket
def test_it_says_where_it_is_and_ends_when_told(start, home):
    process = start("web", "--port", "0")
    line = process.stdout.readline().decode()
    address = re.fullmatch(r"The reading room is at (http://127\.0\.0\.1:\d+/) \(stop it with Ctrl-C\)\n", line)[1]
    with urllib.request.urlopen(f"{address}static/room.css", timeout=30) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.enable_socket
def test_a_port_that_is_taken_is_told(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("web", "--port", taken.getsockname()[1])
    assert result.code == 1
    assert "choose another with --port" in result.line


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "x"]])
def test_a_port_that_is_none_is_wrong_usage(run, arguments):
    assert run("web", *arguments).code == 2


@pytest.mark.enable_socket
def test_a_host_that_is_none_is_wrong_usage(run):
    result = run("web", "--host", "not an address")
    assert result.code == 2
    assert "--host" in result.line
