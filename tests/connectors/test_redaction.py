"""What is left of a payload when posts in it were erased: their place, everything else as it was, and none of their words."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectors
from connectors import map_payload, redact, screen
from connectors.base import Exchange
from connectors.files.reader import read_file
from connectors.mastodon.answers import Head
from knowarchive.model import CONTENT, Payload, without_content

CASES = Path(__file__).parents[1] / "payloads"
AT = datetime(2026, 3, 11, tzinfo=UTC)
LONG = 14  # characters that two texts do not have in common by chance


def answers(platform, name, kind):
    for path in sorted((CASES / platform).glob("*.json")):
        if ".expected" in path.name:
            continue
        case = json.loads(path.read_bytes())
        if not isinstance(case, dict) or "body" not in case:
            continue
        head = msgspec.convert(case.get("head", {"request": "", "server": ""}), kind)
        fetched_at = datetime.fromisoformat(case["fetched_at"]) if "fetched_at" in case else AT
        body = msgspec.json.encode(case["body"])
        payload = Payload(format=name, origin=path.name, body=body, items=1, head=head.encode(), fetched_at=fetched_at)
        yield screen(payload)[0]


def payloads():
    """Every invented payload beside this test, as a file of its format or as an answer of its network."""
    yield from answers("bluesky", "bluesky-json", Exchange)
    yield from answers("mastodon", "mastodon-json", Head)
    for path in sorted((CASES / "x").iterdir()):
        if ".expected" in path.name:
            continue
        for payload in read_file(path, origin=path.name):
            assert isinstance(payload, Payload)
            yield payload
            if payload.format == "x-json":
                value = json.loads(payload.body)
                body = b"\n".join(map(msgspec.json.encode, value if isinstance(value, list) else [value]))
                yield msgspec.structs.replace(payload, format=f"x-{path.name[:2]}-jsonl", body=body)
            if payload.format == "x-json" and b'"includes"' in payload.body:
                head = Exchange(request="/2/tweets/search/recent", server="https://api.x.com").encode()
                yield msgspec.structs.replace(payload, format="x-api", head=head, fetched_at=AT)


PAYLOADS = list(payloads())


def named(mapped):
    return sorted({post.uid for post in mapped.posts} | {repost.post_uid for repost in mapped.reposts})


WITH_POSTS = [payload for payload in PAYLOADS if named(map_payload(payload))]


def strings(payload):
    """All that a payload says, unescaped."""
    if payload.format == "x-csv":
        for row in csv.reader(io.StringIO(payload.body.decode())):
            yield from row
        return
    found = []

    def walk(value):
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    lines = payload.body.split(b"\n") if payload.format.endswith("jsonl") else [payload.body]
    for line in lines:
        try:
            walk(json.loads(line))
        except ValueError:
            found.append(line.decode("utf-8", "replace"))
    yield from found


def pieces(text):
    return {text[start : start + LONG] for start in range(max(1, len(text) - LONG + 1))} if len(text) >= LONG else set()


def check(payload, uids):
    before = map_payload(payload)
    rest, count = redact(payload, uids)
    after = map_payload(rest)
    assert redact(rest, uids) == (rest, 0)
    assert (rest.head, rest.items, rest.position) == (payload.head, payload.items, payload.position)
    # Every other record is what it was.
    others = [post for post in before.posts if post.uid not in uids]
    assert [post for post in after.posts if post.uid not in uids] == others
    assert Counter(after.reposts) == Counter(before.reposts)
    assert sorted(after.accounts, key=repr) == sorted(before.accounts, key=repr)
    assert [record.position for record in after.quarantined] == [record.position for record in before.quarantined]
    # Of the posts themselves nothing is left but their place.
    erased = [post for post in before.posts if post.uid in uids]
    assert {post for post in after.posts if post.uid in uids} <= {without_content(post) for post in erased}
    assert all(getattr(post, name) is None for post in after.posts if post.uid in uids for name in CONTENT)
    allowed = "\0".join(
        [post.text or "" for post in others]
        + [f"{account.bio} {account.handle} {account.avatar}" for account in before.accounts]
        + [media.alt or "" for post in others for media in post.media or ()]
        + [f"{link.url} {link.title or ''}" for post in others for link in post.links or ()]
        + [post.uid + (post.url or "") for post in before.posts]
    )
    said = "\0".join(strings(rest))
    for post in erased:
        words = [post.text or "", post.warning or ""]
        words += [media.alt or "" for media in post.media or ()]
        words += [option.text for option in post.poll or ()] + [link.title or "" for link in post.links or ()]
        left = [piece for text in words for piece in pieces(text) if piece in said and piece not in allowed]
        assert left == []
    return count, before, after


@pytest.mark.parametrize("payload", WITH_POSTS, ids=lambda payload: f"{payload.format}-{payload.origin}")
def test_each_post_of_a_payload_can_be_erased_alone(payload):
    for uid in named(map_payload(payload)):
        check(payload, {uid})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_erasing_any_posts_leaves_every_other_record_as_it_was(data):
    payload = data.draw(st.sampled_from(WITH_POSTS))
    check(payload, data.draw(st.sets(st.sampled_from(named(map_payload(payload))))))


def test_every_format_can_be_redacted():
    for name in connectors.FORMATS:
        assert callable(connectors.load(name).redact)
    own = {name for name in connectors.FORMATS if name.startswith("knowarchive-")}  # tested where they are written
    assert {payload.format for payload in WITH_POSTS} == connectors.FORMATS.keys() - own


X = "x:1500000000000000001"
OTHER = b'{ "id":"1500000000000000002",\t"text":"caf\\u00e9 1.50",  "n": 1.50, "n": 2e1 }'


def lines(*records):
    return Payload(format="x-v2-jsonl", origin="a", body=b"\n".join(records), items=len(records))


def test_whatever_is_not_erased_keeps_its_bytes():
    gone = b'{"id":"1500000000000000001","text":"gone","created_at":"2022-03-05T07:00:00.000Z"}'
    page = b'{ "data" : [ %b , %b ],\n "meta" : { "newest_id":"1500000000000000001", "z" : 1.0e3 } }'.replace(
        b"\n", b""
    )
    rest, count = redact(lines(OTHER, gone, page % (OTHER, gone), b"not json", b""), {X})
    first, second, third, *last = rest.body.split(b"\n")
    assert count == 2
    assert (first, last) == (OTHER, [b"not json", b""])
    assert b"gone" not in second + third
    assert OTHER in third
    assert b'{ "newest_id":"1500000000000000001", "z" : 1.0e3 }' in third


@pytest.mark.parametrize(
    "record",
    [
        b'{"id":"1500000000000000001","text":"gone',  # cut off
        b'{"id":"1500000000000000001","text":"gone"}garbage',
        b'{"a":' + b"[" * 3000 + b'{"id":"1500000000000000001","text":"gone"}' + b"]" * 3000 + b"}",
        b'\xff{"id":"1500000000000000001","text":"gone"}',
    ],
)
def test_what_cannot_be_read_and_names_it_goes_whole(record):
    rest, count = redact(lines(OTHER, record), {X})
    assert count == 1
    assert b"gone" not in rest.body
    assert rest.body.startswith(OTHER + b"\n")
    assert len(map_payload(rest).quarantined) == len(map_payload(lines(OTHER, record)).quarantined)


def test_half_characters_of_others_do_not_keep_it():
    page = b'{"data":[{"id":"1500000000000000001","text":"gone"},{"id":"1500000000000000002","text":"half \\ud83d"}]}'
    rest, _ = redact(lines(page), {X})
    assert b"gone" not in rest.body
    assert map_payload(rest).posts[-1].text == "half \N{REPLACEMENT CHARACTER}"


def test_an_address_with_escaped_slashes_is_the_same_address():
    uri = "https://friendica.example/objects/0ab1-22"
    status = {
        "id": "7", "uri": uri, "url": uri, "visibility": "public", "created_at": "2026-03-10T20:00:00Z",
        "content": "<p>gone</p>", "account": {"id": "1", "acct": "ada", "url": "https://friendica.example/profile/ada"},
    }  # fmt: skip
    body = json.dumps([status]).replace("/", "\\/").encode()
    head = Head(request="/api/v1/timelines/tag/x", server="https://friendica.example").encode()
    payload = Payload(format="mastodon-json", origin="", body=body, items=1, head=head, fetched_at=AT)
    rest, count = redact(payload, {f"mastodon:{uri}"})
    assert count == 1
    assert b"gone" not in rest.body
    assert [post.text for post in map_payload(rest).posts] == [None]


def test_the_versions_of_an_edited_post_go_though_none_names_it():
    uid = "mastodon:https://harbour.example/users/ada/statuses/7"
    head = Head(request="/api/v1/statuses/7/history", server="https://harbour.example", subject={uid: AT}).encode()
    version = {"created_at": "2026-03-10T20:00:00Z", "content": "<p>gone</p>"}
    payload = Payload(
        format="mastodon-json", origin="", body=json.dumps([version]).encode(), items=1, head=head, fetched_at=AT
    )
    rest, count = redact(payload, {uid})
    assert (rest.body, count) == (b"[]", 1)
    assert redact(payload, {"mastodon:https://harbour.example/users/ada/statuses/8"}) == (payload, 0)


def test_the_card_of_a_link_to_it_shows_nothing_of_it_any_more():
    url = "https://bsky.app/profile/ada.example/post/3kmzzzzzzzz2a"
    card = {"url": url, "title": "Ada", "description": "gone", "type": "link"}
    near = {"url": f"{url}b", "title": "Ada", "description": "of another", "type": "link"}
    statuses = [
        {
            "id": str(number), "uri": f"https://harbour.example/users/bo/statuses/{number}", "visibility": "public",
            "created_at": "2026-03-10T20:00:00Z", "content": f'<p>look <a href="{one["url"]}">here</a></p>',
            "account": {"id": "1", "acct": "bo", "uri": "https://harbour.example/users/bo"}, "card": one,
        }
        for number, one in enumerate((card, near), 1)
    ]  # fmt: skip
    head = Head(request="/api/v1/timelines/tag/x", server="https://harbour.example").encode()
    body = json.dumps(statuses).encode()
    payload = Payload(format="mastodon-json", origin="", body=body, items=2, head=head, fetched_at=AT)
    rest, count = redact(payload, {"bluesky:did:plc:ada/app.bsky.feed.post/3kmzzzzzzzz2a"})
    assert count == 1
    assert b"gone" not in rest.body
    assert b"of another" in rest.body
    assert [[link.title for link in post.links] for post in map_payload(rest).posts] == [[None], ["Ada"]]


def test_a_row_whose_rounded_id_may_be_its_goes():
    body = b"1.50000E+18,,Sat Mar 05 07:00:00 +0000 2022,gone,ada\n1500000000000000002,,,stays,bo"
    payload = Payload(
        format="x-csv", origin="", head=b"id,tweet_url,created_at,text,user_screen_name", body=body, items=2
    )
    rest, count = redact(payload, {X})
    assert count == 1
    assert b"gone" not in rest.body
    assert rest.body.endswith(b"\n1500000000000000002,,,stays,bo")


BLUESKY, MASTODON = (
    "bluesky:did:plc:ada/app.bsky.feed.post/3kmzzzzzzzz2a",
    "mastodon:https://harbour.example/users/ada/statuses/7",
)
PAGE = {"data": [{"id": "1500000000000000001", "text": "gone", "attachments": {"media_keys": ["3_5"]}}]}


@pytest.mark.parametrize(
    ("name", "uid", "body"),
    [
        ("bluesky-json", BLUESKY, {"posts": [{"record": {}, "uri": ["at://did:plc:ada/app.bsky.feed.post/3kmzzzzzzzz2a"]}]}),
        ("mastodon-json", MASTODON, [{"content": "", "uri": ["https://harbour.example/users/ada/statuses/7"]}]),
        ("mastodon-json", MASTODON, [{"content": "", "reblog": {"uri": {"https://harbour.example/users/ada/statuses/7": 1}}}]),
        ("knowarchive-jsonl", X, {"uid": [X], "text": "a"}),
        ("x-api", X, {**PAGE, "includes": {"media": [{"media_key": ["3_5"], "type": "photo"}]}}),
        ("x-api", X, {**PAGE, "includes": {"polls": [{"id": {"3_5": 1}, "options": []}]}}),
    ],
)  # fmt: skip
def test_what_stands_where_a_name_should_does_not_keep_a_post_from_being_erased(name, uid, body):
    head = Head(request="/api/v1/timelines/tag/x", server="https://harbour.example").encode()
    payload = Payload(format=name, origin="", body=json.dumps(body).encode(), items=1, head=head, fetched_at=AT)
    assert b"gone" not in redact(payload, {uid})[0].body


def test_an_address_that_is_none_does_not_keep_others_from_being_erased():
    status = {"uri": MASTODON.removeprefix("mastodon:"), "content": "gone", "visibility": "public"}
    head = Head(request="/api/v1/timelines/tag/x", server="https://harbour.example").encode()
    payload = Payload(
        format="mastodon-json", origin="", body=json.dumps([status]).encode(), items=1, head=head, fetched_at=AT
    )
    rest, count = redact(payload, {MASTODON, "mastodon:https://[harbour.example/7"})
    assert count == 1
    assert b"gone" not in rest.body


def test_an_address_is_the_same_with_its_ampersand_escaped_as_rails_does():
    uri = "https://blog.example/?post_type=note&p=12"
    status = {"uri": uri, "content": "gone", "visibility": "public"}
    body = json.dumps([status]).replace("&", "\\u0026").encode()
    head = Head(request="/api/v1/timelines/tag/x", server="https://harbour.example").encode()
    payload = Payload(format="mastodon-json", origin="", body=body, items=1, head=head, fetched_at=AT)
    rest, count = redact(payload, {f"mastodon:{uri}"})
    assert count == 1
    assert b"gone" not in rest.body


def page_with_picture(number, *used):
    """A page on which the post to be erased came along, with its picture; `used` are posts that show the same one."""
    erased = {"id": "1500000000000000001", "text": "gone", "attachments": {"media_keys": ["3_5"]}}
    picture = {"media_key": "3_5", "type": "photo", "url": "https://pbs.twimg.com/a.jpg", "alt_text": "of a harbour"}
    data = [{"id": str(1500000000000000010 + number), "text": "look"}, *used]
    return json.dumps({"data": data, "includes": {"tweets": [erased], "media": [picture]}}).encode()


def test_a_picture_that_came_with_several_pages_goes_from_all():
    rest, _ = redact(lines(page_with_picture(1), page_with_picture(2)), {X})
    assert b"harbour" not in rest.body


def test_a_picture_that_another_post_shows_stays():
    address = {"start": 0, "end": 9, "url": "https://t.co/a", "media_key": "3_5"}
    for used in ({"attachments": {"media_keys": ["3_5"]}}, {"entities": {"urls": [address]}}):
        other = {"id": "1500000000000000003", "text": "mine too", **used}
        rest, _ = redact(lines(page_with_picture(1, other), page_with_picture(2)), {X})
        assert rest.body.count(b"of a harbour") == 2
        assert b"gone" not in rest.body


def test_a_table_without_texts_is_left_as_it_is_but_for_the_row():
    payload = Payload(format="x-csv", origin="", head=b"id,lang", body=b"1500000000000000001,en", items=1)
    assert redact(payload, {X})[0].body == b"1500000000000000001,"
