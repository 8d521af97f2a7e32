"""What the runs say of a source: the newest decides, for the time that it asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.coverage import cover, coverage_state
from storage.archive import Run
from transcripts.model import Window

START = datetime(2015, 3, 11, 1, tzinfo=UTC)
OPENS, CLOSES = START - timedelta(minutes=15), START + timedelta(minutes=90)
WINDOW = Window("critlib", "2015-03-10", START, START + timedelta(hours=1), OPENS, CLOSES, "America/New_York")


def at(minute):
    return START + timedelta(minutes=minute)


def run(hour, status="done", *, since=OPENS, until=CLOSES, source="mastodon:https://birds.example", **fields):
    """A run that began so many hours after the session."""
    began = START + timedelta(hours=hour)
    values = {
        "kind": "collect",
        "seen": 10,
        "pages": 2,
        "gaps": ("page 3",) if status == "incomplete" else (),
        **fields,
    }
    return Run(
        run_id=f"{source}-{hour}",
        source=source,
        status=status,
        started_at=began,
        finished_at=began + timedelta(minutes=1),
        since=since,
        until=until,
        **values,
    )


def test_a_source_is_one_row_however_often_it_was_collected():
    (one,) = cover(
        [run(1, new=8, cost=0.5, waited=3.0), run(5, new=2, changed=4, cost=0.25, seen=12, notes=("a gate",))], WINDOW
    )
    assert (one.source, one.status, one.runs) == ("mastodon:https://birds.example", "done", 2)
    assert (one.seen, one.pages, one.notes) == (12, 2, ("a gate",)), "the latest state"
    assert (one.new, one.changed, one.cost, one.waited) == (10, 4, 0.75, 3.0), "all runs together"
    assert one.collected_at == START + timedelta(hours=5, minutes=1)
    assert one.asked == one.answered == ((OPENS, CLOSES),)


def test_a_run_that_is_done_heals_what_failed_before_and_not_what_fails_after():
    (healed,) = cover([run(1, "incomplete"), run(2, "failed"), run(3)], WINDOW)
    assert (healed.status, healed.gaps) == ("done", ())
    (broken,) = cover([run(3), run(4, "incomplete")], WINDOW)
    assert (broken.status, broken.gaps) == ("incomplete", ("page 3",))


def test_a_later_run_for_a_part_decides_for_that_part():
    part = run(3, since=at(20), until=at(40))
    (one,) = cover([run(1, "incomplete"), part], WINDOW)
    assert (one.status, one.gaps) == ("incomplete", ("page 3",))
    assert one.answered == ((at(20), at(40)),)
    (other,) = cover([run(1), run(3, "failed", since=at(20), until=at(40))], WINDOW)
    assert other.status == "incomplete"
    assert other.answered == ((OPENS, at(20)), (at(40), CLOSES))


def test_what_nobody_asked_for_is_open():
    (one,) = cover([run(1, since=at(0)), run(2, since=at(-60), until=at(-10))], WINDOW)
    assert (one.status, one.unasked) == ("incomplete", ((at(-10), at(0)),))
    (whole,) = cover([run(1, since=at(0)), run(2, since=at(-60), until=at(0))], WINDOW)
    assert (whole.status, whole.unasked, whole.asked) == ("done", (), ((OPENS, CLOSES),))


def test_a_refresh_counts_as_collecting_and_a_replay_does_not():
    (one,) = cover([run(1, "failed"), run(2, kind="refresh"), run(3, "failed", kind="replay")], WINDOW)
    assert one.status == "done"


def test_a_file_stands_for_the_session_and_says_what_it_holds():
    (one,) = cover([run(1, kind="import", source="march.csv", since=at(3), until=at(3))], WINDOW)
    assert (one.status, one.asked, one.unasked) == ("done", (), ())
    (long,) = cover([run(1, kind="import", source="march.csv", since=at(-600), until=at(30))], WINDOW)
    assert long.answered == ((OPENS, at(30)),)


def test_runs_about_other_times_say_nothing():
    assert cover([run(1, since=CLOSES, until=at(300)), run(2, since=None, until=None)], WINDOW) == ()


def test_unknown_stays_unknown():
    (one,) = cover([run(1)], WINDOW)
    assert (one.cost, one.waited, one.new) == (None, None, None)


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ([], "unknown"),
        ([run(1)], "complete"),
        ([run(1, "failed")], "incomplete"),
        ([run(1), run(1, "incomplete", source="x")], "incomplete"),
        ([run(1), run(1, "incomplete", source="x"), run(2, source="x")], "complete"),
    ],
)
def test_a_session_is_complete_when_all_its_sources_are(runs, state):
    assert coverage_state(cover(runs, WINDOW)) == state
    assert cover(runs, WINDOW) == cover(runs[::-1], WINDOW)


def test_a_run_of_the_session_before_that_ends_where_this_one_opens_says_nothing_of_it():
    before = run(1, since=OPENS - timedelta(hours=2), until=OPENS)
    assert cover([before], WINDOW) == ()
    assert [one.runs for one in cover([before, run(2)], WINDOW)] == [1]
    assert cover([run(-0.25, since=OPENS, until=OPENS)], WINDOW) == (), "it began when the session opened"
    (file,) = cover([run(1, kind="import", source="march.csv", since=at(-600), until=OPENS)], WINDOW)
    assert file.runs == 1, "its newest post is one of the session"
