"""Maps posts of X's API v2: pages of search and lookup, single posts of a stream, and twarc's flattened posts.

Fields: the API's OpenAPI description, 2.166 and 2.167; the second renames tweets to posts, so both names are read.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from connectors.refusals import FAILURES, BadRecordError, reason
from connectors.times import believed
from connectors.x import records
from connectors.x.collect import DAWN, Collector
from connectors.x.ids import LANGUAGES, are_ids, first_time, is_id, snowflake_time
from connectors.x.protected import screen
from connectors.x.redaction import redact_lines as redact
from connectors.x.shapes import JSON_ARRAY, JSON_OBJECT, generation_of_lines
from connectors.x.text import permalink, unescape, unwrap
from connectors.x.v2_objects import Attachments, Entities, Includes, Line, Medium, Poll, Twarc, Tweet, Url, User
from knowarchive.model import Link, Mapped, Media, Mention, Payload, PollOption, Post, Repost, without_content

__all__ = ["CUT", "map_payload", "recognises", "redact", "screen"]

CUT = "lines"

_TYPES = {"photo": "photo", "video": "video", "animated_gif": "gif"}


class Context:
    """What the posts of one page share."""

    __slots__ = ("done", "firsts", "handles", "media", "observed_at", "polls", "posts", "users")

    def __init__(self, observed_at: datetime | None, includes: Includes | None) -> None:
        self.observed_at = observed_at
        self.users: dict[str, User] = {}
        self.handles: dict[str, str] | None = None  # made when first needed
        self.media: dict[str, Medium] = {}
        self.polls: dict[str, Poll] = {}
        self.posts: dict[str, Tweet] = {}
        self.done: dict[str, Tweet] = {}
        self.firsts: dict[str, str] = {}  # the first id of every edited version
        if includes is not None:
            if includes.users:
                self.users = {user.id: user for user in includes.users}
            if includes.media:
                self.media = {item.media_key: item for item in includes.media if item.media_key}
            if includes.polls:
                self.polls = {poll.id: poll for poll in includes.polls if poll.id}

    def add(self, tweets: list[Tweet]) -> None:
        """Index posts by their ids, if these are ids, and the versions of the edited ones by their first."""
        if not tweets:
            return
        ids = [tweet.id or "" for tweet in tweets]
        if are_ids(ids):
            self.posts.update(zip(ids, tweets, strict=True))
        else:
            self.posts.update((tweet.id, tweet) for tweet in tweets if tweet.id is not None and is_id(tweet.id))
        for tweet in tweets:
            history = tweet.edit_history_tweet_ids or tweet.edit_history_post_ids
            if history is not None and len(history) > 1 and tweet.id is not None:
                self.firsts.update(dict.fromkeys(history, history[0]))

    def handle_uid(self, handle: str) -> str | None:
        """Look up a person who is mentioned by name alone."""
        if self.handles is None:
            self.handles = {user.username.lower(): "x:" + user.id for user in self.users.values() if user.username}
        return self.handles.get(handle.lower())


T = TypeVar("T")

_decoder = msgspec.json.Decoder(Line)
_lax = msgspec.json.Decoder(Line, strict=False)
_lax_tweet = msgspec.json.Decoder(Tweet, strict=False)
_lax_user = msgspec.json.Decoder(User, strict=False)
_lax_medium = msgspec.json.Decoder(Medium, strict=False)
_lax_poll = msgspec.json.Decoder(Poll, strict=False)
_twarc = msgspec.json.Decoder(Twarc)

#: The first part of a media key tells the kind where the medium itself did not come along.
_ATTACHED = ("/photo/", "/video/")
_KINDS = {"3": "photo", "7": "video", "13": "video", "16": "gif"}


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is of this format."""
    return generation_of_lines(lines) == "v2"


def map_payload(payload: Payload) -> Mapped:
    """Map pages and posts of API v2. Lines of another shape are mapped by that shape."""
    out = Collector(payload)
    for index, record, line in records.decode_lines(_decoder, out):
        data, includes = line.data, line.includes
        if data is not None:
            items = data if isinstance(data, list) else [data]
            if items and items[0].text is None:  # users, most likely
                records.map_line(record, index, out)
            else:
                _map_page(items, _included(includes), _context(line.twarc, includes), index, out, record)
        elif includes is not None or line.errors or line.meta:
            _map_page([], _included(includes), _context(line.twarc, includes), index, out, record)
        elif line.id is not None and line.text is not None:
            out.seen += 1
            try:
                _map_flat(line, index, out, record)
            except ValueError as error:
                out.quarantine(index, record, reason(error), post_uid(line))
        else:
            records.map_line(record, index, out)
    return out.mapped()


def map_record(record: bytes, index: int, out: Collector) -> None:
    """Map one flattened post that stands alone, reading counts written as strings too."""
    _map_flat(_lax.decode(record), index, out, record)


def map_page(keys: dict[str, msgspec.Raw], record: bytes, index: int, out: Collector) -> None:
    """Map a page item by item, so that a bad post, or a bad user, is set aside alone."""
    try:
        twarc = _twarc.decode(keys["__twarc"]) if "__twarc" in keys else None
    except FAILURES:
        twarc = None
    parts: dict[str, msgspec.Raw] = {}
    if "includes" in keys:
        try:
            parts = JSON_OBJECT.decode(keys["includes"])
        except FAILURES as error:
            out.quarantine(index, bytes(keys["includes"]), f"includes.{reason(error)}")

    def decoded(name: str, decoder: msgspec.json.Decoder[T]) -> list[T]:
        return [item for item, _ in _each(parts.get(name), decoder, "includes." + name, index, out)]

    includes = Includes(
        users=decoded("users", _lax_user), media=decoded("media", _lax_medium), polls=decoded("polls", _lax_poll)
    )
    refused = len(out.quarantined)
    pairs = _each(keys.get("data"), _lax_tweet, "data", index, out)
    out.seen += len(out.quarantined) - refused
    included = decoded("tweets", _lax_tweet) + decoded("posts", _lax_tweet)
    context = _context(twarc, includes)
    items = []
    for item, raw in pairs:
        if item.text is None and item.username is not None:
            try:
                user = _lax_user.decode(raw)
            except FAILURES as error:
                out.quarantine(index, raw, f"data.{reason(error)}")
            else:
                context.users[user.id] = user
        else:
            items.append(item)
    _map_page(items, included, context, index, out, record)


def _each(
    raw: msgspec.Raw | None, decoder: msgspec.json.Decoder[T], where: str, index: int, out: Collector
) -> list[tuple[T, bytes]]:
    """Decode each item of a list, or the one that stands where a list might; set aside those that cannot be."""
    good: list[tuple[T, bytes]] = []
    whole = bytes(raw).strip() if raw is not None else b"null"
    if whole == b"null":
        return good
    items = [bytes(item) for item in JSON_ARRAY.decode(whole)] if whole[:1] == b"[" else [whole]
    for position, item in enumerate(items):
        try:
            good.append((decoder.decode(item), item))
        except FAILURES as error:
            out.quarantine(index, item, f"{where}[{position}].{reason(error)}")
    return good


def post_uid(tweet: Tweet) -> str | None:
    """Name a post as far as it can be named."""
    return f"x:{tweet.id}" if tweet.id and is_id(tweet.id) else None


def _included(includes: Includes | None) -> list[Tweet]:
    if includes is None:
        return []
    return (includes.tweets or []) + (includes.posts or [])


def _context(twarc: Twarc | None, includes: Includes | None) -> Context:
    return Context(believed(twarc.retrieved_at) if twarc is not None else None, includes)


def _map_page(
    items: list[Tweet], included: list[Tweet], context: Context, index: int, out: Collector, record: bytes | memoryview
) -> None:
    context.add(included)
    context.add(items)
    out.seen += len(items)
    latest = context.observed_at
    for position, tweet in enumerate(items):
        try:
            map_tweet(tweet, context, out)
        except ValueError as error:
            out.quarantine(index, record, f"data[{position}].{reason(error)}", post_uid(tweet))
            continue
        if tweet.created_at is not None:
            out.times.append(tweet.created_at)
            if latest is None:
                latest = tweet.created_at
    for position, tweet in enumerate(included):
        try:
            map_tweet(tweet, context, out)
        except ValueError as error:
            out.quarantine(index, record, f"includes.tweets[{position}].{reason(error)}", post_uid(tweet))
    users, at, observed_at = out.users, latest or DAWN, context.observed_at
    for user_id, user in context.users.items():
        uid = "x:" + user_id
        last = users.get(uid)
        if last is None or last[0] < at:
            users[uid] = (at, user, observed_at)


def _map_flat(line: Line, index: int, out: Collector, record: bytes | memoryview) -> None:
    """Map a flattened post, which holds its author and what it refers to as whole objects."""
    context = _context(line.twarc, None)
    inside: list[Tweet] = []
    pending: list[Tweet] = [line]
    while pending:
        tweet = pending.pop()
        if tweet.author is not None:
            out.see("x:" + tweet.author.id, tweet.author, context.observed_at or line.created_at, context.observed_at)
        for reference in tweet.referenced_tweets or tweet.referenced_posts or ():
            if reference.text is not None:
                inside.append(reference)
                pending.append(reference)
    context.add(inside)
    context.add([line])
    map_tweet(line, context, out)
    if line.created_at is not None:
        out.times.append(line.created_at)
    for tweet in inside:
        try:
            map_tweet(tweet, context, out)
        except ValueError as error:
            out.quarantine(index, record, f"referenced_tweets.{reason(error)}", post_uid(tweet))


def map_tweet(tweet: Tweet, context: Context, out: Collector) -> None:
    """Map one post or repost, which the context has indexed.

    Raises:
        BadRecordError: it has no id, no text or no date that can be believed.
    """
    post_id, text, created_at = tweet.id, tweet.text, tweet.created_at
    posts, firsts, observed_at = context.posts, context.firsts, context.observed_at
    if post_id is None or post_id not in posts:
        raise BadRecordError("id: missing" if post_id is None else "id: not a number")
    if post_id in context.done and context.done[post_id] == tweet:
        return
    author, author_uid, author_id = tweet.author, None, tweet.author_id
    if author_id:
        author_uid = "x:" + author_id
        if author is None:
            author = context.users.get(author_id)
    handle = name = None
    if author is not None:
        handle, name = author.username, author.name
        if name is not None and "&" in name:
            name = unescape(name)
    if (
        post_id in out.known_records
        and not firsts
        and out.known_records[post_id] == tweet
        and out.add_again(post_id, handle, name, observed_at)
    ):
        return
    if text is None:
        raise BadRecordError("text: missing")
    if created_at is None:
        created_at = snowflake_time(post_id)
        if created_at is None:
            raise BadRecordError("created_at: missing")
    else:
        created_at = believed(created_at)
        if created_at is None:
            raise BadRecordError("created_at: not a date")
    reply_to = quote_id = quote_of = None
    for reference in tweet.referenced_tweets or tweet.referenced_posts or ():
        kind, other = reference.type, reference.id
        if other is None or not (other in posts or is_id(other)):
            raise BadRecordError("referenced_tweets.id: not a number")
        uid = "x:" + (firsts.get(other, other) if firsts else other)
        if kind == "replied_to":
            reply_to = uid
        elif kind == "quoted":
            quote_id, quote_of = other, uid
        elif kind == "retweeted":
            original = posts.get(other)
            at = (
                (believed(original.created_at) if original is not None else None) or snowflake_time(other) or created_at
            )
            if other in firsts:
                at = first_time(firsts[other], at)
            out.reposts.append(
                Repost(
                    post_uid=uid,
                    post_at=at,
                    account_uid=author_uid,
                    account_handle=handle,
                    at=created_at,
                    id=post_id,
                    observed_at=observed_at,
                )
            )
            context.done[post_id] = tweet
            return

    entities, attachments = tweet.entities, tweet.attachments
    note = tweet.note_tweet or tweet.note_post
    if note is not None and note.text:
        text = note.text
        entities = _joined(note.entities, entities)
    if "&" in text:
        text = unescape(text)
    hashtags: tuple[str, ...] | None = ()
    mentions: tuple[Mention, ...] | None = ()
    links: tuple[Link, ...] | None = ()
    media: tuple[Media, ...] | None = ()
    poll = None
    if attachments is not None:
        media = _media(attachments, context)
        poll = _poll(attachments, context)
    if entities is None:
        # Entities may not have been asked for. Then only the text itself can say that there are none.
        if "#" in text or "\uff03" in text:
            hashtags = None
        if "@" in text or "\uff20" in text:
            mentions = None
        if "t.co/" in text:
            links = None
            media = media or None
    else:
        tags, people, urls = entities.hashtags, entities.mentions, entities.urls
        if tags:
            hashtags = (tags[0].tag,) if len(tags) == 1 else tuple(dict.fromkeys([tag.tag for tag in tags]))
        if people:
            mentions = tuple(
                [
                    Mention(who.username, "x:" + who.id if who.id else context.handle_uid(who.username))
                    for who in people
                    if who.username
                ]
            )
        if urls:
            if attachments is None and any(item.media_key for item in urls):
                media = None  # attachments were not asked for
            text, links = _unwrap(text, urls, post_id, quote_id, quote_of, attached=bool(media))
    edited_at = version = None
    uid = "x:" + post_id
    history = tweet.edit_history_tweet_ids or tweet.edit_history_post_ids
    if history is not None and len(history) > 1:
        # A version that was replaced tells what held when it was made, however late it was fetched.
        if post_id != history[-1]:
            observed_at = created_at
        if post_id != history[0]:
            if not is_id(history[0]):
                raise BadRecordError("edit_history: not a number")
            uid, version, edited_at = "x:" + history[0], post_id, created_at
            created_at = first_time(history[0], created_at)
    likes = reposts = replies = quotes = None
    metrics = tweet.public_metrics
    if metrics is not None:
        likes, replies, quotes, reposts = (
            metrics.like_count,
            metrics.reply_count,
            metrics.quote_count,
            metrics.retweet_count,
        )
        if reposts is None:
            reposts = metrics.repost_count
    lang = tweet.lang
    conversation = tweet.conversation_id
    if conversation is not None:
        conversation = "x:" + (firsts.get(conversation, conversation) if firsts else conversation)
    # By position: with more than 15 keywords, CPython calls three times slower.
    post = Post(
        uid,
        created_at,
        observed_at,
        version,
        None,  # url
        author_uid,
        handle,
        name,
        edited_at,
        None,  # deleted_at
        text,
        None,  # warning
        LANGUAGES.get(lang, lang),
        hashtags,
        mentions,
        links,
        media,
        poll,
        reply_to,
        "x:" + tweet.in_reply_to_user_id if tweet.in_reply_to_user_id else None,
        conversation,
        quote_of,
        likes,
        reposts,
        replies,
        quotes,
        tuple(tweet.withheld.country_codes or ()) if tweet.withheld is not None else None,
        "public",
    )
    if tweet.erased:
        post = without_content(post)
    context.done[post_id] = tweet
    # What else stands on the page had no part in it if nothing was looked up there but the author.
    alone = attachments is None and not firsts and context.handles is None
    out.add(post_id, post, tweet if alone else None)


def _joined(note: Entities | None, short: Entities | None) -> Entities | None:
    """The entities of a long text, and the links to attachments, which only its short form lists."""
    if note is None or short is None:
        return note or short
    listed = {url.url for url in note.urls or ()}
    urls = (note.urls or []) + [url for url in short.urls or () if url.media_key and url.url not in listed]
    return Entities(note.hashtags, note.mentions, urls)


def _unwrap(
    text: str, urls: list[Url], post_id: str, quote_id: str | None, quote_of: str | None, *, attached: bool
) -> tuple[str, tuple[Link, ...]]:
    """Unwrap the text's links; what stands for an attachment, the quoted post or the post itself is no link."""
    table: dict[str, str] = {}
    dropped: set[str] = set()
    links: list[Link] = []
    for item in urls:
        short, expanded = item.url, item.expanded_url
        if expanded is None:
            if short is None:
                continue
            expanded = short
        elif short is None:
            short = expanded
        if "/status/" in expanded:
            if item.media_key or (attached and expanded[-8:-1] in _ATTACHED):
                table[short] = expanded
                dropped.add(short)
                continue
            target = permalink(expanded)
            if (
                target is not None
                and not target[1]
                and (target[0] in {post_id, quote_id} or "x:" + target[0] == quote_of)
            ):
                table[short] = expanded
                dropped.add(short)
                continue
        if len(urls) == 1:  # most often
            return text.replace(short, expanded), (Link(item.unwound_url or expanded, item.title or None),)
        table[short] = expanded
        links.append(Link(item.unwound_url or expanded, item.title or None))
    return unwrap(text, table, dropped), tuple(links) if len(links) < 2 else tuple(dict.fromkeys(links))


def _media(attachments: Attachments, context: Context) -> tuple[Media, ...]:
    keys = attachments.media_keys or ()
    items = attachments.media or [context.media.get(key) or Medium(media_key=key) for key in keys]
    if len(items) == len(keys):  # flattening leaves holes where a medium did not come along
        items = [item if item.media_key else Medium(media_key=key) for item, key in zip(items, keys, strict=True)]
    found = []
    for item in items:
        url = item.url or item.preview_image_url
        if item.variants:
            url = max(item.variants, key=lambda variant: variant.bit_rate).url or url
        kind = _TYPES.get(item.type) or _KINDS.get((item.media_key or "").partition("_")[0], "unknown")
        found.append(Media(kind, url, item.alt_text or None))
    return tuple(found)


def _poll(attachments: Attachments, context: Context) -> tuple[PollOption, ...] | None:
    poll = attachments.poll
    if poll is None and attachments.poll_ids:
        poll = context.polls.get(attachments.poll_ids[0])
    if poll is None or not poll.options:
        return None
    return tuple([PollOption(option.label, option.votes) for option in sorted(poll.options, key=lambda o: o.position)])
