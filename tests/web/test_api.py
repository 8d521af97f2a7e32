"""The API and its description, which is checked against what it answers."""

import json
from urllib.parse import quote

import msgspec
import pytest

from knowarchive.web import api
from knowarchive.web.openapi import PATHS
from tests.web.conftest import DATE, ODD

EXAMPLES = {
    "/api/search": "/api/search?q=wiki&limit=2",
    "/api/chats": "/api/chats",
    "/api/sessions/{chat}": "/api/sessions/lampchat",
    "/api/sessions/{chat}/{date}": f"/api/sessions/lampchat/{DATE}",
    "/api/posts/{uid}": f"/api/posts/{quote(ODD, safe='')}",
}


@pytest.fixture(scope="module")
def description(client):
    return client.get("/api/openapi.json").json()


def test_the_description_names_every_path_and_resolves(client, description):
    assert set(description["paths"]) == set(PATHS) == set(EXAMPLES)
    text = json.dumps(description)
    for part in text.split('"$ref": "')[1:]:
        name = part.partition('"')[0].removeprefix("#/components/schemas/")
        assert name in description["components"]["schemas"]


@pytest.mark.parametrize("path", [path for path, about in PATHS.items() if api.ANSWERS[about[0]]])
def test_answers_have_the_described_shape(client, description, path):
    answer = client.get(EXAMPLES[path])
    assert answer.status_code == 200
    kind = api.ANSWERS[PATHS[path][0]]
    strict = msgspec.defstruct("Strict", [("value", kind)], forbid_unknown_fields=True)
    decoded = msgspec.json.decode(b'{"value": %s}' % answer.content, type=strict).value
    assert json.loads(msgspec.json.encode(decoded)) == answer.json()
    schema = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    shape = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert set(shape["required"]) <= set(answer.json()) <= set(shape["properties"])


def test_a_session_is_the_contract_s_transcript(client):
    document = client.get(f"/api/sessions/lampchat/{DATE}").json()
    assert document["schema"] == "knowarchive.transcript/1"
    assert [one["label"] for one in document["questions"]] == ["Q1", "Q2"]


def test_search_is_paged_and_has_facets(client):
    first = client.get("/api/search", params={"q": "burns", "limit": 20}).json()
    second = client.get("/api/search", params={"q": "burns", "limit": 20, "page": 2}).json()
    assert (first["total"], first["pages"], second["page"]) == (45, 3, 2)
    assert not {hit["uid"] for hit in first["hits"]} & {hit["uid"] for hit in second["hits"]}
    assert first["hits"][0]["topic"] == "Q2"


def test_a_post_comes_with_its_place_and_its_answers(client):
    found = client.get("/api/posts/x:2").json()
    assert found["places"] == [{"chat": "lampchat", "session": DATE, "topic": "Q1", "role": "answer"}]
    assert found["reply_to"] == "x:1"
    assert [one["uid"] for one in found["replies"]] == ["x:3"]


@pytest.mark.parametrize(
    "path", ["/api/posts/x:0", "/api/sessions/none", "/api/sessions/lampchat/1999-01-01", "/api/no"]
)
def test_what_is_not_there_is_said_in_json(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == 404


@pytest.mark.parametrize(
    "asked", ["page=0", "page=-1", "page=1.5", "page=", "limit=many", "page=٣", "sort=worst", "page=1&page=x"]
)
def test_a_value_that_is_none_is_told_to_programs(client, asked):
    answer = client.get(f"/api/search?q=burns&{asked}")
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, 400)
    assert client.get(f"/search?q=burns&{asked}").status_code == 200


def test_a_page_or_limit_beyond_all_is_the_last(client):
    far = client.get(f"/api/search?q=burns&page={10**18}&limit={10**18}").json()
    assert (far["page"], len(far["hits"])) == (1, 45)
