"""Takes what erased posts say out of X's answers and of files with them: both APIs, pages and single posts."""

from collections.abc import Set as AbstractSet

import msgspec

from connectors import addresses_of
from connectors.redaction import Fields, Redaction, is_stub, needles, read, read_text, stub, tails
from knowarchive.model import Payload

#: What a post says stands in one of these; an object with an id and none of them is a reference, a user or a medium.
_SAYING = frozenset(("text", "full_text", "note_tweet", "note_post", "extended_tweet"))
#: A post's place, in both generations of the API, and the posts of others that came inside it.
_PLACE = (
    *("id", "id_str", "type", "created_at", "conversation_id", "author_id", "author", "user", "__twarc"),
    *("in_reply_to_user_id", "in_reply_to_user_id_str", "in_reply_to_status_id", "in_reply_to_status_id_str"),
    *("referenced_tweets", "referenced_posts", "edit_history_tweet_ids", "edit_history_post_ids"),
    *("retweeted_status", "quoted_status", "quoted_status_id", "quoted_status_id_str", "is_quote_status"),
)

_NOTHING = msgspec.Raw(b'""')  # without a text it would be no post


def redact_lines(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Redact JSON lines. See `connectors.redact`."""
    return _redacted(payload, uids, is_document=False)


def redact_document(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Redact a document that is one JSON value. See `connectors.redact`."""
    return _redacted(payload, uids, is_document=True)


def ids_of(uids: AbstractSet[str]) -> frozenset[str]:
    """The ids of those that are posts on X."""
    return frozenset(uid.removeprefix("x:") for uid in uids if uid.startswith("x:"))


def own_addresses(uids: AbstractSet[str]) -> list[str]:
    """Parts of web addresses that lead to these posts."""
    return [f"/status/{own}" for own in sorted(ids_of(uids))]


def _redacted(payload: Payload, uids: AbstractSet[str], *, is_document: bool) -> tuple[Payload, int]:
    posts, addresses = _Posts(ids_of(uids)), addresses_of(uids)
    redaction = Redaction(needles(tails(addresses)), posts.reduce, addresses)
    body = redaction.document(payload.body) if is_document else redaction.lines(payload.body)
    if not redaction.count:
        return payload, 0
    # What was attached lies beside the posts of a page: pictures with their descriptions, and polls. Pages repeat it.
    if posts.attached:
        names, used = needles(posts.attached), set[str]()

        def note(fields: Fields) -> None:
            used.update(_attached_to(fields))

        others = Redaction(names, note)
        _ = others.document(body) if is_document else others.lines(body)
        if attached := posts.attached - used:
            rest = Redaction(names, lambda fields: _without_attachment(fields, attached))
            body = rest.document(body) if is_document else rest.lines(body)
    return msgspec.structs.replace(payload, body=body), redaction.count


class _Posts:
    """Tells erased posts and their reposts from other objects, and remembers what was attached to them."""

    def __init__(self, ids: AbstractSet[str]) -> None:
        self._ids = ids
        self.attached: set[str] = set()

    def reduce(self, fields: Fields) -> Fields | None:
        if is_stub(fields) or _SAYING.isdisjoint(fields) or not (self._is_erased(fields) or self._repeats(fields)):
            return None
        self.attached |= _attached_to(fields)
        return {**stub(fields, _PLACE), "text": _NOTHING}

    def _is_erased(self, fields: Fields) -> bool:
        if self._is_one(read(fields, "id_str")) or self._is_one(read(fields, "id")):
            return True
        histories = (read(fields, "edit_history_tweet_ids"), read(fields, "edit_history_post_ids"))
        return any(isinstance(history, list) and history and self._is_one(history[0]) for history in histories)

    def _repeats(self, fields: Fields) -> bool:
        """Whether it is a repost of an erased post: its text is the beginning of that post's."""
        original = read(fields, "retweeted_status")
        if isinstance(original, dict):
            return self._is_one(original.get("id_str")) or self._is_one(original.get("id"))
        for name in ("referenced_tweets", "referenced_posts"):
            references = read(fields, name)
            for one in references if isinstance(references, list) else ():
                if isinstance(one, dict) and one.get("type") == "retweeted" and self._is_one(one.get("id")):
                    return True
        return False

    def _is_one(self, own: object) -> bool:
        return (isinstance(own, str) and own in self._ids) or (type(own) is int and str(own) in self._ids)


def _attached_to(fields: Fields) -> set[str]:
    """The keys of what an object says is attached to it: a post by lists of them, an address in its text by one."""
    attachments = read(fields, "attachments")
    found = [read(fields, "media_key")] if "media_key" in fields and "start" in fields else []
    for name in ("media_keys", "poll_ids"):
        listed = attachments.get(name) if isinstance(attachments, dict) else None
        found += listed if isinstance(listed, list) else []
    return {own for own in found if isinstance(own, str)}


def _without_attachment(fields: Fields, attached: AbstractSet[str]) -> Fields | None:
    if read_text(fields, "media_key") in attached:
        return stub(fields, ("media_key", "type"))
    if "options" in fields and read_text(fields, "id") in attached:
        return stub({**fields, "options": msgspec.Raw(b"[]")}, ("id", "options"))
    return None
