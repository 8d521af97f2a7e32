"""Exports for research: nobody can be found in them by name, handle, id or address, and everything else is as it was."""

import json
from collections import Counter
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest

from knowarchive.config import Chat
from knowarchive.errors import ConfigError, UsageError
from knowarchive.model import Account, Link, Media, Mention, Repost
from pipelines.exporting import Key, Request, choose_key, export
from pipelines.forgetting import find
from pipelines.pseudonymising import about
from storage.archive import Run
from storage.exports import rows as slices
from storage.exports.package import Source, without_names
from tests.archives import NOW, ROOT, at, found_on_disk, import_path, open_archive, post, query, store
from tests.pipelines.test_forgetting import marks

SHARED = ROOT.parent / "shared" / "data" / "critlib"
FORMATS = ("jsonl", "csv", "parquet", "duckdb", "sqlite", "gexf")
KEY = Key(bytes(32), is_kept=True)
OTHER = Key(bytes(range(32)), is_kept=True)
CONFIG = SimpleNamespace(chat=[Chat(name="critlib", hashtags=("critlib",))], person=())

DID = "did:plc:zorawren222222222222abcd"
ID = "580930786603339776"
TOOT = "https://library.example/users/zora/statuses/99887766"
PERSON = {
    "zora_wren", "@zora", "zora.example", "Zora Wrenfield", "זורה ורנפילד", "藤原ゾラ", ID, "7654321987", DID, TOOT, "3kzorawren222",
    "zora-reads.example", "pbs.twimg.com/zora", "collects zines", "99887766", "https://twitter.com/zora_wren",
}  # fmt: skip


@pytest.fixture
def known(archive):
    """Somebody on three networks, who is answered, named, quoted and repeated by others."""
    zora = {"author_uid": "x:7654321987", "author_handle": "Zora_Wren", "author_name": "Zora Wrenfield"}
    adas = {"author_uid": "x:11", "author_handle": "ada", "author_name": "Ada"}
    store(
        archive,
        [
            post(ID, 0, text="Q1: what do we archive?", url=f"https://twitter.com/zora_wren/status/{ID}", hashtags=("critlib",), **zora),
            post(11, 1, text="@Zora_Wren zines, says Zora Wrenfield. As ada I read 10 a week", reply_to=f"x:{ID}", conversation=f"x:{ID}",
                 reply_to_author="x:7654321987", mentions=(Mention("Zora_Wren", "x:7654321987"),), likes=3, payload_id="p", **adas),
            post(12, 2, text="RT by 藤原ゾラ and זורה ורנפילד, zora_wren; cc @zora@library.example", quote_of=f"x:{ID}",
                 links=(Link(f"https://twitter.com/zora_wren/status/{ID}", "Zora Wrenfield on X"), Link("https://books.example/1", "Zines")),
                 media=(Media("photo", "https://pbs.twimg.com/zora.jpg", "Zora Wrenfield waves"),), author_handle="zora_wren_fan", chats=("critlib",)),
            post(13, 3, uid=f"bluesky:{DID}/app.bsky.feed.post/3kzorawren222", text="me too, zora-reads.example/zines", author_uid=f"bluesky:{DID}",
                 author_handle="zora.example", author_name="זורה ורנפילד"),
            post(14, 4, uid=f"mastodon:{TOOT}", text=f"https://bsky.app/profile/{DID}/post/3kzorawren222", author_uid="mastodon:https://library.example/users/zora",
                 author_handle="zora@library.example", author_name="藤原ゾラ", url="https://library.example/@zora/99887766"),
        ],
        accounts=[
            Account(uid="x:7654321987", handle="Zora_Wren", name="Zora Wrenfield", bio="collects zines", url="https://zora-reads.example",
                    avatar="https://pbs.twimg.com/zora", followers=1234, created_at=at(), observed_at=at()),
            Account(uid="x:11", handle="ada", observed_at=at()),
        ],
        reposts=[Repost(post_uid=f"x:{ID}", post_at=at(), account_uid="x:11", account_handle="ada", at=at(9), id="580930786603339999", observed_at=at())],
    )  # fmt: skip
    run = {
        "kind": "import",
        "source": "zora_wren.jsonl",
        "status": "done",
        "gaps": (f"before {ID}",),
        "since": at(),
        "until": at(9),
    }
    archive.record(Run(run_id="1", started_at=NOW, finished_at=NOW, **run))
    return archive


def write(archive, path, name="jsonl", key=KEY, **request):
    return export(archive, Request(name, pseudonyms=key, **request), path, now=lambda: NOW)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", FORMATS)
def test_nobody_is_found_in_any_file_of_the_export(known, tmp_path, name):
    export(known, Request("jsonl"), tmp_path / "plain", now=lambda: NOW)
    assert found_on_disk(tmp_path / "plain", PERSON) == PERSON
    write(known, tmp_path / "out", name)
    assert found_on_disk(tmp_path / "out", PERSON) == set()
    if name == "duckdb":  # its file is compressed
        with duckdb.connect(tmp_path / "out/knowarchive.duckdb", read_only=True) as con:
            said = repr([con.sql(f"FROM {table}").fetchall() for table in ("posts", "reposts", "accounts")]).casefold()
        assert not [one for one in PERSON if one.casefold() in said]


def test_the_thread_keeps_its_shape_and_everything_that_tells_nobody(known, tmp_path):
    write(known, tmp_path / "out")
    made, held = lines(tmp_path / "out/posts.jsonl"), query(known, "FROM posts ORDER BY created_at, uid")
    by_text = {row["text"]: row for row in made}
    first = next(row for row in made if (row["text"] or "").startswith("Q1"))
    answer = next(row for row in made if row["reply_to"])
    quoting = next(row for row in made if row["quote_of"])
    assert by_text["Q1: what do we archive?"] is first
    assert answer["reply_to"] == answer["conversation"] == quoting["quote_of"] == first["uid"]
    assert answer["reply_to_author"] == first["author_uid"] == answer["mentions"][0]["uid"]
    assert answer["mentions"][0]["handle"] == first["author_handle"]
    assert answer["text"] == f"@{first['author_handle']} zines, says {first['author_name']}. As ada I read 10 a week"
    assert first["author_handle"] in quoting["text"]
    assert quoting["author_handle"] != first["author_handle"]  # it begins with it
    assert [link["title"] for link in quoting["links"]] == [None, "Zines"]
    assert quoting["links"][0]["url"] == f"https://posts.invalid/{first['uid'].partition(':')[2]}"
    assert quoting["links"][1]["url"] == "https://books.example/1"
    assert quoting["media"] == [{"kind": "photo", "url": None, "alt": f"{first['author_name']} waves"}]
    assert answer["likes"] == 3
    for column in ("created_at", "platform", "likes", "lang", "hashtags"):
        assert len({json.dumps(row[column], default=str) for row in made}) == len({str(row[column]) for row in held})
    assert Counter(row["author_uid"] and row["platform"] for row in made) == Counter(
        row["author_uid"] and row["platform"] for row in held
    )
    [repost] = lines(tmp_path / "out/reposts.jsonl")
    assert (repost["post_uid"], repost["id"], repost["account_uid"]) == (first["uid"], None, answer["author_uid"])
    accounts = {row["uid"]: row for row in lines(tmp_path / "out/accounts.jsonl")}
    zora = accounts[first["author_uid"]]
    assert (zora["handle"], zora["name"], zora["followers"]) == (first["author_handle"], first["author_name"], 1000)
    assert (zora["created_at"], zora["bio"], zora["avatar"], zora["url"]) == ("2015-01-01T00:00:00Z", None, None, None)


def test_two_exports_agree_under_the_same_key_alone(known, tmp_path, monkeypatch):
    for name, key in (("one", KEY), ("two", KEY), ("three", OTHER)):
        write(known, tmp_path / name, key=key)
        monkeypatch.setattr(slices, "SLICE_ROWS", 2)  # nothing depends on it
    for file in ("posts.jsonl", "reposts.jsonl", "accounts.jsonl"):
        one, two, three = ((tmp_path / name / file).read_text() for name in ("one", "two", "three"))
        assert one == two
        assert not {row.get("uid") or row.get("key") for row in map(json.loads, one.splitlines())} & {
            row.get("uid") or row.get("key") for row in map(json.loads, three.splitlines())
        }


def test_profiles_do_not_stand_in_the_order_of_their_ids(archive, tmp_path):
    store(
        archive, accounts=[Account(uid=f"x:{n}", handle=f"h{n}", followers=n, observed_at=at()) for n in range(1, 10)]
    )
    write(archive, tmp_path / "out")
    counts = [row["followers"] for row in lines(tmp_path / "out/accounts.jsonl")]
    assert sorted(counts) == list(range(1, 10)) != counts


def test_what_is_beside_says_what_is_hidden_and_what_is_not_and_names_no_source(known, tmp_path):
    write(known, tmp_path / "out")
    read_me = (tmp_path / "out/README.md").read_text()
    assert "Whoever searches the web for a sentence finds who said it" in read_me.replace("\n", " ")
    package = json.loads((tmp_path / "out/datapackage.json").read_bytes())
    assert package["knowarchive"]["pseudonymised"] is True
    assert "source 1" in {source["title"] for source in package["sources"]}
    assert KEY.secret.hex() not in repr(KEY)


def test_gaps_of_sources_are_counted_and_not_told():
    one = Source("zora.jsonl", ("import",), 1, {"done": 1}, NOW, NOW, None, None, (), ("after x:1", "after x:2"), 0, 0)
    [found] = without_names([one])
    assert (found.name, found.gaps) == ("source 1", ("2 in all",))


def test_what_is_exported_so_is_not_taken_for_posts_when_it_comes_back(known, tmp_path):
    write(known, tmp_path / "out")
    copy = open_archive(tmp_path / "copy")
    outcome = import_path(copy, tmp_path / "out/posts.jsonl").outcome
    assert (outcome.new, outcome.quarantined) == (0, 5)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"format": "ids"}, "identifiers are what pseudonyms hide"),
        ({"format": "payloads"}, "payloads are what was received"),
        ({"format": "csv", "is_public": True}, "do not go together"),
        ({"format": "csv", "since_last": True, "pseudonyms": Key(bytes(32), is_kept=False)}, "needs --key FILE"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(archive, tmp_path, request_, message):
    with pytest.raises(UsageError, match=message) as raised:
        export(archive, Request(**{"pseudonyms": KEY, **request_}), tmp_path / "out", now=lambda: NOW)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_key_is_made_once_for_its_owner_alone_and_never_in_the_export(tmp_path):
    path = tmp_path / "research.key"
    made = choose_key(path, tmp_path / "out")
    assert made.is_kept
    assert made == choose_key(path, tmp_path / "other")
    assert path.stat().st_mode & 0o777 == 0o600
    assert choose_key(None, tmp_path / "out").secret != choose_key(None, tmp_path / "out").secret
    with pytest.raises(UsageError, match="is in the export"):
        choose_key(tmp_path / "out/my.key", tmp_path / "out")
    path.write_text("no key")
    with pytest.raises(ConfigError, match="is no key of 64"):
        choose_key(path, tmp_path / "out")


def test_later_exports_under_a_kept_key_have_what_changed_with_the_same_pseudonyms(known, tmp_path):
    write(known, tmp_path / "one")
    store(known, [post(15, 30, month=4, text="later", reply_to=f"x:{ID}", author_uid="x:11", author_handle="ada")])
    assert write(known, tmp_path / "two", since_last=True).changes_since == NOW
    [later] = lines(tmp_path / "two/posts.jsonl")
    assert later["reply_to"] in {row["uid"] for row in lines(tmp_path / "one/posts.jsonl")}
    assert write(known, tmp_path / "three", key=OTHER, since_last=True).changes_since is None


@pytest.mark.parametrize(("count", "rounded"), [(0, 0), (7, 7), (19, 10), (1234, 1000), (98_765, 90_000)])
def test_numbers_of_profiles_are_rounded_to_their_first_digit(count, rounded):
    assert about(count) == rounded


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_nobody_of_a_real_pull_is_found(tmp_path):
    archive = open_archive(tmp_path)
    for name in ("mar102015.jsonl.gz", "mar102015.csv.gz"):
        import_path(archive, SHARED / name)
    write(archive, tmp_path / "out", "parquet")
    said = {
        text
        for row in query(archive, "SELECT text FROM posts WHERE text IS NOT NULL")
        for text in [row["text"]]
        if text
    }
    people = query(
        archive,
        "SELECT author_uid AS uid FROM posts WHERE author_uid IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 25",
    )
    everything = {one for row in people for one in marks(find(archive, CONFIG, row["uid"]).person)}
    plain = export(archive, Request("parquet"), tmp_path / "plain", now=lambda: NOW)
    wanted = found_on_disk(tmp_path / "plain", everything)
    assert len(wanted) > 200
    assert found_on_disk(tmp_path / "out", wanted) == set()
    made = pq.read_table(tmp_path / "out/posts.parquet")
    assert made.num_rows == plain.counts["posts"]
    same = set(made["text"].to_pylist()) & said
    assert len(same) > 20  # who names nobody is read as they wrote
