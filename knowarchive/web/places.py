"""Where each page is: addresses inside the reading room, from whatever the networks call things."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote, urlencode


class Places(Protocol):
    """Where pages are that a post leads to. This module is such places: the reading room's. None: there is no such page."""

    def chat_page(self, chat: str) -> str: ...
    def session_page(self, chat: str, date: str) -> str: ...
    def question_page(self, chat: str, date: str, label: str) -> str | None: ...
    def person_page(self, key: str) -> str | None: ...
    def post_page(self, uid: str) -> str | None: ...
    def citation_page(self, uid: str) -> str | None: ...


def home_page() -> str:
    return "/"


def chat_page(chat: str) -> str:
    return f"/chats/{_step(chat)}"


def session_page(chat: str, date: str) -> str:
    return f"/chats/{_step(chat)}/{_step(date)}"


def question_page(chat: str, date: str, label: str) -> str:
    return f"{session_page(chat, date)}/{_step(label)}"


def person_page(key: str) -> str:
    """By the key of any of their accounts."""
    return f"/people/{_step(key)}"


def post_page(uid: str) -> str:
    """The conversation that a post is part of."""
    return f"/posts/{_step(uid)}"


def citation_page(uid: str) -> str:
    return f"/cite/posts/{_step(uid)}"


def session_citation_page(chat: str, date: str) -> str:
    return f"/cite/sessions/{_step(chat)}/{_step(date)}"


def search_page(query: str = "", **values: str | int) -> str:
    return with_values("/search", {"q": query, **values})


def feed_page(query: str) -> str:
    """What a search finds, as a feed."""
    return with_values("/search.atom", {"q": query})


def links_page(**values: str | int | None) -> str:
    return with_values("/links", values)


def with_values(path: str, values: Mapping[str, str | int | None]) -> str:
    """A path with a query; what is empty is left out."""
    said = {name: value for name, value in values.items() if value not in {None, "", 0}}
    return f"{path}?{urlencode(said)}" if said else path


def _step(text: str) -> str:
    """One step of a path: a slash, a percent sign and dots in a name stay parts of the name."""
    return quote(text, safe="@:") if text.strip(".") else text.replace(".", "%2E")
