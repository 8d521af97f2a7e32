"""Peers are started and stopped whatever happens, and one that cannot be had says why in one line."""

import subprocess
import time

import pytest

from tests.peers import servers

RUNNING = '#!/bin/sh\ncd "$(dirname "$0")"\nsleep 300 >/dev/null 2>&1 &\necho $! >pid\n'
STOP = '#!/bin/sh\ncd "$(dirname "$0")"\ntouch stopped\n[ -f pid ] && kill "$(cat pid)"\nexit 0\n'


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """A peer with a `start` of the test's own."""
    folder = tmp_path / "peers" / "lantern"
    folder.mkdir(parents=True)
    monkeypatch.setattr(servers, "SHARED", tmp_path)
    monkeypatch.setattr(servers, "HOME", tmp_path / "home")
    monkeypatch.setattr(servers.Peer, "answers", lambda _: False)

    def peer(start):
        for name, text in (("start", start), ("stop", STOP)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return servers.Peer("lantern", "http://127.0.0.1:9", "/", "installed", first=480, later=2)

    return peer


def is_running(folder):
    pid = (folder / "pid").read_text().strip()
    return subprocess.run(["kill", "-0", pid], check=False, capture_output=True).returncode == 0


def test_a_peer_runs_as_long_as_it_is_wanted(peer):
    one = peer(RUNNING)
    with one.running() as address:
        assert address == "http://127.0.0.1:9"
        assert is_running(one.folder)
    for _ in range(50):
        if not is_running(one.folder):
            break
        time.sleep(0.1)
    assert not is_running(one.folder)


def test_a_peer_is_stopped_when_a_test_fails(peer):
    one = peer(RUNNING)
    with pytest.raises(ZeroDivisionError), one.running():
        raise ZeroDivisionError
    assert (one.folder / "stopped").exists()


def test_a_peer_that_ends_slowly_is_waited_for(peer, monkeypatch):
    one = peer(RUNNING)
    answers = [False, True, True, False]
    monkeypatch.setattr(servers.Peer, "answers", lambda _: answers.pop(0))
    with one.running():
        assert len(answers) == 3
    assert (one.folder / "stopped").exists()
    assert not answers


def test_a_peer_that_does_not_start_says_its_last_line_and_is_stopped(peer):
    one = peer("#!/bin/sh\necho one\necho 'the port is taken' >&2\nexit 3\n")
    with pytest.raises(servers.AbsentError, match=r"^does not start: the port is taken$"), one.running():
        pass
    assert (one.folder / "stopped").exists()


def test_a_peer_that_was_too_slow_for_itself_is_started_again(peer):
    one = peer(f"{RUNNING}[ -f slow ] || {{ touch slow; exit 1; }}\n")
    with one.running():
        assert is_running(one.folder)


def test_a_peer_that_never_starts_is_given_up(peer, monkeypatch):
    monkeypatch.setattr(servers, "PATIENCE", 0.3)
    one = peer("#!/bin/sh\nsleep 60\n")
    (servers.HOME / "lantern").mkdir(parents=True)
    (servers.HOME / "lantern" / "installed").touch()
    with pytest.raises(servers.AbsentError, match="takes 2 s, and there are 0; run `make peers` once"), one.running():
        pass
    monkeypatch.setattr(servers, "PATIENCE", 2.0)
    with pytest.raises(servers.AbsentError, match="did not start within 2 s"), one.running():
        pass
    assert (one.folder / "stopped").exists()


def test_an_installation_is_not_begun_without_the_time_for_it(peer, monkeypatch):
    monkeypatch.setattr(servers, "PATIENCE", 60)
    one = peer('#!/bin/sh\ntouch "$(dirname "$0")/begun"\n')
    with pytest.raises(servers.AbsentError, match="its start takes 480 s, and there are 60"), one.running():
        pass
    assert not (one.folder / "begun").exists()


def test_a_peer_that_is_not_here_is_named():
    one = servers.Peer("nobody", "http://127.0.0.1:9", "/", "installed", first=1, later=1)
    with pytest.raises(servers.AbsentError, match=r"\.\./shared/peers/nobody is not here"), one.running():
        pass
