"""The chat that is held on every network: who says what, in which order. Everybody in it is invented.

A line that belongs to everybody, a question, is said with the same words everywhere; of the others each network has its
own, so that what is found of one is never the other's.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

NETWORKS = ("x", "bluesky", "mastodon")
PLACES = {"x": "by the harbour", "bluesky": "on the hill", "mastodon": "in the forest"}
PEOPLE = ("moderator", "alice", "bob", "carol", "dan")
WISHES = {"carol": "no-unauthenticated", "dan": "noarchive"}  # what they declare, where the network has a way to
ALT = "A brass lantern on a shelf"


@dataclass(frozen=True)
class Line:
    """One thing that somebody says; `text` is without the tag.

    `on` are the networks that have a way to say it; `is_public` is whether every stranger may read it; `claims` is how
    long ago its client claims that it was said.
    """

    key: str
    who: str
    text: str
    tag: bool = True
    reply_to: str | None = None
    quotes: str | None = None
    alt: str | None = None
    on: tuple[str, ...] = NETWORKS
    is_public: bool = True
    visibility: str = "public"
    claims: timedelta | None = None

    def words(self, network: str) -> str:
        """What is said there. A line for everybody has no place in it."""
        return self.text.format(place=PLACES[network])


EVENING = (
    Line("welcome", "moderator", "Welcome to our chat about lanterns, say hello!"),
    Line("Q1", "moderator", "Q1: What keeps a light burning through the night?"),
    Line("answer", "alice", "A1: Oil and patience {place}", reply_to="Q1"),
    Line("untagged", "bob", "And somebody to carry it {place}", tag=False, reply_to="answer"),
    Line("thread", "alice", "A1 (2/2) and a dry wick {place}", tag=False, reply_to="answer"),
    Line("quote", "dan", "A1: People who remember it {place}", quotes="Q1"),
    Line("bare-quote", "carol", "What I was told {place}", tag=False, quotes="answer", on=("x", "bluesky")),
    Line("edited", "dan", "A1: frist the glass {place}", reply_to="Q1"),
    Line("picture", "carol", "A1: this one kept mine {place}", reply_to="Q1", alt=ALT),
    Line("Q2", "moderator", "Q2: Whom do we hand the lantern to?"),
    Line("gone", "bob", "A2: regrettable remark about the keeper {place}", reply_to="Q2"),
    Line("below", "carol", "That is how I see it too {place}", reply_to="gone"),
    Line("protected", "eve", "A2: hidden behind a lock {place}", reply_to="Q2", on=("x",), is_public=False),
    Line(
        "followers", "carol", "A2: hidden for my followers {place}", reply_to="Q2", on=("mastodon",),
        is_public=False, visibility="private",
    ),
    Line(
        "direct", "carol", "@alice hidden between us two {place}", on=("mastodon",), is_public=False,
        visibility="direct",
    ),
    Line(
        "unlisted", "dan", "A2: To whoever asks quietly {place}", reply_to="Q2", on=("mastodon",),
        visibility="unlisted",
    ),
    Line("claimed", "bob", "Said long ago {place}", on=("bluesky",), claims=timedelta(days=900)),
)  # fmt: skip
REPOSTS = (("carol", "answer"), ("dan", "Q1"))

#: The day after: an edit, a deletion, and an answer that comes late.
CORRECTED = "A1: first the glass {place}"
LATE = Line("late", "carol", "A2: only now I see this {place}", tag=False, reply_to="Q2")


def lines(network: str, *, is_public: bool = True) -> list[Line]:
    """The lines of a network that strangers may read, or those that they may not."""
    return [line for line in (*EVENING, LATE) if network in line.on and line.is_public == is_public]


class Stage(Protocol):
    """A network on which the chat is held, through its own library. `uids` says what each line became there."""

    network: str
    uids: dict[str, str]

    def say(self, line: Line) -> None: ...

    def repost(self, who: str, key: str) -> None: ...

    def edit(self, key: str, text: str) -> None: ...

    def delete(self, key: str) -> None: ...

    def settle(self) -> None:
        """Wait until the network shows what was done."""


def hold(stages: Collection[Stage]) -> None:
    """Hold the chat everywhere at once, to the end of the evening."""
    for line in EVENING:
        for stage in stages:
            if stage.network in line.on:
                stage.say(line)
    for stage in stages:
        for who, key in REPOSTS:
            stage.repost(who, key)
        stage.settle()


def change_minds(stages: Collection[Stage]) -> None:
    """What people do about it the day after."""
    for stage in stages:
        stage.edit("edited", CORRECTED.format(place=PLACES[stage.network]))
        stage.delete("gone")
        stage.say(LATE)
        stage.settle()
