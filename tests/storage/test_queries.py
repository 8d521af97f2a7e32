"""Merging is a pure, commutative function of observations: what the archive says is what a few lines of Python say."""

import tempfile
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from knowarchive.model import Account, Link, Media, Mention, PollOption, Post, Repost
from storage import batches, columns, queries
from storage.schema import ACCOUNTS, POSTS, REPOSTS
from tests.archives import NOW, VIEWS, at, data_files, open_archive, post, query, rows, store, store_runs

# An example takes a second, so that shrinking one would take many minutes.
QUICK = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


class Observation(NamedTuple):
    record: Post | Account | Repost
    rank: int = 30
    chat: str | None = None


# The reference: as slow and plain as it can be.


def order(value):
    """A key that sorts as the archive does: inside lists and structs, unknown is the greatest."""
    if value is None:
        return (1,)
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.astuple(value)
    return (0, tuple(map(order, value)) if isinstance(value, list | tuple) else value)


def plain(value):
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value


def moment(seen):
    return seen.record.observed_at, seen.rank


def believed(observations, name):
    """Of those who know the field the newest, then the format that tells more, then the greater value."""
    known = [seen for seen in observations if getattr(seen.record, name) is not None]
    best = max(known, key=lambda seen: (moment(seen), order(getattr(seen.record, name))), default=None)
    return best and plain(getattr(best.record, name))


def reference(observations, fields=POSTS.fields, key="uid"):
    by_key = defaultdict(list)
    for seen in observations:
        by_key[getattr(seen.record, key)].append(seen)
    return {
        name: derived(
            {
                key: name,
                **{field: believed(group, field) for field in fields},
                "observed_at": max(seen.record.observed_at for seen in group),
                "chats": sorted({seen.chat for seen in group if seen.chat is not None}) or None,
            }
        )
        for name, group in by_key.items()
    }


def derived(row):
    """On X, a post's id and address follow from its uid where no observation has them."""
    if "author_handle" in row and row["uid"].startswith("x:"):
        number = row["uid"].removeprefix("x:")
        row["id"] = number if row["id"] is None else row["id"]
        row["url"] = row["url"] or f"https://x.com/{row['author_handle'] or 'i'}/status/{number}"
    return row


def stored_rows(archive, view="posts", fields=POSTS.fields):
    """Merged rows without the network, which follows from the uid."""
    columns = (VIEWS[view], *fields, "observed_at", "chats")
    return {name: {column: row[column] for column in columns} for name, row in rows(archive, view).items()}


# Few people, few moments, few values: everything meets everything.


def maybe(*values):
    return st.sampled_from((None, *values))


TEXTS = ("", "a", "b", "é😀")
CREATED = (at(0), at(1))
LISTS = {
    "hashtags": maybe((), ("a",), ("a", "b"), ("b",)),
    "mentions": maybe((), (Mention("a"),), (Mention("a", "x:1"),), (Mention("a", "x:1"), Mention("b"))),
    "links": maybe((), (Link("a"),), (Link("a", "t"),), (Link("a", "u"),)),
    "media": maybe((), (Media("photo"),), (Media("photo", "u", None),), (Media("photo", None, "alt"),)),
    "poll": maybe((PollOption("yes"),), (PollOption("yes", 1),), (PollOption("yes", 2), PollOption("no"))),
}
POST = st.builds(
    Post,
    uid=st.sampled_from(("x:1", "x:2", "mastodon:https://example.org/1")),
    created_at=st.sampled_from(CREATED),
    observed_at=st.sampled_from((at(10), at(20), at(30))),
    id=maybe("1", "2"),
    url=maybe("https://a.example", "https://b.example"),
    author_handle=maybe("ann", "bob"),
    text=maybe(*TEXTS),
    edited_at=maybe(at(5), at(6)),
    likes=maybe(0, 1, 2),
    reply_to=maybe("x:1", "x:2"),
    withheld=maybe((), ("DE",)),
    **LISTS,
)
OBSERVATION = st.builds(Observation, POST, st.sampled_from((10, 30)), st.sampled_from((None, None, "a", "b")))


def consistent(observations):
    """One text for a record at one moment: of two, which no network tells, only the greater would be kept."""
    texts = {}
    found = []
    for seen in observations:
        record = seen.record
        if isinstance(record, Post):
            text = texts.setdefault((record.uid, seen.chat, *moment(seen)), record.text)
            record = msgspec.structs.replace(record, text=text)
        found.append(seen._replace(record=record))
    return found


@st.composite
def histories(draw, observation=OBSERVATION):
    """Observations, and a way to store them: an order, some twice, cut into runs, some followed by compaction."""
    observations = consistent(draw(st.lists(observation, min_size=1, max_size=7)))
    again = draw(st.lists(st.sampled_from(observations), max_size=3))
    ordered = draw(st.permutations(observations + again))
    runs, index = [], 0
    while index < len(ordered):
        size = draw(st.integers(1, 4))
        runs.append((ordered[index : index + size], draw(st.sampled_from((False, False, True)))))
        index += size
    return observations, runs


def in_chats(observations):
    return [
        (chat, list(group))
        for chat, group in groupby(sorted(observations, key=lambda o: o.chat or ""), lambda o: o.chat)
    ]


def store_posts(archive, observations, chat):
    by_rank = [(rank, list(group)) for rank, group in groupby(observations, lambda o: o.rank)]
    return store_runs(archive, [(rank, [o.record for o in group]) for rank, group in by_rank], chat=chat)


def folder():
    return tempfile.TemporaryDirectory(prefix="knowarchive-test-")


def check_history(history):
    """Store a history run by run; after each step the archive says what the reference says."""
    observations, runs = history
    with folder() as name:
        archive = open_archive(Path(name))
        so_far = []
        for run, compact in runs:
            for chat, group in in_chats(run):
                before, after = reference(so_far), reference(so_far + group)
                outcome = store_posts(archive, group, chat)
                so_far += group
                changed = {uid for uid in before if before[uid] | {"observed_at": 0} != after[uid] | {"observed_at": 0}}
                assert (outcome.new, outcome.changed) == (len(after.keys() - before.keys()), len(changed))
            if compact:
                archive.maintain()
        assert stored_rows(archive) == reference(observations)

        files = data_files(archive, "posts")
        for chat, group in in_chats(observations):
            outcome = store_posts(archive, group, chat)
            assert (outcome.new, outcome.changed) == (0, 0)
        assert data_files(archive, "posts") == files, "what is known is not stored again"

        archive.maintain()
        assert stored_rows(archive) == reference(observations)
        for uid in {seen.record.uid for seen in observations}:
            own = [seen for seen in observations if seen.record.uid == uid]
            by_moment = defaultdict(list)
            for seen in own:
                if seen.record.text is not None:
                    by_moment[seen.chat, *moment(seen)].append(seen.record.text)
            held = query(archive, f"SELECT text FROM posts_observations WHERE uid = '{uid}' AND text IS NOT NULL")
            assert {row["text"] for row in held} == {max(texts) for texts in by_moment.values()}, "edits are history"


@settings(QUICK, max_examples=2)
@given(histories())
def test_any_order_grouping_repetition_and_compaction_gives_the_posts_of_the_reference(history):
    check_history(history)


@pytest.mark.slow
@settings(QUICK, max_examples=500)
@given(histories())
def test_any_order_grouping_repetition_and_compaction_gives_the_posts_of_the_reference_at_length(history):
    check_history(history)


ACCOUNT = st.builds(
    Account,
    uid=st.sampled_from(("x:1", "x:2")),
    observed_at=st.sampled_from((at(10), at(20), at(10, month=5))),
    handle=maybe("ann", "bob"),
    name=maybe("Ann", "Bob"),
    followers=maybe(0, 1),
)


@settings(QUICK, max_examples=3)
@given(histories(st.builds(Observation, ACCOUNT, st.sampled_from((10, 30)), st.none())))
def test_accounts_are_merged_like_posts_however_many_months_they_were_seen_in(history):
    observations, runs = history
    with folder() as name:
        archive = open_archive(Path(name))
        for run, compact in runs:
            for rank, group in groupby(run, lambda o: o.rank):
                store(archive, accounts=[o.record for o in group], rank=rank)
            if compact:
                archive.maintain()
        expected = reference(observations, ACCOUNTS.fields)
        assert stored_rows(archive, "accounts", ACCOUNTS.fields) == expected
        archive.maintain()
        assert stored_rows(archive, "accounts", ACCOUNTS.fields) == expected


REPOST = st.builds(
    Repost,
    post_uid=st.sampled_from(("x:1", "x:2")),
    post_at=st.sampled_from((at(0), at(1))),
    account_uid=st.sampled_from(("x:7", "x:8")),
    account_handle=maybe("ann", "bob"),
    at=maybe(at(3), at(4)),
    observed_at=st.sampled_from((at(10), at(20))),
)


@settings(QUICK, max_examples=3)
@given(histories(st.builds(Observation, REPOST, st.sampled_from((10, 30)), st.none())))
def test_reposts_are_merged_like_posts(history):
    observations, runs = history
    with folder() as name:
        archive = open_archive(Path(name))
        for run, compact in runs:
            for rank, group in groupby(run, lambda o: o.rank):
                store(archive, reposts=[o.record for o in group], rank=rank)
            if compact:
                archive.maintain()
        held = stored_rows(archive, "reposts", REPOSTS.fields)
        by_pair = defaultdict(list)
        for seen in observations:
            by_pair[f"{seen.record.post_uid} {seen.record.account_uid}"].append(seen)
        assert held.keys() == by_pair.keys()
        for key, group in by_pair.items():
            assert {name: held[key][name] for name in REPOSTS.fields} == {
                name: believed(group, name) for name in REPOSTS.fields
            }


# The same, one by one and in words


def test_the_newest_that_knows_a_field_wins_it(archive):
    store(archive, [post(minute=1, text="old", likes=1, lang="en")])
    outcome = store(archive, [post(minute=2, text="new", likes=2)])
    assert (outcome.new, outcome.changed) == (0, 1)
    row = rows(archive)["x:1"]
    assert (row["text"], row["likes"], row["lang"]) == ("new", 2, "en")


def test_an_older_observation_that_comes_later_fills_holes_and_wins_nothing(archive):
    store(archive, [post(minute=2, text="new")])
    outcome = store(archive, [post(minute=1, text="old", lang="en")])
    assert (outcome.new, outcome.changed) == (0, 1)
    row = rows(archive)["x:1"]
    assert (row["text"], row["lang"], row["observed_at"]) == ("new", "en", at(2))


def test_unknown_never_overwrites_known_but_none_does(archive):
    store(archive, [post(minute=1, text="a", links=(Link("https://a.example"),), hashtags=("a",), likes=3)])
    store(archive, [post(minute=2, text=None, links=None, hashtags=(), likes=0)])
    row = rows(archive)["x:1"]
    assert (row["text"], row["links"], row["hashtags"], row["likes"]) == (
        "a",
        [{"url": "https://a.example", "title": None}],
        [],
        0,
    )


@pytest.mark.parametrize("first", [0, 1])
def test_of_the_same_moment_the_format_that_tells_more_is_believed(archive, first):
    told = [(10, [post(text="zz from a table", likes=9)]), (30, [post(text="as it was")])]
    store_runs(archive, [told[first]])
    store_runs(archive, [told[1 - first]])
    row = rows(archive)["x:1"]
    assert (row["text"], row["likes"]) == ("as it was", 9)


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("values", [(1, 2), (2, 1)])
def test_of_equals_in_time_and_format_the_greater_value_wins(archive, values, compact):
    for likes in values:
        store(archive, [post(likes=likes, text=str(3 - likes))])
    if compact:
        archive.maintain()
    row = rows(archive)["x:1"]
    assert (row["likes"], row["text"]) == (2, "2"), "field by field"


def test_what_a_file_without_a_time_says_is_of_the_moment_of_its_newest_post(archive):
    newest = post(2, month=4)
    store(archive, [post(1, observed_at=None), msgspec.structs.replace(newest, observed_at=None)])
    assert rows(archive)["x:1"]["observed_at"] == newest.created_at


def test_nothing_known_is_stored_twice(archive):
    posts = [post(number, minute=number, text=str(number)) for number in range(20)]
    store(archive, posts)
    files = data_files(archive, "posts")
    for part in (posts, posts[5:], posts[::-1]):
        outcome = store(archive, part)
        assert (outcome.seen, outcome.new, outcome.changed) == (len(part), 0, 0)
    assert data_files(archive, "posts") == files


def test_an_older_observation_that_tells_nothing_is_not_stored(archive):
    store(archive, [post(minute=5, text="a", likes=5)])
    files = data_files(archive, "posts")
    outcome = store(archive, [post(minute=1, text="a", likes=2)])
    assert (outcome.new, outcome.changed) == (0, 0)
    assert data_files(archive, "posts") == files


def test_an_observation_that_does_not_know_the_text_is_no_history_of_it(archive):
    for _ in range(2):
        store(archive, [post(minute=1, likes=1), post(minute=2, text="a", likes=2)])
        store(archive, [post(minute=1, likes=3), post(minute=1, likes=4)])
    assert query(archive, "SELECT text, likes FROM posts_observations") == [{"text": "a", "likes": 2}]


def test_every_text_that_an_edited_post_had_is_kept_as_it_was_last_seen(archive):
    for minute, text in enumerate(("first", "second", "third", "first")):
        store(archive, [post(minute=minute, text=text, edited_at=at(minute))])
        archive.maintain()
    assert rows(archive)["x:1"]["text"] == "first"
    held = query(archive, "SELECT text FROM posts_observations ORDER BY observed_at")
    assert [row["text"] for row in held] == ["second", "third", "first"]


def test_counts_that_changed_often_do_not_pile_up(archive):
    for minute in range(6):
        store(archive, [post(minute=minute, text="the same", likes=minute)])
    archive.maintain()
    assert query(archive, "SELECT count(*) AS n FROM posts_observations") == [{"n": 1}]
    assert rows(archive)["x:1"]["likes"] == 5


def test_a_post_collected_for_two_chats_belongs_to_both(archive):
    outcomes = [store(archive, [post(text="a")], chat=chat) for chat in ("b", "a", None, "a")]
    assert [(outcome.new, outcome.changed) for outcome in outcomes] == [(1, 0), (0, 1), (0, 0), (0, 0)]
    assert rows(archive)["x:1"]["chats"] == ["a", "b"]
    archive.maintain()
    assert rows(archive)["x:1"]["chats"] == ["a", "b"]


def test_a_deleted_post_has_no_content_whatever_else_tells(archive):
    store(archive, [post(minute=1, text="gone soon")])
    store(archive, [post(minute=2, deleted_at=at(2))])
    row = rows(archive)["x:1"]
    assert (row["text"], row["deleted_at"]) == (None, at(2))


def test_an_observation_of_an_account_without_a_single_field_leaves_the_account_there(archive):
    bare = Account(uid="x:9", observed_at=at(1))
    store(archive, accounts=[bare])
    store(archive, accounts=[bare, bare])
    archive.maintain()
    assert rows(archive, "accounts").keys() == {"x:9"}


def test_two_bare_observations_of_an_account_in_one_run_leave_the_account_there(archive):
    bare = Account(uid="x:9", observed_at=at(1))
    store(archive, accounts=[bare, bare])
    assert rows(archive, "accounts").keys() == {"x:9"}


def test_observations_that_disagree_on_the_month_are_still_one_post(archive):
    store(archive, [post(minute=1, text="a", month=3)])
    store(archive, [post(minute=2, likes=4, month=5)])
    archive.maintain()
    row = rows(archive)["x:1"]
    assert (row["created_at"], row["text"], row["likes"]) == (at(month=5), "a", 4)


@pytest.mark.parametrize(
    ("uid", "fields", "expected"),
    [
        ("x:20", {"author_handle": "ann"}, ("20", "https://x.com/ann/status/20", "x")),
        ("x:20", {}, ("20", "https://x.com/i/status/20", "x")),
        (
            "bluesky:did:plc:abc/app.bsky.feed.post/3k",
            {},
            ("3k", "https://bsky.app/profile/did:plc:abc/post/3k", "bluesky"),
        ),
        (
            "mastodon:https://a.example/1",
            {"id": "7", "url": "https://a.example/@b/1"},
            ("7", "https://a.example/@b/1", "mastodon"),
        ),
        ("mastodon:https://a.example/1", {}, (None, None, "mastodon")),
    ],
)
def test_id_address_and_network_follow_from_the_uid(archive, uid, fields, expected):
    store(archive, [Post(uid=uid, created_at=at(), observed_at=at(), **fields)])
    row = rows(archive)[uid]
    assert (row["id"], row["url"], row["platform"]) == expected


@pytest.mark.parametrize("number", ["9", "did:plc:abc/app.bsky.feed.repost/3k", None])
def test_a_repost_has_the_id_that_its_network_gave_it(archive, number):
    store(archive, reposts=[Repost(post_uid="x:1", post_at=at(), account_uid="x:2", id=number, observed_at=at())])
    [held] = archive.reposts(at(), at(1))
    assert (held.id, held.post_uid, held.account_uid) == (number, "x:1", "x:2")


def test_hostile_text_stays_text(archive):
    hostile = "'; DROP TABLE posts; -- \0 \x1b[31m \u202e =1+1 <script>"
    store(archive, [post(text=hostile, author_handle=hostile, hashtags=(hostile,))], chat="it's")
    row = rows(archive)["x:1"]
    assert (row["text"], row["author_handle"], row["hashtags"], row["chats"]) == (hostile, hostile, [hostile], ["it's"])


def test_collected_at_is_the_latest(archive):
    store(archive, [post(minute=1, text="a")], now=NOW)
    later = NOW.replace(year=2027)
    store(archive, [post(minute=2, text="b")], now=later)
    assert query(archive, "SELECT collected_at FROM posts") == [{"collected_at": later}]


@QUICK
@given(st.lists(OBSERVATION, min_size=1, max_size=20))
def test_what_an_observation_knows_is_the_same_in_memory_and_in_the_database(observations):
    table = columns.post_table([seen.record for seen in observations])
    added = {name: pa.nulls(len(table), kind) for name, kind in POSTS.columns.items() if name not in table.column_names}
    for name, values in added.items():
        table = table.append_column(name, values)
    batch = batches.with_masks(POSTS, table.select(list(POSTS.columns)))
    with duckdb.connect() as con:
        con.register("batch", batch)
        found = con.sql(f"SELECT row, {queries.knows(POSTS)} FROM batch ORDER BY row").fetchall()
    assert found == list(enumerate(batch["knows"].to_pylist()))
