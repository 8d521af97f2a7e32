"""Whatever the bytes are, mapping does not raise, and one bad record costs one record."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import map_payload, screen
from knowarchive.model import Payload

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "x", "\0", "\ud83d", "at://", "did:plc:a", "2024-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 30]
    )
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$type",
                    "uri",
                    "did",
                    "posts",
                    "post",
                    "record",
                    "value",
                    "embed",
                    "replies",
                    "parent",
                    "index",
                    "val",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BESIDE = {
    "uri": "at://did:plc:beside/app.bsky.feed.post/3kmzzzzzzzz2z",
    "record": {"text": "well", "createdAt": "2024-03-06T20:00:00Z"},
    "indexedAt": "2024-03-06T20:00:00Z",
}


def check(payload):
    assert screen(payload) == (payload, 0)
    mapped = map_payload(payload)
    for post in mapped.posts:
        assert post.uid.startswith("bluesky:did:")
        assert post.created_at.utcoffset().total_seconds() == 0
        assert (post.text is None) == (post.visibility in {"not-found", "blocked", None})
    assert all(bad.reason.isprintable() and len(bad.reason) < 250 for bad in mapped.quarantined)
    msgspec.json.encode(mapped)
    return mapped


def paths(value, here=()):
    yield here
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*here, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*here, index))


def replaced(value, path, junk):
    if not path:
        return junk
    key, *rest = path
    if isinstance(value, dict):
        return {**value, key: replaced(value[key], rest, junk)}
    return [*value[:key], replaced(value[key], rest, junk), *value[key + 1 :]]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_an_answer_with_anything_in_any_place_never_raises_and_harms_no_neighbour(data, cases, payload_of):
    case = data.draw(st.sampled_from(cases))
    value = json.loads(case.read_bytes())["body"]
    path = data.draw(st.sampled_from(list(paths(value))))
    broken = replaced(value, path, data.draw(JUNK))
    check(payload_of(case, json.dumps(broken).encode()))
    if isinstance(broken, dict) and isinstance(broken.get("posts"), list):
        beside = {**broken, "posts": [*broken["posts"], BESIDE]}
        mapped = check(payload_of(case, json.dumps(beside).encode()))
        assert any(post.text == "well" for post in mapped.posts)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_cut_and_overwritten_bytes_never_raise(data, cases, payload_of):
    case = data.draw(st.sampled_from(cases))
    body = payload_of(case).body
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 50)))
    check(payload_of(case, body[:start] + data.draw(st.binary(max_size=20)) + body[end:]))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"[" * 100_000, "record: expected object, got array"),
        (b'{"posts":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"posts":[{"uri":"at://did:plc:a/app.bsky.feed.post/a","record":{"text":"\xff"}}]}', "not UTF-8"),
        (b'{"posts":[5]}', "record: expected object, got int"),
        (b'{"posts":{}}', "record: expected array, got object"),
        (b'{"posts":[{"uri":"at://did:plc:a/app.bsky.feed.post/.."}]}', "uri: not the address of a record"),
        (
            b'{"posts":[{"uri":"at://did:plc:a/app.bsky.feed.post/a","record":{"text":"a"}}]}',
            "record.createdAt: not a time",
        ),
        (
            b'{"posts":[{"uri":"at://did:plc:a/app.bsky.feed.post/a","record":{"text":"a"},"likeCount":-1}]}',
            "likeCount: expected int >= 0",
        ),
    ],
)
def test_a_bad_record_says_which_field_and_why(record, reason):
    payload = Payload(format="bluesky-json", origin="o", body=record, items=1)
    mapped = check(payload)
    assert [bad.reason for bad in mapped.quarantined] == [reason]
    assert mapped.seen == 1


def test_half_characters_are_replaced_and_whole_ones_kept():
    body = (
        rb'{"posts":[{"uri":"at://did:plc:a/app.bsky.feed.post/a","indexedAt":"2024-03-06T20:00:00Z",'
        rb'"record":{"text":"\ud83d\ude00 \\ud83d \ud83d"}}]}'
    )
    (post,) = check(Payload(format="bluesky-json", origin="o", body=body, items=1)).posts
    assert post.text == "\N{GRINNING FACE} \\ud83d \N{REPLACEMENT CHARACTER}"


def test_a_deep_thread_is_walked_or_set_aside_but_never_overflows():
    node = {}
    for number in range(300):
        view = {**BESIDE, "uri": f"at://did:plc:a/app.bsky.feed.post/k{number}"}
        node = {"$type": "app.bsky.feed.defs#threadViewPost", "post": view, "replies": [node] if node else []}
    mapped = check(Payload(format="bluesky-json", origin="o", body=json.dumps({"thread": node}).encode(), items=1))
    assert len(mapped.posts) == 300
