"""A session's posts as `questions` and `filing` read them: in order of time, with author, plain text and labels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from knowarchive.model import Post
from transcripts.labels import Kind, Label, Place, before_words, find_bare, find_labels, plain, words
from transcripts.model import SessionPosts
from transcripts.people import author_key
from transcripts.threads import quoted

COPY = re.compile(r"\b(?:RT|MT|QT)\s+@?(?P<handle>\w+)\s*:?\s*(?P<text>.+)", re.DOTALL)
MENTION = re.compile(r"(?<![\w/])@(\w+(?:[.@-]+\w+)*)")
COMPARED = 6  # words


@dataclass(frozen=True)
class Reading:
    """One post, read. `author` is a key of `people`, `mentions` are folded handles, `quotes` is a uid."""

    post: Post
    author: str
    text: str
    labels: tuple[Label, ...]
    quotes: str | None
    mentions: tuple[str, ...]
    answers_somebody: bool  # it replies to somebody else
    repeats: bool  # it is a repost made by hand, which adds nothing

    @property
    def uid(self) -> str:
        return self.post.uid

    @property
    def at(self) -> datetime:
        return self.post.created_at

    @cached_property
    def words(self) -> list[str]:
        return words(self.text, self.labels)

    @cached_property
    def bare(self) -> Label | None:
        """A number without a word that it opens with, where it has no other label."""
        return None if self.labels else find_bare(self.text)

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The numbers that it is labelled with, at its head or tail, as a question or an answer."""
        return frozenset(label.number for label in self.labels if label.place is not Place.MIDDLE)

    @property
    def is_answer(self) -> bool:
        return any(label.kind is Kind.ANSWER and label.place is not Place.MIDDLE for label in self.labels)


def read(session: SessionPosts) -> tuple[Reading, ...]:
    """Read the posts of a session once, for all who need it."""
    posts = {post.uid: post for post in session.posts}
    by_address = {post.url: post.uid for post in (*session.context, *session.posts) if post.url}
    by_handle: dict[str, list[Post]] = {}
    for post in posts.values():
        by_handle.setdefault((post.author_handle or "").casefold(), []).append(post)
    readings: list[Reading] = []
    for post in sorted(posts.values(), key=lambda one: (one.created_at, one.uid)):
        text = plain(post.text)
        author = author_key(post)
        above = posts.get(post.reply_to or "")
        copied = _copied(text, post, by_handle)
        replied = author_key(above) if above else post.reply_to_author
        named = MENTION.findall(text) if post.mentions is None else [mention.handle for mention in post.mentions]
        readings.append(
            Reading(
                post,
                author or f"{post.uid}#author",
                text,
                find_labels(text),
                quoted(post, by_address) or copied,
                tuple(dict.fromkeys(handle.removeprefix("@").casefold() for handle in named)),
                post.reply_to is not None and (replied is None or replied != author),
                copied is not None and COPY.match(text, before_words(text)) is not None,
            )
        )
    return tuple(readings)


def _copied(text: str, post: Post, by_handle: Mapping[str, list[Post]]) -> str | None:
    """Find the post that somebody repeats by hand, as in `RT @handle: ...`."""
    copy = COPY.search(text) if "T" in text else None
    if copy is None:
        return None
    start = _words_of(copy["text"])[:COMPARED]
    same = [
        one
        for one in by_handle.get(copy["handle"].casefold(), ())
        if one.created_at <= post.created_at
        and one.uid != post.uid
        and _words_of(plain(one.text))[: len(start)] == start
    ]
    return min(same, key=lambda one: (one.created_at, one.uid)).uid if same and len(start) >= 3 else None


def _words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold()[:200])
