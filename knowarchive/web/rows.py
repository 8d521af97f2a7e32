"""Rows of the catalogue as the templates, and answers to machines, show them. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from knowarchive.config import Config
from knowarchive.web import places
from knowarchive.web.catalogue import Catalogue
from knowarchive.web.places import Places
from knowarchive.web.room import moment
from transcripts.writers.references import NETWORKS, profile_url
from transcripts.writers.text import clean_line, safe_url, show_url

LATEST = 8  # sessions on the first page
REGULARS = 24  # people on a chat's
SHARES = 8  # that are named of each link, the first


class ChatRow(Struct, frozen=True, kw_only=True):
    """A chat of the archive. Times are those of its oldest and newest post, in UTC."""

    name: str
    title: str
    hashtags: tuple[str, ...]
    posts: int
    people: int
    sessions: int
    first: datetime | None
    last: datetime | None


def list_chats(config: Config, catalogue: Catalogue) -> tuple[ChatRow, ...]:
    """Every chat that is configured, in that order, with its figures."""
    known = {row["name"]: row for row in catalogue.rows("chats")}
    return tuple(
        ChatRow(
            name=chat.name,
            title=chat.title,
            hashtags=chat.tags,
            posts=row["posts"] if row else 0,
            people=row["people"] if row else 0,
            sessions=row["sessions"] if row else 0,
            first=moment(row["began"]) if row else None,
            last=moment(row["ended"]) if row else None,
        )
        for chat in config.chat
        for row in (known.get(chat.name),)
    )


def as_link(row: Any, shares: Sequence[tuple[Any, Any]], where: Places = places) -> dict[str, Any]:
    """A page that was shared, from its row and those of its shares, each with that of its place."""
    title = clean_line(row["title"] or "")
    return {
        "href": safe_url(row["url"]),
        "title": title or show_url(row["url"]),
        "shown": show_url(row["url"]) if title else None,
        "people": row["people"],
        "last": row["last"],
        "more": max((share["times"] for share, _ in shares), default=0) - len(shares),
        "shares": [
            {
                "who": _called(share),
                "person": where.person_page(share["person"]) if share["person"] else None,
                "post": where.post_page(share["uid"]),
                "at": moment(share["at"]),
                "place": _spot(spot, where),
            }
            for share, spot in shares
        ],
    }


def _spot(row: Any, where: Places) -> tuple[str, str] | None:
    """Where a link was shared, as closely as is known."""
    if row is None:
        return None
    if row["session"] is None:
        return f"#{row['chat']}", where.chat_page(row["chat"])
    words = f"{row['chat']} {row['session']}"
    if (row["topic"] or "").startswith("Q") and (
        there := where.question_page(row["chat"], row["session"], row["topic"])
    ):
        return f"{words} {row['topic']}", there
    return words, where.session_page(row["chat"], row["session"])


def as_account(row: Any) -> tuple[str, str, str | None, int]:
    """An account: handle, network, address, posts."""
    handle = clean_line(row["handle"] or "").removeprefix("@") or None
    uid = None if row["key"].partition(":")[2].startswith("@") else row["key"]
    return (
        f"@{handle}" if handle else "an account",
        NETWORKS.get(row["platform"], clean_line(row["platform"])),
        profile_url(row["platform"], handle, uid),
        row["posts"],
    )


def _called(row: Any) -> str:
    handle = clean_line(row["handle"] or "").removeprefix("@")
    return f"@{handle}" if handle else clean_line(row["name"] or "") or "somebody"
