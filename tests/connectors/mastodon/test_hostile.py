"""Whatever a server answers, screening and mapping do not raise, one bad post costs one post, and nothing private stays."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import map_payload, screen
from connectors.mastodon.answers import PUBLIC, Head
from knowarchive.model import Payload
from tests.connectors.mastodon.instance import START
from tests.connectors.mastodon.test_cases import CASES, read_case

SUBJECT = {"mastodon:https://harbour.example/users/ada/statuses/1": START}
PATHS = (
    "/api/v1/timelines/tag/lanternkm?limit=40", "/api/v1/statuses/1", "/api/v1/statuses/1/context",
    "/api/v1/statuses/1/history", "/api/v1/statuses/1/reblogged_by", "/api/v2/search?q=x", "/api/v1/notifications", "",
)  # fmt: skip
SCALARS = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 10**30, "", "x", "private", "\0", "2026-13-40T00:00:00Z", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", "<p>", "https://a.example/x y", "\ud83d"]
)  # fmt: skip
KEYS = [
    "id",
    "uri",
    "content",
    "visibility",
    "account",
    "reblog",
    "quote",
    "pleroma",
    "statuses",
    "ancestors",
    "error",
    "acct",
]
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=10,
)


def payload(body, path=PATHS[0], status=200, subject=SUBJECT):
    head = Head(request=path, server="https://harbour.example", status=status, subject=subject)
    return Payload(format="mastodon-json", origin="o", body=body, items=1, head=head.encode(), fetched_at=START)


def check(one):
    screened, dropped = screen(one)
    assert dropped >= 0
    mapped = map_payload(screened)
    for post in mapped.posts:
        assert post.uid.startswith("mastodon:")
        assert post.created_at.utcoffset().total_seconds() == 0
        assert post.visibility in {None, *PUBLIC}
        assert post.author_uid is None or post.author_uid.startswith("mastodon:")
    for repost in mapped.reposts:
        assert repost.account_uid or repost.account_handle
    assert all(bad.reason.isprintable() and len(bad.reason) < 250 for bad in mapped.quarantined)
    return mapped


@pytest.mark.parametrize("path", PATHS)
@given(body=st.binary(max_size=200), status=st.sampled_from([200, 404, 500]))
def test_random_bytes_never_raise(path, body, status):
    check(payload(body, path, status))


@given(head=st.binary(max_size=60))
def test_a_random_head_never_raises(head):
    check(Payload(format="mastodon-json", origin="o", body=b"[]", items=0, head=head))


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
def test_an_answer_with_anything_in_any_place_never_raises(data):
    case = json.loads(data.draw(st.sampled_from(CASES)).read_bytes())
    path = data.draw(st.sampled_from(list(paths(case["body"]))))
    body = json.dumps(replaced(case["body"], path, data.draw(JUNK))).encode()
    check(payload(body, case["head"]["request"], case["head"]["status"]))
    for other in PATHS:
        check(payload(body, other))


@settings(deadline=None)
@given(data=st.data())
def test_cut_and_overwritten_bytes_never_raise(data):
    good = read_case(data.draw(st.sampled_from(CASES)))
    start = data.draw(st.integers(0, len(good.body)))
    body = good.body[:start] + data.draw(st.binary(max_size=20)) + good.body[start + data.draw(st.integers(0, 50)) :]
    check(Payload(format=good.format, origin="o", body=body, items=1, head=good.head, fetched_at=START))


def status(text, **more):
    return {
        "id": "7", "uri": "https://harbour.example/users/ada/statuses/7", "created_at": "2026-03-10T20:00:00Z",
        "visibility": "public", "content": text, "account": {"id": "1", "acct": "ada"}, **more,
    }  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_wherever_a_private_post_hides_its_text_is_not_kept(data):
    case = json.loads(data.draw(st.sampled_from(CASES)).read_bytes())
    places = [path for path in paths(case["body"]) if path and path[-1] != "error"]
    if not places or case["head"]["status"] >= 400:
        return
    visibility = data.draw(
        st.sampled_from(["private", "direct", "local", "list", "limited", "", None, 1, "Public", ["public"]])
    )
    secret = status("SECRET", visibility=visibility)
    hidden = data.draw(
        st.sampled_from(
            [secret, [secret], {"x": {"y": [secret]}}, status("", reblog=secret), {"quoted_status": secret}]
        )
    )
    body = json.dumps(replaced(case["body"], data.draw(st.sampled_from(places)), hidden)).encode()
    screened, dropped = screen(payload(body, case["head"]["request"]))
    assert b"SECRET" not in screened.body
    assert dropped


@pytest.mark.parametrize("body", [b"", b"[{", b"<html>", b"[" * 100_000, b'{"hello": 1}', b'"text"', b"\xff"])
def test_of_what_cannot_be_read_hash_size_and_reason_remain(body):
    screened, dropped = screen(payload(body))
    assert (screened.body, screened.items, dropped) == (b"", 0, 1)
    [bad] = map_payload(screened).quarantined
    assert bad.size == len(body)
    assert bad.reason.startswith("not kept: ")
    assert screened.head == screen(screened)[0].head


def test_lists_about_a_post_that_nobody_named_are_not_kept():
    for path in PATHS[3:5]:
        assert screen(payload(b'[{"content": "x"}]', path, subject={}))[0].body == b""


def test_a_bad_post_costs_one_post():
    mapped = check(
        payload(json.dumps([status("a"), status("b", uri="x y"), status("c", uri="https://h.example/9")]).encode())
    )
    assert [(bad.position, bad.reason) for bad in mapped.quarantined] == [(2, "uri: missing")]
    assert (len(mapped.posts), mapped.seen) == (2, 3)
    assert mapped.span is not None


def test_a_web_page_that_says_404_deletes_nothing():
    gone = payload(b"<html>404</html>", "/api/v1/statuses/1", 404)
    assert check(gone).posts == []
    assert [post.deleted_at for post in check(payload(b'{"error":"gone"}', "/api/v1/statuses/1", 410)).posts] == [START]
    assert check(payload(b'{"error":"no"}', "/api/v1/statuses/1", 403)).posts == []
    assert check(payload(b'{"error":"no"}', "/api/v1/statuses/1/context", 404)).posts == []


def test_posts_that_reply_to_each_other_in_a_circle_have_no_beginning():
    one = status("a", uri="https://h.example/1", id="1", in_reply_to_id="2")
    two = status("b", uri="https://h.example/2", id="2", in_reply_to_id="1")
    posts = check(payload(json.dumps([one, two]).encode())).posts
    assert [post.conversation for post in posts] == [None, None]
