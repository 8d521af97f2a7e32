"""Whether a post bears a hashtag, as Bluesky's clients mark it: by facet, among its tags, or bare in its text."""

from typing import Any

from connectors.bluesky.shapes import part
from connectors.bluesky.text import fold, read_text


def bears(view: Any, tag: str) -> bool:
    """Whether a post, as the AppView shows it, bears a hashtag."""
    text = part(view, "record", "text")
    found = read_text(
        text if isinstance(text, str) else "", part(view, "record", "facets"), part(view, "record", "tags")
    )
    return fold(tag) in map(fold, found.hashtags)
