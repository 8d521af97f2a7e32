"""Payloads as they were received: a file each, and a list that tells where every one came from.

A file is named by its payload's id, never by what a stranger called it. One of a table begins with the table's header, so
that `knowarchive import` reads it; what a network was asked (`head` of an answer) stands in the list alone.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from knowarchive.model import Payload

FOLDER = "payloads"
OWN = "knowarchive-"  # begins the names of our own exports' formats, which are all kept as JSON lines
SUFFIXES = frozenset({"jsonl", "csv"})  # of other formats; what else there is, is one JSON value


def write_payloads(payloads: Iterable[tuple[Payload, Mapping[str, Any]]], folder: Path, name: str) -> int:
    """Write payloads, and the list of them into the file `name`. Returns how many there were.

    Args:
        payloads: each with what the archive adds; one that was stored for several chats comes for each.
        folder: where the export is being made.
        name: what the list is called.
    """
    (folder / FOLDER).mkdir()
    count = 0
    with (folder / name).open("wb") as listed:
        for payload, added in payloads:
            suffix = "jsonl" if payload.format.startswith(OWN) else payload.format.rpartition("-")[2]
            file = f"{FOLDER}/{added['payload_id']}.{suffix if suffix in SUFFIXES else 'json'}"
            is_table = bool(payload.head) and payload.fetched_at is None
            with (folder / file).open("wb") as target:
                target.write(payload.head + b"\n" if is_table else b"")
                target.write(payload.body)
            line = {
                "payload_id": added["payload_id"],
                "file": file,
                "format": payload.format,
                "origin": payload.origin,
                "pull": added["pull"],
                "position": payload.position,
                "items": payload.items,
                "fetched_at": payload.fetched_at,
                "collected_at": added["collected_at"],
                "chat": added["chat"],
                "head": payload.head.decode("utf-8", "replace") or None,
                "size": len(payload.body),
                "sha256": hashlib.sha256(payload.body).hexdigest(),
            }
            listed.write(msgspec.json.encode(line) + b"\n")
            count += 1
    return count
