"""From all that the archive knows of a session to its transcript."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from msgspec import structs

from knowarchive.model import Account, Post, Repost
from transcripts.corrections import NO_CORRECTIONS, Corrections
from transcripts.crossposts import Folded, fold
from transcripts.filing import Prepared, prepare
from transcripts.model import UNSEEN, Copy, Entry, Filing, Question, SessionPosts, SharedLink, Transcript
from transcripts.pages import page_of
from transcripts.people import find_guests, list_people, reposter_key
from transcripts.reading import Reading
from transcripts.threads import is_address_of_post

LATEST = datetime.max.replace(tzinfo=UTC)


def build_transcript(session: SessionPosts, corrections: Corrections = NO_CORRECTIONS) -> Transcript:
    """Build a transcript: copies and reposts folded into what they repeat, posts filed, people, links and figures.

    The order of the session's posts and reposts does not matter. A session without a numbered question has all its
    posts under `none`; one without posts is an empty transcript.

    Args:
        session: all that is known of it.
        corrections: what a person said of its filing; what cannot be obeyed is left out and told in `notes`.
    """
    folded = fold(session)
    return build_from(prepare(folded.session, folded.turn(corrections)), folded)


def build_from(prepared: Prepared, folded: Folded) -> Transcript:
    """Build the transcript of a session whose posts are read and filed, after it was folded."""
    session, readings, questions = prepared.session, prepared.readings, prepared.questions
    filings, persons = prepared.filings, folded.people
    reposts = _unique_reposts(repost for repost in folded.reposts if repost.post_uid in folded.posts)
    entries = tuple(_entry(reading.post, filings[reading.uid], reposts, folded) for reading in readings)
    moderators = tuple(dict.fromkeys(map(persons.of, prepared.moderators)))
    people = list_people(
        folded.posts.values(),
        (one for many in reposts.values() for one in many),
        session.accounts,
        moderators,
        persons,
    )
    answers = Counter(filing.topic for filing in filings.values() if filing.role == "answer")
    questions = tuple(replace(question, answers=answers[question.label]) for question in questions)
    order = {key: index for index, key in enumerate(moderators)}
    links = _links(readings, entries)
    return Transcript(
        title=session.title,
        hashtags=session.hashtags,
        window=session.window,
        moderators=tuple(
            sorted((one for one in people if one.moderator), key=lambda one: order.get(one.key, len(order)))
        ),
        questions=questions,
        entries=entries,
        context={
            post.uid: post for post in sorted(session.context, key=lambda one: one.uid) if post.uid not in folded.posts
        },
        participants=people,
        links=links,
        stats=_stats(entries, people=sum(one.posts > 0 for one in people), questions=questions, links=links),
        coverage=session.coverage,
        notes=prepared.notes,
        topic=session.topic,
        guests=find_guests(session.guests, people),
    )


def _unique_reposts(reposts: Iterable[Repost]) -> dict[str, tuple[Repost, ...]]:
    """Group reposts by post, once for each account, in order of time."""
    grouped: dict[str, dict[str, Repost]] = {}
    for repost in sorted(reposts, key=_repost_order):
        key = reposter_key(repost)
        if key is not None:
            grouped.setdefault(repost.post_uid, {}).setdefault(key, repost)
    unique: dict[str, tuple[Repost, ...]] = {}
    for uid, by_account in grouped.items():
        named = {_folded(one.account_handle) for one in by_account.values() if one.account_uid and one.account_handle}
        unique[uid] = tuple(
            one for one in by_account.values() if one.account_uid or _folded(one.account_handle) not in named
        )
    return unique


def _repost_order(repost: Repost) -> tuple[datetime, str, str, str]:
    return repost.at or LATEST, _folded(repost.account_handle), repost.account_uid or "", repost.id or ""


def _folded(handle: str | None) -> str:
    return (handle or "").removeprefix("@").casefold()


def _entry(turned: Post, filing: Filing, reposts: Mapping[str, Sequence[Repost]], folded: Folded) -> Entry:
    accounts = folded.session.accounts
    original = folded.posts[turned.uid]
    post = original
    if (turned.reply_to, turned.quote_of) != (original.reply_to, original.quote_of):
        post = structs.replace(original, reply_to=turned.reply_to, quote_of=turned.quote_of)
    copies = [folded.posts[uid] for uid in folded.copies.get(turned.uid, ())]
    if original.deleted_at:  # whoever deletes the original does not want to be read in what a bridge made of it
        copies = [structs.replace(copy, deleted_at=copy.deleted_at or original.deleted_at) for copy in copies]
    return Entry(
        post,
        filing,
        *_repeated(original, reposts.get(original.uid, ()), accounts),
        tuple(Copy(copy, *_repeated(copy, reposts.get(copy.uid, ()), accounts)) for copy in copies),
        None if post is original else original,
    )


def _repeated(
    post: Post, reposts: Sequence[Repost], accounts: Mapping[str, Account]
) -> tuple[int | None, tuple[str, ...]]:
    """How often a post was repeated, by its network's word or by who is known to have, and their handles."""
    handles: dict[str, str] = {}
    for repost in reposts:
        account = accounts.get(repost.account_uid or "")
        handle = repost.account_handle or (account.handle if account else None)
        if handle:
            handles.setdefault(_folded(handle), handle)
    known = len(reposts) or None
    count = known if post.reposts is None else max(post.reposts, known or 0)
    return count, tuple(handles.values())


def _links(readings: Sequence[Reading], entries: Sequence[Entry]) -> tuple[SharedLink, ...]:
    """List each page that was shared once, in order of its first mention; a link that quotes a post is no page."""
    shared: dict[str, _Shared] = {}
    for reading, entry in zip(readings, entries, strict=True):
        for link in (link for post in entry.posts for link in post.links or ()):
            key = page_of(link.url)
            if key is None or (reading.quotes is not None and is_address_of_post(link.url)):
                continue
            one = shared.setdefault(key, _Shared(link.url))
            one.title = one.title or link.title
            one.handles.setdefault(reading.author, entry.post.author_handle)
            one.uids.setdefault(reading.uid)
            one.topics.setdefault(entry.filing.topic)
    return tuple(
        SharedLink(
            one.url,
            one.title,
            tuple(handle for handle in one.handles.values() if handle),
            tuple(one.uids),
            tuple(one.topics),
        )
        for one in shared.values()
    )


@dataclass(slots=True)
class _Shared:
    url: str
    title: str | None = None
    handles: dict[str, str | None] = field(default_factory=dict)
    uids: dict[str, None] = field(default_factory=dict)
    topics: dict[str, None] = field(default_factory=dict)


def _stats(
    entries: Sequence[Entry], *, people: int, questions: Sequence[Question], links: Sequence[SharedLink]
) -> dict[str, int]:
    """Count. `minutes_to_first_answer` is from the first question to its first answer, where there is one.

    `posts` are all original posts but those known only because others answer them, `copies` those among them that say on another network what an entry says already.
    """
    topics = {question.label: question.parts for question in questions}
    copies = sum(len(entry.copies) for entry in entries)
    stats = {
        "posts": sum(entry.post.visibility not in UNSEEN for entry in entries) + copies,
        "people": people,
        "reposts": sum(entry.all_reposts or 0 for entry in entries),
        "questions": len(questions),
        "answers": sum(entry.filing.role == "answer" and entry.filing.topic in topics for entry in entries),
        "links": len(links),
    }
    if copies:
        stats["copies"] = copies
    at = {entry.post.uid: entry.began for entry in entries}
    waits = [
        entry.began - at[topics[entry.filing.topic][0]]
        for entry in entries
        if entry.filing.role == "answer" and entry.filing.topic in topics
    ]
    if any(wait >= timedelta() for wait in waits):
        stats["minutes_to_first_answer"] = min(wait for wait in waits if wait >= timedelta()) // timedelta(minutes=1)
    return stats
