"""A year in compressed time: five chats on three networks through changes of the clocks, outages, a dead token, a full disk.

People, networks and the clock are invented; the connectors, the archive, its upkeep, the agenda, the judgement of how
things stand and what is told to people are the real ones. Every request goes through a socket.
"""

import os
import resource
import sys
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Limits, Surroundings
from knowarchive.config import load_config
from knowarchive.errors import StorageError
from pipelines.agenda import HORIZON, LONGEST_HORIZON, missed
from pipelines.sessions import load_session
from pipelines.standing import LOW_DISK, assess
from pipelines.telling import choose
from pipelines.tending import agenda, carry_out
from pipelines.upkeep import keep_up
from tests.archives import configure, open_archive, query, rows
from tests.connectors.loopback import SECRETS, TAG, Chat
from tests.shown import show
from transcripts.build import build_transcript
from transcripts.sessions import windows

WEEKS = int(os.environ.get("KNOWARCHIVE_YEAR_WEEKS") or 52)
BEGIN = datetime(2025, 1, 6, tzinfo=UTC)
END = BEGIN + timedelta(weeks=WEEKS)
PLATFORMS = ("x", "bluesky", "mastodon")
STEP, NEAR = timedelta(hours=6), timedelta(minutes=30)  # between two looks, and while a session runs
MODERATOR = ["x:moderator", "bluesky:moderator.example", "mastodon:moderator@harbour.example"]
REFRESH = timedelta(days=1)

#: Name, time zone, and what else the configuration says. The second is at an hour that the clocks skip, and repeat.
CHATS = (
    ("lanternkm", "America/Toronto", 'schedule = "FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0"\nskip = [2025-12-24]'),
    ("nightkm", "Europe/Berlin", 'schedule = "FREQ=WEEKLY;BYDAY=SU;BYHOUR=2;BYMINUTE=30"'),
    ("southkm", "Australia/Sydney", 'schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=19;BYMINUTE=0"'),
    ("noonkm", "Asia/Kolkata", 'schedule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=12;BYMINUTE=15"'),
    ("monthkm", "America/New_York", """schedule = "FREQ=MONTHLY;BYDAY=1TH;BYHOUR=21;BYMINUTE=0"
[[chat.session]]
date = 2025-06-19
start = "20:00"
topic = "Midsummer\""""),
)  # fmt: skip
CLOCKS = {("20:00", "lanternkm"), ("02:30", "nightkm"), ("03:30", "nightkm"), ("19:00", "southkm"),
          ("12:15", "noonkm"), ("21:00", "monthkm"), ("20:00", "monthkm")}  # fmt: skip

# When what fails: the machine, everything of a network, the token, the disk.
OFF = [(datetime(2025, 2, 4, tzinfo=UTC), timedelta(days=2)), (datetime(2025, 5, 1, tzinfo=UTC), timedelta(days=12)),
       (datetime(2025, 8, 20, 23, tzinfo=UTC), timedelta(hours=3))]  # fmt: skip
DOWN = {"bluesky": (datetime(2025, 3, 28, tzinfo=UTC), timedelta(days=3))}
DEAD_TOKEN = (datetime(2025, 9, 1, tzinfo=UTC), timedelta(days=9))
FULL_DISK = (datetime(2025, 11, 3, tzinfo=UTC), timedelta(days=2))
RENAMED = datetime(2025, 4, 15, tzinfo=UTC)
ROOM = 4_000  # bytes that a file may have while the disk is full


def within(now, stretch):
    return stretch[0] <= now < stretch[0] + stretch[1]


class World:
    """The clock, and people on three networks who hold every session that is planned.

    `said` are the uids of what was said in each session, by platform.
    """

    def __init__(self):
        self.moment = BEGIN
        self.chat = Chat(BEGIN - timedelta(days=30), self)
        self.said = defaultdict(set)

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)

    def surroundings(self, state):
        return Surroundings(
            secrets=SECRETS, state=state, now=self.now, elapsed=lambda: self.moment.timestamp(),  # noqa: PLW0108 - the moment moves
            sleep=self.sleep, jitter=lambda: 0.5, limits=replace(Limits(), timeout=0.5),
        )  # fmt: skip

    def hold(self, window, part):
        """Say one half of a session: a question, two answers to it, one of them without the tag."""
        x, bluesky, mastodon = self.chat.x, self.chat.bluesky, self.chat.mastodon
        minute = (window.start - x.start).total_seconds() / 60 + 30 * part + 1
        text = f"Q{part + 1}: what do we keep?"
        asked = [x.add("moderator", text, minute), bluesky.say("moderator", f"{text} #{TAG}", minute),
                 mastodon.post("moderator", text, minute)]  # fmt: skip
        told = [x.add("ada", "the letters", minute + 2, reply_to=asked[0]),
                bluesky.say("ada", f"the lamps #{TAG}", minute + 2, reply_to=asked[1]),
                mastodon.post("ada", "the oil", minute + 2, reply_to=asked[2])]  # fmt: skip
        below = [x.add("bo", "all of them?", minute + 3, reply_to=told[0], tag=False),
                 bluesky.say("bo", "which ones?", minute + 3, reply_to=told[1]),
                 mastodon.post("bo", "how much?", minute + 3, reply_to=told[2], tag=False)]  # fmt: skip
        for own, there, here in (asked, told, below):
            self.said[window.chat, window.label, "x"].add(f"x:{own}")
            self.said[window.chat, window.label, "bluesky"].add("bluesky:" + there.removeprefix("at://"))
            self.said[window.chat, window.label, "mastodon"].add(mastodon.uid(here))
        if self.moment >= RENAMED:
            self._rename()

    def _rename(self):
        """Ada is called otherwise in all that she ever said, where a network lets people do so."""
        self.chat.x.user("ada")["username"] = "lamplighter"
        for view in self.chat.bluesky.posts.values():
            if view["author"]["did"] == "did:plc:ada":
                view["author"]["handle"] = "lamplighter.example"

    def trouble(self, servers):
        """What the networks answer at this moment."""
        servers["bluesky"].instead = (503, {}, b"busy") if within(self.moment, DOWN["bluesky"]) else None
        refused = b'{"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}'
        kind = {"Content-Type": "application/problem+json"}
        servers["x"].instead = (401, kind, refused) if within(self.moment, DEAD_TOKEN) else None


def moments(config):
    """When somebody looks, and what is said before: pairs of a moment and (window, half) or None."""
    looks, at = [], BEGIN
    while (at := at + STEP) < END:
        looks.append((at, None))
    for chat in config.chat:
        for window in windows(chat, BEGIN, END):
            looks += [(window.start + NEAR, (window, 0)), (window.end, (window, 1)),
                      (window.closes + timedelta(minutes=1), None),
                      (window.closes + REFRESH + timedelta(minutes=1), None)]  # fmt: skip
    return sorted((one for one in looks if one[0] < END), key=lambda one: one[0])


def disk(is_full):
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM if is_full else most, most))
    sys.dont_write_bytecode = is_full  # or what is loaded meanwhile would be cut short for every later start


class Shelf:
    """The archive's folder, whose files are as old as the invented clock says when it is tidied.

    Delta tells of the deleted for a week by the clock of the machine. It is told here to do so for as long as the week
    before took, which is a week by the invented clock.
    """

    def __init__(self, folder):
        self.folder = folder
        self.born = {}
        self.tidied = time.time()

    def tidy(self, archive, now):
        """Keep the archive up. Returns what lies there then: kB of data, kB of logs, files of logs, kB of state."""
        for path in self._files():
            then = time.time() - (now - self.born.setdefault(path, now)).total_seconds()
            os.utime(path, (then, then))
        week, self.tidied = time.time() - self.tidied, time.time()
        for stored in archive.tables.values():
            if delta := stored.open():
                told = {"delta.deletedFileRetentionDuration": f"interval {round(week)} seconds"}
                delta.alter.set_table_properties(told)
        keep_up(archive, timedelta(0))
        logs = [path for path in self._files() if path.parent.name == "_delta_log"]
        state = [path for path in archive.state.rglob("*") if path.is_file()]
        whole, of_logs, of_state = (
            sum(path.stat().st_size for path in paths) // 1000 for paths in (self._files(), logs, state)
        )
        return whole - of_logs, of_logs, len(logs), of_state

    def _files(self):
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def small_disk():
    yield
    disk(is_full=False)


@pytest.mark.slow
def test_a_year_unattended_loses_only_what_no_network_could_still_give_and_tells_of_all_trouble(
    tmp_path, socket_enabled, small_disk, request
):
    world = World()
    swept, messages, told, refused = Counter(), [], {}, 0
    sizes = []
    with world.chat.served() as servers:
        sources = "".join(
            f'\n[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"' for name in PLATFORMS
        )
        config = load_config(configure(
            tmp_path, f'[schedule]\npoll = "30m"\nrefresh = ["1d"]\n[[person]]\nname = "Maud"\naccounts = {MODERATOR}\n' + "".join(
                f'[[chat]]\nname = "{name}"\ntimezone = "{zone}"\nhashtags = ["{TAG}"]\nmoderators = {MODERATOR}\n{about}{sources}\n'
                for name, zone, about in CHATS
            )))  # fmt: skip
        archive = open_archive(tmp_path)
        shelf, surroundings = Shelf(tmp_path / "archive"), world.surroundings(archive.state)
        tidied = None
        for at, said in moments(config):
            world.moment = max(world.moment, at)
            now = world.moment
            if said:
                world.hold(*said)
            if any(within(now, outage) for outage in OFF):
                continue
            world.trouble(servers)
            is_full = within(now, FULL_DISK)
            disk(is_full)
            for job in agenda(config, archive, now):
                if job.window.start < BEGIN:
                    continue
                try:
                    tended = carry_out(config, archive, job, surroundings)
                except StorageError:
                    refused += 1
                    continue
                for result in tended.results:
                    if job.step == "sweep" and result.status == "done":
                        swept[job.chat.name, job.window.label, result.source.partition(":")[0]] += 1
            if not is_full and now.weekday() == 6 and tidied != now.date():
                tidied = now.date()
                sizes.append(shelf.tidy(archive, now))
            if now.hour % 6 == 0 and not now.minute and now > BEGIN + timedelta(days=40):
                free = {"/archive": 0 if is_full else 10 * LOW_DISK}
                troubles = assess(config, archive.runs(now - timedelta(days=100)), now, free, SECRETS).troubles
                news, told = choose(troubles, told, now)
                messages += [(now, one) for one in news]
        disk(is_full=False)
    ledger = archive.runs()
    lost = {(one.chat, one.window.label, one.source.partition(":")[0]): one.reason
            for one in missed(config.chat, ledger, BEGIN, world.moment)}  # fmt: skip
    assert set(swept.values()) == {1}, "each is swept once, whatever happened"
    held = rows(archive)
    whole = 0
    for chat in config.chat:
        for window in windows(chat, BEGIN, END - LONGEST_HORIZON):
            for platform in PLATFORMS:
                key = chat.name, window.label, platform
                whole += key in swept
                assert (key in swept) != (key in lost), key
                assert key not in swept or world.said[key] <= held.keys(), f"all of {key} is in the archive"
    of_chats = {uid for said in world.said.values() for uid in said}
    assert {uid for uid, post in held.items() if post["created_at"] >= BEGIN} <= of_chats
    assert all(lost.values()), "each has its reason"

    line = (
        f"{WEEKS} weeks: {whole} sources of sessions swept once, {len(lost)} lost and named, {refused} refused by the full disk,"
        f" {len(held)} posts, {len(ledger)} lines in the ledger; after each fourth Sunday, kB of data + logs + state: "
        + ", ".join(f"{data}+{logs}+{state}" for data, logs, _, state in sizes[3::4])
    )
    show(request.config, line)

    for logs in ([kilobytes for _, kilobytes, _, _ in sizes], [files for _, _, files, _ in sizes]):
        assert max(logs[10:], default=0) <= 1.5 * max(logs[:10]), "logs do not grow with the years"

    clock = {(window.start.astimezone(chat.zone).strftime("%H:%M"), chat.name)
             for chat in config.chat for window in windows(chat, BEGIN, END)}  # fmt: skip
    assert WEEKS < 52 or clock == CLOCKS

    # Only X forgets within an outage: what closed more than its horizon before the end of the long ones is lost, no more.
    closes = {(chat.name, window.label): window.closes for chat in config.chat for window in windows(chat, BEGIN, END)}
    for name, label, source in lost:
        assert source == "x"
        assert any(start <= closes[name, label] and closes[name, label] + HORIZON["x"] <= start + length + timedelta(hours=7)
                   for start, length in (OFF[1], DEAD_TOKEN))  # fmt: skip

    if RENAMED + timedelta(days=7) < END:
        handles = {row["uid"]: row["handle"] for row in query(archive, "SELECT uid, handle FROM accounts")}
        assert handles["x:" + world.chat.x.user("ada")["id"]] == "lamplighter"
        assert handles["bluesky:did:plc:ada"] == "lamplighter.example"
    last = list(windows(config.chat[0], BEGIN, END - timedelta(days=2)))[-1]
    transcript = build_transcript(load_session(archive, config.chat[0], last, config.person))
    shown = {post.uid for entry in transcript.entries for post in entry.posts}
    assert shown == {uid for name in PLATFORMS for uid in world.said["lanternkm", last.label, name]}
    filed = Counter(entry.filing.topic for entry in transcript.entries)
    assert filed == {"Q1": 7, "Q2": 7}, "each question, asked on three networks, with its answers from all"

    kinds = Counter(one.kind for _, one in messages)
    assert {one.about.partition(":")[0] for _, one in messages if one.kind == "token"} <= {"x"}
    assert kinds["missed"] == len(lost)
    assert WEEKS < 52 or (kinds["disk"] == 1 and kinds["token"] >= 1 and lost and refused)
    assert all(within(moment, (DEAD_TOKEN[0], timedelta(days=14))) for moment, one in messages if one.kind == "token")
    quiet = [(moment, one) for moment, one in messages if one.kind != "missed" and not near_trouble(moment)]
    assert quiet == [], "nothing is said while all is well"


def near_trouble(moment):
    stretches = [*OFF, *DOWN.values(), DEAD_TOKEN, FULL_DISK]
    return any(start <= moment < start + length + timedelta(days=1) for start, length in stretches) or within(
        moment, (DEAD_TOKEN[0], timedelta(days=17))
    )
