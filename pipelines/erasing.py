"""Erase posts that their networks say are deleted, wherever the archive holds what they said."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import connectors
from knowarchive.model import Post
from storage.archive import Archive
from storage.erasure import Erased, Erasure, asked_for, erase, unerased


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
