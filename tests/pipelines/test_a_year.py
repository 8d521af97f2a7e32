"""A year in compressed time: five chats on three networks through changes of the clocks, outages, a dead token, a full disk.

The networks and the disk are a small model of when they answer; the agenda, the ledger's lines, the judgement of how things
stand and what is told to people are the real ones.
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from knowarchive.config import Archive, Chat, Config, Occasion, Policy, Source
from pipelines.agenda import HORIZON, LONGEST_HORIZON, due, missed
from pipelines.standing import LOW_DISK, assess
from pipelines.telling import choose
from storage.archive import Run
from transcripts.sessions import windows

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
END = BEGIN + timedelta(weeks=52)
SOURCES = (
    Source(platform="x"),
    Source(platform="bluesky"),
    Source(platform="mastodon", server="https://example.social"),
)
ENVIRON = {"KNOWARCHIVE_X_BEARER": "not-a-real-one"}
REFUSED = "api.x.com: the credentials are wrong or have expired; renew KNOWARCHIVE_X_BEARER"
STEP = timedelta(minutes=30)


def chat(name, zone, rule, **more):
    return Chat(name=name, hashtags=(name,), timezone=zone, schedule=rule, source=SOURCES, **more)


CHATS = (
    chat("lanternkm", "America/Toronto", "FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0", skip=(date(2026, 12, 23),)),
    chat("nightkm", "Europe/Berlin", "FREQ=WEEKLY;BYDAY=SU;BYHOUR=2;BYMINUTE=30"),  # an hour that the clocks skip
    chat("southkm", "Australia/Sydney", "FREQ=WEEKLY;BYDAY=TU;BYHOUR=19;BYMINUTE=0"),
    chat("noonkm", "Asia/Kolkata", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=12;BYMINUTE=15"),
    chat("monthkm", "America/New_York", "FREQ=MONTHLY;BYDAY=1TH;BYHOUR=21;BYMINUTE=0",
         session=(Occasion(date=date(2026, 6, 18), start="20:00", topic="Midsummer"),)),
)  # fmt: skip
CONFIG = Config(archive=Archive(url="archive"), chat=CHATS, schedule=Policy(poll="30m", refresh=("1d", "7d")))

# When what fails: the machine, everything of a network, the token, the disk.
OFF = [(datetime(2026, 2, 3, tzinfo=UTC), timedelta(days=2)), (datetime(2026, 5, 1, tzinfo=UTC), timedelta(days=12)),
       (datetime(2026, 8, 20, 23, tzinfo=UTC), timedelta(hours=3))]  # fmt: skip
DOWN = {"bluesky": (datetime(2026, 3, 28, tzinfo=UTC), timedelta(days=3))}
DEAD_TOKEN = (datetime(2026, 9, 1, tzinfo=UTC), timedelta(days=9))
FULL_DISK = (datetime(2026, 11, 3, tzinfo=UTC), timedelta(days=1))


def within(now, stretch):
    return stretch[0] <= now < stretch[0] + stretch[1]


def attempt(job, source, now):
    """What a run of a source leaves in the ledger."""
    error = None
    if source.platform in DOWN and within(now, DOWN[source.platform]):
        error = f"{source.platform}: refused with status 503"
    if source.platform == "x" and within(now, DEAD_TOKEN):
        error = REFUSED
    return Run(
        run_id=f"{job.name}{source.name}{now}", kind=job.kind, chat=job.chat.name, source=source.name,
        status="failed" if error else "done", error=error, seen=None if error else 30, started_at=now, finished_at=now,
        since=job.window.opens, until=min(job.window.closes, now),
    )  # fmt: skip


@pytest.mark.slow
def test_a_year_unattended_loses_only_what_no_network_could_still_give_and_tells_of_all_trouble():
    ledger, swept, told, messages = [], Counter(), {}, []
    now = BEGIN
    while now < END:
        now += STEP
        if any(within(now, outage) for outage in OFF):
            continue
        recent = [run for run in ledger[-3000:] if run.started_at > now - timedelta(days=100)]
        for job in due(CHATS, recent, now, CONFIG.schedule):
            if job.window.start < BEGIN or within(now, FULL_DISK):
                continue  # a full disk: nothing can be written, not even the ledger
            for source in job.sources:
                run = attempt(job, source, now)
                ledger.append(run)
                if job.step == "sweep" and run.status == "done":
                    swept[job.chat.name, job.window.label, source.name] += 1
        if now.minute == 0 and now.hour % 6 == 0 and now > BEGIN + timedelta(days=40):
            free = {"/archive": 0 if within(now, FULL_DISK) else 10 * LOW_DISK}
            news, told = choose(assess(CONFIG, recent, now, free, ENVIRON).troubles, told, now)
            messages += [(now, one) for one in news]

    lost = {(one.chat, one.window.label, one.source) for one in missed(CHATS, ledger, BEGIN, now)}
    assert set(swept.values()) == {1}, "each is swept once, whatever happened"
    held = 0
    for one in CHATS:
        for window in windows(one, BEGIN, END - LONGEST_HORIZON):
            held += 1
            for source in one.source:
                key = (one.name, window.label, source.name)
                assert (key in swept) != (key in lost), key
    assert held > 52 * 3
    clock = {(window.start.astimezone(one.zone).strftime("%H:%M"), one.name)
             for one in CHATS for window in windows(one, BEGIN, END)}  # fmt: skip
    assert clock == {("20:00", "lanternkm"), ("02:30", "nightkm"), ("03:30", "nightkm"), ("19:00", "southkm"),
                     ("12:15", "noonkm"), ("21:00", "monthkm"), ("20:00", "monthkm")}  # fmt: skip

    # Only X forgets within an outage: what closed more than its horizon before the end of the long ones is lost, no more.
    ends = [start + length for start, length in (OFF[1], DEAD_TOKEN)]
    begins = [OFF[1][0], DEAD_TOKEN[0]]
    closes = {(one.name, window.label): window.closes for one in CHATS for window in windows(one, BEGIN, END)}
    assert lost
    for name, label, source in lost:
        assert source == "x"
        assert any(begin <= closes[name, label] and closes[name, label] + HORIZON["x"] <= end + timedelta(hours=7)
                   for begin, end in zip(begins, ends, strict=True))  # fmt: skip

    kinds = Counter(one.kind for _, one in messages)
    assert {one.about for _, one in messages if one.kind == "token"} == {"x"}
    assert kinds["disk"] == 1
    assert kinds["missed"] == len(lost)
    assert all(within(moment, (DEAD_TOKEN[0], timedelta(days=14))) for moment, one in messages if one.kind == "token")
    quiet = [moment for moment, one in messages if one.kind != "missed" and not near_trouble(moment)]
    assert quiet == [], "nothing is said while all is well"


def near_trouble(moment):
    stretches = [*OFF, *DOWN.values(), DEAD_TOKEN, FULL_DISK]
    return any(start <= moment < start + length + timedelta(days=1) for start, length in stretches) or within(
        moment, (DEAD_TOKEN[0], timedelta(days=17))
    )
