"""People on servers of Mastodon's API: who they are, wherever they are seen from, and what they wish."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.mastodon.text import HASHTAG, read_html
from connectors.times import believed
from knowarchive.model import ERASED, NO_WISH, Account

#: What people put into their profiles as hashtags, and what it means here. A convention of the network, no standard.
WISHES: Mapping[str, str] = {
    "nobot": "noarchive",
    "nobots": "noarchive",
    "noarchive": "noarchive",
    "noindex": "noindex",
    "nosearch": "noindex",
}

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
#: Mastodon, GoToSocial and Akkoma: the address of a post begins with that of its author.
_OWN_POST = re.compile(r"(https?://[^/?#]+/(?:ap/)?users/[^/?#]+)/statuses/")
#: A profile page, as nearly every server but Friendica and Pleroma has them: it is not the actor's address.
_PROFILE_PAGE = re.compile(r"https?://[^/]+/@")


def text_of(record: Mapping[str, Any], name: str) -> str | None:
    """A field that is text and not empty."""
    value = record.get(name)
    return value if isinstance(value, str) and value else None


def id_of(record: Mapping[str, Any], name: str = "id") -> str | None:
    """A server's own id: text, or a number on some. It becomes part of paths, so it holds nothing that means more."""
    value = record.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 1 << 127 else None
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def count_of(record: Mapping[str, Any], name: str) -> int | None:
    """A count; -1 stands for a hidden one."""
    value = record.get(name)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62
    return value if known else None


def time_of(record: Mapping[str, Any], name: str) -> datetime | None:
    """A time in UTC; None for what is no time that can be believed, or names no zone."""
    value = record.get(name)
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return believed(time) if time.tzinfo is not None else None
    except ValueError:
        return None


def records_of(record: Mapping[str, Any], name: str) -> list[dict[str, Any]] | None:
    """A list of objects; None where there is no list."""
    value = record.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else None


def is_uri(value: str | None) -> bool:
    """Whether this can be an identity: short, and without spaces or control characters."""
    return value is not None and 0 < len(value) <= 2048 and value.isprintable() and " " not in value and ":" in value


def account_uid(account: Mapping[str, Any], own_post: str | None = None) -> str | None:
    """Name a person by their ActivityPub address. Servers before Mastodon 4.2 do not give it.

    Args:
        account: as the server describes it.
        own_post: the address of a post that they wrote.
    """
    uri = text_of(account, "uri")
    pleroma = account.get("pleroma")
    if not is_uri(uri) and isinstance(pleroma, dict):
        uri = text_of(pleroma, "ap_id")
    if not is_uri(uri) and own_post is not None and (match := _OWN_POST.match(own_post)):
        uri = match[1]
    if not is_uri(uri):
        url = text_of(account, "url")
        uri = url if url is not None and not _PROFILE_PAGE.match(url) else None
    return f"mastodon:{uri}" if is_uri(uri) else None


def full_handle(acct: str | None, domain: str) -> str | None:
    """`user@server`: servers leave the domain out for their own people."""
    if acct is None:
        return None
    acct = acct.removeprefix("@")
    if acct == ERASED:
        return acct
    return acct if "@" in acct else f"{acct}@{domain}"


def consent_of(account: Mapping[str, Any]) -> str | None:
    """What the person wishes: "noarchive", "noindex", or `NO_WISH`; None where the server would not show all of it."""
    texts = [text_of(account, "note") or ""]
    for field in records_of(account, "fields") or ():
        texts += [text_of(field, "name") or "", text_of(field, "value") or ""]
    wishes = {
        WISHES[tag.casefold()]
        for text in texts
        if "#" in text or "&#" in text
        for tag in HASHTAG.findall(read_html(text).text)
        if tag.casefold() in WISHES
    }
    if "noarchive" in wishes:
        return "noarchive"
    if wishes or account.get("noindex") is True or account.get("indexable") is False:
        return "noindex"
    # Only Mastodon itself tells of `indexable` and `noindex`; others may leave out what the person has set elsewhere.
    return NO_WISH if "note" in account and not {"indexable", "noindex"}.isdisjoint(account) else None


def map_account(account: Mapping[str, Any], uid: str, domain: str, observed_at: datetime | None) -> Account:
    """Become a platform-neutral account."""
    note, name = text_of(account, "note"), text_of(account, "display_name")
    avatar = text_of(account, "avatar")
    return Account(
        uid=uid,
        handle=full_handle(text_of(account, "acct"), domain),
        observed_at=observed_at,
        name=name.strip() or None if name else None,
        bio=(read_html(note).text or None) if note else None,
        url=_website(account),
        avatar=avatar if avatar and not avatar.endswith("/missing.png") else None,
        created_at=time_of(account, "created_at"),
        followers=count_of(account, "followers_count"),
        following=count_of(account, "following_count"),
        posts=count_of(account, "statuses_count"),
        consent=consent_of(account),
    )


def host_of(uri: str) -> str:
    """The host in an address, with its port if that is unusual; empty where there is none."""
    try:
        return urlsplit(uri).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _website(account: Mapping[str, Any]) -> str | None:
    """The first link among the profile's fields that the server has verified, else the first of all."""
    first = None
    for field in records_of(account, "fields") or ():
        links = read_html(text_of(field, "value") or "").links
        if links and field.get("verified_at"):
            return links[0]
        if links and first is None:
            first = links[0]
    return first
