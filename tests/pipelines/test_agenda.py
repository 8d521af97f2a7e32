"""What is due, by the ledger alone: after outages of any kind each session is collected once to its end."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from knowarchive.config import Chat, Occasion, Policy, Source
from pipelines.agenda import BEFORE_MIDNIGHT, TRIES_OF_INCOMPLETE, coming, due, is_site_due, missed
from storage.archive import Run
from transcripts.sessions import windows

MASTODON = Source(platform="mastodon", server="https://example.social")
CHAT = Chat(
    name="lanternkm",
    hashtags=("lanternkm",),
    timezone="America/Toronto",
    schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0",
    source=(Source(platform="x"), MASTODON),
)
POLICY = Policy()
[WINDOW] = windows(CHAT, datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def run(started, *, kind="collect", source="x", status="done", window=WINDOW, chat=CHAT):
    return Run(
        run_id=f"{chat.name}{window.label}{source}{started}",
        kind=kind,
        chat=chat.name,
        source=source,
        status=status,
        started_at=started,
        finished_at=started + MINUTE,
        since=window.opens,
        until=min(window.closes, started),  # as a run writes it: nobody can be asked for what is still to be said
    )


def both(started, **more):
    return [run(started, source=source.name, **more) for source in CHAT.source]


def names(now, *ledger, policy=POLICY):
    return [(job.name, [source.name for source in job.sources]) for job in due([CHAT], ledger, now, policy)]


def test_nothing_is_due_of_a_session_that_has_not_opened():
    assert only_this(WINDOW.opens - MINUTE) == []


def only_this(now, *ledger, policy=POLICY):
    return [name for name in names(now, *ledger, policy=policy) if WINDOW.label in name[0]]


def test_a_running_session_is_polled_at_each_source_as_often_as_was_asked():
    both_of_them = ["x", "mastodon:https://example.social"]
    assert only_this(WINDOW.opens) == [("collect lanternkm 2026-03-04 (live)", both_of_them)]
    polled = both(WINDOW.opens)
    assert only_this(WINDOW.opens + 4 * MINUTE, *polled) == []
    assert only_this(WINDOW.opens + 5 * MINUTE, *polled) == [("collect lanternkm 2026-03-04 (live)", both_of_them)]
    one_failed = [polled[0], run(WINDOW.opens + 5 * MINUTE, status="failed")]
    assert only_this(WINDOW.opens + 6 * MINUTE, *one_failed) == [
        ("collect lanternkm 2026-03-04 (live)", [MASTODON.name])
    ]


def test_a_session_that_was_only_polled_is_swept_when_it_is_over():
    polled = both(WINDOW.closes - MINUTE)
    assert [name for name, _ in only_this(WINDOW.closes, *polled)] == ["collect lanternkm 2026-03-04 (sweep)"]
    assert only_this(WINDOW.closes + 5 * MINUTE, *polled, *both(WINDOW.closes + MINUTE)) == []


def test_a_source_that_failed_is_tried_again_ever_more_rarely_until_the_network_forgets():
    tries = []
    now = WINDOW.closes
    while now < WINDOW.closes + timedelta(days=9):
        jobs = only_this(now, *tries, *both(WINDOW.closes)[1:], policy=Policy(refresh=()))
        if jobs:
            assert jobs == [("collect lanternkm 2026-03-04 (sweep)", ["x"])]
            tries.append(run(now, status="failed"))
        now += 5 * MINUTE
    waits = [later.started_at - earlier.started_at for earlier, later in pairwise(tries)]
    assert waits[0] < timedelta(minutes=20)
    assert all(later >= earlier for earlier, later in pairwise(waits[:6]))
    assert timedelta(hours=6) <= waits[-1] <= timedelta(hours=6, minutes=10)
    assert tries[-1].started_at < WINDOW.closes + timedelta(days=7)  # X answers for no longer
    [lost] = [one for one in missed([CHAT], [*tries, *both(WINDOW.closes)[1:]], WINDOW.opens - DAY, WINDOW.closes + 8 * DAY)
              if one.window == WINDOW]  # fmt: skip
    assert (lost.source, lost.reason) == ("x", "every try failed, see the ledger")


def test_gaps_are_tried_again_a_few_times_and_then_accepted():
    tries = []
    now = WINDOW.closes
    while now < WINDOW.closes + timedelta(days=7):
        if only_this(now, *tries, *both(WINDOW.closes)[1:], policy=Policy(refresh=())):
            tries.append(run(now, status="incomplete"))
        now += 5 * MINUTE
    assert len(tries) == TRIES_OF_INCOMPLETE
    assert not [
        one for one in missed([CHAT], [*tries, *both(WINDOW.closes)], WINDOW.opens, now) if one.window == WINDOW
    ]


def test_refreshes_follow_and_one_look_makes_up_for_all_that_were_missed():
    swept = both(WINDOW.closes)
    assert only_this(WINDOW.closes + timedelta(hours=20), *swept) == []
    same_day = both(WINDOW.closes + timedelta(hours=21), kind="refresh")
    swept += same_day
    assert only_this(WINDOW.closes + DAY - MINUTE, *swept) == []
    assert [name for name, _ in only_this(WINDOW.closes + DAY, *swept)] == ["refresh lanternkm 2026-03-04 (1d)"]
    late = WINDOW.closes + timedelta(days=8)
    assert [name for name, _ in only_this(late, *swept)] == ["refresh lanternkm 2026-03-04 (7d)"]
    assert only_this(late + 5 * MINUTE, *swept, *both(late, kind="refresh")) == []
    failed = both(late, kind="refresh", status="failed")
    assert only_this(late + 5 * MINUTE, *swept, *failed) == []
    assert [name for name, _ in only_this(late + 15 * MINUTE, *swept, *failed)] == ["refresh lanternkm 2026-03-04 (7d)"]


def test_the_same_day_is_the_day_of_utc_on_which_the_session_closes():
    refresh = [one for one in coming(CHAT, WINDOW.opens, POLICY, 1) if one.what == "refresh same day"]
    midnight = datetime(2026, 3, 6, tzinfo=UTC)  # the chat closed on 5 March at 02:30 UTC
    assert [one.at for one in refresh] == [midnight - BEFORE_MIDNIGHT]


def test_the_list_of_what_comes_keeps_local_time_across_a_change_of_clocks():
    opens = [one.at for one in coming(CHAT, datetime(2026, 3, 1, tzinfo=UTC), POLICY, 10) if one.what == "opens"]
    assert len(opens) == 10
    assert {at.astimezone(CHAT.zone).strftime("%a %H:%M") for at in opens} == {"Wed 19:45"}
    assert {at.strftime("%H:%M") for at in opens} == {"00:45", "23:45"}  # in UTC an hour earlier in summer


def test_skipped_dates_have_no_session_and_extra_ones_do():
    chat = Chat(
        name="lanternkm",
        hashtags=("lanternkm",),
        timezone="America/Toronto",
        schedule=CHAT.schedule,
        skip=(date(2026, 3, 11),),
        session=(Occasion(date=date(2026, 3, 12), start="19:00", duration="2h", topic="Maps"),),
    )
    found = windows(chat, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC))
    assert [window.label for window in found] == ["2026-03-04", "2026-03-12", "2026-03-18"]
    assert found[1].end - found[1].start == timedelta(hours=2)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_however_the_machine_fails_every_session_is_swept_once_or_named_as_missed(seed):
    source = random.Random(seed)
    chats = [CHAT, Chat(name="noonchat", hashtags=("noonchat",), timezone="Europe/Berlin", source=(MASTODON,),
                        schedule="FREQ=WEEKLY;BYDAY=SU;BYHOUR=2;BYMINUTE=30")]  # fmt: skip
    begin = now = datetime(2026, 2, 20, tzinfo=UTC)
    ledger = []
    swept = Counter()
    last = begin + timedelta(days=70)
    while now < last:
        if source.random() < 0.004:
            now += timedelta(hours=source.choice([1, 30, 24 * 10]))  # off
        for job in due(chats, ledger, now, POLICY):
            for one in job.sources:
                if source.random() < 0.02:
                    continue  # killed: no line in the ledger
                status = source.choices(["done", "incomplete", "failed"], [90, 4, 6])[0]
                ledger.append(run(now, kind=job.kind, source=one.name, status=status, window=job.window,
                                  chat=job.chat))  # fmt: skip
                if job.step == "sweep" and status == "done":
                    swept[job.chat.name, job.window.label, one.name] += 1
        now += timedelta(minutes=30)
    assert set(swept.values()) == {1}
    lost = {(one.chat, one.window.label, one.source) for one in missed(chats, ledger, begin, now)}
    for chat in chats:
        for window in windows(chat, begin, last - timedelta(days=32)):
            for one in chat.source:
                key = (chat.name, window.label, one.name)
                gaps = any(run.status == "incomplete" and run.source == one.name and run.started_at >= window.closes
                           and run.since == window.opens for run in ledger)  # fmt: skip
                assert (key in swept) or (key in lost) or gaps
                assert not (key in swept and key in lost)


def built(at, status="done"):
    return Run(run_id=f"{at}", kind="publish", source="site", status=status, started_at=at, finished_at=at)


def site_due(now, *ledger):
    return is_site_due([CHAT], ledger, now)


def test_the_site_is_brought_up_to_date_after_a_sweep_and_not_after_a_poll():
    poll = run(WINDOW.opens + 5 * MINUTE)
    sweep = run(WINDOW.closes + MINUTE)
    assert not site_due(WINDOW.closes)
    assert not site_due(WINDOW.closes, poll)
    assert site_due(WINDOW.closes + 2 * MINUTE, poll, sweep)
    assert not site_due(WINDOW.closes + 9 * MINUTE, poll, sweep, built(WINDOW.closes + 3 * MINUTE))
    refresh = run(WINDOW.closes + DAY, kind="refresh")
    assert site_due(WINDOW.closes + DAY + MINUTE, poll, sweep, built(WINDOW.closes + 3 * MINUTE), refresh)


def test_what_came_while_the_site_was_built_is_on_the_next():
    began = WINDOW.closes + 2 * MINUTE
    assert site_due(began + 5 * MINUTE, run(WINDOW.closes + 2 * MINUTE), built(began))


def test_an_import_is_shown_too_whatever_it_is_about():
    old = run(WINDOW.closes + DAY, kind="import", source="pull.jsonl", chat=Chat(name="other", hashtags=("other",)))
    assert site_due(WINDOW.closes + DAY + MINUTE, built(WINDOW.closes), old)


def test_the_site_is_looked_at_each_day_though_nothing_came():
    assert not site_due(WINDOW.closes + DAY - MINUTE, built(WINDOW.closes))
    assert site_due(WINDOW.closes + DAY, built(WINDOW.closes))
    assert not site_due(WINDOW.closes + DAY)  # no post, no site


def test_a_site_that_cannot_be_built_is_tried_again_later_each_time():
    sweep = run(WINDOW.closes + MINUTE)
    first, second = (built(WINDOW.closes + number * MINUTE, "failed") for number in (2, 20))
    assert not site_due(WINDOW.closes + 11 * MINUTE, sweep, first)
    assert site_due(WINDOW.closes + 12 * MINUTE, sweep, first)
    assert not site_due(WINDOW.closes + 39 * MINUTE, sweep, first, second)
    assert site_due(WINDOW.closes + 40 * MINUTE, sweep, first, second)
    assert not site_due(WINDOW.closes + 50 * MINUTE, sweep, first, second, built(WINDOW.closes + 41 * MINUTE))
