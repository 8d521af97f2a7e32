"""The X API's published descriptions, served by Prism: every request that the client sends is one that they accept."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import requests
from requests.adapters import HTTPAdapter

from connectors.base import BudgetError, CredentialsError, Limits, Query, Surroundings, TransientFetchError
from connectors.x import queries
from connectors.x.answers import map_payload, screen
from connectors.x.client import XConnector
from knowarchive.config import Source
from knowarchive.model import Post
from tests.peers.servers import X, published_description, required

SERVER = X.address
NOW = datetime.now(UTC).replace(microsecond=0)
RECENT = Query(("LanternKM", *(f"lantern{'n' * 40}{number}" for number in range(20))), NOW - timedelta(hours=3), NOW)
OLD = Query(("LanternKM",), NOW - timedelta(days=400), NOW - timedelta(days=399))
POSTS = [
    Post(
        uid=f"x:{2031460329845686272 + number}",
        created_at=NOW,
        conversation=f"x:{2031460329845686272 + number}",
        quotes=number,
    )
    for number in range(150)
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
]


class Witness:
    """Sends to Prism, and remembers what was asked and answered. `prefer` asks for a documented status."""

    def __init__(self):
        self.adapter = HTTPAdapter()
        self.seen = []
        self.prefer = None

    def send(self, request, **options):
        if self.prefer:
            request.headers["Prefer"] = self.prefer
        answer = self.adapter.send(request, **options)
        self.seen.append((request.url, answer.status_code, answer.content[:300]))
        return answer

    @property
    def refused(self):
        return [entry for entry in self.seen if entry[1] == 422]


@pytest.fixture(scope="module", params=["2.166", "2.167"])
def description(request):
    with required(X, SPEC=request.param):
        yield request.param


@pytest.fixture
def witness():
    return Witness()


def connect(witness, tmp_path, names=None, **limits):
    secrets = {"KNOWARCHIVE_X_BEARER": "secret"} | ({"KNOWARCHIVE_X_FIELDS": names} if names else {})
    surroundings = Surroundings(secrets=secrets, state=tmp_path, sleep=lambda _: None, limits=Limits(**limits))
    return XConnector(Source(platform="x", server=SERVER), surroundings, sender=witness)


def everything(connector):
    pages = list(connector.search(RECENT))
    resumed = msgspec.structs.replace(pages[0], body=b'{"meta":{"next_token":"b26v89c19zqg8o3f"}}')
    pages += connector.search(RECENT, [resumed])
    pages += connector.search(OLD)
    pages += connector.complete(POSTS, RECENT)
    pages += connector.look_up(POSTS)
    return pages


def names_of(description):
    return "tweet" if description == "2.166" else "post"


def test_every_request_is_one_that_the_description_accepts(description, witness, tmp_path):
    pages = everything(connect(witness, tmp_path, names_of(description)))
    assert witness.refused == []
    assert {status for _, status, _ in witness.seen} == {200}
    paths = {urlsplit(url).path for url, _, _ in witness.seen}
    assert len(paths) == 5 + queries_of_quotes(paths)
    assert len(pages) >= 10
    for page in pages:
        map_payload(screen(page)[0])  # whatever Prism invents, nothing raises


def queries_of_quotes(paths):
    return sum(path.endswith("/quote_tweets") for path in paths)


def test_no_parameter_is_unknown_to_the_description(description, witness, tmp_path):
    """Prism lets parameters pass of which the description says nothing."""
    published = json.loads(published_description(description))
    everything(connect(witness, tmp_path, names_of(description)))
    for url, _, _ in witness.seen:
        parts = urlsplit(url)
        path = "/2/tweets/{id}/quote_tweets" if parts.path.endswith("/quote_tweets") else parts.path
        known = set()
        for parameter in published["paths"][path]["get"]["parameters"]:
            reference = parameter.get("$ref", "").rpartition("/")[2]
            known.add((published["components"]["parameters"][reference] if reference else parameter)["name"])
        assert parse_qs(parts.query).keys() <= known


def test_the_names_that_the_description_knows_are_found(description, witness, tmp_path):
    other = "post" if names_of(description) == "tweet" else "tweet"
    connector = connect(witness, tmp_path, other)
    list(connector.look_up(POSTS[:10]))
    assert len(witness.refused) == 1
    witness.seen.clear()
    list(connector.look_up(POSTS[:10]))
    assert witness.refused == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, CredentialsError),
        (403, CredentialsError),
        (429, TransientFetchError),
        (503, TransientFetchError),
        (402, BudgetError),
    ],
)
def test_documented_refusals_are_understood(description, witness, tmp_path, status, kind):
    witness.prefer = f"code={status}"
    connector = connect(witness, tmp_path, names_of(description), attempts=2)
    with pytest.raises(kind):
        list(connector.look_up(POSTS[:1]))
    assert {answered for _, answered, _ in witness.seen} == {status}


def test_the_vocabularies_ask_for_nothing_that_needs_an_account(description):
    asked = {name for names in queries.VOCABULARIES[names_of(description)].fields.values() for name in names}
    assert asked.isdisjoint({"non_public_metrics", "organic_metrics", "promoted_metrics", "confirmed_email"})


def test_prism_does_refuse_what_is_wrong(description):
    """What the tests above rely on."""
    answer = requests.get(
        f"{SERVER}/2/tweets/search/recent?query=x&max_results=5", headers={"Authorization": "Bearer x"}, timeout=30
    )
    assert answer.status_code == 422
