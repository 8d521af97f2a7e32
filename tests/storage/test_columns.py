"""Records become columns and come back the same."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowarchive.model import Account, Link, Media, Mention, Payload, PollOption, Post, Quarantined, Repost
from storage import columns
from storage.schema import ACCOUNTS, PAYLOADS, POSTS, QUARANTINE, REPOSTS
from tests.archives import NOW

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)  # with NUL, controls, every script
EARLIEST, LATEST = datetime(1700, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - naive, as Hypothesis wants them
TIME = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
COUNT = st.integers(-(2**63), 2**63 - 1)


def maybe(strategy):
    return st.none() | strategy


def some(strategy):
    return maybe(st.lists(strategy, max_size=3).map(tuple))


TEXTS = some(TEXT)
POST = st.builds(
    Post,
    uid=TEXT,
    created_at=TIME,
    **dict.fromkeys(("observed_at", "edited_at", "deleted_at"), maybe(TIME)),
    **dict.fromkeys(
        [
            "id",
            "url",
            "author_uid",
            "author_handle",
            "author_name",
            "text",
            "warning",
            "lang",
            "reply_to",
            "reply_to_author",
            "conversation",
            "quote_of",
            "visibility",
            "consent",
        ],
        maybe(TEXT),
    ),
    **dict.fromkeys(("hashtags", "withheld"), TEXTS),
    **dict.fromkeys(("likes", "reposts", "replies", "quotes"), maybe(COUNT)),
    mentions=some(st.builds(Mention, TEXT, maybe(TEXT))),
    links=some(st.builds(Link, TEXT, maybe(TEXT))),
    media=some(st.builds(Media, TEXT, maybe(TEXT), maybe(TEXT))),
    poll=some(st.builds(PollOption, TEXT, maybe(COUNT))),
)
ACCOUNT = st.builds(
    Account,
    uid=TEXT,
    **dict.fromkeys(("handle", "name", "bio", "url", "avatar", "consent"), maybe(TEXT)),
    **dict.fromkeys(("observed_at", "created_at"), maybe(TIME)),
    **dict.fromkeys(("followers", "following", "posts"), maybe(COUNT)),
)
REPOST = st.builds(
    Repost,
    post_uid=TEXT,
    post_at=TIME,
    **dict.fromkeys(("account_uid", "account_handle"), maybe(TEXT)),
    **dict.fromkeys(("at", "observed_at"), maybe(TIME)),
)


def complete(table, spec):
    """Add what is not staged: the columns that all records of a payload have in common, and `chats`."""
    for name in spec.schema.names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, spec.schema.field(name).type))
    return table.append_column("chats", pa.nulls(table.num_rows, pa.list_(pa.string())))


@settings(max_examples=60, deadline=None)
@given(st.lists(POST, max_size=4))
def test_posts_become_columns_and_come_back_the_same(posts):
    table = columns.post_table(posts)
    table.validate(full=True)
    assert columns.posts_from(complete(table, POSTS)) == posts


@settings(max_examples=40, deadline=None)
@given(st.lists(ACCOUNT, max_size=4))
def test_accounts_become_columns_and_come_back_the_same(accounts):
    assert columns.accounts_from(complete(columns.account_table(accounts), ACCOUNTS)) == accounts


@settings(max_examples=40, deadline=None)
@given(st.lists(REPOST, max_size=4))
def test_reposts_become_columns_and_come_back_the_same(reposts):
    table = complete(columns.repost_table(reposts), REPOSTS)
    table = table.append_column("id", pa.nulls(table.num_rows, pa.string()))  # readers find it in the key
    assert columns.reposts_from(table) == reposts


@settings(max_examples=30, deadline=None)
@given(
    st.builds(
        Payload,
        format=TEXT,
        origin=TEXT,
        body=st.binary(max_size=50),
        items=st.integers(0, 9),
        head=st.binary(max_size=9),
        position=st.integers(1, 9),
        fetched_at=maybe(TIME),
    )
)
def test_payloads_come_back_byte_by_byte(payload):
    added = {"payload_id": payload.payload_id, "pull": "p", "newest_at": None, "collected_at": NOW, "chat": None}
    table = columns.payload_table([(payload, added)])
    assert columns.payloads_from(table) == [payload]
    assert table.schema == PAYLOADS.schema
    assert table["size"].to_pylist() == [len(payload.body)]


def test_quarantined_records_keep_what_names_them():
    record = Quarantined(origin="o", position=7, reason="why", digest="d", size=3, payload_id="p", uid="x:1")
    [row] = columns.quarantine_table([record], NOW).to_pylist()
    assert row == {
        "payload_id": "p",
        "origin": "o",
        "position": 7,
        "uid": "x:1",
        "reason": "why",
        "digest": "d",
        "size": 3,
        "collected_at": NOW,
    }
    assert columns.quarantine_table([record], NOW).schema == QUARANTINE.schema


def test_unknown_and_none_are_two_things():
    known, unknown = Post(uid="x:1", created_at=NOW, links=(), text=""), Post(uid="x:2", created_at=NOW)
    table = columns.post_table([known, unknown])
    assert table["links"].to_pylist() == [[], None]
    assert table["text"].to_pylist() == ["", None]


@pytest.mark.parametrize(
    ("repost", "key"),
    [
        (Repost(post_uid="x:1", post_at=NOW, id="9", account_uid="x:2"), "x:9"),
        (Repost(post_uid="x:1", post_at=NOW, account_uid="x:2", account_handle="ann"), "x:1 x:2"),
        (Repost(post_uid="x:1", post_at=NOW, account_handle="ann"), "x:1 ann"),
    ],
)
def test_a_repost_is_named_by_the_network_or_by_who_repeated_what(repost, key):
    assert columns.repost_key(repost) == key
