"""A session as JSON: the contract `knowarchive.transcript/1`, for scripts and for people who count.

The text is what the network said, to the letter; only what could act on a terminal is written as an escape, which
every JSON reader undoes. What its author deleted is not repeated here either.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from knowarchive.model import Post
from transcripts.model import Copy, Entry, Person, Transcript
from transcripts.people import is_by_handle

from .clock import instant
from .references import post_url
from .text import encodable

SCHEMA = "knowarchive.transcript/1"

# Legal inside JSON strings, but not on a terminal: DEL and C1, line separators, bidirectional controls, BOM.
_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")


def render(transcript: Transcript) -> str:
    """The whole session, two spaces to a level, ending with a newline."""
    text = json.dumps(_document(transcript), ensure_ascii=False, indent=2, allow_nan=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", encodable(text)) + "\n"


def _document(transcript: Transcript) -> dict[str, object]:
    window = transcript.window
    return {
        "schema": SCHEMA,
        "chat": {"name": window.chat, "title": transcript.title, "hashtags": list(transcript.hashtags)},
        "session": {
            "date": window.label,
            "start": instant(window.start),
            "end": instant(window.end),
            "timezone": window.timezone,
            "opens": instant(window.opens),
            "closes": instant(window.closes),
            "moderators": [_named(person) for person in transcript.moderators],
            "topic": transcript.topic,
            "guests": [_named(person) for person in transcript.guests],
        },
        "questions": [
            {
                "label": question.label,
                "uid": question.uid,
                "parts": list(question.parts),
                "text": question.text,
                "answers": question.answers,
            }
            for question in transcript.questions
        ],
        "posts": _posts(transcript.entries),
        "participants": [
            {
                "uid": _uid(person),
                "handle": person.handle,
                "name": person.name,
                "url": person.url,
                "posts": person.posts,
                "reposts": person.reposts,
                "moderator": person.moderator,
                "accounts": [
                    {
                        "uid": _known_uid(account.key),
                        "platform": account.platform,
                        "handle": account.handle,
                        "url": account.url,
                    }
                    for account in person.accounts
                ],
            }
            for person in transcript.participants
        ],
        "links": [
            {
                "url": link.url,
                "title": link.title,
                "shared_by": list(link.shared_by),
                "uids": list(link.uids),
                "topics": list(link.topics),
            }
            for link in transcript.links
        ],
        "stats": dict(transcript.stats),
        "coverage": {"sources": [_plain(row) for row in transcript.coverage]},
        "context": [_post(post) for post in transcript.context.values()],
        "notes": list(transcript.notes),
    }


def _named(person: Person) -> dict[str, object]:
    return {"uid": _uid(person), "handle": person.handle, "name": person.name}


def _uid(person: Person) -> str | None:
    return _known_uid(person.key)


def _known_uid(key: str) -> str | None:
    return None if is_by_handle(key) else key


def _posts(entries: Iterable[Entry]) -> list[dict[str, object]]:
    """Every original post in order of time: an entry's copies are posts too, and say of which post they are one."""
    found: list[tuple[datetime, dict[str, object]]] = []
    for entry in entries:
        main = entry.as_posted or entry.post
        also = [
            {"uid": post.uid, "platform": post.platform, "url": None if post.deleted_at else post_url(post)}
            for post in entry.posts[1:]
        ]
        record = {**_filed(entry, main, entry), "also": also, "copy_of": None}
        found.append((main.created_at, record))
        for copy in entry.copies:
            record = {**_filed(entry, copy.post, copy), "also": [], "copy_of": main.uid}
            found.append((copy.post.created_at, record))
    return [record for _, record in sorted(found, key=lambda one: one[0])]


def _filed(entry: Entry, post: Post, repeated: Entry | Copy) -> dict[str, object]:
    filing = entry.filing
    record = _post(post)
    filed = {
        "topic": filing.topic,
        "role": filing.role,
        "confidence": round(filing.confidence, 4),
        "reason": filing.reason,
    }
    folded = {"repost_count": repeated.repost_count, "reposted_by": list(repeated.reposted_by)}
    ordered: dict[str, object] = {}
    for key, value in record.items():
        if key == "reply_to":
            ordered.update(filed)
        ordered[key] = value
        if key == "quotes":
            ordered.update(folded)
    ordered["alternatives"] = [[topic, round(share, 4)] for topic, share in filing.alternatives]
    return ordered


def _post(post: Post) -> dict[str, object]:
    deleted = post.deleted_at is not None
    return {
        "uid": post.uid,
        "platform": post.platform,
        "url": None if deleted else post_url(post),
        "created_at": instant(post.created_at),
        "author": {
            "uid": None if deleted else post.author_uid,
            "handle": None if deleted else post.author_handle,
            "name": None if deleted else post.author_name,
        },
        "text": None if deleted else post.text,
        "reply_to": post.reply_to,
        "quotes": None if deleted else post.quote_of,
        "links": [] if deleted else [{"url": link.url, "title": link.title} for link in post.links or ()],
        "media": []
        if deleted
        else [{"kind": media.kind, "url": media.url, "alt": media.alt} for media in post.media or ()],
        "deleted": deleted,
        "warning": None if deleted else post.warning,
        "lang": post.lang,
        "edited_at": instant(post.edited_at) if post.edited_at else None,
        "poll": None
        if deleted or post.poll is None
        else [{"text": option.text, "votes": option.votes} for option in post.poll],
    }


def _plain(value: object) -> object:
    """A ledger's row as JSON has it: times as text, everything unknown as its words."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # infinities and NaN have no JSON
    if isinstance(value, datetime):
        return instant(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return str(value)
