"""`knowarchive collect` killed at any moment and started again: the same archive, and nothing asked for that was stored."""

import random
import signal
import subprocess
import time

import pytest

from tests.archives import command, configure, environment, open_archive, query, rows
from tests.connectors.loopback import DAILY, LATELY, SECRETS, TAG, Chat, MachineClock
from tests.pipelines.test_collecting import PLATFORMS

KILLS, MORE_KILLS = 1, 50
#: Times of observation and of fetching differ from run to run; so does which of two equal sights is the newer.
CLOCKED = {"observed_at"}


@pytest.fixture
def chat():
    return Chat(LATELY, MachineClock, more=24)


def configured(folder, chat, servers):
    sources = "".join(
        f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
    )
    about = f'name = "lanternkm"\nhashtags = ["{TAG}"]\nschedule = "{DAILY}"\n'
    configure(folder, f"[[chat]]\n{about}{sources}")
    return [*command(folder, "collect", "--session", f"{chat.start:%Y-%m-%d}")]


def start(folder, arguments):
    return subprocess.Popen(
        arguments, cwd=folder, env={**environment(), **SECRETS}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def held(folder):
    """What the archive holds, without when it was observed."""
    return {
        view: {key: {name: value for name, value in row.items() if name not in CLOCKED} for key, row in found.items()}
        for view, found in ((view, rows(open_archive(folder), view)) for view in ("posts", "accounts", "reposts"))
    }


def stored(folder, servers):
    """The requests whose answers the archive holds."""
    archive = open_archive(folder)
    if not (folder / "archive" / "payloads").exists():
        return set()
    found = query(archive, "SELECT origin FROM payloads")
    return {row["origin"].removeprefix(server.address) for row in found for server in servers.values()}


def kill_many(tmp_path, chat, kills, seed):
    source = random.Random(seed)
    in_time = 0
    with chat.served() as servers:
        folder = tmp_path / "whole"
        process = start(folder, configured(folder, chat, servers))
        process.communicate()
        assert process.returncode == 0
        expected = held(folder)
        total = sum(len(server.log) for server in servers.values())
        for number in range(kills):
            folder = tmp_path / str(number)
            arguments = configured(folder, chat, servers)
            for server in servers.values():
                server.meet(None)
            process = start(folder, arguments)
            enough = 1 + number * total // kills  # spread over the requests, and some way into the next
            deadline = time.monotonic() + 60
            while process.poll() is None and sum(len(server.log) for server in servers.values()) < enough:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(source.random() * 0.1)
            in_time += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
            before = stored(folder, servers)
            for server in servers.values():
                server.meet(None)
            again = start(folder, arguments)
            said = again.communicate()[1]
            assert again.returncode == 0, said
            assert held(folder) == expected
            for name, server in servers.items():
                twice = [path for path in server.asked() if path in before]
                assert len(twice) <= 1, f"kill {number}, {name}: {twice}"
    assert in_time >= max(1, kills // 2), "most kills came before the end"


@pytest.mark.slow
def test_killed_at_some_moments_it_goes_on(tmp_path, socket_enabled, chat):
    kill_many(tmp_path, chat, KILLS, seed=1)


@pytest.mark.slow
def test_killed_at_fifty_moments_it_goes_on(tmp_path, socket_enabled, chat):
    kill_many(tmp_path, chat, MORE_KILLS, seed=2)
