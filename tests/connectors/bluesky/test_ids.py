"""Addresses, the clock in keys, and when a post was made."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bluesky.ids import key_time, made_at, post_uid, post_uri, read_time


def test_an_address_is_an_identity_both_ways():
    uri = "at://did:web:example.org%3A8443/app.bsky.feed.post/3jzfcijpj2z2a"
    assert post_uid(uri) == "bluesky:did:web:example.org%3A8443/app.bsky.feed.post/3jzfcijpj2z2a"
    assert post_uri(post_uid(uri)) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "at://ada.example.org/app.bsky.feed.post/a",  # a handle may belong to somebody else tomorrow
        "at://did:plc:a/app.bsky.feed.post",
        "at://did:plc:a/app.bsky.feed.post/.",
        "at://did:plc:a/app.bsky.feed.post/a/b",
        "at://did:plc:a/post/a",
        "at://did:plc:a/app.bsky.feed.post/a b",
        "https://bsky.app/profile/did:plc:a/post/a",
        None,
        5,
    ],
)
def test_anything_else_is_none(uri):
    assert post_uid(uri) is None


@given(after=st.timedeltas(timedelta(days=365), timedelta(days=84_000)), clock=st.integers(0, 1023))
def test_a_key_tells_its_time(after, clock):
    made = datetime(1970, 1, 1, tzinfo=UTC) + after
    number = after // timedelta(microseconds=1) << 10 | clock
    digits = "234567abcdefghijklmnopqrstuvwxyz"
    key = "".join(digits[number >> 5 * place & 31] for place in range(12, -1, -1))
    assert key_time(f"bluesky:did:plc:a/app.bsky.feed.post/{key}") == made


@pytest.mark.parametrize("key", ["self", "2222222222222", "zzzzzzzzzzzzz", "3jzfcijpj2z2", "3jzfcijpj2z21"])
def test_a_key_that_is_no_clock_tells_none(key):
    assert key_time(f"bluesky:did:plc:a/app.bsky.feed.post/{key}") is None


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-06T20:00:00Z",
        "2024-03-06T20:00:00.000Z",
        "2024-03-06T20:00:00.000000000Z",
        "2024-03-06T21:00:00+01:00",
        "2024-03-06T20:00:00",
    ],
)
def test_every_format_of_time_is_read(text):
    assert read_time(text) == datetime(2024, 3, 6, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "now", "2024-03-06", "2024-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", 5]
)
def test_what_is_no_time_is_none(text):
    assert read_time(text) is None


def test_a_claim_is_believed_of_the_past_and_not_of_the_future():
    seen = "2024-03-06T20:00:00Z"
    assert made_at("2020-01-01T00:00:00Z", seen) == datetime(2020, 1, 1, tzinfo=UTC)
    assert made_at("2031-01-01T00:00:00Z", seen) == read_time(seen)
    assert made_at("tomorrow", seen) == read_time(seen)
    assert made_at("2031-01-01T00:00:00Z", None) == datetime(2031, 1, 1, tzinfo=UTC)
    assert made_at(None, None) is None
