"""Erase posts that their networks say are deleted, wherever the archive holds what they said."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

import connectors
from knowarchive.model import Payload, Post
from pipelines.understanding import understand
from storage.archive import Archive
from storage.erasure import Erased, Erasure, asked_for, erase, made_at, unerased
from storage.staging import Staging


def erase_posts(archive: Archive, erasures: Collection[Erasure], *, now: datetime) -> Erased:
    """Erase posts: see `storage.erasure.erase`."""
    uids = frozenset(erasure.uid for erasure in erasures)
    return erase(
        archive,
        tuple(erasures),
        lambda payload: connectors.redact(payload, uids),
        addresses=connectors.addresses_of(uids),
        now=now,
    )


def find_posts(archive: Archive, uids: Collection[str]) -> dict[str, datetime]:
    """Those of some posts that the archive has, with when they were made."""
    return made_at(archive, uids)


def erase_named(archive: Archive, uids: Collection[str], known: Mapping[str, datetime], *, now: datetime) -> Erased:
    """Erase posts because somebody asked for it: gone from the disk, shown as deleted, and kept out from now on.

    That they are gone is stored as a payload of our own, so that it is understood again whenever payloads are.

    Args:
        archive: where.
        uids: the posts, in the archive or not.
        known: when those that are in it were made (`find_posts`).
        now: aware.
    """
    lines = [
        {"uid": uid, "author_uid": None, "created_at": made, "observed_at": now, "text": None, "deleted_at": now}
        for uid, made in sorted(known.items())
    ]
    if lines:
        body = b"\n".join(map(msgspec.json.encode, lines))
        payload = Payload(
            format="knowarchive-jsonl", origin="erased on request", body=body, items=len(lines), fetched_at=now
        )
        with Staging(archive, now=now) as staging:
            staging.add(understand(payload)[0])
            staging.finish()
    return erase_posts(archive, [Erasure(uid, known.get(uid, now), now, "asked") for uid in uids], now=now)


def erase_learnt(archive: Archive, before: Mapping[str, Erasure], posts: Iterable[Post] = (), *, now: datetime) -> int:
    """Erase, at the end of a run, what it learnt to be deleted, and what others erased meanwhile: it may have come back.

    Args:
        archive: where the run has stored what it brought.
        before: what was to be erased when the run began (`storage.erasure.asked_for`).
        posts: what the run brought, as far as it may be deleted.
        now: aware.

    Returns:
        How many posts the run learnt to be deleted.
    """
    learnt = {
        post.uid: Erasure(post.uid, post.created_at, post.deleted_at)
        for post in posts
        if post.deleted_at is not None and post.uid not in before
    }
    meanwhile = {uid: one for uid, one in asked_for(archive).items() if uid not in before}
    if learnt or meanwhile:
        erase_posts(archive, {**learnt, **meanwhile}.values(), now=now)
    return len(learnt)


def finish_erasing(archive: Archive, *, now: datetime) -> int:
    """Erase what was learnt to be deleted and is still there: a run was stopped before it could. Returns how many posts."""
    left = unerased(archive)
    erase_posts(archive, left, now=now)
    return len(left)
