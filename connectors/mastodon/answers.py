"""What a server was asked and how it answered: the head of every payload, and the shape that each path answers in."""

import re
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from connectors.base import Exchange
from connectors.mastodon.accounts import host_of
from knowarchive.model import Payload

FORMAT = "mastodon-json"

#: The only visibilities that are kept. Servers know many others: private, direct, local, list, limited, circle, …
PUBLIC = frozenset(("public", "unlisted"))

#: How a path answers. What is on no line cannot be shown to be public, and is not kept.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("statuses", r"/api/v1/timelines/(public|home|tag/[^/]+|list/[^/]+|link)/?$"),
        ("statuses", r"/api/v1/accounts/[^/]+/statuses/?$"),
        ("statuses", r"/api/v1/trends/statuses/?$"),
        ("statuses", r"/api/v1/statuses/[^/]+/quotes/?$"),
        ("statuses", r"/api/v1/statuses/?$"),
        ("context", r"/api/v1/statuses/[^/]+/context/?$"),
        ("edits", r"/api/v1/statuses/[^/]+/history/?$"),
        ("reposters", r"/api/v1/statuses/[^/]+/reblogged_by/?$"),
        ("status", r"/api/v1/statuses/[^/]+/?$"),
        ("search", r"/api/v[12]/search/?$"),
    )
)
_SUBJECT_ID = re.compile(r"/api/v1/statuses/([^/]+)(?:/[a-z_]+)?/?$")


class Unread(msgspec.Struct, frozen=True):
    """What is kept of an answer that could not be shown to be public: nothing that it said."""

    reason: str
    digest: str
    size: int


class Head(Exchange, frozen=True, omit_defaults=True):
    """The head of a payload from a server of this API.

    `domain` is what the server calls its accounts, where that is not its host. `parent` is the server's id of the post
    that the subject replies to, where an earlier answer told. `subject` of `Exchange` names the post that the path does.
    `link` is the header in which the server names the next page. https://www.rfc-editor.org/rfc/rfc8288
    """

    domain: str | None = None
    parent: str | None = None
    link: str | None = None
    unread: Unread | None = None

    @property
    def host(self) -> str:
        """The server's host, with its port if that is unusual."""
        return host_of(self.server)

    @property
    def path(self) -> str:
        return self.request.partition("?")[0]

    @property
    def kind(self) -> str | None:
        """A shape of `_KINDS`; "refusal" for an answer that is an error; None where it is unknown."""
        if self.status >= 400:
            return "refusal"
        return next((kind for kind, pattern in _KINDS if pattern.search(self.path)), None)

    @property
    def subject_id(self) -> str | None:
        """The server's id of the post that the path names."""
        match = _SUBJECT_ID.search(self.path)
        return match[1] if match else None

    @property
    def one_subject(self) -> tuple[str, datetime] | None:
        """The uid of the post that was asked about and when it was made, if it is one post."""
        return next(iter(self.subject.items())) if len(self.subject) == 1 else None


_decoder = msgspec.json.Decoder(Head)


def read_head(payload: Payload) -> Head:
    """Raises ValueError for a payload without such a head."""
    return _decoder.decode(payload.head)


class Nested(NamedTuple):
    """A post within another: which field holds it, and the post."""

    field: str
    status: dict[str, Any]


def nested_statuses(status: dict[str, Any]) -> list[Nested]:
    """List the posts that a post repeats or quotes, in every shape known.

    `quote` is the quoted post on Akkoma and Fedibird, and holds it as `quoted_status` on Mastodon 4.4 and later;
    Pleroma has it in its own corner.
    """
    found = []
    if isinstance(status.get("reblog"), dict):
        found.append(Nested("reblog", status["reblog"]))
    quote = status.get("quote")
    if isinstance(quote, dict):
        if isinstance(quote.get("quoted_status"), dict):
            found.append(Nested("quote", quote["quoted_status"]))
        elif "uri" in quote:
            found.append(Nested("quote", quote))
    pleroma = status.get("pleroma")
    if isinstance(pleroma, dict) and isinstance(pleroma.get("quote"), dict):
        found.append(Nested("quote", pleroma["quote"]))
    return found


def statuses_in(kind: str | None, value: Any) -> list[Any]:
    """List the posts that an answer of a kind is about, bad ones too.

    Raises:
        ValueError: it is of another shape.
    """
    if kind == "statuses" and isinstance(value, list):
        return value
    if kind == "status" and isinstance(value, dict):
        return [value]
    if kind == "context" and isinstance(value, dict):
        lists = [value.get("ancestors"), value.get("descendants")]
        if all(isinstance(one, list) for one in lists):
            return [status for one in lists for status in one or ()]
    if kind == "search" and isinstance(value, dict) and isinstance(value.get("statuses"), list):
        return list(value["statuses"])
    if kind in {"edits", "reposters"} and isinstance(value, list):
        return []
    raise ValueError("an answer of another shape")
