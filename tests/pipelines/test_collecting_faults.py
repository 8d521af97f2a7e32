"""A bad line in front of every network, by a seed: the archive is the same, or the run says what is missing."""

import pytest

from tests.archives import open_archive, rows
from tests.connectors.loopback import Chat, Faults
from tests.pipelines.test_collecting import PLATFORMS, START, World, collect

FEW = 1
RUNS, CHUNK = 200, 20
SHARE = 0.15  # of the requests


def by_platform(folder, view):
    """What the archive holds of each network."""
    found = {name: {} for name in PLATFORMS}
    for key, row in rows(open_archive(folder), view).items():
        found[(row.get("post_uid") or key).partition(":")[0]][key] = row
    return found


def check(tmp_path, seeds):
    world = World()
    chat = Chat(START, world, more=24)
    with chat.served() as servers:
        collect(tmp_path / "whole", servers, world)
        expected = {view: by_platform(tmp_path / "whole", view) for view in ("posts", "accounts", "reposts")}
        requests = {name: len(server.log) for name, server in servers.items()}
        outcomes = []
        for seed in seeds:
            for number, (name, server) in enumerate(servers.items()):
                server.meet(Faults(f"{seed} {name}", SHARE, is_endless=seed % 9 == number))
            folder = tmp_path / str(seed)
            results = collect(folder, servers, world)
            held = {view: by_platform(folder, view) for view in expected}
            for name, result in results.items():
                outcomes.append(result.status)
                where = f"seed {seed}, {name}, {result.gaps}, {servers[name].log}"
                if result.status == "done":
                    assert [held[view][name] for view in held] == [expected[view][name] for view in held], where
                else:
                    assert result.gaps, where
                    assert held["posts"][name].keys() <= expected["posts"][name].keys(), where
                assert len(servers[name].asked()) <= 2 * requests[name], where
    return outcomes


def test_whatever_goes_wrong_the_archive_is_the_same_or_the_gap_is_named(tmp_path, socket_enabled):
    outcomes = check(tmp_path, range(FEW))
    assert "done" in outcomes


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, FEW + RUNS, CHUNK))
def test_whatever_goes_wrong_in_many_runs(tmp_path, socket_enabled, first):
    outcomes = check(tmp_path, range(first, first + CHUNK))
    assert outcomes.count("done") > len(outcomes) // 2, "most faults pass"
