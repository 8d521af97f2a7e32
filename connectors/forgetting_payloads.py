"""Takes a person out of payloads: their own records to a place without words or names, and their traces in others'.

The posts themselves are reduced as erased ones are (`connectors.redact`). Then every record that names the person is
scrubbed, as its format has it. What does not name the person keeps its bytes.
"""

from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

import connectors
from connectors.forgetting import (
    Concerned,
    Person,
    Pseudonyms,
    handle_key,
    is_composed,
    is_telling,
    scrubber_of,
    sentences_of,
)
from connectors.forgetting_json import DOCUMENTS, scrub_head, scrub_json, server_of
from connectors.forgetting_tables import scrub_table
from connectors.x.table import Columns, records_of
from knowarchive.model import Mapped, Payload


def forget(
    payload: Payload, person: Person, pseudonyms: Pseudonyms, also: AbstractSet[str] = frozenset()
) -> tuple[Payload, int]:
    """Take a person out of a payload. Pure; doing it again changes nothing.

    Args:
        payload: any payload, as it was stored.
        person: whom.
        pseudonyms: what stands in their place.
        also: uids of posts of others whose text is known to hold something of theirs.

    Returns:
        The payload, unchanged where it does not name the person, and how many records lost something.
    """
    return without(
        payload, *learn(payload, person, pseudonyms, names_in(payload, person, pseudonyms, also)), pseudonyms
    )


def names_in(
    payload: Payload, person: Person, pseudonyms: Pseudonyms, also: AbstractSet[str] = frozenset()
) -> Concerned:
    """What a payload has of all by which a person may be named: no needles where it surely does not name them."""
    scrub = scrubber_of(person, pseudonyms)
    concerned = Concerned.of(scrub, also) if also else scrub.concerned
    parts = payload.body, payload.head, payload.origin.encode("utf-8", "surrogatepass")
    found = dict.fromkeys(needle for part in parts for needle in concerned.within(part).needles)
    return Concerned(tuple(found), frozenset(), concerned.also)


def learn(payload: Payload, person: Person, pseudonyms: Pseudonyms, here: Concerned) -> tuple[Person, Concerned]:
    """A person with all that a payload tells of them besides: posts of theirs, further names, what they say.

    Args:
        payload: any payload.
        person: whom.
        pseudonyms: what stands in their place.
        here: what the payload has of them (`names_in`).

    Returns:
        The person, and what the payload has of them as they are known now.
    """
    for _ in range(2):  # an id that stands beside a handle may be all that another record has
        if not here.needles:
            break
        part = payload
        if payload.format not in DOCUMENTS:
            split = records_of(payload.body, Columns.of(payload).delimiter) if payload.format == "x-csv" else None
            records = payload.body.split(b"\n") if split is None else list(split)
            part = msgspec.structs.replace(payload, body=b"\n".join([record for record in records if here(record)]))
        before, person = person, find_person(connectors.map_payload(part), person)
        known, new = scrubber_of(before, pseudonyms).concerned, scrubber_of(person, pseudonyms).concerned
        here = here.joined(new.without(known))  # it is from here that it was learnt
        if (person.accounts, person.handles) == (before.accounts, before.handles):
            break
    return person, here


def without(payload: Payload, person: Person, here: Concerned, pseudonyms: Pseudonyms) -> tuple[Payload, int]:
    """Like `forget`, where all that the payload tells of the person is known, and what it has of them is `here`."""
    scrub = scrubber_of(person, pseudonyms, payload.format.partition("-")[0], server_of(payload))
    if not here.needles:
        return payload, 0
    changes: dict[str, Any] = {}
    head = scrub_head(payload, scrub)
    if head != payload.head:
        changes["head"] = head
    if (origin := scrub(payload.origin)) != payload.origin:
        changes["origin"] = origin
    rest, count = connectors.redact(payload, _named(payload, person, here))
    scrubbed = scrub_table if payload.format == "x-csv" else scrub_json
    body, touched = scrubbed(rest, scrub, here)
    if body != payload.body:
        changes["body"] = body
    if not changes:
        return payload, 0
    return msgspec.structs.replace(payload, **changes), max(count, touched, 1)


def find_person(mapped: Mapped, known: Person) -> Person:
    """What is known of people, with all that a payload tells of them.

    Args:
        mapped: what it says.
        known: their accounts and handles at least.
    """
    found: dict[str, set[str]] = {
        name: set() for name in ("accounts", "handles", "posts", "ids", "addresses", "names", "composed")
    }
    sentences: set[tuple[str, ...]] = set()

    def meet(platform: str, uid: str | None, handle: str | None) -> bool:
        own = uid.partition(":")[2] if uid else None
        if not known.is_account(platform, own, handle):
            return False
        if uid:
            found["accounts"].add(uid)
        if handle and handle_key(platform, handle) not in known.shared:
            found["handles"].add(handle_key(platform, handle))
            found["composed"].update([handle_key(platform, handle)] if is_composed(handle) else [])
        return True

    for account in mapped.accounts:
        if meet(account.uid.partition(":")[0], account.uid, account.handle):
            found["names"].update([account.name] if account.name else [])
    for post in mapped.posts:
        if meet(post.platform, post.author_uid, post.author_handle):
            found["posts"].add(post.uid)
            found["ids"].update([f"x:{post.id}"] if post.id and post.platform == "x" else [])
            found["addresses"].update([post.url] if post.url else [])
            found["names"].update([post.author_name] if post.author_name else [])
            sentences.update(sentences_of(post.text or ""))
    for repost in mapped.reposts:
        platform = repost.post_uid.partition(":")[0]
        if meet(platform, repost.account_uid, repost.account_handle) and repost.id:
            found["ids"].add(f"{platform}:{repost.id}")
    made = {name: frozenset(values) for name, values in found.items()}
    return known.joined(telling(Person(**made, sentences=frozenset(sentences))))


def telling(person: Person) -> Person:
    """A person without the names that are ordinary words."""
    return msgspec.structs.replace(person, names=frozenset(name for name in person.names if is_telling(name)))


def _named(payload: Payload, person: Person, here: Concerned) -> frozenset[str]:
    """Which of the person's posts a payload names, reposts of others' among them."""
    named = person.posts | person.ids
    if payload.format == "x-csv":  # whose ids may be rounded
        return frozenset(uid for uid in named if uid.startswith("x:"))
    found = {needle.decode() for needle in here.needles if needle.isdigit()}
    of_x = {uid for uid in named if uid.startswith("x:")}
    body = payload.body + payload.head if len(of_x) < len(named) else b""
    others = {uid for uid in named - of_x if uid.rstrip("/").rpartition("/")[2].encode() in body}
    return frozenset({uid for uid in of_x if uid.removeprefix("x:") in found} | others)
