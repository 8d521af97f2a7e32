"""Posts of protected accounts never get as far as the store."""

import json

import pytest

from connectors import map_payload, screen
from knowarchive.model import Payload


def payload(*records, format_name="x-v2-jsonl", compact=False):
    separators = (",", ":") if compact else None
    body = b"\n".join(json.dumps(record, separators=separators).encode() for record in records)
    return Payload(format=format_name, origin="o", body=body, items=len(records))


def v1(number, *, protected, **more):
    user = {"id_str": "7", "screen_name": "ada_invents", "protected": protected}
    return {"id_str": str(580_000_000_000_000_000 + number), "text": "invented", "user": user, **more}


def v2(number, author):
    return {"id": str(1_500_000_000_000_000_000 + number), "text": "invented", "author_id": author}


PAGE = {
    "data": [v2(1, "7"), v2(2, "8")],
    "includes": {
        "users": [{"id": "7", "username": "ada", "protected": False}, {"id": "8", "username": "bo", "protected": True}],
        "tweets": [v2(3, "8"), v2(4, "7")],
    },
}


def test_public_payloads_keep_their_bytes(case, payload_of):
    one = payload_of(case)
    assert screen(one) == (one, 0)
    assert screen(one)[0] is one


@pytest.mark.parametrize("compact", [False, True])
def test_a_page_loses_the_posts_of_protected_accounts(compact):
    screened, dropped = screen(payload(PAGE, compact=compact))
    assert dropped == 2
    assert [post.uid for post in map_payload(screened).posts] == ["x:1500000000000000001", "x:1500000000000000004"]


def test_a_page_that_only_mentions_a_protected_account_keeps_its_bytes():
    page = payload({"data": [v2(1, "7")], "includes": {"users": PAGE["includes"]["users"]}})
    assert screen(page)[0] is page


@pytest.mark.parametrize("compact", [False, True])
def test_lines_of_protected_accounts_are_dropped(compact):
    lines = payload(
        v1(1, protected=False), v1(2, protected=True), v1(3, protected=False, quoted_status=v1(4, protected=True)),
        format_name="x-v1-jsonl", compact=compact,
    )  # fmt: skip
    screened, dropped = screen(lines)
    assert (dropped, screened.items) == (2, 2)
    assert [post.uid for post in map_payload(screened).posts] == ["x:580000000000000001", "x:580000000000000003"]


@pytest.mark.parametrize("said", [b'"protected" : true', b'"protected":\t true', b'"protected": "true"'])
def test_however_it_is_spelled(said):
    line = json.dumps(v1(2, protected=True)).encode().replace(b'"protected": true', said)
    assert said in line
    body = b"\n".join([json.dumps(v1(1, protected=False)).encode(), line])
    screened, dropped = screen(Payload(format="x-v1-jsonl", origin="o", body=body, items=2))
    assert (dropped, [post.uid for post in map_payload(screened).posts]) == (1, ["x:580000000000000001"])


def test_flattened_posts_lose_what_they_refer_to_and_keep_the_reference():
    inner = {"type": "quoted", **v2(2, "8"), "author": {"id": "8", "username": "bo", "protected": True}}
    outer = {**v2(1, "7"), "author": {"id": "7", "username": "ada"}, "referenced_tweets": [inner]}
    screened, dropped = screen(payload(outer))
    assert dropped == 1
    (post,) = map_payload(screened).posts
    assert post.quote_of == "x:1500000000000000002"


def test_a_stream_of_a_protected_account_leaves_nothing():
    screened, dropped = screen(payload({"data": v2(1, "8"), "includes": PAGE["includes"]}))
    assert dropped == 2
    assert [post.author_uid for post in map_payload(screened).posts] == ["x:7"]


def test_documents_and_searches_are_screened():
    document = payload([v1(1, protected=True), v1(2, protected=False)], format_name="x-json")
    screened, dropped = screen(document)
    assert (dropped, len(map_payload(screened).posts)) == (1, 1)
    search = payload({"statuses": [v1(1, protected=True), v1(2, protected=False)]}, format_name="x-v1-jsonl")
    screened, dropped = screen(search)
    assert (dropped, len(map_payload(screened).posts)) == (1, 1)


def test_what_cannot_be_shown_to_be_public_is_not_kept():
    broken = Payload(format="x-v1-jsonl", origin="o", body=b'{"id_str":"5","user":{"protected": true', items=1)
    assert screen(broken)[1] == 1
    assert screen(broken)[0].body == b""


def test_rows_of_protected_accounts_are_dropped():
    table = Payload(
        format="x-csv", origin="o", head=b"id,text,author_id,author.protected", items=2,
        body=b'1500000000000000001,"a\nb",7,True\n1500000000000000002,"true",8,False',
    )  # fmt: skip
    screened, dropped = screen(table)
    assert (dropped, screened.items, screened.body) == (1, 1, b'1500000000000000002,"true",8,False')


def test_what_stands_where_a_name_should_keeps_no_post_from_being_screened():
    odd = {**v1(1, protected=["yes"]), "retweeted_status": v1(2, protected=True)}
    assert screen(payload(odd, v1(3, protected=False)))[1] == 1
    page = {"data": [{**v2(1, "8"), "author_id": ["8"]}, v2(2, "8")], "includes": {"users": PAGE["includes"]["users"]}}
    assert screen(payload({**page, "more": [{"id": ["8"], "protected": True}]}))[1] == 1
