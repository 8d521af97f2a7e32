"""Whatever the bytes are, mapping and screening do not raise, and one bad record costs one record."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import FORMATS, map_payload, screen
from knowarchive.model import Payload

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "x", "1e400", "٣", "\0", "0", "-1", "9" * 30, "Mon Feb 30 13:15:00 +0000 2015", "\ud83d"])
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "id_str", "data", "includes", "users", "tweets", "text", "user", "entities", "urls", "statuses"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def payload(body, format_name, items=None, head=b""):
    return Payload(
        format=format_name, origin="o", body=body, items=body.count(b"\n") + 1 if items is None else items, head=head
    )


def check(one):
    screened, dropped = screen(one)
    assert dropped >= 0
    mapped = map_payload(screened)
    for post in mapped.posts:
        assert post.uid.removeprefix("x:").isdecimal()
        assert post.created_at.utcoffset().total_seconds() == 0
        assert post.text is not None
    for repost in mapped.reposts:
        assert repost.post_at.utcoffset().total_seconds() == 0
    assert all(bad.reason.isprintable() and len(bad.reason) < 250 for bad in mapped.quarantined)
    return mapped


@pytest.mark.parametrize("format_name", FORMATS)
@given(body=st.binary(max_size=200))
def test_random_bytes_never_raise(format_name, body):
    check(payload(body, format_name, head=b"id,text,created_at"))


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


@settings(max_examples=400)
@given(data=st.data())
def test_a_record_with_anything_in_any_place_never_raises_and_harms_no_neighbour(data, cases, payload_of):
    case = data.draw(st.sampled_from([path for path in cases if path.suffix == ".json"]))
    value = json.loads(case.read_bytes())
    good = payload_of(case)
    path = data.draw(st.sampled_from(list(paths(value))))
    broken = replaced(value, path, data.draw(JUNK))
    lines = broken if isinstance(broken, list) and isinstance(value, list) else [broken]
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    check(payload(body, good.format))
    check(payload(json.dumps(broken).encode(), "x-json"))
    beside = b'{"id":"1500000000000000999","author_id":"7","text":"well","created_at":"2022-03-05T07:00:00.000Z"}'
    mapped = check(payload(beside + b"\n" + body, good.format))
    assert any(post.uid == "x:1500000000000000999" for post in mapped.posts)


@given(data=st.data())
def test_cut_and_overwritten_bytes_never_raise(data, cases, payload_of):
    good = payload_of(data.draw(st.sampled_from(cases)))
    start = data.draw(st.integers(0, len(good.body)))
    end = data.draw(st.integers(start, min(len(good.body), start + 50)))
    body = good.body[:start] + data.draw(st.binary(max_size=20)) + good.body[end:]
    check(payload(body, good.format, head=good.head))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"id_str":"5","text":' + b"[" * 100_000, "nested too deeply"),
        (b'{"id_str":"5","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"id_str":"5","text":"\xff"}', "not UTF-8"),
        (b'{"id_str":"5","text":"a\x00"}', "not JSON"),
        (b'{"id_str":"5","text":"a","created_at":5}', "created_at: expected str | null, got int"),
        (b'{"id_str":"5.0","text":"a"}', "id: not a number"),
        (b'{"id_str":"05","text":"a"}', "id: not a number"),
        ('{"id_str":"٣","text":"a"}'.encode(), "id: not a number"),
        (b'{"id_str":"","text":"a"}', "id: not a number"),
        (b'{"id_str":"5","text":"a","created_at":"Mon Mar 23 25:06:40 +0000 2015"}', "created_at: not a date"),
        (b'{"id_str":"5","text":"a","created_at":"Fri Dec 31 23:06:40 -0500 9999"}', "created_at: not a date"),
        (b'{"id_str":"5","text":"a"}', "created_at: missing"),
        (b'{"id_str":"580000000000000001"}', "text: missing"),
        (b'{"data":[{"id":"x","text":"a"}]}', "data[0].id: not a number"),
        (b'{"data":[{"id":1,"text":"a"}]}', "data[0].id: expected str | null, got int"),
        (
            b'{"data":[{"id":"1500000000000000001","text":"a","created_at":"2022-02-30T07:00:00Z"}]}',
            "data[0].created_at: invalid RFC3339 encoded datetime",
        ),
        (
            b'{"data":[{"id":"1500000000000000001","text":"a","created_at":"9999-12-31T23:59:59-05:00"}]}',
            "data[0].created_at: not a date",
        ),
        (b'{"id":"5","text":"a","created_at":"0001-01-01T00:00:00+05:00"}', "created_at: not a date"),
        (b'{"id":"5","text":"a","created_at":"9999-12-31T23:59:59Z"}', "created_at: not a date"),
    ],
)
def test_a_bad_record_says_which_field_and_why(record, reason):
    well = b'{"id":"1500000000000000999","author_id":"7","text":"well","created_at":"2022-03-05T07:00:00.000Z"}'
    mapped = check(payload(well + b"\n" + record + b"\n" + well.replace(b"999", b"998"), "x-v2-jsonl"))
    assert [(bad.position, bad.reason) for bad in mapped.quarantined] == [(2, reason)]
    assert len(mapped.posts) == 2
    assert mapped.seen == 3


def test_of_duplicate_keys_the_last_counts():
    body = (
        b'{"id_str":"580000000000000001","text":"first","text":"last","user":{"id_str":"1","id_str":"2"},'
        b'"created_at":"Mon Mar 23 13:06:40 +0000 2015"}'
    )
    (post,) = check(payload(body, "x-v1-jsonl")).posts
    assert (post.text, post.author_uid) == ("last", "x:2")


def test_half_characters_are_replaced_and_whole_ones_kept():
    body = rb'{"id":"1500000000000000001","author_id":"7","text":"\ud83d\ude00 \\ud83d \ud83d\u2026"}'
    (post,) = check(payload(body, "x-v2-jsonl")).posts
    assert post.text == "\N{GRINNING FACE} \\ud83d \N{REPLACEMENT CHARACTER}…"


def test_counts_may_be_strings():
    body = b'{"id_str":"580000000000000001","text":"a","favorite_count":"3","user":{"id_str":"1"}}'
    (post,) = check(payload(body, "x-v1-jsonl")).posts
    assert post.likes == 3


def test_a_bad_post_in_a_page_costs_one_post(cases):
    page = json.loads(next(case for case in cases if case.name == "v2-page.json").read_bytes())
    page["data"][1]["public_metrics"] = "many"
    page["includes"]["users"][2]["id"] = {"$oid": "1"}
    mapped = check(payload(msgspec.json.encode(page), "x-v2-jsonl"))
    assert [bad.reason for bad in mapped.quarantined] == [
        "includes.users[2].id: expected str, got object",
        "data[1].public_metrics: expected object | null, got str",
    ]
    assert (mapped.seen, len(mapped.posts), len(mapped.reposts)) == (5, 4, 1)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59Z"])
def test_times_that_no_clock_shows_are_none(time):
    head = b"id,text,created_at,author_id,author.created_at,__twarc.retrieved_at"
    row = f"1500000000000000001,a,2022-03-05T07:00:00Z,7,{time},{time}".encode()
    (person,) = check(payload(row, "x-csv", head=head)).accounts
    assert (person.created_at, person.observed_at) == (None, None)
    made = payload(f"1500000000000000001,a,{time},7".encode(), "x-csv", head=b"id,text,created_at,author_id")
    assert [bad.reason for bad in check(made).quarantined] == ["created_at: not a date"]
    page = {
        "data": [{"id": "1500000000000000001", "text": "a", "author_id": "7", "created_at": "2022-03-05T07:00:00Z"}],
        "includes": {"users": [{"id": "7", "username": "ada", "created_at": time}]},
        "__twarc": {"retrieved_at": time},
    }
    mapped = check(payload(json.dumps(page).encode(), "x-v2-jsonl"))
    assert (mapped.accounts[0].created_at, mapped.posts[0].observed_at) == (None, None)


def test_a_header_that_cannot_be_read_costs_its_rows():
    mapped = check(payload(b"1,true", "x-csv", head=b"id,protected\xff"))
    assert (mapped.posts, len(mapped.quarantined)) == ([], 1)
