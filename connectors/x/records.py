"""The slow, careful way through a payload: record by record, each by its own shape.

The mappings decode lines into the shape that their format has. Where that fails, or a record is of another shape than
its neighbours, this module takes over, so that one bad record costs one record.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from connectors.files.errors import NoPostsError
from connectors.refusals import FAILURES, BadRecordError, reason
from connectors.surrogates import without_halves
from connectors.x.collect import Collector
from connectors.x.shapes import JSON_ARRAY, JSON_OBJECT, kind

T = TypeVar("T")


def decode_lines(decoder: msgspec.json.Decoder[T], out: Collector) -> Iterator[tuple[int, memoryview, T]]:
    """Yield each line of a payload with its index, decoded. One that cannot be is mapped by its own shape instead.

    Line by line, because what one line makes is gone before the next: it stays in the processor's cache. The lines are
    views: to copy them, which only few need, takes as long as to find them.
    """
    decode = decoder.decode
    for index, record in enumerate(_lines(out.payload.body)):
        try:
            decoded = decode(record)
        except FAILURES:
            if bytes(record).strip():
                map_line(record, index, out)
            continue
        yield index, record, decoded


def _lines(body: bytes) -> Iterator[memoryview]:
    view, start = memoryview(body), 0
    while (end := body.find(b"\n", start)) >= 0:
        yield view[start:end]
        start = end + 1
    yield view[start:]


def map_line(record: bytes | memoryview, index: int, out: Collector) -> None:
    """Map one record by its own shape, or set it aside. Never raises."""
    seen = out.seen
    try:
        map_any(bytes(record), index, out)
    except FAILURES as error:
        out.seen = seen + 1
        refuse(record, index, out, error)


def refuse(
    record: bytes | memoryview, index: int, out: Collector, error: BaseException, uid: str | None = None
) -> None:
    """Set a record aside."""
    out.quarantine(index, record, reason(error), uid)


def map_any(record: bytes, index: int, out: Collector) -> None:
    """Find out what a record is, and map it."""
    from connectors.x import v1, v2

    try:
        record.decode()
    except UnicodeDecodeError:
        raise BadRecordError("not UTF-8") from None
    record = without_halves(record)  # old tools cut texts between the halves of a character
    if record.lstrip()[:1] == b"[":
        for item in JSON_ARRAY.decode(record):
            map_line(bytes(item), index, out)
        return
    keys = JSON_OBJECT.decode(record)
    try:
        found = kind(keys)
    except NoPostsError as error:
        raise BadRecordError(f"not a post: {error}") from None
    if found == "v1 search":
        for item in JSON_ARRAY.decode(keys["statuses"]):
            map_line(bytes(item), index, out)
    elif found == "v1":
        out.seen += 1
        v1.map_record(record, out)
    elif found == "v2 page":
        v2.map_page(keys, record, index, out)
    elif found == "v2 flat":
        out.seen += 1
        v2.map_record(record, index, out)
    else:
        raise BadRecordError("not a post: no field that we know")


def map_document(body: bytes, out: Collector) -> None:
    """Map a document: the items of a list are records, anything else is one record."""
    if body.lstrip()[:1] == b"[":
        try:
            items = JSON_ARRAY.decode(body)
        except FAILURES as error:
            out.seen += 1
            refuse(body, 0, out, error)
            return
        for index, item in enumerate(items):
            map_line(bytes(item), index, out)
    else:
        map_line(body, 0, out)
