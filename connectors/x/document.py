"""Maps a file that is one JSON value: a list of posts of either API, a page written over many lines, a search result."""

from connectors.x import records
from connectors.x.collect import Collector
from connectors.x.protected import screen_document as screen
from knowarchive.model import Mapped, Payload

__all__ = ["map_payload", "screen"]


def map_payload(payload: Payload) -> Mapped:
    """Map every post of the document by its own shape."""
    out = Collector(payload)
    records.map_document(payload.body, out)
    return out.mapped()
