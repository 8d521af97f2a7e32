"""Every case in `tests/payloads/bluesky`: what the network answered, beside what the archive makes of it."""

import json
import os

import msgspec

from connectors import map_payload


def plain(value):
    """Leave out what is unknown, so that a case shows what it is about."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_an_answer_maps_to_what_stands_beside_it(case, payload_of):
    mapped = plain(json.loads(msgspec.json.encode(map_payload(payload_of(case)))))
    for record in mapped["quarantined"]:  # the bytes are checked elsewhere
        for name in ("digest", "size", "payload_id", "origin"):
            del record[name]
    beside = case.with_suffix(".expected.json")
    if os.environ.get("KNOWARCHIVE_REWRITE"):
        beside.write_text(json.dumps(mapped, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert mapped == json.loads(beside.read_bytes())
