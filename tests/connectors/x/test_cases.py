"""Every case in `tests/payloads/x`: what X or a tool wrote, beside what the archive makes of it."""

import json
import os

import msgspec
import pytest

from connectors import map_payload
from knowarchive.model import Payload


def plain(value):
    """Leave out what is unknown, so that a case shows what it is about."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_payload_maps_to_what_stands_beside_it(case, payload_of):
    mapped = plain(json.loads(msgspec.json.encode(map_payload(payload_of(case)))))
    for record in mapped["quarantined"]:  # the bytes are checked elsewhere
        for name in ("digest", "size", "payload_id", "origin"):
            del record[name]
    beside = case.with_suffix(".expected.json")
    if os.environ.get("KNOWARCHIVE_REWRITE"):
        beside.write_text(json.dumps(mapped, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert mapped == json.loads(beside.read_bytes())


def test_a_document_says_what_its_lines_say(case, payload_of):
    if case.suffix != ".json":
        pytest.skip("a table is no document")
    lines = payload_of(case)
    document = Payload(format="x-json", origin=case.name, body=case.read_bytes().strip(), items=lines.items)
    by_lines, by_document = map_payload(lines), map_payload(document)
    assert by_document.posts == by_lines.posts
    assert by_document.reposts == by_lines.reposts
    assert [q.position for q in by_document.quarantined] == [q.position for q in by_lines.quarantined]
    assert by_document.seen == by_lines.seen
