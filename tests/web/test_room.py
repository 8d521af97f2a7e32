"""An archive that is empty, changes, is busy or broken, and readers who are not its owner."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from knowarchive.config import load_config
from knowarchive.errors import StoppedError
from knowarchive.model import Account, Link
from knowarchive.web import answering, catalogue
from knowarchive.web import room as rooms
from knowarchive.web.room import OUTDATED, Room, every_post
from pipelines.indexing import bring_up_to_date, index_folder
from tests.archives import at, open_archive, store
from tests.web.conftest import CONFIG, DATE, ODD, posts, said, served
from tests.web.page import Page
from transcripts.search.index import IndexWriter


@pytest.fixture
def own(tmp_path):
    """A configuration with an archive to be changed."""
    (tmp_path / "knowarchive.toml").write_text(CONFIG)
    store(open_archive(tmp_path), posts(), chat="lampchat")
    return tmp_path


def open_room(folder, **options):
    room = Room(load_config(folder / "knowarchive.toml"), **options)
    room.refresh()
    return room


def test_an_empty_archive_says_what_to_do(tmp_path):
    (tmp_path / "knowarchive.toml").write_text(CONFIG)
    with served(open_room(tmp_path)) as client:
        assert "knowarchive import FILE" in client.get("/").text
        assert "no posts in the archive" in client.get("/search?q=lamp").text
        assert "no posts of this chat" in client.get("/chats/lampchat").text
        assert client.get("/links").status_code == client.get("/search.atom").status_code == 200
        assert client.get("/api/search").json()["total"] == 0
        assert client.get(f"/chats/lampchat/{DATE}").status_code == 404


def test_while_there_is_no_index_yet_readers_are_asked_to_wait(own):
    room = Room(load_config(own / "knowarchive.toml"))
    with IndexWriter(index_folder(room.config)), served(room, wait=False) as client:
        for path in ("/", "/search?q=lamp", "/search.atom", f"/chats/lampchat/{DATE}", "/posts/x:1"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
            assert "Traceback" not in answer.text
        assert client.get("/api/chats").json()["error"]["status"] == 503


def test_new_posts_are_there_after_a_look(own):
    room = open_room(own)
    before = room.now
    room.refresh()
    assert room.now is before
    store(open_archive(own), [said("x:900", 26, "A2: a torch, at last", author_handle="eve")], chat="lampchat")
    room.refresh()
    assert room.now is not before
    with served(room) as client:
        assert client.get("/api/search?q=torch").json()["total"] == 1
        assert "a torch, at last" in client.get(f"/chats/lampchat/{DATE}").text


def counted(room):
    """All that the catalogue counts, whatever the numbers that it gives its rows."""
    now = room.now
    choice = {"chat": None, "host": None, "person": None, "since": None}
    found = {
        name: [tuple(row) for row in now.catalogue.rows(name, **values)]
        for name, values in {
            "chats": {},
            "sessions": {"chat": None, "limit": 99, "offset": 0},
            "members": {"chat": "lampchat", "limit": 99},
            "links": {**choice, "limit": 99, "offset": 0},
            "tags": {"lately": 1 << 40, "limit": 99},
            "withheld": {"chat": None},
            "extent": {},
            "keys": {},
        }.items()
    }
    for key, person in found["keys"]:
        for name in ("said", "addressed"):
            rows = now.catalogue.rows(name, person=person, limit=999, offset=0)
            found[name, key] = [row["uid"] for row in rows]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}, dict(now.hidden), dict(now.unfound)


@pytest.mark.parametrize("public", [False, True])
def test_what_changed_is_counted_anew_and_nothing_else_is_read(own, public, monkeypatch):
    (own / "knowarchive.toml").write_text(CONFIG + '\n[publish]\nopt_out = ["x:quiet"]\n')
    room = open_room(own, public=public)
    before, was = room.now, counted(room)
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "build", None)
        more = [
            said("x:900", 26, "A2: a torch", author_handle="eve", links=(Link("https://example.org/torch", "T"),)),
            said("x:901", 27, "A2: unspeakable sparks", author_uid="x:105", author_handle="Quiet"),
            said("x:902", 28, "A2: see above", reply_to="x:900", author_uid="x:101", author_handle="ada"),
        ]
        store(open_archive(own), more, chat="lampchat")
        room.refresh()
        store(open_archive(own), [said("x:6", 21, None, deleted_at=at(55))], rank=40, chat="lampchat", now=at(700))
        room.refresh()
        elsewhen = said("x:903", 20 * 1440, "a lamp, long after #lampchat", author_uid="x:101", author_handle="ada")
        store(open_archive(own), [elsewhen], chat="lampchat", now=at(800))
        bring_up_to_date(open_archive(own), room.config)  # by another process, more than once between two looks
        for number in (904, 905):
            store(
                open_archive(own), [said(f"x:{number}", 30, "A2: a match, never", consent="noarchive")], chat="lampchat"
            )
            bring_up_to_date(open_archive(own), room.config)
        room.refresh()
    assert counted(room) == counted(open_room(own, public=public))
    assert counted(room) != was
    room.now, after = before, room.now
    assert counted(room) == was  # who reads it still reads the same
    assert len(list(room.archive.scratch().glob("*.sqlite"))) == 2
    room.now = before = after
    assert len(list(room.archive.scratch().glob("*.sqlite"))) == 1


def test_what_somebody_declares_of_all_their_posts_is_heeded_in_all_of_them(own):
    room = open_room(own, public=True)
    wish = Account(uid="x:102", handle="ben", observed_at=at(600), consent="noarchive")
    store(open_archive(own), accounts=[wish])
    room.refresh()
    assert counted(room) == counted(open_room(own, public=True))
    assert len(room.now.hidden) > 40


@contextmanager
def held_up(monkeypatch):
    """An index that is brought up to date only when this ends."""
    go = threading.Event()

    def wait(*given, **options):
        assert go.wait(30)
        return bring_up_to_date(*given, **options)

    monkeypatch.setattr(rooms, "bring_up_to_date", wait)
    try:
        yield
    finally:
        go.set()


def test_an_outdated_index_is_shown_until_it_is_brought_up_to_date(own, monkeypatch):
    open_room(own)
    store(open_archive(own), [said("x:900", 26, "A2: a torch", author_handle="eve")], chat="lampchat")
    room = Room(load_config(own / "knowarchive.toml"))
    with served(room, wait=False) as client:
        with held_up(monkeypatch):
            assert room.shown.wait(30)
            assert client.get("/api/search?q=burns").json()["total"] == 45
            assert client.get("/api/search?q=torch").json()["total"] == 0
            assert OUTDATED in client.get("/").text
            assert not room.looked.is_set()
        assert room.looked.wait(30)
        assert client.get("/api/search?q=torch").json()["total"] == 1
        assert OUTDATED not in client.get("/").text


def test_readers_are_answered_while_the_index_is_built_anew(own):
    room = open_room(own)
    with served(room) as client:
        builder = threading.Thread(
            target=bring_up_to_date, args=(open_archive(own), room.config), kwargs={"rebuild": True}
        )
        builder.start()
        found = [client.get("/api/search?q=burns").json()["total"] for _ in range(20)]
        builder.join()
        found.append(client.get("/api/search?q=burns").json()["total"])
        assert found == [45] * 21


def test_a_damaged_index_is_built_anew(own):
    room = open_room(own)
    folder = index_folder(room.config)
    (folder / room.now.index.state.folder / "meta.json").write_text("{")
    again = open_room(own)
    assert again.now is not None
    assert len(list(every_post(again.now.index))) == len(posts())


def test_a_half_copied_archive_is_told_of_and_the_rest_is_shown(own):
    room = open_room(own)
    for file in (own / "archive" / "posts").rglob("*.parquet"):
        file.unlink()
    with served(room) as client:
        answer = client.get(f"/chats/lampchat/{DATE}")
        assert answer.status_code == 503
        assert "Traceback" not in answer.text
        assert client.get("/api/search?q=burns").json()["total"] == 45


@pytest.mark.parametrize("public", [False, True])
def test_a_half_copied_archive_without_an_index_is_told_of(own, public):
    first = next((own / "archive" / "posts").rglob("*.parquet"))
    store(open_archive(own), [said("x:900", 26, "A2: a torch")], chat="lampchat")  # what is torn is not the last entry
    first.unlink()
    room = open_room(own, public=public)
    assert room.now is None
    with served(room, wait=False) as client:
        answer = client.get("/")
        assert answer.status_code == 503
        assert "Traceback" not in answer.text
        assert (str(own) in answer.text) is not public  # folders are nobody else's business


def test_reading_writes_nothing_into_the_archive(own):
    def held(folder: Path):
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}

    before = held(own / "archive")
    with served(open_room(own)) as client:
        for path in ("/", f"/chats/lampchat/{DATE}", "/people/x:101", "/search?q=lamp", "/links", "/posts/x:1"):
            assert client.get(path).status_code == 200
    assert held(own / "archive") == before


def test_what_takes_too_long_is_given_up(own, monkeypatch):
    monkeypatch.setattr(answering, "PATIENCE", 0.2)
    room = open_room(own)
    with served(room) as client, room._reading:  # as by somebody who reads a very long session
        answer = client.get(f"/chats/lampchat/{DATE}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert client.get("/").status_code == 200


def test_every_post_of_the_index_is_read_once(room, client):
    uids = [post.uid for post in every_post(room.now.index)]
    assert sorted(uids) == sorted(post.uid for post in posts())


def test_others_do_not_find_those_who_do_not_want_to_be_found(own):
    mine, others = open_room(own), open_room(own, public=True)
    with served(mine) as client:
        assert client.get("/api/search?q=never").json()["total"] == 2
        assert "never to be shown" in client.get(f"/chats/lampchat/{DATE}").text
    with served(others) as client:
        assert client.get("/api/search?q=never").json()["total"] == 0
        assert "never" not in Page(client.get("/search?q=never+OR+burns").text).text.replace("never OR burns", "")
        feed = client.get("/search.atom?q=never").text
        assert feed.count("<entry>") == 0
        assert "<title>never</title>" in feed
        session = client.get(f"/chats/lampchat/{DATE}").text
        assert "never to be found" in session
        assert "never to be shown" not in session
        assert "dora" not in session
        for path in ("/posts/x:9", "/api/posts/x:9", "/cite/posts/x:9", "/people/x:104"):
            assert client.get(path).status_code == 404
        assert ODD in client.get("/api/search?q=candles").text


def test_others_do_not_see_who_declared_it_later_or_to_us(own):
    (own / "knowarchive.toml").write_text(CONFIG + '\n[publish]\nopt_out = ["x:quiet"]\n')
    gus = {"author_uid": "x:106", "author_handle": "gus", "author_name": "Gus Changedhismind"}
    later = [
        said("x:901", 26, "A2: unspeakable sparks", author_uid="x:105", author_handle="Quiet"),
        said(
            "x:902",
            27,
            "A2: regretted tallow, http://gus.example/tallow",
            links=(Link("http://gus.example/tallow"),),
            **gus,
        ),
        said("x:903", 28, "A2: tallow, you say", reply_to="x:902", author_uid="x:101", author_handle="ada"),
    ]
    store(open_archive(own), later, chat="lampchat")
    mine, others = open_room(own), open_room(own, public=True)
    with served(others) as client:
        assert client.get("/api/search?q=regretted").json()["total"] == 1
        wish = Account(uid="x:106", handle="gus", observed_at=at(600), consent="noarchive")
        store(open_archive(own), accounts=[wish])
        others.refresh()
        for query in ("regretted", "unspeakable", "from:gus", "from:quiet", "link:gus.example"):
            found = client.get("/api/search", params={"q": query}).json()
            assert (found["total"], any(found["facets"].values())) == (0, False), query
            assert "<entry>" not in client.get("/search.atom", params={"q": query}).text
        assert client.get("/api/search?q=tallow").json()["total"] == 1
        for path in ("/posts/x:901", "/posts/x:902", "/people/x:105", "/people/x:106", "/cite/posts/x:902"):
            assert client.get(path).status_code == 404
        for path in ("/", "/links", "/chats/lampchat", f"/chats/lampchat/{DATE}", "/posts/x:903", "/search?q=tallow"):
            text = Page(client.get(path).text).text.casefold()
            assert not [word for word in ("regretted", "unspeakable", "gus", "quiet") if word in text], path
    with served(mine) as client:
        assert client.get("/api/search?q=regretted").json()["total"] == 1
        assert "@gus" in client.get("/search?q=you+say").text


def test_what_was_given_up_keeps_its_place_until_it_ends(own, monkeypatch):
    monkeypatch.setattr(answering, "AT_ONCE", 1)
    monkeypatch.setattr(answering, "PATIENCE", 0.2)
    room = open_room(own)
    with served(room) as client:
        with room._reading:
            assert client.get(f"/chats/lampchat/{DATE}").status_code == 503
            assert client.get("/links").status_code == 503  # there is one place, and it is taken
        deadline = time.monotonic() + 20
        while client.get("/links").status_code == 503:
            assert time.monotonic() < deadline
        assert client.get("/links").status_code == 200


def test_what_was_answered_is_kept_until_the_archive_changes_for_who_asks_the_same(own, monkeypatch):
    monkeypatch.setattr(answering, "MOST_KEPT", 3)
    room = open_room(own)
    with served(room) as client:
        first = client.get("/search.atom?q=oil").text
        assert client.get("/search.atom?q=oil", headers={"host": "localhost"}).text != first  # it tells where it is
        for number in range(9):
            assert f"q=oil{number}" in client.get(f"/search.atom?q=oil{number}").text
            assert len(room.now.answers) <= 3
        assert client.get("/search.atom?q=oil").text == first
        store(open_archive(own), [said("x:900", 26, "A2: more oil", author_handle="eve")], chat="lampchat")
        room.refresh()
        assert "more oil" in client.get("/search.atom?q=oil").text
        room.problem = "What is newest is missing"
        assert "What is newest is missing" in client.get("/search?q=oil").text


def test_a_room_that_is_closed_leaves_off_indexing(own):
    room = Room(load_config(own / "knowarchive.toml"))
    room._stopped.set()
    room.start()
    room._thread.join(20)
    assert not room._thread.is_alive()
    with pytest.raises(StoppedError):
        room.refresh()
    assert room.now is None
    assert open_room(own).now is not None


def test_readers_of_all_pages_together_are_answered_a_few_at_once(own, monkeypatch):
    monkeypatch.setattr(answering, "AT_ONCE", 2)
    room = open_room(own)
    answers = []

    def ask(path):
        answers.append((path, httpx.get(client.base_url.join(path), timeout=30).status_code))

    with served(room) as client:
        with room._reading:  # somebody reads long
            asking = [threading.Thread(target=ask, args=(f"/chats/lampchat/{DATE}?{number}",)) for number in range(2)]
            for thread in asking:
                thread.start()
            time.sleep(0.3)  # they wait, and there is room for no more
            asking.append(threading.Thread(target=ask, args=("/links",)))
            asking[-1].start()
            asking[-1].join(1)
            assert answers == []
        for thread in asking:
            thread.join()
        assert {code for _, code in answers} == {200}
