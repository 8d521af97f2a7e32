"""Every case in `tests/payloads/x`: what X or a tool wrote, beside what the archive makes of it."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from connectors import map_payload
from connectors.files.reader import read_file
from knowarchive.model import Payload

CASES = sorted(
    path for path in (Path(__file__).parents[2] / "payloads" / "x").iterdir() if ".expected" not in path.name
)
FORMATS = {"v1": "x-v1-jsonl", "v2": "x-v2-jsonl"}


def payload_of(case: Path) -> Payload:
    if case.suffix == ".csv":
        (payload,) = read_file(case, origin=case.name)
        assert isinstance(payload, Payload)
        return payload
    value = json.loads(case.read_bytes())
    lines = [msgspec.json.encode(item) for item in (value if isinstance(value, list) else [value])]
    return Payload(
        format=FORMATS[case.name[:2]], origin=case.name, body=b"\n".join(lines), items=len(lines), position=1
    )


def plain(value):
    """Leave out what is unknown, so that a case shows what it is about."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_payload_maps_to_what_stands_beside_it(case):
    mapped = plain(json.loads(msgspec.json.encode(map_payload(payload_of(case)))))
    for record in mapped["quarantined"]:  # the bytes are checked elsewhere
        for name in ("digest", "size", "payload_id", "origin"):
            del record[name]
    beside = case.with_suffix(".expected.json")
    if os.environ.get("KNOWARCHIVE_REWRITE"):
        beside.write_text(json.dumps(mapped, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert mapped == json.loads(beside.read_bytes())


@pytest.mark.parametrize("case", [case for case in CASES if case.suffix == ".json"], ids=lambda case: case.name)
def test_a_document_says_what_its_lines_say(case):
    lines = payload_of(case)
    document = Payload(format="x-json", origin=case.name, body=case.read_bytes().strip(), items=lines.items)
    by_lines, by_document = map_payload(lines), map_payload(document)
    assert by_document.posts == by_lines.posts
    assert by_document.reposts == by_lines.reposts
    assert [q.position for q in by_document.quarantined] == [q.position for q in by_lines.quarantined]
    assert by_document.seen == by_lines.seen
