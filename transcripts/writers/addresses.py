"""Where a post lives on its network, as far as its uid tells."""

import re

X_HANDLE = re.compile(r"[A-Za-z0-9_]{1,20}")
DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
_RKEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")


def uid_url(uid: str, handle: str | None = None) -> str | None:
    """The address of a post of which perhaps nothing is known but its uid."""
    platform, _, rest = uid.partition(":")
    if platform == "x" and rest.isascii() and rest.isdigit():
        return f"https://x.com/{handle if handle and X_HANDLE.fullmatch(handle) else 'i'}/status/{rest}"
    if platform == "bluesky":
        did, _, path = rest.partition("/")
        collection, _, rkey = path.partition("/")
        if DID.fullmatch(did) and collection == "app.bsky.feed.post" and _RKEY.fullmatch(rkey):
            return f"https://bsky.app/profile/{did}/post/{rkey}"
        return None
    if platform == "mastodon":
        from .text import safe_url  # takes as long to load as a search; networks with ids of their own do not need it

        return safe_url(rest)
    return None
