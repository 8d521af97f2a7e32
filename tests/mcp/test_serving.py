"""The process: it follows the archive, ends when it is told, and says what is wrong."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

from knowarchive.config import load_config
from knowarchive.mcp import server
from knowarchive.web.room import Room
from pipelines.indexing import bring_up_to_date
from tests.archives import command, environment, open_archive, run, store
from tests.mcp.conftest import assistant, opened
from tests.web.conftest import CONFIG, said
from tests.web.test_room import held_up

HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}\n'


@contextmanager
def started(folder):
    pipe = subprocess.PIPE
    with subprocess.Popen(command(folder, "mcp"), stdin=pipe, stdout=pipe, stderr=pipe, env=environment()) as process:
        process.stdin.write(HELLO)
        process.stdin.flush()
        assert b'"knowarchive"' in process.stdout.readline()
        yield process
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_it_ends_when_it_is_told(folder):
    with started(folder) as process:
        process.send_signal(signal.SIGTERM)


def test_what_is_no_message_does_not_end_it(folder):
    with started(folder) as process:
        process.stdin.write(b'nonsense\n{"jsonrpc": 1}\n\xff\xfe\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n')
        process.stdin.flush()
        lines = [process.stdout.readline()]
        while b'"id":2' not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1]
        assert all(line.startswith(b'{"jsonrpc"') for line in lines)
        process.stdin.close()


def test_a_wrong_configuration_is_told_before_anything_is_spoken(tmp_path):
    (tmp_path / "knowarchive.toml").write_text("[archives]")
    done = run(tmp_path, "mcp", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)


def test_an_outdated_index_answers_and_says_so_while_it_is_brought_up_to_date(tmp_path, monkeypatch):
    (tmp_path / "knowarchive.toml").write_text(CONFIG)
    config = load_config(tmp_path / "knowarchive.toml")
    store(open_archive(tmp_path), [said("x:1", 26, "A2: a torch", author_handle="eve")], chat="lampchat")
    bring_up_to_date(open_archive(tmp_path), config)
    store(open_archive(tmp_path), [said("x:2", 27, "A2: a second torch", author_handle="eve")], chat="lampchat")
    monkeypatch.setattr(server, "BRIEFLY", 0.1)
    room = Room(config, public=True)

    def ask():
        answered = server.answer(room, "search", {"query": "torch"})
        assert not answered.is_error, answered.content[0].text
        above, _, inside, _ = opened(answered.content[0].text)
        return json.loads(inside)["total"], "may be missing" in above

    with held_up(monkeypatch):
        room.start()
        assert ask() == (1, True)
    assert room.looked.wait(30)
    assert ask() == (2, False)
    room.stop()


def test_it_follows_the_archive_from_empty_to_damaged(tmp_path):
    (tmp_path / "knowarchive.toml").write_text(CONFIG)
    with assistant(tmp_path) as helper:
        assert helper.read("search", query="torch")["total"] == 0
        assert helper.read("sessions", chat="lampchat")["sessions"] == []
        assert helper.read("chats")["chats"][0]["posts"] == 0
    store(open_archive(tmp_path), [said("x:900", 26, "A2: a torch", author_handle="eve")], chat="lampchat")
    with assistant(tmp_path) as helper:
        assert helper.read("search", query="torch")["total"] == 1
        for file in (tmp_path / "archive" / "posts").rglob("*.parquet"):
            file.unlink()
        assert helper.read("search", query="torch")["total"] == 1
        refusal = helper.refusal("transcript", chat="lampchat", date="2015-03-10")
        assert "cannot be read" in refusal
        assert str(tmp_path) not in refusal


def test_no_other_command_loads_the_protocol():
    program = (
        "import sys, knowarchive.cli.mcp, knowarchive.web.server, knowarchive.cli.search; print('mcp' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
