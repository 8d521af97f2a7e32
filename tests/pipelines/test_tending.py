"""What is due is done: sessions followed live and swept, by one process at a time, whatever else wants the same."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace as replace_struct

from connectors.base import Limits, Surroundings
from knowarchive.config import Rule, load_config
from pipelines.agenda import missed
from pipelines.claims import claim
from pipelines.tending import agenda, attend, carry_out
from tests.archives import configure, open_archive, query, rows
from tests.connectors.loopback import PRIVATE, SECRETS, TAG, Chat, Faults

START = datetime(2026, 3, 10, 20, tzinfo=UTC)
PLATFORMS = ("x", "bluesky", "mastodon")
MINUTE = timedelta(minutes=1)
EVERY = 30 * MINUTE


class Dead(Faults):
    """A server that answers nothing but failure."""

    def next(self):
        return "500"


class World:
    """A clock that goes on while somebody waits, and not otherwise."""

    def __init__(self, moment):
        self.moment = moment

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)

    def surroundings(self, folder):
        return Surroundings(
            secrets=SECRETS, state=folder / "state", now=self.now, elapsed=lambda: self.moment.timestamp(),  # noqa: PLW0108 - the moment moves

            sleep=self.sleep, jitter=lambda: 0.5, limits=replace(Limits(), timeout=0.5),
        )  # fmt: skip


@pytest.fixture
def world():
    return World(START + timedelta(hours=3))


@pytest.fixture
def servers(world, socket_enabled):
    with Chat(START, world).served() as servers:
        yield servers


@pytest.fixture
def config(tmp_path, servers):
    sources = "".join(
        f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
    )
    about = 'schedule = [{rule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=20;BYMINUTE=0", from = 2026-03-10}]\n'
    return load_config(
        configure(
            tmp_path, f'[schedule]\npoll = "30m"\n[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\n{about}{sources}'
        )
    )


@pytest.fixture
def place(config, tmp_path, world):
    """What `carry_out` needs besides the job."""
    return config, open_archive(tmp_path), world


def due(place):
    config, archive, world = place
    return agenda(config, archive, world.now())


def tend(place, job):
    config, archive, world = place
    return carry_out(config, archive, job, world.surroundings(archive.state.parent))


def test_a_session_that_is_over_is_swept_at_all_its_sources_and_then_nothing_is_due(place):
    [job] = due(place)
    assert job.name == "collect lanternkm 2026-03-10 (sweep)"
    tended = tend(place, job)
    assert {result.status for result in tended.results} == {"done"}
    assert tended.counts["sources"] == 3
    assert tended.counts["incomplete"] == 0
    assert 0 < tended.counts["new"] <= tended.counts["seen"]
    assert due(place) == []


def test_what_is_kept_of_a_job_outside_the_archive_is_numbers(place):
    [job] = due(place)
    counts = tend(place, job).counts
    assert all(type(value) is int for value in counts.values())
    assert PRIVATE not in json.dumps(counts)


@pytest.mark.slow
def test_a_source_that_failed_is_due_again_alone(place, servers):
    servers["bluesky"].meet(Dead(0))
    [job] = due(place)
    assert [result.status for result in tend(place, job).results] == ["done", "failed", "done"]
    servers["bluesky"].meet(None)
    assert due(place) == []  # not at once
    place[2].moment += 11 * MINUTE
    [again] = due(place)
    assert [source.platform for source in again.sources] == ["bluesky"]
    assert tend(place, again).counts["incomplete"] == 0
    assert due(place) == []


def test_a_job_that_another_process_is_at_is_left_to_it(place):
    config, archive, _ = place
    [job] = due(place)
    with claim(config.state_dir, "lanternkm 2026-03-10") as is_mine:
        assert is_mine
        assert tend(place, job).skipped == "another process is at it"
    assert archive.runs() == []
    assert tend(place, job).skipped is None


def test_a_stale_duplicate_ends_at_once_and_asks_nothing(place, servers):
    [job] = due(place)
    tend(place, job)
    for server in servers.values():
        server.meet(None)
    assert [tend(place, job).skipped for _ in range(5)] == ["done already"] * 5
    assert [server.log for server in servers.values()] == [[], [], []]


@pytest.mark.slow
def test_five_at_once_do_it_once(place, config, tmp_path, world):
    [job] = due(place)
    found = []
    barrier = threading.Barrier(5)

    def work():
        archive = open_archive(tmp_path)
        barrier.wait()
        found.append(carry_out(config, archive, job, world.surroundings(tmp_path)).skipped)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(None) == 1
    assert len(query(open_archive(tmp_path), "SELECT * FROM runs")) == 3


@pytest.mark.slow
def test_a_running_session_is_polled_and_at_its_end_swept(place):
    config, archive, world = place
    world.moment = START - 20 * MINUTE  # five minutes before it opens
    [chat] = config.chat
    assert not list(attend(chat, EVERY, world.now, world.sleep, lambda: due(place)))  # no session is running
    world.moment = START + MINUTE
    steps = []
    for job in attend(chat, EVERY, world.now, world.sleep, lambda: due(place)):
        began = world.moment
        assert tend(place, job).skipped is None
        steps.append((job.step, began))
    assert [step for step, _ in steps].count("sweep") == 1
    assert steps[-1][0] == "sweep"
    closes = START + timedelta(minutes=90)
    assert steps[-1][1] >= closes
    polls = [began for step, began in steps if step == "live"]
    assert polls[0] == START + MINUTE
    assert [later - earlier for earlier, later in pairwise(polls)] == [EVERY] * 2
    assert {run.status for run in archive.runs()} == {"done"}
    refreshed = [job.name for job in due(place)]
    assert refreshed == []


def test_a_run_that_wakes_a_moment_before_the_session_opens_waits_for_it(place):
    config, _, world = place
    opens = START - timedelta(minutes=15)
    world.moment = opens - timedelta(seconds=0.4)
    job = next(attend(config.chat[0], EVERY, world.now, world.sleep, lambda: due(place)))
    assert (job.step, world.moment) == ("live", opens)


def test_of_two_sessions_that_overlap_one_run_follows_both(place):
    config, archive, world = place
    rules = (Rule(rule="FREQ=DAILY;BYHOUR=20;BYMINUTE=0"), Rule(rule="FREQ=DAILY;BYHOUR=20;BYMINUTE=30"))
    [chat] = config.chat
    config = replace_struct(config, chat=(replace_struct(chat, schedule=rules),))
    world.moment = START
    seen = []
    for job in attend(config.chat[0], EVERY, world.now, world.sleep, lambda: agenda(config, archive, world.now())):
        assert carry_out(config, archive, job, world.surroundings(archive.state.parent)).skipped is None
        if not seen or seen[-1] != (job.window.label, job.step):
            seen.append((job.window.label, job.step))
    assert seen == [
        ("2026-03-10", "live"),
        ("2026-03-10", "sweep"),
        ("2026-03-10@2030", "live"),
        ("2026-03-10@2030", "sweep"),
    ]
    assert not [job for job in agenda(config, archive, world.now()) if job.window.label.startswith("2026-03-10")]
    lost = missed(config.chat, archive.runs(), START, START + timedelta(days=40))
    assert next(lost).window.label == "2026-03-11", "nothing of the day"


def test_whoever_follows_a_session_waits_while_another_process_sweeps_it(place):
    config, _, world = place
    world.moment = START + timedelta(minutes=89)
    tries = []
    with claim(config.state_dir, "lanternkm 2026-03-10"):
        for job in attend(config.chat[0], EVERY, world.now, world.sleep, lambda: due(place)):
            tries.append(world.moment)
            assert tend(place, job).skipped == "another process is at it"
            if len(tries) == 4:
                break
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(tries[1:]))


def test_a_claim_makes_the_state_folder_private(tmp_path):
    with claim(tmp_path / "new" / "state", "anything") as is_mine:
        assert is_mine
    assert (tmp_path / "new" / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "state" / "locks").stat().st_mode & 0o777 == 0o700


def test_whoever_follows_a_session_stops_when_asked_and_leaves_the_sweep_to_the_next(place):
    config, _, world = place
    world.moment = START + MINUTE
    jobs = attend(
        config.chat[0],
        EVERY,
        world.now,
        world.sleep,
        lambda: due(place),
        is_stopping=lambda: world.now() > START + 10 * MINUTE,
    )
    for job in jobs:
        tend(place, job)
    assert world.now() < START + 20 * MINUTE
    world.moment = START + timedelta(days=2)  # the machine was off
    assert [job.step for job in due(place)] == ["sweep"]


@pytest.mark.slow
def test_after_months_of_silence_what_the_networks_still_answer_for_is_collected(place, tmp_path):
    _, archive, world = place
    world.moment = START + timedelta(days=20)
    jobs = due(place)
    assert jobs
    horizons = {(job.window.label, source.platform) for job in jobs if job.step == "sweep" for source in job.sources}
    assert horizons == {
        ("2026-03-10", "bluesky"), ("2026-03-10", "mastodon"),
        ("2026-03-17", "bluesky"), ("2026-03-17", "mastodon"),
        ("2026-03-24", "x"), ("2026-03-24", "bluesky"), ("2026-03-24", "mastodon"),
    }  # fmt: skip
    for job in jobs:
        tend(place, job)
    assert any(uid.startswith("mastodon") for uid in rows(open_archive(tmp_path)))
    assert {run.chat for run in archive.runs()} == {"lanternkm"}
