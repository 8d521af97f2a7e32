"""A chat in pictures: what each session adds, small enough to be remembered, and all of them drawn. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256

import msgspec

from transcripts.model import Transcript
from transcripts.pictures import regulars, ties, waits, years
from transcripts.pictures.gathering import Evening, Gathered, gather
from transcripts.pictures.svg import Picture


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """What one session adds. `ties` are who answered whom how often, by places in `people`; the first `present` spoke."""

    label: str
    posts: int
    people: tuple[str, ...]
    present: int
    ties: tuple[tuple[int, int, int], ...]
    waits: tuple[tuple[str, float | None], ...]


def count(transcript: Transcript) -> Counted:
    """Count what a session adds, with everybody's wishes heeded already."""
    evening = gather(transcript)
    spoke = sorted(evening.people)
    people = (*spoke, *sorted({key for pair in evening.ties for key in pair} - evening.people))
    place = {key: number for number, key in enumerate(people)}
    found = sorted((place[one], place[other], times) for (one, other), times in evening.ties.items())
    return Counted(evening.label, evening.posts, people, len(spoke), tuple(found), evening.waits)


def tell_apart(sessions: Sequence[Counted], people: Mapping[str, str], names: Mapping[str, str]) -> str:
    """A digest of all that the pictures of some sessions depend on. See `draw`."""
    keys = sorted({key for one in sessions for key in one.people})
    named = [(person, names.get(person)) for key in keys if (person := people.get(key))]
    return sha256(msgspec.msgpack.encode((sessions, named))).hexdigest()[:24]


def draw(sessions: Sequence[Counted], people: Mapping[str, str], names: Mapping[str, str]) -> tuple[Picture, ...]:
    """Draw a chat.

    Args:
        sessions: in order of time.
        people: the main accounts of those who have pages, by all their accounts; others are not drawn.
        names: what they are called, by their main accounts.
    """
    gathered = Gathered(names=dict(names), evenings=[_evening(one, people) for one in sessions])
    return (
        years.draw((one.day, one.posts) for one in gathered.evenings),
        ties.draw(gathered.ties(), gathered.called()),
        regulars.draw(gathered.attendance()),
        waits.draw(gathered.waits()),
    )


def _evening(one: Counted, people: Mapping[str, str]) -> Evening:
    persons = [people.get(key) for key in one.people]
    found: dict[tuple[str, str], int] = {}
    for left, right, times in one.ties:
        who, whom = persons[left], persons[right]
        if who and whom and who != whom:
            found[who, whom] = found.get((who, whom), 0) + times
    return Evening(
        label=one.label,
        day=date.fromisoformat(one.label.partition("@")[0]),
        posts=one.posts,
        people=frozenset(person for person in persons[: one.present] if person),
        ties=found,
        waits=one.waits,
    )
