"""Exports: what is in them, that they come back, and that nothing half-written or hostile leaves the archive."""

import csv
import hashlib
import json
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.knowarchive.table import unguard
from knowarchive.config import Chat
from knowarchive.errors import UsageError
from knowarchive.model import NO_WISH, Account, Link, Mention, Repost
from pipelines import exporting
from pipelines.exporting import ExportError, Request, export, forbids_bulk
from pipelines.sessions import find_session
from storage.archive import Archive, Run
from storage.exports import FORMATS, TABLES, as_csv, rows
from storage.exports.described import COLUMNS
from tests.archives import MERGED, NOW, VIEWS, at, generated, import_path, open_archive, post, query, store
from tests.archives import rows as held

GEXF = "{http://gexf.net/1.3}"
CHAT = Chat(name="critlib", hashtags=("critlib",), schedule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=12;BYMINUTE=0")
HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1", "a;=1+1", "a,\t-1", 'a\n"@b', "＝1",
    "580930786603339776", "1e5", "'", "''", "", ",", '"', "a\u2028b", "\x00", "\x07", "\u202e=1", "<b>&amp;</b>", "]]>",
    "a\r\nb", "שלום עולם", "日本語", "👩🏽‍🚀", "\ufeff=1", "null", "{}", "../../etc/passwd", "CON", "|=1",
]  # fmt: skip


def write(archive, path, format="jsonl", *, overwrite=False, now=NOW, **request):  # noqa: A002 - the option's name
    return export(archive, Request(format, **request), path, now=lambda: now, overwrite=overwrite)


def lines(path):
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def table(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def uids(path):
    return [row["uid"] for row in lines(path)]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A folder with an archive of a few hundred generated posts with reposts and accounts, and what is awkward besides."""
    folder = tmp_path_factory.mktemp("filled")
    archive = open_archive(folder)
    import_path(archive, generated(folder, posts=150))
    store(
        archive,
        [
            post(1, text="keptword", hashtags=("critlib",), likes=3, mentions=(Mention("ada", "x:7"), Mention("bo"))),
            post(2, 1, text="", hashtags=(), author_uid="x:7", author_handle="ada"),
            post(
                3, 1, uid="mastodon:https://a.example/Notes/1", id="12345678901234567890", url="https://a.example/@a/1"
            ),
            post(3, 2, uid="mastodon:https://a.example/notes/1", links=(Link("https://b.example", "=cmd"),)),
            post(
                3,
                3,
                uid="bluesky:did:plc:a/app.bsky.feed.post/3k2",
                author_handle="a.example",
                text="c",
                quote_of="x:1",
            ),
        ],
        accounts=[Account(uid="x:7", handle="ada", bio="=1", observed_at=at())],
        reposts=[Repost(post_uid="x:1", post_at=at(), account_handle="cy", observed_at=at())],
        chat="critlib",
    )
    store(archive, [post(1, text="keptword", observed_at=at(5))], chat="other")
    return folder / "archive"


@pytest.fixture
def filled(template, tmp_path):
    shutil.copytree(template, tmp_path / "archive")
    return open_archive(tmp_path)


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
def test_an_export_that_is_imported_gives_the_same_archive(filled, tmp_path, name):
    write(filled, tmp_path / "out", name)
    copy = open_archive(tmp_path / "copy")
    for path in sorted((tmp_path / "out").glob(f"*.{name}")):
        assert import_path(copy, path).status == "done"
    for view in VIEWS:
        assert held(copy, view) == held(filled, view), view
    assert {chat for row in held(copy).values() for chat in row["chats"] or ()} == {"critlib", "other"}


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
def test_an_archive_learns_nothing_from_its_own_export(filled, tmp_path, name):
    write(filled, tmp_path / "out", name)
    before = {view: held(filled, view) for view in VIEWS}
    for path in sorted((tmp_path / "out").glob(f"*.{name}")):
        outcome = import_path(filled, path).outcome
        assert (outcome.new, outcome.changed) == (0, 0)
    assert {view: held(filled, view) for view in VIEWS} == before


@pytest.mark.parametrize(
    "name",
    [
        "jsonl",
        "gexf",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("csv", "parquet", "ids", "payloads", "sqlite")),
    ],
)
def test_the_same_archive_gives_the_same_bytes(filled, tmp_path, name):
    for folder in ("one", "two"):
        write(filled, tmp_path / folder, name)
    made = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(made) > 2
    for path in made:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_rows_are_in_order_of_time_and_one_a_post(filled, tmp_path):
    write(filled, tmp_path / "out")
    found = lines(tmp_path / "out/posts.jsonl")
    assert [row["uid"] for row in found] == [
        row["uid"] for row in query(filled, "SELECT uid FROM posts ORDER BY created_at, uid")
    ]
    assert len(lines(tmp_path / "out/reposts.jsonl")) == len(held(filled, "reposts"))


@pytest.mark.parametrize(
    ("slice_rows", "at_once"),
    [(7, 1), pytest.param(100_000, 1, marks=pytest.mark.slow), pytest.param(7, 100_000, marks=pytest.mark.slow)],
)
def test_nothing_depends_on_how_the_archive_is_cut(archive, tmp_path, monkeypatch, slice_rows, at_once):
    store(archive, [post(n, n % 60, month=1 + n % 11, text=str(n), likes=n) for n in range(1, 40)])
    # The same posts, which another source believes to be of other months
    store(archive, [post(n, 100, month=1 + n % 5, text=f"{n}!") for n in range(1, 40)], rank=40)
    monkeypatch.setattr(rows, "SLICE_ROWS", slice_rows)
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", at_once)
    monkeypatch.setattr(rows, "PEOPLE_AT_ONCE", at_once)
    write(archive, tmp_path / "out", "parquet")
    exported = pq.read_table(tmp_path / "out/posts.parquet").to_pylist()
    merged = query(archive, f"SELECT * FROM ({MERGED.format('posts')}) ORDER BY created_at, uid")
    assert [{name: row[name] for name in merged[0]} for row in exported] == merged


def test_packing_the_archive_changes_no_byte_of_an_export(archive, tmp_path):
    store(archive, [post(n, n % 60, month=1 + n % 4, text=str(n)) for n in range(1, 60)])
    store(archive, [post(n, n % 60, month=1 + n % 4, text=str(n)) for n in range(60, 90)], chat="critlib")
    store(archive, [post(91, 1, created_at=at(month=5))], reposts=[Repost(post_uid="x:1", post_at=at(), id="5")])
    write(archive, tmp_path / "before")
    archive.maintain()
    write(archive, tmp_path / "packed")  # as it lies: nothing to merge or to sort
    for name in ("posts", "reposts", "accounts"):
        before, packed = ((tmp_path / folder / f"{name}.jsonl").read_bytes() for folder in ("before", "packed"))
        assert before == packed


def test_every_column_that_readers_see_is_exported_and_described(archive):
    store(archive, [post()], accounts=[Account(uid="x:1")], reposts=[Repost(post_uid="x:1", post_at=at(), id="5")])
    for view in TABLES:
        [row, *_] = query(archive, f"SELECT * FROM {view}")
        assert {column.name for column in COLUMNS[view]} == set(row)


def test_an_empty_archive_gives_tables_without_rows(archive, tmp_path):
    for name in FORMATS:
        assert sum(write(archive, tmp_path / name, name).counts.values()) == 0
    assert (tmp_path / "csv/posts.csv").read_text("utf-8-sig").startswith("uid,platform,id,url,author_uid")
    assert pq.read_table(tmp_path / "parquet/posts.parquet").column_names[:3] == ["uid", "platform", "id"]
    assert lines(tmp_path / "jsonl/posts.jsonl") == []


# Choosing


def test_a_chat_has_its_posts_whenever_made_and_a_session_its_own(archive, tmp_path):
    monday, noon = datetime(2015, 3, 9, 12, tzinfo=UTC), datetime(2015, 3, 10, 12, tzinfo=UTC)
    store(
        archive,
        [
            post(1, created_at=noon, text="Q1", hashtags=("CritLib",), author_uid="x:90"),
            post(2, created_at=noon + timedelta(minutes=3), text="untagged answer", reply_to="x:1", author_uid="x:91"),
            post(3, created_at=noon + timedelta(minutes=4), text="something else", author_uid="x:92"),
            post(4, created_at=monday, text="tomorrow", hashtags=("critlib",)),
            post(5, created_at=noon + timedelta(days=40), text="late", reply_to="x:9", hashtags=("critlib",)),
        ],
        accounts=[Account(uid=f"x:{n}", observed_at=at()) for n in (90, 91, 92, 93, 94)],
        reposts=[
            Repost(post_uid="x:2", post_at=noon, account_uid="x:93", id="100"),
            Repost(post_uid="x:3", post_at=noon, account_uid="x:94", id="101"),
        ],
    )
    write(archive, tmp_path / "chat", chat=CHAT)
    assert uids(tmp_path / "chat/posts.jsonl") == ["x:4", "x:1", "x:2", "x:5"]
    assert [row["id"] for row in lines(tmp_path / "chat/reposts.jsonl")] == ["100"]
    assert uids(tmp_path / "chat/accounts.jsonl") == ["x:90", "x:91", "x:93"]
    write(archive, tmp_path / "session", chat=CHAT, window=find_session(archive, CHAT, "2015-03-10"))
    assert uids(tmp_path / "session/posts.jsonl") == ["x:1", "x:2"]
    write(archive, tmp_path / "days", since=monday, until=noon)
    assert uids(tmp_path / "days/posts.jsonl") == ["x:4"]
    write(archive, tmp_path / "search", uids=frozenset(("x:3", "x:5", "x:404")))
    assert uids(tmp_path / "search/posts.jsonl") == ["x:3", "x:5"]


def test_an_author_whose_uid_begins_like_another_is_not_taken_for_them(archive, tmp_path):
    store(
        archive,
        [post(1, author_uid="x:1", author_handle="ada"), post(11, author_uid="x:11", author_handle="ada_b")],
        accounts=[Account(uid=f"x:{n}", observed_at=at()) for n in (1, 11, 111)],
    )
    write(archive, tmp_path / "out", uids=frozenset(("x:1",)))
    assert uids(tmp_path / "out/posts.jsonl") == ["x:1"]
    assert uids(tmp_path / "out/accounts.jsonl") == ["x:1"]


def test_a_file_for_everybody_leaves_out_who_asks_and_what_is_deleted(archive, tmp_path):
    mastodon, bluesky = "mastodon:https://a.example/{}", "bluesky:did:plc:{}/app.bsky.feed.post/1"
    store(
        archive,
        [
            post(1, text="of X", author_uid="x:5", author_handle="five", hashtags=("a",), likes=4),
            post(2, uid=mastodon.format(1), text="open", author_uid="mastodon:https://a.example/o", consent=NO_WISH),
            post(3, uid=mastodon.format(2), text="quiet", author_uid="mastodon:https://a.example/q", consent="noindex"),
            post(4, uid=mastodon.format(3), text="quiet since", author_uid="mastodon:https://a.example/r"),
            post(5, uid=bluesky.format("a"), text="open", author_uid="bluesky:did:plc:a"),
            post(
                6, uid=bluesky.format("b"), text="walled", author_uid="bluesky:did:plc:b", consent="no-unauthenticated"
            ),
            post(7, uid=bluesky.format("c"), text="unknown wish", author_uid="bluesky:did:plc:c", consent="new-word"),
            post(8, uid=bluesky.format("d"), author_uid="bluesky:did:plc:d", deleted_at=at(9)),
            post(9, deleted_at=at(9)),
        ],
        accounts=[
            Account(uid="mastodon:https://a.example/r", consent="noarchive", observed_at=at()),
            Account(uid="mastodon:https://a.example/o", consent=NO_WISH, observed_at=at()),
            Account(uid="x:5", handle="five", observed_at=at()),
        ],
        reposts=[
            Repost(post_uid=mastodon.format(1), post_at=at(), account_uid="mastodon:https://a.example/r"),
            Repost(post_uid=mastodon.format(1), post_at=at(), account_uid="mastodon:https://a.example/o"),
            Repost(post_uid="x:1", post_at=at(), account_uid="x:5", id="77"),
        ],
    )
    write(archive, tmp_path / "own")
    assert len(uids(tmp_path / "own/posts.jsonl")) == 9
    write(archive, tmp_path / "out", is_public=True)
    found = {row["uid"]: row for row in lines(tmp_path / "out/posts.jsonl")}
    assert sorted(found) == [bluesky.format("a"), mastodon.format(1), "x:1"]
    assert {name for name, value in found["x:1"].items() if value is not None} == {"uid", "platform", "id"}
    assert [row["account_uid"] for row in lines(tmp_path / "out/reposts.jsonl")] == ["mastodon:https://a.example/o"]
    assert uids(tmp_path / "out/accounts.jsonl") == ["mastodon:https://a.example/o"]
    for name in ("csv", "gexf", "sqlite", "ids", "parquet", "duckdb"):
        write(archive, tmp_path / name, name, is_public=True)
        for path in (tmp_path / name).iterdir():
            content = path.read_bytes()
            assert not [word for word in (b"quiet", b"walled", b"unknown wish", b"five") if word in content], path
    with pytest.raises(UsageError, match="payloads are whole"):
        write(archive, tmp_path / "payloads", "payloads", is_public=True)


def test_only_the_declaration_of_no_wish_is_no_wish():
    assert [forbids_bulk(word) for word in (NO_WISH, "noindex", "noarchive", "whatever")] == [False, True, True, True]


def test_only_what_changed_since_the_last_export_of_the_same_is_exported(archive, tmp_path):
    people = [Account(uid=f"x:9{n}", handle=f"a{n}", observed_at=at(n)) for n in range(3)]
    store(archive, [post(n, created_at=at(n), text="a", author_uid=f"x:9{n}") for n in range(3)], accounts=people)
    first = write(archive, tmp_path / "first", since_last=True)
    assert (first.counts["posts"], first.changes_since) == (3, None)
    assert write(archive, tmp_path / "none", since_last=True).counts == dict.fromkeys(TABLES, 0)
    store(
        archive,
        [post(1, created_at=at(1), text="b", observed_at=at(60)), post(7, created_at=at(70), text="new")],
        reposts=[Repost(post_uid="x:2", post_at=at(2), account_uid="x:93", id="5")],
    )
    archive.maintain()
    write(archive, tmp_path / "second", since_last=True)
    assert [(row["uid"], row["text"]) for row in lines(tmp_path / "second/posts.jsonl")] == [
        ("x:1", "b"),
        ("x:7", "new"),
    ]
    assert [row["post_uid"] for row in lines(tmp_path / "second/reposts.jsonl")] == ["x:2"]
    assert uids(tmp_path / "second/accounts.jsonl") == []
    # Another choice is another export, and has not been made yet.
    assert write(archive, tmp_path / "csv", "csv", since_last=True).counts["posts"] == 4
    store(archive, [post(8, created_at=at(80), text="new", hashtags=("critlib",))], chat="critlib")
    assert write(archive, tmp_path / "third", since_last=True).counts["posts"] == 1
    assert write(archive, tmp_path / "whole", since_last=False).counts["posts"] == 5


def test_archives_that_share_a_state_folder_remember_their_own_exports(tmp_path):
    one, other = (Archive(str(tmp_path / name), tmp_path / "state") for name in ("one", "other"))
    for archive in (one, other):
        store(archive, [post(1, created_at=at(1), text="a")])
    assert write(one, tmp_path / "first", since_last=True).counts["posts"] == 1
    assert write(other, tmp_path / "second", since_last=True).counts["posts"] == 1


# Formats


def test_a_table_keeps_every_text_and_executes_none(archive, tmp_path):
    store(
        archive,
        [post(n, n, uid=f"x:{n}", text=text, author_name=text, hashtags=(text,)) for n, text in enumerate(HOSTILE, 1)],
    )
    write(archive, tmp_path / "out", "csv")
    raw = (tmp_path / "out/posts.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert {unguard(row["text"]) for row in table(tmp_path / "out/posts.csv")} == set(HOSTILE)
    for row in table(tmp_path / "out/posts.csv"):
        assert row["id"] == "'" + row["uid"][2:]
    assert not executed(raw.decode("utf-8-sig"))


def executed(text):
    """What a spreadsheet would take for a formula, whichever separator it believes in, quotes heeded or not."""
    found = []
    for separator in ",;\t":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
                for row in csv.reader([line.replace("\0", "")], delimiter=separator, quoting=quoting):
                    found += [cell for cell in row if cell.strip(' "\ufeff').startswith(tuple("=+-@＝＋－＠"))]  # fmt: skip
    return found


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.sampled_from("=+-@＝'\" \t\r\n,;a1.e5\ufeff\x00\u200b"), max_size=12) | st.text(max_size=30))
def test_what_guards_a_cell_is_taken_away_again(guarded, text):
    assert unguard(guarded(text)) == text


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.sampled_from("=+-@＝'\" \t\r\n,;a1\ufeff\u200b"), max_size=12))
def test_no_cell_begins_a_formula_wherever_it_is_cut(guarded, text):
    cell = guarded(text)
    for separator in ("\n", "\r", "\t", ";", ","):
        cell = cell.replace(separator, "\n")
    for part in cell.split("\n"):
        rest = part.lstrip(" \"'\ufeff\u200b")
        assert not rest.startswith(tuple("=+-@＝")) or part.removesuffix(rest).endswith("'")


@pytest.fixture(scope="module")
def guarded():
    """Makes of a text a cell as the export writes it."""
    with duckdb.connect() as con:
        statement = f"SELECT {as_csv.guarded('$text::VARCHAR')}"
        yield lambda text: con.execute(statement, {"text": text}).fetchall()[0][0]


def test_sqlite_is_searched_as_datasette_does(filled, tmp_path):
    write(filled, tmp_path / "search.db", "sqlite")
    db = sqlite3.connect(tmp_path / "search.db")
    # How Datasette finds the index of a table, and asks it (datasette/utils/__init__.py, detect_fts_sql)
    [(index,)] = db.execute(
        """SELECT name FROM sqlite_master WHERE rootpage = 0 AND (sql LIKE '%VIRTUAL TABLE%USING FTS%content="posts"%'
           OR sql LIKE '%VIRTUAL TABLE%USING FTS%content=[posts]%'
           OR (tbl_name = 'posts' AND sql LIKE '%VIRTUAL TABLE%USING FTS%'))"""
    ).fetchall()
    query = f"SELECT uid FROM posts WHERE rowid IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"
    assert db.execute(query, ('"keptword"',)).fetchall() == [("x:1",)]
    assert db.execute("SELECT likes FROM posts WHERE uid = 'x:1'").fetchall() == [(3,)]
    assert db.execute("SELECT json_extract(hashtags, '$[0]') FROM posts WHERE uid = 'x:1'").fetchall() == [("critlib",)]
    assert len(db.execute("SELECT uid FROM posts WHERE uid LIKE 'mastodon:https://a.example/%otes/1'").fetchall()) == 2
    db.close()


def test_duckdb_has_the_tables_and_says_what_the_columns_mean(filled, tmp_path):
    write(filled, tmp_path / "all.duckdb", "duckdb")
    with duckdb.connect(str(tmp_path / "all.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM posts").fetchall() == [(len(held(filled)),)]
        [(comment,)] = con.execute("SELECT comment FROM duckdb_columns() WHERE column_name = 'reply_to'").fetchall()
        assert comment == "uid of the post that it answers"


def test_identifiers_are_as_each_network_writes_them(filled, tmp_path):
    write(filled, tmp_path / "out", "ids")
    assert {"1", "2"} <= set((tmp_path / "out/x.txt").read_text().split())
    assert (tmp_path / "out/bluesky.txt").read_text() == "at://did:plc:a/app.bsky.feed.post/3k2\n"
    assert "https://a.example/Notes/1" in (tmp_path / "out/mastodon.txt").read_text().split()


def test_payloads_are_what_was_received_byte_for_byte(archive, tmp_path):
    for form in ("v2", "csv"):
        import_path(archive, generated(tmp_path, form))
    store(archive, [post(n, text="elsewhere", created_at=at(n, month=7)) for n in range(3)])
    write(archive, tmp_path / "out", "payloads")
    stored = {added["payload_id"]: payload for payload, added in archive.payloads()}
    listed = lines(tmp_path / "out/payloads.jsonl")
    assert {line["payload_id"] for line in listed} == stored.keys()
    for line in listed:
        payload, content = stored[line["payload_id"]], (tmp_path / "out" / line["file"]).read_bytes()
        assert content == (payload.head + b"\n" if payload.head else b"") + payload.body
        assert line["sha256"] == hashlib.sha256(payload.body).hexdigest()
    again = open_archive(tmp_path / "again")
    for path in sorted((tmp_path / "out/payloads").glob("*.jsonl")) + sorted((tmp_path / "out/payloads").glob("*.csv")):
        assert import_path(again, path).status == "done"
    ids = {row["payload_id"] for row in query(again, "SELECT payload_id FROM payloads")}
    assert ids == {own for own, payload in stored.items() if payload.format != "invented"}
    write(archive, tmp_path / "few", "payloads", since=at(month=7), until=at(60, month=7))
    assert [line["format"] for line in lines(tmp_path / "few/payloads.jsonl")] == ["invented"]


def test_an_export_of_a_chat_names_the_sources_of_that_chat_alone(archive, tmp_path):
    for name, chat in (("any.jsonl", None), ("x", "critlib"), ("mastodon:https://a.example", "other")):
        archive.record(
            Run(run_id=name, kind="import" if chat is None else "collect", chat=chat, source=name, status="done",
                started_at=at(), finished_at=at(1), since=at(), until=at(2))
        )  # fmt: skip
    store(archive, [post(1, hashtags=("critlib",))], chat="critlib")
    write(archive, tmp_path / "own", chat=CHAT)
    readme = (tmp_path / "own/README.md").read_text()
    assert "any.jsonl" in readme
    assert "a.example" not in readme
    write(archive, tmp_path / "all")
    assert "a.example" in (tmp_path / "all/README.md").read_text()


def test_who_talks_with_whom_is_a_graph_with_weights_over_time(archive, tmp_path):
    ada, bo = {"author_uid": "x:91", "author_handle": "ada"}, {"author_uid": "x:92", "author_handle": "Bo"}
    store(
        archive,
        [
            post(1, created_at=at(1), **ada, author_name='Ada <&">\x00\ufffe'),
            post(2, created_at=at(2), **bo, reply_to="x:1", mentions=(Mention("ada"), Mention("cy", "x:93"))),
            post(3, created_at=at(3), **bo, reply_to="x:1", reply_to_author="x:91", mentions=(Mention("ada", "x:91"),)),
            post(4, created_at=at(4, month=5), **bo, quote_of="x:1"),
            post(5, created_at=at(5), **ada, reply_to="x:1"),
            post(6, created_at=at(6, month=4), **bo, reply_to="x:1"),
            post(7, created_at=at(7), author_handle="bo", mentions=(Mention("cy", "x:93"),)),
            post(8, created_at=at(8), **ada, reply_to="x:404"),
        ],
        reposts=[Repost(post_uid="x:1", post_at=at(1), account_handle="bo", at=at(30))],
    )
    write(archive, tmp_path / "out", "gexf")
    graph = ET.parse(tmp_path / "out/conversations.gexf").getroot().find(f"{GEXF}graph")
    assert graph.attrib == {
        "mode": "dynamic", "defaultedgetype": "directed", "timeformat": "dateTime", "timerepresentation": "interval",
    }  # fmt: skip
    nodes = {node.get("id"): node for node in graph.find(f"{GEXF}nodes")}
    assert sorted(nodes) == ["x:91", "x:92", "x:93"]
    names = {value.get("for"): value.get("value") for value in nodes["x:91"].find(f"{GEXF}attvalues")}
    assert names == {"platform": "x", "handle": "ada", "name": 'Ada <&">\ufffd\ufffd'}
    edges = {(e.get("source"), e.get("target"), e.get("kind")): e for e in graph.find(f"{GEXF}edges")}
    assert {key: edge.get("weight") for key, edge in edges.items()} == {
        ("x:92", "x:91", "reply"): "3",
        ("x:92", "x:91", "quote"): "1",
        ("x:92", "x:91", "repost"): "1",
        ("x:92", "x:91", "mention"): "1",
        ("x:92", "x:93", "mention"): "2",
    }
    reply = edges["x:92", "x:91", "reply"]
    assert (reply.get("start"), reply.get("end")) == ("2015-03-10T12:02:00Z", "2015-04-10T12:06:00Z")
    weights = [value.attrib for value in reply.find(f"{GEXF}attvalues") if value.get("for") == "weight"]
    assert weights == [
        {"for": "weight", "value": "2", "start": "2015-03-01T00:00:00Z", "endopen": "2015-04-01T00:00:00Z"},
        {"for": "weight", "value": "1", "start": "2015-04-01T00:00:00Z", "endopen": "2015-05-01T00:00:00Z"},
    ]
    assert len({edge.get("id") for edge in edges.values()}) == len(edges)


# What lies beside


def test_what_is_beside_tells_where_it_came_from_and_what_binds_its_readers(filled, tmp_path):
    hostile = "../<script>alert(1)</script>|[x](javascript:y)\n# h\u202e" + "a" * 10_000
    filled.record(
        Run(run_id="1", kind="collect", source=hostile, status="incomplete", started_at=at(), finished_at=at(5),
            since=at(), until=at(5), gaps=("page 3 | failed",), quarantined=2, version="0.1.0")
    )  # fmt: skip
    exported = write(filled, tmp_path / "out", "csv")
    readme = (tmp_path / "out/README.md").read_text("utf-8")
    assert "developer-terms/policy" in readme
    assert "page 3 \\| failed" in readme
    assert "1 incomplete, 2 quarantined" in readme
    assert "<script>" not in readme.replace("\\<script\\>", "")
    assert max(map(len, readme.splitlines())) < 1_000
    assert "\u202e" not in readme
    package = json.loads((tmp_path / "out/datapackage.json").read_bytes())
    assert package["profile"] == "data-package"
    assert [one["path"] for one in package["resources"]] == ["posts.csv", "reposts.csv", "accounts.csv"]
    for resource, file in zip(package["resources"], exported.files, strict=True):
        content = (tmp_path / "out" / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
        header = content.decode("utf-8-sig").partition("\n")[0].split(",")
        assert [field["name"] for field in resource["schema"]["fields"]] == header
        assert file.rows == len(table(tmp_path / "out" / resource["path"]))
    assert package["knowarchive"]["public"] is False


def test_a_single_file_has_its_descriptions_beside_it(filled, tmp_path):
    exported = write(filled, tmp_path / "posts.jsonl", "jsonl")
    assert [(file.name, file.rows) for file in exported.files] == [("posts.jsonl", len(held(filled)))]
    assert sorted(path.name for path in tmp_path.glob("posts.jsonl*")) == [
        "posts.jsonl", "posts.jsonl.README.md", "posts.jsonl.datapackage.json",
    ]  # fmt: skip


# Going wrong


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_overwritten_unasked_and_only_exports_ever(filled, tmp_path):
    write(filled, tmp_path / "out", "ids")
    with pytest.raises(ExportError, match="exists already"):
        write(filled, tmp_path / "out", "jsonl")
    write(filled, tmp_path / "out", "jsonl", overwrite=True)
    assert "x.txt" not in entries(tmp_path / "out")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="holds other things than an export"):
        write(filled, mine, overwrite=True)
    (tmp_path / "file").write_text("mine too")
    with pytest.raises(ExportError, match="is a file"):
        write(filled, tmp_path / "file", overwrite=True)
    (tmp_path / "single.jsonl.README.md").write_text("mine as well")
    with pytest.raises(ExportError, match=r"README\.md: exists already"):
        write(filled, tmp_path / "single.jsonl")
    with pytest.raises(ExportError, match="there is no folder"):
        write(filled, tmp_path / "none/out")
    with pytest.raises(ExportError, match="File name too long"):
        write(filled, tmp_path / ("a" * 10_000))
    for path in (tmp_path / "..", tmp_path.root):
        with pytest.raises((UsageError, ExportError)):
            write(filled, type(tmp_path)(path), overwrite=True)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "mine too"
    (tmp_path / "empty").mkdir()
    write(filled, tmp_path / "empty")
    assert "posts.jsonl" in entries(tmp_path / "empty")


@pytest.mark.parametrize("name", ["jsonl", "sqlite", "duckdb"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), pytest.param(KeyboardInterrupt(), marks=pytest.mark.slow)]
)
def test_an_export_that_ends_early_leaves_what_was_there(filled, tmp_path, monkeypatch, name, error):
    write(filled, tmp_path / "out", name)
    before = entries(tmp_path), entries(tmp_path / "out"), (tmp_path / "out/datapackage.json").read_bytes()

    def fail(*_):
        raise error

    monkeypatch.setattr(exporting, "_list_files", fail)
    with pytest.raises((ExportError, KeyboardInterrupt), match="No space left" if isinstance(error, OSError) else None):
        write(filled, tmp_path / "out", name, overwrite=True)
    assert (entries(tmp_path), entries(tmp_path / "out"), (tmp_path / "out/datapackage.json").read_bytes()) == before
