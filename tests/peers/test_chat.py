"""One chat, held at once on three networks that behave badly, is collected, refreshed and read: nobody is missing.

The commands are those that people run, each in a process of its own, with a configuration of their kind. The networks are
the AT Protocol's reference network, a server of Mastodon's API that nobody here wrote, and for X our own server, between
which and us Prism holds every request and every answer against the published description: the old names when the chat is
collected, the new ones when it is refreshed. Before each network is a line that breaks and confuses answers.

What a peer has no way to do, and where it is tried instead:

| network | what | where |
|---|---|---|
| X | it is our own server: what X itself does is known from its description and from recorded exchanges alone | tests/connectors/x |
| X | a post cannot be made for another time | |
| X | people declare nothing about archives that the API shows | |
| Bluesky | there is nothing that is not public; replies may be gated | tests/connectors/bluesky/test_client.py |
| Bluesky | the AppView shows an edit as if nothing had been there before: the text before it is known from collecting | |
| Mastodon | a post cannot be made for another time; those that arrive late get older ids | tests/connectors/mastodon/test_client.py |
| Mastodon | the mock does not count quotes, so only one with the tag is found | tests/connectors/mastodon/test_client.py |
| Mastodon | the mock counts private replies, which Mastodon does not: the source says that one is not shown | |
| Mastodon | the mock shows what is private to strangers, which Mastodon does not: all the better | |
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_socket import enable_socket

from tests.archives import texts_on_disk
from tests.connectors.loopback import Faults, Loopback
from tests.connectors.x.server import TOKEN
from tests.peers import script, servers
from tests.peers.on_bluesky import OnBluesky
from tests.peers.on_mastodon import OnMastodon
from tests.peers.on_x import OnX
from tests.shown import show

SEED, SHARE = 7, 0.15  # of the faults
PRIVATE_REPLY = "1 reply is counted but not shown"
MASTODONS = "127.0.0.1:8600"
WISHES = {"x": {}, "bluesky": script.WISHES, "mastodon": {"dan": "noarchive"}}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings("ignore"),  # of libraries that only post
]


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass
class Held:
    """The chat, the archive that was made of it, and what commands said.

    `remarks` and `asked` are by the description that was held against X's answers when they were noted.
    """

    folder: Path
    stages: dict
    lines: dict
    label: str
    environment: dict
    absent: dict
    collected: Result = None
    refreshed: Result = None
    evening: Path = None  # the folder as it was before the refresh
    before: dict = None  # posts by uid, of the evening
    after: dict = None  # and when all is done
    document: dict = None  # the transcript then
    remarks: dict = field(default_factory=dict)
    asked: dict = field(default_factory=dict)

    def run(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "knowarchive", *arguments], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def fetch(self, command, description):
        """Collect or refresh. What is said of it is kept beside the archive, where all files are searched."""
        result = self.run(command, "--json", "--debug", "--session", self.label)
        with (self.folder / "said.log").open("a") as log:
            log.write(result.out + result.err)
        self.remarks[description] = self.lines["x"].remarks
        self.asked[description] = {name: line.log for name, line in self.lines.items()}
        self.lines["x"].remarks = []
        for number, line in enumerate(self.lines.values()):
            line.meet(Faults(2 * SEED + number, SHARE))
        return result

    def sql(self, query):
        result = self.run("sql", "--json", query)
        assert result.code == 0, result.err
        return result.json

    def posts(self):
        rows = self.sql("SELECT * FROM posts")
        by_uid = {row["uid"]: row for row in rows}
        assert len(by_uid) == len(rows), "a post is stored once"
        return by_uid

    def transcript(self):
        result = self.run("transcript", "lanternkm", self.label, "--format", "json")
        assert result.code == 0, result.err
        return result.json

    def said(self, *, is_public=True):
        """Every line of every network: (stage, line, uid)."""
        return [
            (stage, line, stage.uids[line.key])
            for stage in self.stages.values()
            for line in script.lines(stage.network, is_public=is_public)
        ]


@pytest.fixture(scope="module")
def held(tmp_path_factory, request):
    """The chat is held, collected, changed and refreshed."""
    enable_socket()
    folder = tmp_path_factory.mktemp("peers")
    start = (datetime.now(UTC) - timedelta(minutes=5)).replace(second=0, microsecond=0)
    with ExitStack() as stack:
        held = begin(stack, folder, start)
        stages = list(held.stages.values())
        script.hold(stages)
        held.collected = held.fetch("collect", "2.166")
        held.before = held.posts()
        held.evening = shutil.copytree(folder, tmp_path_factory.mktemp("evening") / "copy")
        script.change_minds(stages)
        turn_to_new_names(stack, held)
        held.refreshed = held.fetch("refresh", "2.167")
        held.after, held.document = held.posts(), held.transcript()
        show(request.config, *table(held))
        yield held


def begin(stack, folder, start):
    """Start the peers that can be had, and configure a chat on them."""
    absent, running = {}, {}
    for peer in (servers.X, servers.MASTODON, servers.BLUESKY):
        try:
            running[peer.name] = stack.enter_context(peer.running())
        except servers.AbsentError as error:
            absent[peer.name] = str(error)
    if not {"bluesky", "mastodon"} & running.keys():
        pytest.skip("; ".join(f"{name}: {reason}" for name, reason in absent.items()))
    tag = f"LanternKM{os.urandom(3).hex()}"
    on_x = OnX(tag, start)
    x = stack.enter_context(Loopback("x", on_x.server)).address
    stages, ways = {"x": on_x}, {"x": x}
    if "x" in running:
        on_x.server.names = {"tweet.fields"}
        ways["x"] = stack.enter_context(servers.checked("2.166", x))
    for name, kind in (("bluesky", OnBluesky), ("mastodon", OnMastodon)):
        if name in running:
            stages[name] = stack.enter_context(closing(kind(tag, running[name])))
            ways[name] = running[name]
    lines = {
        name: stack.enter_context(servers.Line(name, way, Faults(SEED + number, SHARE)))
        for number, (name, way) in enumerate(ways.items())
    }
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(servers.ROOT), "KNOWARCHIVE_X_BEARER": TOKEN}
    if bluesky := stages.get("bluesky"):
        environment |= {
            "KNOWARCHIVE_BLUESKY_HANDLE": bluesky.handle,
            "KNOWARCHIVE_BLUESKY_APP_PASSWORD": bluesky.password,
        }
    configure(folder, stages, lines, tag, start)
    held = Held(folder, stages, lines, f"{start:%Y-%m-%d}", environment, absent)
    held.upstream = x
    return held


def configure(folder, stages, lines, tag, start):
    moderators = {"x": "x:moderator", "mastodon": f"mastodon:moderator@{MASTODONS}"}
    if "bluesky" in stages:
        moderators["bluesky"] = f"bluesky:{stages['bluesky'].handle}"
    accounts = [moderators[name] for name in stages]
    sources = "".join(
        f'[[chat.source]]\nplatform = "{name}"\nserver = "{line.address}"\n' for name, line in lines.items()
    )
    (folder / "knowarchive.toml").write_text(
        f'[archive]\nurl = "archive"\nstate = "state"\n\n[[person]]\nname = "Maud"\naccounts = {accounts}\n\n'
        f'[[chat]]\nname = "lanternkm"\ntitle = "Lantern keepers"\nhashtags = ["{tag}"]\nmoderators = {accounts}\n'
        f'schedule = "FREQ=DAILY;BYHOUR={start.hour};BYMINUTE={start.minute}"\n\n{sources}'
    )


def turn_to_new_names(stack, held):
    """X calls its fields by new names from now on, and its description does so too."""
    if held.lines["x"].server != held.upstream:
        held.stages["x"].server.names = {"post.fields"}
        held.lines["x"].server = stack.enter_context(servers.checked("2.167", held.upstream))
        held.environment["KNOWARCHIVE_X_FIELDS"] = "post"


def table(held):
    """What was held, and what the archive and the transcript have of it, a line each."""
    shown = {post["uid"]: post for post in held.document["posts"]}
    networks = list(held.stages)
    rows = [f"{'said':<12}{'by':<12}" + "".join(f"{name:<22}" for name in networks) + "filed"]
    for line in (*script.EVENING, script.LATE):
        cells, topics = [], []
        for name in networks:
            if name not in line.on:
                cells.append("")
                continue
            uid = held.stages[name].uids[line.key]
            post = shown.get(uid)
            cells.append(fate(held.after.get(uid), post))
            topics += [post["topic"]] if post else []
        rows.append(
            f"{line.key:<12}{line.who:<12}"
            + "".join(f"{cell:<22}" for cell in cells)
            + ", ".join(dict.fromkeys(topics))
        )
    for description, step in (("2.166", "collect"), ("2.167", "refresh")):
        for name, log in held.asked[description].items():
            faults = Counter(fault for _, fault in log if fault)
            met = ", ".join(f"{fault} ×{count}" if count > 1 else fault for fault, count in sorted(faults.items()))
            rows.append(f"{step} {name}: {len(log)} requests, met {met or 'no fault'}")
        if "x" not in held.absent:
            rows.append(f"{step} x: Prism on {description} remarks {len(held.remarks[description]) or 'nothing'}")
    return rows + [f"{name} is missing: {reason}" for name, reason in held.absent.items()]


def fate(stored, shown):
    if stored is None:
        return "nowhere"
    if stored["deleted_at"]:
        return "erased"
    return "kept, shown" if shown else "kept, not of the hour"


def test_each_source_says_how_it_went(held):
    for result in (held.collected, held.refreshed):
        assert "Traceback" not in result.err
        assert [source["gaps"] for source in result.json["sources"] if source["gaps"]] == []
        assert (PRIVATE_REPLY in result.err) == ("mastodon" in held.stages)
        assert result.code == 0
        assert result.json["quarantined"] == 0
    assert {source["source"].partition(":")[0] for source in held.collected.json["sources"]} == held.stages.keys()


def test_the_networks_behaved_badly(held):
    faults = [fault for asked in held.asked.values() for log in asked.values() for _, fault in log if fault]
    assert len(faults) >= 10
    assert len(set(faults)) >= 5


def test_every_public_post_is_stored_once_and_nothing_else(held):
    assert held.before.keys() == {uid for _, line, uid in held.said() if line is not script.LATE}
    assert held.after.keys() == {uid for _, _, uid in held.said()}
    for stage, line, uid in held.said():
        if line is not script.LATE:
            assert held.before[uid]["text"] == line.words(stage.network) + (f" #{stage.tag}" if line.tag else "")
            assert held.before[uid]["author_uid"] == stage.accounts[line.who]


def test_what_is_not_public_is_in_no_file(held):
    for folder in (held.evening, held.folder):
        for stage, line, _ in held.said(is_public=False):
            assert texts_on_disk(folder, line.words(stage.network)) == [], line.key
    hidden = {line.key for _, line, _ in held.said(is_public=False)}
    assert "protected" in hidden
    # The same search does find what is public, and what was not stored was met.
    for stage, line, _ in held.said():
        if line is not script.LATE:
            assert len(texts_on_disk(held.evening, line.words(stage.network))) >= 2, line.key
    screened = held.sql("SELECT source, sum(screened) AS lost FROM runs GROUP BY source")
    met = {row["source"].partition(":")[0] for row in screened if row["lost"]}
    assert met == {"x", "mastodon"} & held.stages.keys()


def test_threads_are_whole(held):
    for stage, line, uid in held.said():
        if line.key == "gone":
            continue
        assert held.after[uid]["reply_to"] == stage.uids.get(line.reply_to), line.key
        assert held.after[uid]["quote_of"] == stage.uids.get(line.quotes), line.key
        root = line
        while root.reply_to:
            root = next(one for one in script.EVENING if one.key == root.reply_to)
        assert held.after[uid]["conversation"] == stage.uids[root.key], line.key


def test_reposts_are_known_with_who_made_them(held):
    found = {(row["post_uid"], row["account_uid"]) for row in held.sql("SELECT * FROM reposts")}
    assert found == {
        (stage.uids[key], stage.accounts[who]) for stage in held.stages.values() for who, key in script.REPOSTS
    }


def test_a_picture_keeps_its_description(held):
    for stage in held.stages.values():
        [medium] = held.after[stage.uids["picture"]]["media"]
        assert (medium["kind"], medium["alt"]) == ("photo", script.ALT)


def test_a_post_is_of_the_time_that_it_claims(held):
    if "bluesky" not in held.stages:
        pytest.skip(held.absent["bluesky"])
    [line] = [line for line in script.EVENING if line.claims]
    post = held.after[held.stages["bluesky"].uids[line.key]]
    age = datetime.now(UTC) - datetime.fromisoformat(post["created_at"])
    assert line.claims <= age < line.claims + timedelta(hours=1)


def test_what_people_declare_about_archives_is_known(held):
    consent = {row["uid"]: row["consent"] for row in held.sql("SELECT uid, consent FROM accounts")}
    for name, stage in held.stages.items():
        for who, wish in WISHES[name].items():
            assert consent[stage.accounts[who]] == wish


def test_what_was_deleted_is_erased_and_its_place_stays(held):
    gone = next(line for line in script.EVENING if line.key == "gone")
    for stage in held.stages.values():
        assert texts_on_disk(held.evening, gone.words(stage.network))
        assert texts_on_disk(held.folder, gone.words(stage.network)) == []
        post = held.after[stage.uids["gone"]]
        assert post["text"] is None
        assert post["deleted_at"] is not None
        assert post["reply_to"] == post["conversation"] == stage.uids["Q2"]
    assert held.refreshed.json["deleted"] == len(held.stages)
    done = held.sql("SELECT uid FROM erasures WHERE done_at IS NOT NULL")
    assert {row["uid"] for row in done} == {stage.uids["gone"] for stage in held.stages.values()}


def test_an_edit_keeps_what_was_said_before(held):
    edited = next(line for line in script.EVENING if line.key == "edited")
    rows = held.sql("SELECT DISTINCT uid, text FROM posts_observations WHERE text IS NOT NULL")
    for stage in held.stages.values():
        before, after = edited.words(stage.network), script.CORRECTED.format(place=script.PLACES[stage.network])
        uid = stage.uids["edited"]
        assert held.after[uid]["text"] == f"{after} #{stage.tag}"
        assert {row["text"] for row in rows if row["uid"] == uid} == {
            f"{text} #{stage.tag}" for text in (before, after)
        }


def test_the_transcript_has_everybody(held):
    shown = {post["uid"]: post for post in held.document["posts"]}
    assert len(shown) == len(held.document["posts"])
    assert shown.keys() == {uid for _, line, uid in held.said() if not line.claims}
    accounts = {account["uid"] for person in held.document["participants"] for account in person["accounts"]}
    assert accounts == {
        stage.accounts[line.who] for stage, line, _ in held.said() if line.key != "gone" and not line.claims
    }
    assert {post["uid"] for post in shown.values() if post["deleted"]} == {
        stage.uids["gone"] for stage in held.stages.values()
    }
    for _, line, uid in held.said():
        if line.claims or line.key in {"welcome", "gone"}:
            continue
        asked = "Q2" if line.key in {"Q2", "below", "unlisted", "late"} else "Q1"
        assert (line.key, shown[uid]["topic"]) == (line.key, asked)


def test_what_is_asked_everywhere_is_one_entry(held):
    assert [question["label"] for question in held.document["questions"]] == ["Q1", "Q2"]
    shown = {post["uid"]: post for post in held.document["posts"]}
    for key in ("welcome", "Q1", "Q2"):
        uids = {stage.uids[key] for stage in held.stages.values()}
        [main] = [shown[uid] for uid in uids if shown[uid]["copy_of"] is None]
        assert {main["uid"], *(copy["uid"] for copy in main["also"])} == uids, key
    [moderator] = held.document["session"]["moderators"]
    assert moderator["name"] == "Maud"


def test_the_transcript_says_what_is_not_known_yet(held):
    """The hour is not over: what is still to be said was not asked for."""
    for source in held.document["coverage"]["sources"]:
        assert source["status"] == "incomplete"
        assert [until for _, until in source["unasked"]] == [held.document["session"]["closes"]]


def test_every_request_to_x_is_one_that_its_description_accepts(held):
    """And so is every answer that our server gave: both stand in what Prism remarks."""
    if "x" in held.absent:
        pytest.skip(held.absent["x"])
    assert held.remarks == {"2.166": [], "2.167": []}
    for asked in held.asked.values():
        assert len({path.partition("?")[0] for path, _ in asked["x"]}) >= 2


def test_no_secret_is_written_anywhere(held):
    secrets = [TOKEN] + ([held.stages["bluesky"].password] if "bluesky" in held.stages else [])
    for secret in secrets:
        assert texts_on_disk(held.folder, secret) == []


def test_a_search_finds_what_is_there_and_nothing_else(held):
    found = held.run("search", "patience", "--json").json
    assert found["total"] == len(held.stages)
    for word in ("hidden", "regrettable"):
        assert held.run("search", word, "--json").json["total"] == 0
    for stage, line, _ in held.said(is_public=False):
        assert texts_on_disk(held.folder, line.words(stage.network)) == []


def test_a_second_refresh_changes_nothing(held):
    again = held.run("refresh", "--json", "--session", held.label).json
    assert (again["new"], again["changed"], again["deleted"]) == (0, 0, 0)
    assert held.transcript()["posts"] == held.document["posts"]
