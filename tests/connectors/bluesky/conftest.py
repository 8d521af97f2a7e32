"""The cases in `tests/payloads/bluesky`, as fixtures: what was asked, how it was answered, and the answer."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from connectors.base import Exchange
from connectors.bluesky.mapping import count_items
from knowarchive.model import Payload

CASES = sorted(
    path for path in (Path(__file__).parents[2] / "payloads" / "bluesky").iterdir() if ".expected" not in path.name
)
FETCHED_AT = datetime(2024, 3, 7, 8, 0, tzinfo=UTC)


def read_case(path, body=None):
    """A payload as the connector would have made it; `body` in place of the case's."""
    case = json.loads(path.read_bytes())
    exchange = msgspec.convert(
        {"server": "https://bsky.social", **{name: case[name] for name in case if name != "body"}}, Exchange
    )
    body = msgspec.json.encode(case["body"]) if body is None else body
    return Payload(
        format="bluesky-json",
        origin=path.name,
        body=body,
        items=count_items(body),
        head=exchange.encode(),
        fetched_at=FETCHED_AT,
    )


@pytest.fixture(scope="session", params=CASES, ids=lambda path: path.name)
def case(request):
    return request.param


@pytest.fixture(scope="session")
def cases():
    return CASES


@pytest.fixture(scope="session")
def payload_of():
    return read_case
