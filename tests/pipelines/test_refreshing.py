"""A session is refreshed: what came late, changed or is gone, on three networks at once; and what is erased is nowhere."""

import copy
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_socket import enable_socket

from connectors.base import Surroundings
from knowarchive.config import Chat as Configured
from knowarchive.config import Source
from knowarchive.model import Post
from pipelines.collecting import collect_session
from pipelines.refreshing import refresh_session, who_is_asked
from pipelines.replaying import replay
from pipelines.sessions import find_session
from tests.archives import open_archive, query, rows, texts_on_disk
from tests.connectors.loopback import SECRETS, TAG, Chat
from tests.connectors.mastodon.instance import account
from transcripts.sessions import find_window

GONE = "regrettable lighthouse remark"
BEFORE, AFTER = "the lamps of yesterday", "the lamps of tomorrow"
START = datetime(2026, 3, 10, 20, tzinfo=UTC)
LATER = timedelta(hours=20)
PLATFORMS = ("x", "bluesky", "mastodon")


class World:
    """The clocks: the wall stands still between steps, seconds pass while somebody waits."""

    def __init__(self, moment=START + timedelta(hours=3)):
        self.moment = moment
        self.seconds = 0.0

    def now(self):
        return self.moment

    def elapsed(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds

    def surroundings(self, folder):
        return Surroundings(
            secrets=SECRETS, state=folder / "state", now=self.now, elapsed=self.elapsed, sleep=self.sleep,
            jitter=lambda: 0.5,
        )  # fmt: skip


def configured(servers):
    return Configured(
        name="lanternkm",
        hashtags=(TAG,),
        schedule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=20;BYMINUTE=0",
        source=tuple(Source(platform=name, server=servers[name].address) for name in PLATFORMS),
    )


def statuses(results):
    return {name: result.status for name, result in results.items()}


class Evening(Chat):
    """The chat with three more posts on each network, and what their authors do about them the day after."""

    def __init__(self, start, clock=None):
        super().__init__(start, clock, more=1)
        self.gone, self.edited, self.replied = {}, {}, {}
        add, say, post = self.x.add, self.bluesky.say, self.mastodon.post
        self.question = {
            "x": add("host", "Q2: who keeps it?", 20),
            "bluesky": say("host", f"Q2: who keeps it? #{TAG}", 20),
        }
        self.question["mastodon"] = post("host", "Q2: who keeps it?", 20)
        for name, write in (("x", add), ("bluesky", say), ("mastodon", post)):
            tag = f" #{TAG}" if name == "bluesky" else ""
            self.gone[name] = write("fay", f"{GONE} on {name}{tag}", 21, reply_to=self.question[name])
            self.edited[name] = write("gus", f"{BEFORE} on {name}{tag}", 22)
            write("hal", f"I answer what is gone{tag}", 23, reply_to=self.gone[name])
        add("ida", f"RT @fay: {GONE} on x", 24, reposts=self.gone["x"], tag=False)
        say("ida", f"see this #{TAG}", 25, quote=self.gone["bluesky"])

    def uid(self, name, own):
        return {"x": f"x:{own}", "bluesky": "bluesky:" + own.removeprefix("at://")}.get(name) or self.mastodon.uid(own)

    def day_after(self):
        self.x.gone.add(self.gone["x"])
        self.bluesky.deleted.add(self.gone["bluesky"])
        self.mastodon.deleted.add(self.gone["mastodon"])
        self.mastodon.statuses[self.question["mastodon"]]["replies_count"] -= 1
        for status in self.mastodon.statuses.values():
            if status["in_reply_to_id"] == self.gone["mastodon"]:  # Mastodon forgets what they replied to
                status["in_reply_to_id"] = status["in_reply_to_account_id"] = None
        self.x.edit(self.edited["x"], f"{AFTER} on x #{TAG}")
        self.bluesky.posts[self.edited["bluesky"]]["record"]["text"] = f"{AFTER} on bluesky #{TAG}"
        status = self.mastodon.statuses[self.edited["mastodon"]]
        first = {"created_at": status["created_at"], "content": status["content"], "account": status["account"]}
        status["content"] = f"<p>{AFTER} on mastodon #{TAG}</p>"
        status["edited_at"] = (START + timedelta(hours=30)).isoformat()
        self.mastodon.edits[status["id"]] = [
            first,
            {**first, "created_at": status["edited_at"], "content": status["content"]},
        ]
        self.replied["x"] = self.x.add("late", "only now I saw it", 60 * 10, reply_to=self.question["x"], tag=False)
        self.replied["bluesky"] = self.bluesky.say("late", "only now I saw it", 40, reply_to=self.question["bluesky"])
        self.replied["mastodon"] = self.mastodon.post(
            "late", "only now I saw it", 40, reply_to=self.question["mastodon"], tag=False
        )
        # Who asked has a new name everywhere.
        self.x.user("host")["username"] = "renamed"
        self.bluesky.posts[self.question["bluesky"]]["author"]["handle"] = "renamed.example"
        self.mastodon.statuses[self.question["mastodon"]]["account"] = account("host", display_name="Renamed")
        self.x.posts[self.question["x"]]["public_metrics"]["like_count"] = 41
        self.mastodon.statuses[self.question["mastodon"]]["favourites_count"] = 42


def said(folder):
    """What posts say, whenever it was last seen that they do."""
    return {
        uid: {name: value for name, value in post.items() if name != "observed_at"}
        for uid, post in rows(open_archive(folder)).items()
    }


@dataclass(frozen=True)
class Moment:
    """An archive, and the networks and clocks as they were then. The servers are shared: their addresses are in posts."""

    folder: Path
    evening: Evening
    world: World
    servers: dict
    results: dict

    def copy(self, folder):
        """The same for a test to do with as it likes."""
        shutil.copytree(self.folder, folder)
        world = World(self.world.moment)
        evening = copy.deepcopy(self.evening)
        evening.x.clock = world
        for name, server in self.servers.items():
            server.network = evening.networks[name]
            server.meet(None)
        return replace(self, folder=folder, evening=evening, world=world)

    def run(self, step):
        """Take a step with the session. Returns what came of each source, by its platform."""
        self.world.moment += LATER
        window = find_window(configured(self.servers), "2026-03-10")
        given = (open_archive(self.folder), configured(self.servers), window, self.world.surroundings(self.folder))
        return dict(zip(PLATFORMS, step(*given), strict=True))


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """What was collected in the evening, before anybody did anything about it."""
    enable_socket()
    world = World()
    evening = Evening(START, world)
    with evening.served() as servers:
        moment = Moment(tmp_path_factory.mktemp("night"), evening, world, servers, {})
        results = moment.run(collect_session)
        assert set(statuses(results).values()) == {"done"}
        assert len(texts_on_disk(moment.folder, GONE)) >= 6  # payloads and posts of each
        yield moment


@pytest.fixture(scope="module")
def morning(night, tmp_path_factory):
    """The same after a refresh, the day after."""
    enable_socket()
    moment = night.copy(tmp_path_factory.mktemp("morning") / "copy")
    moment.evening.day_after()
    return replace(moment, results=moment.run(refresh_session))


@pytest.fixture
def collected(night, tmp_path, socket_enabled):
    return night.copy(tmp_path / "copy")


@pytest.fixture
def refreshed(morning, tmp_path, socket_enabled):
    return morning.copy(tmp_path / "copy")


def test_a_refresh_finds_what_came_late_changed_and_is_gone(morning):
    results, evening = morning.results, morning.evening
    assert statuses(results) == dict.fromkeys(PLATFORMS, "done"), {name: one.gaps for name, one in results.items()}
    assert {name: result.deleted for name, result in results.items()} == dict.fromkeys(PLATFORMS, 1)
    archive = open_archive(morning.folder)
    found = rows(archive)
    for name in PLATFORMS:
        gone = found[evening.uid(name, evening.gone[name])]
        assert (gone["text"], gone["hashtags"], gone["likes"]) == (None, None, None)
        assert gone["deleted_at"] == morning.world.moment
        # Its place is kept: when, by whom, in which thread.
        assert gone["created_at"] == START + timedelta(minutes=21)
        assert gone["reply_to"] == gone["conversation"] == evening.uid(name, evening.question[name])
        assert gone["author_uid"] is not None
        assert evening.uid(name, evening.gone[name]) in [post["reply_to"] for post in found.values()]
        edited = evening.uid(name, evening.edited[name])
        assert found[edited]["text"].startswith(AFTER)
        versions = [post.text for post in archive.versions(edited)]
        assert [text.partition(" on ")[0] for text in versions] == [BEFORE, AFTER]
        assert found[evening.uid(name, evening.replied[name])]["text"].startswith("only now I saw it")
    questions = [found[evening.uid(name, evening.question[name])] for name in PLATFORMS]
    assert [questions[0]["likes"], questions[2]["likes"]] == [41, 42]
    assert [one["author_handle"] for one in questions[:2]] == ["renamed", "renamed.example"]
    assert questions[2]["author_name"] == "Renamed"


def test_what_was_erased_is_in_no_file(morning):
    assert texts_on_disk(morning.folder, GONE) == []
    assert texts_on_disk(morning.folder, "I answer what is gone")


def test_replaying_and_compacting_bring_nothing_back(refreshed):
    archive = open_archive(refreshed.folder)
    before = rows(archive)
    outcome = replay(archive, now=refreshed.world.now)
    assert outcome.quarantined == 0
    assert texts_on_disk(refreshed.folder, GONE) == []
    assert rows(archive) == before
    archive.maintain()
    assert rows(archive) == before


def test_a_second_refresh_changes_nothing_and_asks_no_more_about_what_is_gone(refreshed):
    before = said(refreshed.folder)
    again = refreshed.run(refresh_session)
    gone = refreshed.evening.gone["mastodon"]
    assert not [path for path, _ in refreshed.servers["mastodon"].log if path.endswith(gone)]
    assert {(one.outcome.new, one.outcome.changed, one.deleted) for one in again.values()} == {(0, 0, 0)}
    assert said(refreshed.folder) == before
    lines = query(
        open_archive(refreshed.folder), "SELECT kind, count(*) AS lines FROM runs GROUP BY kind ORDER BY kind"
    )
    assert lines == [{"kind": "collect", "lines": 3}, {"kind": "refresh", "lines": 6}]


def test_an_answer_that_is_older_than_the_deletion_is_stored_without_it(refreshed):
    """A server that has not heard of the deletion, or a cache, still shows the post."""
    evening = refreshed.evening
    for hidden in (evening.x.gone, evening.bluesky.deleted, evening.mastodon.deleted):
        hidden.clear()
    refreshed.run(collect_session)
    found = rows(open_archive(refreshed.folder))
    assert [found[evening.uid(name, evening.gone[name])]["text"] for name in PLATFORMS] == [None] * 3
    assert texts_on_disk(refreshed.folder, GONE) == []


@pytest.mark.slow
def test_what_is_only_hidden_is_kept(collected):
    """An account that is protected now, and a post that its repository has but the network does not show."""
    evening, network = collected.evening, collected.evening.bluesky
    evening.x.protected.add(evening.x.posts[evening.gone["x"]]["author_id"])
    network.deleted.add(evening.gone["bluesky"])
    ask = network.on_getrecord

    def repository(one, all_of):
        network.deleted.clear()
        answer = ask(one, all_of)
        network.deleted.add(evening.gone["bluesky"])
        return answer

    network.on_getrecord = repository
    results = collected.run(refresh_session)
    assert [result.deleted for result in results.values()] == [0, 0, 0]
    found = rows(open_archive(collected.folder))
    assert all(found[evening.uid(name, evening.gone[name])]["text"].startswith(GONE) for name in PLATFORMS)
    assert any("hidden" in note for note in results["x"].notes)
    assert any("does not show" in note for note in results["bluesky"].notes)
    [line] = query(
        open_archive(collected.folder), "SELECT notes FROM runs WHERE kind = 'refresh' AND source LIKE 'x:%'"
    )
    assert line["notes"] == list(results["x"].notes)


def test_an_erasure_that_was_broken_off_is_finished_by_the_next_refresh(collected, monkeypatch):
    collected.evening.day_after()
    monkeypatch.setattr("storage.erasure._blank", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        collected.run(refresh_session)
    monkeypatch.undo()
    assert texts_on_disk(collected.folder, f"{GONE} on x")
    collected.run(refresh_session)
    assert texts_on_disk(collected.folder, GONE) == []


@pytest.mark.slow
def test_a_chat_without_a_schedule_can_be_refreshed(collected):
    about = configured(collected.servers)
    loose = Configured(name=about.name, hashtags=about.hashtags, source=about.source)
    collected.evening.day_after()
    archive = open_archive(collected.folder)
    window = find_session(archive, loose, "2026-03-10")
    results = refresh_session(archive, loose, window, collected.world.surroundings(collected.folder))
    assert [result.deleted for result in results] == [1, 1, 1]


def test_a_post_is_asked_for_where_it_was_made_or_last_seen():
    def source(host):
        return Source(platform="mastodon", server=f"https://{host}")

    here, there, x = source("a.example"), source("b.example"), Source(platform="x", server="")
    made_here = Post(uid="mastodon:https://a.example/1", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    seen_there = Post(uid="mastodon:https://a.example/1", created_at=made_here.created_at, id="7@b.example")
    stranger = Post(uid="mastodon:https://c.example/1", created_at=made_here.created_at)
    assert who_is_asked(made_here, [x, here, there]) == [here]
    assert who_is_asked(seen_there, [x, here, there]) == [here, there]
    assert who_is_asked(stranger, [x, there, here]) == [there]
    assert who_is_asked(stranger, [x, here]) == [here]
    assert who_is_asked(stranger, [x]) == []
    hostile = Post(uid="mastodon:https://[x/1", created_at=made_here.created_at)
    assert who_is_asked(hostile, [here, there]) == [here]
