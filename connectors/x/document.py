"""Maps a file that is one JSON value: a list of posts of either API, a page written over many lines, a search result."""

from collections.abc import Sequence

from connectors.x import records
from connectors.x.collect import Collector
from connectors.x.protected import screen_document as screen
from connectors.x.redaction import redact_document as redact
from connectors.x.shapes import count_items, is_document
from knowarchive.model import Mapped, Payload

__all__ = ["CUT", "count_items", "map_payload", "recognises", "redact", "screen"]

CUT = "whole"


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is of this format."""
    return is_document(lines)


def map_payload(payload: Payload) -> Mapped:
    """Map every post of the document by its own shape."""
    out = Collector(payload)
    records.map_document(payload.body, out)
    return out.mapped()
