"""The command: where it listens, how it ends, and what it says when it cannot begin."""

import re
import signal
import socket
import urllib.error
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
def test_a_private_room_is_private_from_the_beginning(start, home):
    token = "moths-and-lamps-2015"
    process = start("web", "--port", "0", env={"KNOWARCHIVE_WEB_TOKEN": token})
    address = re.search(r"http://\S+", process.stdout.readline().decode())[0]
    for headers, codes in (({}, {401}), ({"Authorization": f"Bearer {token}"}, {200, 503})):
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:
                got = answer.status
        except urllib.error.HTTPError as error:
            got = error.code
        assert got in codes
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert token.encode() not in process.stdout.read() + process.stderr.read()


def test_a_token_that_is_none_opens_nothing(run, monkeypatch):
    monkeypatch.setenv("KNOWARCHIVE_WEB_TOKEN", "")
    result = run("web", "--port", "0")
    assert (result.code, "KNOWARCHIVE_WEB_TOKEN" in result.line) == (3, True)


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
