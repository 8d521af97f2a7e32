"""Maps tweets of X's API v1.1, one JSON object a line, as twarc and many older tools wrote them.

Fields: https://developer.x.com/en/docs/x-api/v1/data-dictionary
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.refusals import BadRecordError
from connectors.x import records
from connectors.x.collect import Collector
from connectors.x.ids import LANGUAGES, is_id, snowflake_time, true_time, v1_time
from connectors.x.protected import screen
from connectors.x.redaction import redact_lines as redact
from connectors.x.shapes import generation_of_lines
from connectors.x.text import permalink, unescape, unwrap
from knowarchive.model import Account, Link, Mapped, Media, Mention, Payload, Post, Repost, without_content

__all__ = ["CUT", "map_payload", "recognises", "redact", "screen"]

CUT = "lines"

_KINDS = {"photo": "photo", "video": "video", "animated_gif": "gif"}


class Hashtag(msgspec.Struct, gc=False):
    text: str


class Url(msgspec.Struct, gc=False):
    url: str
    expanded_url: str | None = None


class UserMention(msgspec.Struct, gc=False):
    screen_name: str
    id_str: str | None = None


class Variant(msgspec.Struct, gc=False):
    url: str
    bitrate: int = -1


class Video(msgspec.Struct, gc=False):
    variants: list[Variant] = []


class Medium(msgspec.Struct, gc=False):
    type: str = "unknown"
    url: str | None = None
    expanded_url: str | None = None
    media_url_https: str | None = None
    ext_alt_text: str | None = None
    video_info: Video | None = None


class Entities(msgspec.Struct, gc=False):
    hashtags: list[Hashtag] | None = None
    urls: list[Url] | None = None
    user_mentions: list[UserMention] | None = None
    media: list[Medium] | None = None


class ExtendedEntities(msgspec.Struct, gc=False):
    media: list[Medium] | None = None


class UserUrl(msgspec.Struct, gc=False):
    urls: list[Url] | None = None


class UserEntities(msgspec.Struct, gc=False):
    url: UserUrl | None = None


class User(msgspec.Struct, gc=False):
    id_str: str | None = None
    id: int | float | str | None = None
    screen_name: str | None = None
    name: str | None = None
    description: str | None = None
    url: str | None = None
    entities: UserEntities | None = None
    profile_image_url_https: str | None = None
    created_at: str | None = None
    followers_count: int | None = None
    friends_count: int | None = None
    statuses_count: int | None = None

    def account(self, uid: str, observed_at: datetime | None) -> Account:
        """Become a platform-neutral account."""
        url = self.url or None
        if url and self.entities and self.entities.url and self.entities.url.urls:
            url = self.entities.url.urls[0].expanded_url or url
        try:
            created_at = v1_time(self.created_at) if self.created_at else None
        except ValueError:
            created_at = None
        return Account(
            uid=uid,
            handle=self.screen_name or None,
            observed_at=observed_at,
            name=unescape(self.name) if self.name else None,
            bio=unescape(self.description) if self.description else None,
            url=url,
            avatar=self.profile_image_url_https or None,
            created_at=created_at,
            followers=self.followers_count,
            following=self.friends_count,
            posts=self.statuses_count,
        )


class Permalink(msgspec.Struct, gc=False):
    url: str | None = None


class ExtendedTweet(msgspec.Struct, gc=False):
    full_text: str | None = None
    entities: Entities | None = None
    extended_entities: ExtendedEntities | None = None


class Tweet(msgspec.Struct, gc=False):
    id_str: str | None = None
    id: int | float | str | None = None
    created_at: str | None = None
    full_text: str | None = None
    text: str | None = None
    user: User | None = None
    entities: Entities | None = None
    extended_entities: ExtendedEntities | None = None
    extended_tweet: ExtendedTweet | None = None
    retweeted_status: "Tweet | None" = None
    quoted_status: "Tweet | None" = None
    quoted_status_id_str: str | None = None
    quoted_status_id: int | None = None
    quoted_status_permalink: Permalink | None = None
    is_quote_status: bool | None = None
    in_reply_to_status_id_str: str | None = None
    in_reply_to_status_id: int | float | str | None = None
    in_reply_to_user_id_str: str | None = None
    in_reply_to_user_id: int | float | str | None = None
    lang: str | None = None
    favorite_count: int | None = None
    retweet_count: int | None = None
    reply_count: int | None = None
    quote_count: int | None = None
    withheld_in_countries: list[str] | None = None
    erased: bool = False  # by us: see `connectors.redaction`


_decoder = msgspec.json.Decoder(Tweet)
_lax = msgspec.json.Decoder(Tweet, strict=False)


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is of this format."""
    return generation_of_lines(lines) == "v1"


def map_payload(payload: Payload) -> Mapped:
    """Map tweets of API v1.1. Lines of another shape are mapped by that shape."""
    out = Collector(payload)
    for index, record, tweet in records.decode_lines(_decoder, out):
        if tweet.user is None or (tweet.id_str is None and not isinstance(tweet.id, int)):
            records.map_line(record, index, out)
            continue
        out.seen += 1
        try:
            map_tweet(tweet, out)
        except ValueError as error:
            records.refuse(record, index, out, error, post_uid(tweet))
    return out.mapped()


def map_record(record: bytes, out: Collector) -> None:
    """Map one tweet that stands alone, reading numbers written as strings too."""
    map_tweet(_lax.decode(record), out)


def post_uid(tweet: Tweet) -> str | None:
    """Name a tweet as far as it can be named."""
    return f"x:{tweet.id_str}" if tweet.id_str and is_id(tweet.id_str) else None


def map_tweet(tweet: Tweet, out: Collector) -> None:
    """Map one tweet and those inside it.

    Raises:
        BadRecordError: it has no id, no text or no date that can be believed.
    """
    post_id = _identity(tweet)
    created_at = _time(tweet, post_id)
    out.times.append(created_at)
    user = tweet.user
    original = tweet.retweeted_status
    if original is None:
        _map_original(tweet, post_id, created_at, created_at, out)
        return
    original_id = _identity(original)
    original_at = _time(original, original_id)
    _map_original(original, original_id, original_at, created_at, out)
    account_uid = _account_uid(user) if user is not None else None
    if account_uid is not None and user is not None:
        out.see(account_uid, user, created_at, None)
    out.reposts.append(
        Repost(
            post_uid="x:" + original_id,
            post_at=original_at,
            account_uid=account_uid,
            account_handle=user.screen_name if user else None,
            at=created_at,
            id=post_id,
        )
    )


def _map_original(tweet: Tweet, post_id: str, created_at: datetime, seen_at: datetime, out: Collector) -> None:
    if post_id in out.known_records and out.known_records[post_id] == tweet:
        return
    quoted = tweet.quoted_status
    quote_of = tweet.quoted_status_id_str
    if quoted is not None:
        quote_of = _identity(quoted)
        _map_original(quoted, quote_of, _time(quoted, quote_of), seen_at, out)
    elif quote_of is None and tweet.quoted_status_id is not None:
        quote_of = str(tweet.quoted_status_id)
    user = tweet.user
    author_uid = handle = name = None
    if user is not None:
        author_uid, handle, name = _account_uid(user), user.screen_name, user.name
        if author_uid is not None:
            out.see(author_uid, user, seen_at, None)
        if name is not None and "&" in name:
            name = unescape(name)

    text, entities, extended = tweet.full_text, tweet.entities, tweet.extended_entities
    if tweet.extended_tweet is not None and tweet.extended_tweet.full_text:
        text = tweet.extended_tweet.full_text
        entities = tweet.extended_tweet.entities or entities
        extended = tweet.extended_tweet.extended_entities or extended
    if text is None:
        text = tweet.text
        if text is None:
            raise BadRecordError("text: missing")
    if tweet.quoted_status_permalink is not None and tweet.quoted_status_permalink.url:
        text = text.removesuffix(tweet.quoted_status_permalink.url).rstrip()  # entities do not list it
    if "&" in text:
        text = unescape(text)
    hashtags: tuple[str, ...] | None = None
    mentions: tuple[Mention, ...] | None = None
    links: tuple[Link, ...] | None = None
    media: tuple[Media, ...] | None = None
    if entities is not None:
        tags, people, urls = entities.hashtags, entities.user_mentions, entities.urls
        attached = (extended.media if extended is not None else None) or entities.media
        if not tags:
            hashtags = ()
        elif len(tags) == 1:
            hashtags = (tags[0].text,)
        else:
            hashtags = tuple(dict.fromkeys([tag.text for tag in tags]))
        if not people:
            mentions = ()
        else:
            mentions = tuple([Mention(who.screen_name, "x:" + who.id_str if who.id_str else None) for who in people])
        links = media = ()
        if urls or attached:
            text, links, quote_of = _unwrap(
                text, urls or (), attached or (), post_id, quote_of, is_quote=tweet.is_quote_status
            )
            if attached:
                media = tuple([_media(item) for item in attached])
    reply_to, reply_to_author = tweet.in_reply_to_status_id_str, tweet.in_reply_to_user_id_str
    if reply_to is None and tweet.in_reply_to_status_id is not None:
        reply_to = _whole(tweet.in_reply_to_status_id)
    if reply_to_author is None and tweet.in_reply_to_user_id is not None:
        reply_to_author = _whole(tweet.in_reply_to_user_id)
    lang = tweet.lang
    # By position: with more than 15 keywords, CPython calls three times slower.
    post = Post(
        "x:" + post_id,
        created_at,
        None,  # observed_at
        None,  # id
        None,  # url
        author_uid,
        handle,
        name,
        None,  # edited_at
        None,  # deleted_at
        text,
        None,  # warning
        LANGUAGES.get(lang, lang),
        hashtags,
        mentions,
        links,
        media,
        None,  # poll
        "x:" + reply_to if reply_to else None,
        "x:" + reply_to_author if reply_to_author else None,
        None,  # conversation
        "x:" + quote_of if quote_of else None,
        tweet.favorite_count,
        tweet.retweet_count,
        tweet.reply_count,
        tweet.quote_count,
        tuple(tweet.withheld_in_countries) if tweet.withheld_in_countries is not None else None,
        "public",
    )
    out.add(post_id, without_content(post) if tweet.erased else post, tweet)


def _unwrap(
    text: str,
    urls: list[Url] | tuple[()],
    attached: list[Medium] | tuple[()],
    post_id: str,
    quote_of: str | None,
    *,
    is_quote: bool | None,
) -> tuple[str, tuple[Link, ...], str | None]:
    """Unwrap the text's links; what stands for an attachment, the quoted post or the post itself is no link."""
    table: dict[str, str] = {}
    dropped: set[str] = set()
    links: list[Link] = []
    for item in attached:
        if item.url:
            dropped.add(item.url)
            table[item.url] = item.expanded_url or item.url
    for url in urls:
        expanded = url.expanded_url or url.url
        table[url.url] = expanded
        target = permalink(expanded) if "/status" in expanded else None
        if target is not None and not target[1]:
            # Before quotes had a field of their own, a post that ended with a post's address was one.
            if quote_of is None and is_quote is None and target[0] != post_id and text.endswith(url.url):
                quote_of = target[0]
            if target[0] in {quote_of, post_id}:
                dropped.add(url.url)
                continue
        links.append(Link(expanded))
    return unwrap(text, table, dropped), tuple(dict.fromkeys(links)) if len(links) > 1 else tuple(links), quote_of


def _media(item: Medium) -> Media:
    url = item.media_url_https
    if item.video_info is not None and item.video_info.variants:
        url = max(item.video_info.variants, key=lambda variant: variant.bitrate).url
    return Media(_KINDS.get(item.type, "unknown"), url, item.ext_alt_text or None)


def _identity(tweet: Tweet) -> str:
    post_id, number = tweet.id_str, tweet.id
    if post_id is None:
        if number is None:
            raise BadRecordError("id: missing")
        if isinstance(number, float):
            raise BadRecordError("id: rounded to a float")
        post_id = str(number)
    if not is_id(post_id):
        raise BadRecordError("id: not a number")
    # JavaScript rounds `id`; then `id_str` is right. Any other difference is two posts in one record.
    if number is not None and str(number) != post_id and float(number) != float(post_id):
        raise BadRecordError("id: differs from id_str")
    return post_id


def _time(tweet: Tweet, post_id: str) -> datetime:
    if tweet.created_at is None:
        made = snowflake_time(post_id)
        if made is None:
            raise BadRecordError("created_at: missing")
        return made
    try:
        return true_time(v1_time(tweet.created_at), post_id)
    except ValueError:
        raise BadRecordError("created_at: not a date") from None


def _account_uid(user: User) -> str | None:
    if user.id_str:
        return "x:" + user.id_str
    number = _whole(user.id)
    return "x:" + number if number else None


def _whole(number: float | str | None) -> str | None:
    """An id that was written as a number; a float has lost its last digits."""
    return str(number) if number is not None and not isinstance(number, float) else None
