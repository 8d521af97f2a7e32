"""Counts what the pictures show, one transcript at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from transcripts.model import UNSEEN, Transcript
from transcripts.people import author_key
from transcripts.persons import Persons
from transcripts.threads import quoted
from transcripts.writers.text import clean_line

from . import regulars, ties, waits, years
from .regulars import Attendance
from .svg import Picture

LATELY = 8  # sessions before one, of which a regular was at
OFTEN = 3  # or more


@dataclass(frozen=True, slots=True)
class Evening:
    """What one session adds. People are keys of accounts; `ties` are how often the first answered or quoted the second.

    `waits` are (label, minutes to the first answer of another than who asked; None without one).
    """

    label: str
    day: date
    posts: int
    people: frozenset[str]
    ties: Mapping[tuple[str, str], int]
    waits: tuple[tuple[str, float | None], ...]


@dataclass
class Gathered:
    """What all sessions given so far show. Memory grows by a line a session, and with the people."""

    persons: Persons = field(default_factory=Persons)
    names: dict[str, str] = field(default_factory=dict)
    evenings: list[Evening] = field(default_factory=list)

    def add(self, transcript: Transcript) -> None:
        """Count another session, in order of time."""
        for person in transcript.participants:
            self.persons.join(person)
            self._call(person.key, person.name, person.handle)
        for uid, post in transcript.context.items():
            self._call(author_key(post) or uid, post.author_name, post.author_handle)
        self.evenings.append(gather(transcript))

    def _call(self, key: str, name: str | None, handle: str | None) -> None:
        """Remember what somebody is called, by their latest name."""
        known = clean_line(name or "") or clean_line(handle or "").removeprefix("@")
        if known or key not in self.names:
            self.names[key] = known or "Unknown account"

    def pictures(self) -> tuple[Picture, ...]:
        """All pictures of a chat."""
        return (
            years.draw((one.day, one.posts) for one in self.evenings),
            ties.draw(self.ties(), self.called()),
            regulars.draw(self.attendance()),
            waits.draw(self.waits()),
        )

    def called(self) -> dict[str, str]:
        """What people are called, by key."""
        found: dict[str, str] = {}
        for key, name in self.names.items():
            person = self.persons.of(key)
            if key == person or person not in found:
                found[person] = name
        return found

    def ties(self) -> dict[tuple[str, str], float]:
        """Who answers whom in all sessions."""
        found: dict[tuple[str, str], float] = {}
        for evening in self.evenings:
            for (one, other), times in evening.ties.items():
                pair = self.persons.of(one), self.persons.of(other)
                found[pair] = found.get(pair, 0) + times
        return found

    def attendance(self) -> list[Attendance]:
        """Who came to each session for the first time, who is a regular, who came back."""
        met: set[str] = set()
        lately: list[set[str]] = []
        found = []
        for evening in self.evenings:
            here = {self.persons.of(key) for key in evening.people}
            often = {key for key in here & met if sum(key in one for one in lately) >= OFTEN}
            new = here - met
            found.append(Attendance(evening.label, len(new), len(here) - len(new) - len(often), len(often)))
            met |= here
            lately = [*lately, here][-LATELY:]
        return found

    def waits(self) -> list[tuple[str, float | None]]:
        """All questions, those of one session by their labels alone."""
        one = len(self.evenings) == 1
        return [
            (label if one else f"{evening.label} {label}", minutes)
            for evening in self.evenings
            for label, minutes in evening.waits
        ]


def gather(transcript: Transcript) -> Evening:
    """What one session adds to the pictures of its chat."""
    persons = transcript.person_keys()
    posts = {entry.post.uid: entry.post for entry in transcript.entries}
    author: dict[str, str] = {}
    for uid, post in (*transcript.context.items(), *posts.items()):
        if key := author_key(post):
            author[uid] = persons.get(key, key)
    found: Counter[tuple[str, str]] = Counter()
    for uid, post in posts.items():
        for other in {post.reply_to, quoted(post)} - {None, uid}:
            if uid in author and other in author and author[uid] != author[other]:
                found[author[uid], author[other]] += 1
    window = transcript.window
    return Evening(
        label=window.label,
        day=date.fromisoformat(window.label.partition("@")[0]),
        posts=transcript.stats.get("posts", len(posts)),
        people=frozenset(author[uid] for uid, post in posts.items() if uid in author and post.visibility not in UNSEEN),
        ties=found,
        waits=tuple(_waits(transcript, author)),
    )


def _waits(transcript: Transcript, author: Mapping[str, str]) -> Sequence[tuple[str, float | None]]:
    began = {entry.post.uid: entry.began for entry in transcript.entries}
    found = []
    for question in transcript.questions:
        parts = question.parts or (question.uid,)
        asked = min((began[uid] for uid in parts if uid in began), default=None)
        if asked is None:
            continue
        asking = {author.get(uid) for uid in parts}
        answers = [
            entry.began
            for entry in transcript.entries
            if entry.filing.topic == question.label
            and entry.filing.role == "answer"
            and entry.began >= asked
            and author.get(entry.post.uid) not in asking
        ]
        wait = (min(answers) - asked).total_seconds() / 60 if answers else None
        found.append((clean_line(question.label), wait))
    return found
