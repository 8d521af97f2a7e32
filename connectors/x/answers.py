"""Maps what X's API answers over the network: pages of API v2, and what its errors say of posts that were looked up.

A page is read as `connectors.x.v2` reads one in a file; here it is known besides when it was fetched and what was asked.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.base import read_exchange
from connectors.refusals import FAILURES
from connectors.x import records, v2
from connectors.x.collect import Collector
from connectors.x.protected import screen_document as screen
from connectors.x.redaction import redact_document as redact
from connectors.x.shapes import count_items
from knowarchive.model import Mapped, Payload, Post

__all__ = ["CUT", "FORMAT", "Problem", "count_items", "map_payload", "problems", "recognises", "redact", "screen"]

FORMAT = "x-api"
CUT = "whole"

GONE = "resource-not-found"
HIDDEN = "not-authorized-for-resource"


class Problem(msgspec.Struct, frozen=True):
    """What the API says in `errors` of something that it does not show. Beside `data`, on HTTP 200."""

    type: str = ""
    resource_type: str = ""
    resource_id: str | None = None
    value: str | None = None
    parameter: str = ""

    @property
    def kind(self) -> str:
        """The last part of the type's address, whose host has changed with the company's name."""
        return self.type.rpartition("/")[2]

    @property
    def uid(self) -> str | None:
        """The post that was asked for by this id."""
        asked = self.resource_id or self.value
        return f"x:{asked}" if asked and self.parameter == "ids" and self.resource_type in {"tweet", "post"} else None


_JSON = msgspec.json.Decoder()


def recognises(lines: Sequence[bytes]) -> bool:
    """Never: a page in a file is of the formats of files."""
    del lines
    return False


def map_payload(payload: Payload) -> Mapped:
    """Map one answer. Whatever its bytes are, nothing raises."""
    if b"\n" in payload.body.strip():
        out = Collector(payload)
        records.map_document(payload.body, out)
        mapped = out.mapped()
    else:
        mapped = v2.map_payload(payload)
    at = payload.fetched_at
    if at is None:
        return mapped
    replace = msgspec.structs.replace
    return Mapped(
        posts=[post if post.observed_at is not None else replace(post, observed_at=at) for post in mapped.posts]
        + _deleted(payload, at),
        accounts=[one if one.observed_at is not None else replace(one, observed_at=at) for one in mapped.accounts],
        reposts=[one if one.observed_at is not None else replace(one, observed_at=at) for one in mapped.reposts],
        quarantined=mapped.quarantined,
        seen=mapped.seen,
        span=mapped.span,
    )


def problems(page: object) -> list[Problem]:
    """List the problems of a decoded answer, without those that cannot be read."""
    listed = page.get("errors") if isinstance(page, dict) else None
    found = []
    for item in listed if isinstance(listed, list) else ():
        try:
            found.append(msgspec.convert(item, Problem))
        except msgspec.ValidationError:
            continue
    return found


def _deleted(payload: Payload, at: datetime) -> list[Post]:
    """The posts that were looked up and do not exist any more. Those hidden with their account may come back."""
    if b'"errors"' not in payload.body:
        return []
    try:
        asked = read_exchange(payload).subject
        page = _JSON.decode(payload.body)
    except FAILURES:
        return []
    gone = {problem.uid for problem in problems(page) if problem.kind == GONE}
    return [Post(uid=uid, created_at=made, observed_at=at, deleted_at=at) for uid, made in asked.items() if uid in gone]
