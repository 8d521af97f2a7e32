"""Every case in `tests/payloads/mastodon`: what a server answered, beside what the archive makes of it."""

import json
import os
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from connectors import map_payload, screen
from connectors.mastodon.answers import Head
from knowarchive.model import Payload

CASES = sorted(
    path for path in (Path(__file__).parents[2] / "payloads" / "mastodon").iterdir() if ".expected" not in path.name
)


def read_case(path):
    case = json.loads(path.read_bytes())
    return Payload(
        format="mastodon-json",
        origin=path.name,
        body=msgspec.json.encode(case["body"]),
        items=1,
        head=msgspec.convert(case["head"], Head).encode(),
        fetched_at=datetime.fromisoformat(case["fetched_at"]),
    )


def plain(value):
    """Leave out what is unknown, so that a case shows what it is about."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_an_answer_maps_to_what_stands_beside_it(case):
    screened, dropped = screen(read_case(case))
    assert b"PRIVATE" not in screened.body + screened.head
    mapped = {"screened": dropped, **plain(json.loads(msgspec.json.encode(map_payload(screened))))}
    for record in mapped["quarantined"]:  # the bytes are checked elsewhere
        for name in ("digest", "size", "payload_id", "origin"):
            del record[name]
    beside = case.with_suffix(".expected.json")
    if os.environ.get("KNOWARCHIVE_REWRITE"):
        beside.write_text(json.dumps(mapped, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert mapped == json.loads(beside.read_bytes())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_screening_twice_changes_nothing_more(case):
    once, _ = screen(read_case(case))
    assert screen(once) == (once, 0)
