"""One chat on three networks at once: nobody is missing, sources fail apart, and what stopped goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Limits, Surroundings
from knowarchive.config import Chat as Configured
from knowarchive.config import Source
from pipelines.collecting import collect_session
from pipelines.coverage import cover, coverage_state
from tests.archives import open_archive, query, rows
from tests.connectors.loopback import PRIVATE, SECRETS, TAG, Chat, Faults, Loopback
from tests.connectors.x.server import TOKEN
from transcripts.sessions import find_window

START = datetime(2026, 3, 10, 20, tzinfo=UTC)
PLATFORMS = ("x", "bluesky", "mastodon")
ONE_AND_SLOWLY_ALL = ["bluesky", *(pytest.param(name, marks=pytest.mark.slow) for name in ("x", "mastodon"))]


class World:
    """The clocks: the wall stands still, seconds pass while somebody waits."""

    def __init__(self, moment=START + timedelta(hours=3)):
        self.moment = moment
        self.seconds = 0.0

    def now(self):
        return self.moment

    def elapsed(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds

    def surroundings(self, folder, secrets=SECRETS, **limits):
        return Surroundings(
            secrets=secrets, state=folder / "state", now=self.now, elapsed=self.elapsed, sleep=self.sleep,
            jitter=lambda: 0.5, limits=replace(Limits(timeout=0.3), **limits),
        )  # fmt: skip


@pytest.fixture
def world():
    return World()


@pytest.fixture
def chat(world):
    return Chat(START, world)


def configured(servers, platforms):
    return Configured(
        name="lanternkm",
        hashtags=(TAG,),
        schedule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=20;BYMINUTE=0",
        source=tuple(Source(platform=name, server=servers[name].address) for name in platforms),
    )


def collect(folder, servers, world, platforms=PLATFORMS, **options):
    """Collect the session from some servers. Returns what came of each source, by its platform."""
    about = configured(servers, platforms)
    surroundings = world.surroundings(folder, **options)
    window = find_window(about, "2026-03-10")
    return dict(zip(platforms, collect_session(open_archive(folder), about, window, surroundings), strict=True))


def statuses(results):
    return {name: result.status for name, result in results.items()}


def uids(folder):
    return set(rows(open_archive(folder)))


def runs(folder):
    return query(open_archive(folder), "SELECT * FROM runs ORDER BY started_at")


def test_nobody_is_missing(tmp_path, socket_enabled, world, chat):
    with chat.served() as servers:
        results = collect(tmp_path, servers, world)
    assert {name: (result.status, result.gaps) for name, result in results.items()} == dict.fromkeys(
        PLATFORMS, ("done", ())
    )
    assert chat.expected <= uids(tmp_path)
    assert results["mastodon"].screened == 1
    found = rows(open_archive(tmp_path))
    answer = next(uid for uid, post in found.items() if post["text"].startswith("A1: the oil"))
    assert [post["reply_to"] for post in found.values() if post["text"] == "how much?"] == [answer]
    assert sorted(run["status"] for run in runs(tmp_path)) == ["done"] * 3
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert PRIVATE.encode() not in path.read_bytes()
            assert TOKEN.encode() not in path.read_bytes()


def test_collecting_again_changes_nothing(tmp_path, socket_enabled, world, chat):
    with chat.served() as servers:
        collect(tmp_path, servers, world)
        before = rows(open_archive(tmp_path))
        again = collect(tmp_path, servers, world)
    assert [(result.outcome.new, result.outcome.changed) for result in again.values()] == [(0, 0)] * 3
    assert rows(open_archive(tmp_path)) == before


def test_a_session_that_still_runs_is_not_complete_until_it_is_asked_for_again(tmp_path, socket_enabled, world, chat):
    during = START + timedelta(minutes=30)
    states = []
    with chat.served() as servers:
        window = find_window(configured(servers, PLATFORMS), "2026-03-10")
        for world.moment in (during, START + timedelta(hours=3)):
            assert set(statuses(collect(tmp_path, servers, world)).values()) == {"done"}
            covered = cover(open_archive(tmp_path).runs(), window)
            states.append((coverage_state(covered), {source.unasked for source in covered}))
    assert states == [("incomplete", {((during, window.closes),)}), ("complete", {()})]


class Dead(Faults):
    """A server that answers nothing but failure."""

    def next(self):
        return "500"


@pytest.mark.parametrize("broken", ONE_AND_SLOWLY_ALL)
def test_two_networks_are_stored_when_the_third_is_down(tmp_path, socket_enabled, world, chat, broken):
    with chat.served() as servers:
        servers[broken].faults = Dead(0)
        results = collect(tmp_path, servers, world)
    assert statuses(results) == {name: "failed" if name == broken else "done" for name in PLATFORMS}
    assert "500" in results[broken].error
    assert {uid for uid in chat.expected if not uid.startswith(broken)} <= uids(tmp_path)
    (line,) = [run for run in runs(tmp_path) if run["status"] == "failed"]
    assert line["source"].startswith(broken)
    assert "500" in line["error"]


@pytest.mark.parametrize("platform", ONE_AND_SLOWLY_ALL)
def test_a_run_that_a_bound_stopped_is_gone_on_with_and_nothing_asked_twice(
    tmp_path, socket_enabled, world, chat, platform
):
    with chat.served() as servers:
        whole = collect(tmp_path / "whole", servers, world, [platform])[platform]
        first = len(servers[platform].log)
        results = collect(tmp_path / "cut", servers, world, [platform], requests=whole.requests - 2)
        assert results[platform].status == "incomplete"
        stopped = len(servers[platform].log)
        again = collect(tmp_path / "cut", servers, world, [platform])
    assert again[platform].status == "done"
    assert rows(open_archive(tmp_path / "cut")) == rows(open_archive(tmp_path / "whole"))
    asked = [path for path, _ in servers[platform].log]
    stored = {
        row["origin"].removeprefix(servers[platform].address)
        for row in query(open_archive(tmp_path / "cut"), "SELECT origin FROM payloads")
    }
    assert not {path for path in asked[first:stopped] if path in stored} & {*asked[stopped:]}
    assert len(asked) - stopped < stopped - first


def test_a_run_that_was_killed_after_its_first_source_asks_for_nothing_again(tmp_path, socket_enabled, world, chat):
    with chat.served() as servers:
        about = configured(servers, PLATFORMS)
        window = find_window(about, "2026-03-10")
        run = collect_session(open_archive(tmp_path), about, window, world.surroundings(tmp_path))
        assert next(run).status == "done"
        run.close()  # before anything of the others
        stored = {row["origin"] for row in query(open_archive(tmp_path), "SELECT origin FROM payloads")}
        assert stored
        servers["x"].meet(None)
        assert statuses(collect(tmp_path, servers, world)) == dict.fromkeys(PLATFORMS, "done")
        asked = {f"{servers['x'].address}{path}" for path in servers["x"].asked()}
    assert not stored & asked
    assert chat.expected <= uids(tmp_path)


def test_what_a_reader_should_know_is_in_the_ledger(tmp_path, socket_enabled, world, chat):
    question = next(uri for uri, view in chat.bluesky.posts.items() if view["record"]["text"].startswith("Q1"))
    chat.bluesky.gates[question] = {
        "threadgate": {"record": {"allow": [{"$type": "app.bsky.feed.threadgate#mentionRule"}], "post": question}}
    }
    with chat.served() as servers:
        results = collect(tmp_path, servers, world, ["bluesky"])
    assert results["bluesky"].status == "done"
    (line,) = runs(tmp_path)
    assert [note.partition(": ")[2] for note in line["notes"]] == ["replies were limited to mentionRule"]


@pytest.mark.slow
def test_one_chat_seen_through_two_servers_is_one_chat(tmp_path, socket_enabled, world, chat):
    with chat.served() as servers, Loopback("mastodon", chat.mastodon) as other:
        late = chat.mastodon.post("fay", "seen by one server alone", 50)
        collect(tmp_path, {"mastodon": other}, world, ["mastodon"])
        chat.mastodon.hidden.add(late)
        again = collect(tmp_path, servers, world, ["mastodon"])
    assert again["mastodon"].outcome.new == 0
    held = {uid for uid in uids(tmp_path) if uid.startswith("mastodon:")}
    expected = {uid for uid in chat.expected if uid.startswith("mastodon:")} | {chat.mastodon.uid(late)}
    assert {uid for uid in held if rows(open_archive(tmp_path))[uid]["created_at"] >= START} == expected


@pytest.mark.slow
def test_a_wall_clock_that_jumps_loses_nothing(tmp_path, socket_enabled, world, chat):
    def jump(seconds):
        world.seconds += seconds
        world.moment += timedelta(days=2) if world.moment < START + timedelta(days=1) else -timedelta(days=2)

    world.sleep = jump
    with chat.served() as servers:
        for name, server in servers.items():
            server.meet(Faults(f"clock {name}", 0.4))
        results = collect(tmp_path, servers, world)
    assert statuses(results) == dict.fromkeys(PLATFORMS, "done")
    assert chat.expected <= uids(tmp_path)
