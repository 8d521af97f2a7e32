"""From all that the archive knows of a session to its transcript."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from knowarchive.model import Post, Repost
from transcripts.corrections import NO_CORRECTIONS, Corrections
from transcripts.filing import Prepared, prepare
from transcripts.model import Entry, Filing, Question, SessionPosts, SharedLink, Transcript
from transcripts.people import list_people, reposter_key
from transcripts.reading import Reading
from transcripts.threads import is_address_of_post

LATEST = datetime.max.replace(tzinfo=UTC)
TRACKING = ("utm_", "fbclid=", "gclid=", "mc_cid=", "mc_eid=")


def build_transcript(session: SessionPosts, corrections: Corrections = NO_CORRECTIONS) -> Transcript:
    """Build a transcript: posts filed, reposts folded into what they repeat, people, links and figures.

    The order of the session's posts and reposts does not matter. A session without a numbered question has all its
    posts under `none`; one without posts is an empty transcript.

    Args:
        session: all that is known of it.
        corrections: what a person said of its filing; what cannot be obeyed is left out and told in `notes`.
    """
    return build_from(prepare(session, corrections))


def build_from(prepared: Prepared) -> Transcript:
    """Build the transcript of a session whose posts are read and filed."""
    session, readings, questions = prepared.session, prepared.readings, prepared.questions
    moderators, filings = prepared.moderators, prepared.filings
    posts = [reading.post for reading in readings]
    uids = {post.uid for post in posts}
    reposts = _unique_reposts(repost for repost in session.reposts if repost.post_uid in uids)
    entries = tuple(_entry(post, filings[post.uid], reposts.get(post.uid, ()), session) for post in posts)
    people = list_people(posts, (one for many in reposts.values() for one in many), session.accounts, moderators)
    answers = Counter(filing.topic for filing in filings.values() if filing.role == "answer")
    questions = tuple(replace(question, answers=answers[question.label]) for question in questions)
    order = {key: index for index, key in enumerate(moderators)}
    links = _links(readings, filings)
    return Transcript(
        title=session.title,
        hashtags=session.hashtags,
        window=session.window,
        moderators=tuple(
            sorted((one for one in people if one.moderator), key=lambda one: order.get(one.key, len(order)))
        ),
        questions=questions,
        entries=entries,
        context={post.uid: post for post in sorted(session.context, key=lambda one: one.uid) if post.uid not in uids},
        participants=people,
        links=links,
        stats=_stats(entries, people=sum(one.posts > 0 for one in people), questions=questions, links=links),
        coverage=session.coverage,
        notes=prepared.notes,
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


def _entry(post: Post, filing: Filing, reposts: Sequence[Repost], session: SessionPosts) -> Entry:
    handles: dict[str, str] = {}
    for repost in reposts:
        account = session.accounts.get(repost.account_uid or "")
        handle = repost.account_handle or (account.handle if account else None)
        if handle:
            handles.setdefault(_folded(handle), handle)
    known = len(reposts) or None
    count = known if post.reposts is None else max(post.reposts, known or 0)
    return Entry(post, filing, count, tuple(handles.values()))


def _links(readings: Sequence[Reading], filings: Mapping[str, Filing]) -> tuple[SharedLink, ...]:
    """List each page that was shared once, in order of its first mention; a link that quotes a post is no page."""
    shared: dict[str, _Shared] = {}
    for reading in readings:
        for link in reading.post.links or ():
            key = _page(link.url)
            if key is None or (reading.quotes is not None and is_address_of_post(link.url)):
                continue
            one = shared.setdefault(key, _Shared(link.url))
            one.title = one.title or link.title
            one.handles.setdefault(_folded(reading.post.author_handle), reading.post.author_handle)
            one.uids.setdefault(reading.uid)
            one.topics.setdefault(filings[reading.uid].topic)
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


def _page(url: str) -> str | None:
    """Bring an address to the form in which two are the same page; None where it is no address of the web.

    The scheme, `www.`, the case of the host, a last slash and what marketing adds do not make another page.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    except ValueError:
        return None
    if parts.scheme.casefold() not in {"http", "https"} or not host:
        return None
    query = "&".join(one for one in parts.query.split("&") if one and not one.casefold().startswith(TRACKING))
    return urlunsplit(("", host + port, parts.path.rstrip("/"), query, parts.fragment))


def _stats(
    entries: Sequence[Entry], *, people: int, questions: Sequence[Question], links: Sequence[SharedLink]
) -> dict[str, int]:
    """Count. `minutes_to_first_answer` is from the first question to its first answer, where there is one."""
    topics = {question.label: question.parts for question in questions}
    stats = {
        "posts": len(entries),
        "people": people,
        "reposts": sum(entry.repost_count or 0 for entry in entries),
        "questions": len(questions),
        "answers": sum(entry.filing.role == "answer" and entry.filing.topic in topics for entry in entries),
        "links": len(links),
    }
    at = {entry.post.uid: entry.post.created_at for entry in entries}
    waits = [
        entry.post.created_at - at[topics[entry.filing.topic][0]]
        for entry in entries
        if entry.filing.role == "answer" and entry.filing.topic in topics
    ]
    if any(wait >= timedelta() for wait in waits):
        stats["minutes_to_first_answer"] = min(wait for wait in waits if wait >= timedelta()) // timedelta(minutes=1)
    return stats
