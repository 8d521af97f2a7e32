"""Maps tables that were made from X's data: twarc's CSV of both generations, whatever spreadsheets did to it.

A table knows less than the JSON that it was made from. What it does not know stays unknown, so that importing both
leaves what importing the JSON leaves.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import msgspec

from connectors.files.lines import Overlong
from connectors.files.rows import delimiter_of, split_rows
from connectors.refusals import BadRecordError, reason
from connectors.times import believed
from connectors.x import v2
from connectors.x.collect import Collector
from connectors.x.ids import LANGUAGES, snowflake_time, true_time, v1_time
from connectors.x.redaction import ids_of
from connectors.x.spreadsheet import Known, read_id
from connectors.x.text import permalink, short_links, unescape, unwrap
from connectors.x.v2_objects import (
    Attachments,
    Entities,
    Hashtag,
    Medium,
    Metrics,
    Option,
    Poll,
    Reference,
    Tweet,
    Url,
    User,
    UserMention,
    Withheld,
)
from knowarchive.model import Account, Link, Mapped, Media, Mention, Payload, Post, Repost, without_content

CUT = "rows"

#: What the columns are called, from twarc's first converter (whose `reweet_id` is as it wrote it) to twarc-csv and to
#: what people rename them to.
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "id_str", "tweet_id", "status_id", "post_id"),
    "url": ("tweet_url", "post_url", "status_url", "permalink", "url"),
    "created_at": ("created_at", "parsed_created_at"),
    "text": ("note_tweet.text", "note_post.text", "full_text", "text", "tweet_text"),
    "lang": ("lang",),
    "author_id": ("author_id", "author.id", "user_id", "user_id_str", "from_user_id"),
    "handle": ("author.username", "user_screen_name", "screen_name", "username", "from_user"),
    "name": ("author.name", "user_name"),
    "bio": ("author.description", "user_description"),
    "account_url": ("author.url", "user_urls"),
    "avatar": ("author.profile_image_url",),
    "account_created_at": ("author.created_at", "user_created_at"),
    "followers": ("author.public_metrics.followers_count", "user_followers_count"),
    "following": ("author.public_metrics.following_count", "user_friends_count"),
    "account_posts": ("author.public_metrics.tweet_count", "author.public_metrics.post_count", "user_statuses_count"),
    "protected": ("author.protected", "user_protected"),
    "likes": ("public_metrics.like_count", "favorite_count", "like_count"),
    "reposts": ("public_metrics.repost_count", "public_metrics.retweet_count", "retweet_count", "repost_count"),
    "replies": ("public_metrics.reply_count", "reply_count"),
    "quotes": ("public_metrics.quote_count", "quote_count"),
    "hashtags": ("entities.hashtags", "hashtags"),
    "mentions": ("entities.mentions", "user_mentions"),
    "urls": ("entities.urls", "urls"),
    "media": ("attachments.media", "media"),
    "poll": ("attachments.poll.options",),
    "reply_to": (
        "referenced_tweets.replied_to.id",
        "referenced_posts.replied_to.id",
        "in_reply_to_status_id",
        "in_reply_to_status_id_str",
    ),
    "reply_to_author": ("in_reply_to_user_id", "in_reply_to_user_id_str"),
    "reply_to_handle": ("in_reply_to_username", "in_reply_to_screen_name"),
    "repost_of": (
        "referenced_tweets.retweeted.id",
        "referenced_posts.retweeted.id",
        "reweet_id",
        "retweet_id",
        "retweeted_status_id",
    ),
    "repost_of_handle": ("retweeted_username", "retweet_screen_name"),
    "quote_of": ("referenced_tweets.quoted.id", "referenced_posts.quoted.id", "quoted_status_id", "quote_id"),
    "repost_or_quote_of": ("retweet_or_quote_id",),
    "repost_or_quote_of_handle": ("retweet_or_quote_screen_name",),
    "kind": ("tweet_type", "post_type"),
    "conversation": ("conversation_id",),
    "edit_history": ("edit_history_tweet_ids", "edit_history_post_ids"),
    "withheld": ("withheld.country_codes", "withheld_in_countries"),
    "observed_at": ("__twarc.retrieved_at",),
}

#: What stands in the place of the text of a post that was erased. No table has it: it is the character for "unreadable".
ERASED = "\x1a"
#: What is left of its row, and of a repost's: its place. A repost's text begins so where nothing else tells that it is one.
_PLACE = (
    *("id", "url", "created_at", "author_id", "handle", "name", "bio", "account_url", "avatar", "account_created_at"),
    *("followers", "following", "account_posts", "protected", "reply_to", "reply_to_author", "reply_to_handle"),
    *("repost_of", "repost_of_handle", "repost_or_quote_of", "repost_or_quote_of_handle", "kind", "conversation"),
    *("edit_history", "observed_at"),
)
_REPOST = "RT @"
#: Columns that hold ids of posts, those that hold handles alone, and what a row says of its author besides.
POST_IDS = ("id", "reply_to", "repost_of", "quote_of", "repost_or_quote_of", "conversation")
HANDLES = ("handle", "mentions", "reply_to_handle", "repost_of_handle", "repost_or_quote_of_handle")
OF_AUTHOR = ("name", "bio", "account_url", "avatar", "account_created_at", "followers", "following", "account_posts")

#: What sets a table of posts apart from any other table with ids and texts.
_TELLING = ("handle", "author_id", "created_at", "url", "likes", "conversation")

_SHEET_DATE = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}([ T,]+\d{1,2}:\d{2}.*)?|#+")
_LONG_NUMBER = re.compile(r"\d{5,19}")
_WORD = re.compile(r"[^\s,;]+")

_tags = msgspec.json.Decoder(list[Hashtag])
_people = msgspec.json.Decoder(list[UserMention])
_urls = msgspec.json.Decoder(list[Url])
_media = msgspec.json.Decoder(list[Medium])
_options = msgspec.json.Decoder(list[Option])
_strings = msgspec.json.Decoder(list[str])


class Columns:
    """Where each thing stands in this table's rows."""

    def __init__(self, header: bytes) -> None:
        self.delimiter = delimiter_of(header)
        names = _cells(header, self.delimiter)
        places: dict[str, int] = {}
        for place, name in enumerate(names):
            places.setdefault(name.strip().lower(), place)
        self.count = len(names)
        self.places = {
            thing: next(places[name] for name in synonyms if name in places)
            for thing, synonyms in COLUMNS.items()
            if any(name in places for name in synonyms)
        }
        #: Tables of API v2 hold entities as JSON.
        self.is_v2 = any(name.startswith(("public_metrics.", "entities.", "referenced_", "author.")) for name in places)

    @classmethod
    def of(cls, payload: Payload) -> "Columns":
        """The columns of a payload; none where its header cannot be read, so that no row fits it."""
        try:
            return cls(payload.head)
        except (ValueError, csv.Error):
            return cls(b"")

    def are_posts(self) -> bool:
        """Whether this is a table of posts."""
        return (
            "text" in self.places
            and ("id" in self.places or "url" in self.places)
            and any(name in self.places for name in _TELLING)
        )


class Row:
    """One row: its cells by what they mean."""

    __slots__ = ("_cells", "_places", "author", "index", "post_id", "record")

    def __init__(self, index: int, record: bytes, cells: list[str], columns: Columns) -> None:
        self.index = index
        self.record = record
        self._cells = cells
        self._places = columns.places
        self.post_id = ""
        self.author = self.get("handle")

    def has(self, name: str) -> bool:
        """Whether the table has this column."""
        return name in self._places

    def get(self, name: str) -> str | None:
        """The content of a cell; None where it is empty or there is no such column."""
        place = self._places.get(name)
        cell = self._cells[place] if place is not None else ""
        return cell if cell and not cell.isspace() else None

    def number(self, name: str) -> int | None:
        """A count; None where it is unknown."""
        cell = self.get(name)
        if cell is None:
            return None
        cell = cell.strip().removesuffix(".0")
        return int(cell) if cell.isdecimal() and cell.isascii() and len(cell) < 16 else None


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is a table of posts: its header tells."""
    try:
        return Columns(lines[0]).are_posts()
    except (ValueError, csv.Error):
        return False


def map_payload(payload: Payload) -> Mapped:
    """Map the rows of a table."""
    out = Collector(payload)
    columns = Columns.of(payload)
    rows: list[Row] = []
    for index, record in enumerate(records_of(payload.body, columns.delimiter)):
        out.seen += 1
        try:
            row = Row(index, record, cells_of(record, columns), columns)
            row.post_id = _identity(row)
        except (ValueError, csv.Error) as error:
            out.quarantine(index, record, "quoting: broken" if isinstance(error, csv.Error) else reason(error))
        else:
            rows.append(row)
    known = Known((row.post_id, row.author) for row in rows)
    times: dict[str, datetime] = {}
    good: list[tuple[Row, datetime]] = []
    for row in rows:
        try:
            created_at = times[row.post_id] = _time(row)
        except ValueError as error:
            out.quarantine(row.index, row.record, reason(error), "x:" + row.post_id)
        else:
            good.append((row, created_at))
    if columns.is_v2:
        _map_v2(good, known, out)
    else:
        for row, created_at in good:
            try:
                _map_v1(row, created_at, known, times, out)
            except ValueError as error:
                out.quarantine(row.index, row.record, reason(error), "x:" + row.post_id)
    return out.mapped()


def screen(payload: Payload) -> tuple[Payload, int]:
    """Drop the rows of protected accounts, where the table has a column that tells."""
    if b"protected" not in payload.head.lower() or b"true" not in payload.body.lower():
        return payload, 0
    columns = Columns.of(payload)
    place = columns.places.get("protected")
    kept, dropped = [], 0
    for record in records_of(payload.body, columns.delimiter):
        try:
            hidden = place is not None and cells_of(record, columns)[place].strip().lower() in {"true", "1", "t"}
        except (ValueError, csv.Error):
            hidden = False  # it will be set aside
        if hidden:
            dropped += 1
        else:
            kept.append(record)
    if not dropped:
        return payload, 0
    return msgspec.structs.replace(payload, body=b"\n".join(kept), items=len(kept)), dropped


def redact(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Empty the rows of erased posts and of their reposts, but for their place. See `connectors.redact`."""
    ids, columns = ids_of(uids), Columns.of(payload)
    records = list(records_of(payload.body, columns.delimiter)) if ids else []
    count = 0
    for index, record in enumerate(records):
        rest = _redacted(record, columns, ids)
        if rest != record:
            records[index], count = rest, count + 1
    return (msgspec.structs.replace(payload, body=b"\n".join(records)), count) if count else (payload, 0)


def _redacted(record: bytes, columns: Columns, ids: AbstractSet[str]) -> bytes:
    """One row, without what it says if it is of an erased post."""
    try:
        cells = cells_of(record, columns)
    except (ValueError, csv.Error):
        # It cannot be read, and stands in quarantine: it is either about one of them or it is not.
        return ERASED.encode() if any(own.encode() in record for own in ids) else record
    row = Row(0, record, cells, columns)
    try:
        own = {_identity(row), *_LONG_NUMBER.findall(row.get("edit_history") or "")[:1]}
    except ValueError:
        read = read_id(row.get("id"))  # rounded, so it may be any of those that it fits
        own = {one for one in ids if one.encode() in record or (read is not None and read.fits(one))}
    is_repost = (row.get("text") or "").startswith(_REPOST) or row.get("kind") in {"retweet", "repost"}
    repeats = [row.get("repost_of"), row.get("repost_or_quote_of") if is_repost else None]
    repeated = {one for read in map(read_id, repeats) if read for one in ids if one == read.whole or read.fits(one)}
    if ids.isdisjoint(own | repeated):
        return record
    text = f"{_REPOST}{ERASED}" if is_repost and repeated else ERASED
    kept = {columns.places[name] for name in _PLACE if name in columns.places}
    written = [cell if place in kept else "" for place, cell in enumerate(cells)]
    if (place_of_text := columns.places.get("text")) is not None:
        written[place_of_text] = text
    line = io.StringIO()
    csv.writer(line, delimiter=columns.delimiter.decode(), lineterminator="\r\n").writerow(written)
    return line.getvalue().removesuffix("\r\n").encode()


def records_of(body: bytes, delimiter: bytes) -> Iterator[bytes]:
    """The rows of a payload that are not blank."""
    for record in split_rows([body], delimiter):
        if not isinstance(record, Overlong):
            yield record


def _cells(record: bytes, delimiter: bytes) -> list[str]:
    text = record.decode().removesuffix("\r")
    return next(csv.reader([text], delimiter=delimiter.decode()), [])


def cells_of(record: bytes, columns: Columns) -> list[str]:
    """The cells of a row, as many as there are columns.

    Raises:
        ValueError: there are others, or it is not UTF-8.
        csv.Error: its quotes are broken.
    """
    cells = _cells(record, columns.delimiter)
    if len(cells) > columns.count and not any(cells[columns.count :]):
        del cells[columns.count :]
    if len(cells) != columns.count:
        raise BadRecordError(f"{len(cells)} columns instead of {columns.count}")
    return cells


def _identity(row: Row) -> str:
    """The post's id, whole: from its own cell, or from its address where a spreadsheet rounded the cell."""
    target = permalink(row.get("url") or "")
    address = target[0] if target else None
    read = read_id(row.get("id"))
    if read is None:
        if address is None or row.get("id"):
            raise BadRecordError("id: not a number" if row.get("id") else "id: missing")
        return address
    if read.whole is not None and (address is None or address == read.whole):
        return read.whole
    if address is None:
        raise BadRecordError("id: rounded by a spreadsheet")
    if read.fits(address) or (read.whole is not None and float(read.whole) == float(address)):
        return address
    raise BadRecordError("id: is not the id in the post's address")


def _time(row: Row) -> datetime:
    cell = (row.get("created_at") or "").strip() or None
    made = snowflake_time(row.post_id)
    if cell is None or _SHEET_DATE.fullmatch(cell):
        if cell is not None and (exact := _iso(cell)) is not None and exact.tzinfo is not None:
            return _believed(exact)
        if made is None:
            raise BadRecordError("created_at: missing" if cell is None else "created_at: has no time zone")
        return made  # the id tells the time better than a date without a zone
    if cell[:3].isalpha():
        try:
            return true_time(v1_time(cell), row.post_id)
        except ValueError:
            raise BadRecordError("created_at: not a date") from None
    stated = _iso(cell)
    if stated is None:
        raise BadRecordError("created_at: not a date")
    if stated.tzinfo is None:
        if made is None:
            raise BadRecordError("created_at: has no time zone")
        return made
    return _believed(stated)


def _believed(stated: datetime) -> datetime:
    time = believed(stated)
    if time is None:
        raise BadRecordError("created_at: not a date")
    return time


def _iso(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell)
    except (ValueError, OverflowError):
        return None


def _words(cell: str | None) -> list[str]:
    """The items of a cell that lists several."""
    if cell is None:
        return []
    if cell.startswith("["):
        try:
            return _strings.decode(cell)
        except msgspec.DecodeError:
            return []
    return _WORD.findall(cell)


def _named(uid: str | None) -> str | None:
    return "x:" + uid if uid else None


def _map_v1(row: Row, created_at: datetime, known: Known, times: dict[str, datetime], out: Collector) -> None:
    """Map a row that was made from API v1.1."""
    out.times.append(created_at)
    author_uid = _named(_whole(row.get("author_id")))
    repost_of, quote_cell = row.get("repost_of"), row.get("quote_of")
    repost_handle = row.get("repost_of_handle")
    text = row.get("text")
    if text is None:
        raise BadRecordError("text: missing")
    is_erased = text == ERASED
    if (either := row.get("repost_or_quote_of")) is not None:
        if row.get("kind") in {"retweet", "repost"} or (row.get("kind") is None and text.startswith("RT @")):
            repost_of, repost_handle = either, row.get("repost_or_quote_of_handle")
        else:
            quote_cell = either
    observed_at = _observed(row)
    if author_uid is not None:
        out.see(author_uid, Author(row), created_at, observed_at)
    if repost_of is not None:
        original, _ = known.whole(repost_of, repost_handle)
        if original is None:
            raise BadRecordError("retweet's id: rounded by a spreadsheet")
        out.reposts.append(
            Repost(
                post_uid="x:" + original,
                post_at=times.get(original) or snowflake_time(original) or created_at,
                account_uid=author_uid,
                account_handle=row.author,
                at=created_at,
                id=row.post_id,
                observed_at=observed_at,
            )
        )
        return
    reply_to, _ = known.whole(row.get("reply_to"), row.get("reply_to_handle"))
    quote_of, _ = known.whole(quote_cell, None)
    text, links, media, quote_of = _unwrapped(row, unescape(text), quote_of)
    lang, name = row.get("lang"), row.get("name")
    withheld = row.get("withheld")
    post = Post(
        "x:" + row.post_id,
        created_at,
        observed_at,
        author_uid=author_uid,
        author_handle=row.author,
        author_name=unescape(name) if name else None,
        text=text,
        lang=LANGUAGES.get(lang, lang),
        hashtags=_unique(word.lstrip("#") for word in _words(row.get("hashtags"))) if row.has("hashtags") else None,
        mentions=tuple(Mention(word.lstrip("@")) for word in _words(row.get("mentions")))
        if row.has("mentions")
        else None,
        links=links,
        media=media,
        reply_to=_named(reply_to),
        reply_to_author=_named(_whole(row.get("reply_to_author"))),
        conversation=_named(known.whole(row.get("conversation"), None)[0]),
        quote_of=_named(quote_of),
        likes=row.number("likes"),
        reposts=row.number("reposts"),
        replies=row.number("replies"),
        quotes=row.number("quotes"),
        withheld=tuple(_words(withheld)) if withheld else None,
        visibility="public",
    )
    out.posts.append(without_content(post) if is_erased else post)


def _unique(words: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _whole(cell: str | None) -> str | None:
    read = read_id(cell)
    return read.whole if read is not None else None


def _observed(row: Row) -> datetime | None:
    cell = row.get("observed_at")
    time = _iso(cell.strip()) if cell else None
    return believed(time) if time is not None and time.tzinfo is not None else None


def _unwrapped(
    row: Row, text: str, quote_of: str | None
) -> tuple[str, tuple[Link, ...] | None, tuple[Media, ...] | None, str | None]:
    """Put a v1.1 table's addresses where the text has short links: they are listed in the same order."""
    short = short_links(text)
    urls, media = _words(row.get("urls")), _words(row.get("media"))
    attached = short[-1:] if media and text.endswith(tuple(short[-1:])) else []
    table: dict[str, str] = {}
    dropped = set(attached)
    if len(short) == len(urls) + bool(media):
        table = dict(zip(short, [*urls, *media], strict=False))
    quotes_are_told = row.has("quote_of") or row.has("repost_or_quote_of")
    links: list[Link] = []
    for number, url in enumerate(urls):
        target = permalink(url)
        written = short[number] if table else None
        if target is not None and not target[1]:
            # As in the JSON: before quotes had a field, a post that ended with a post's address was one.
            if quote_of is None and not quotes_are_told and written and text.endswith(written):
                quote_of = target[0] if target[0] != row.post_id else None
            if target[0] in {quote_of, row.post_id}:
                dropped.update([written] if written else [])
                continue
        links.append(Link(url))
    plain = unwrap(text, table, dropped) if short else text
    return (
        plain,
        tuple(dict.fromkeys(links)) if row.has("urls") else None,
        tuple(Media("photo" if "/photo/" in url else "video" if "/video/" in url else "unknown", url) for url in media)
        if row.has("media")
        else None,
        quote_of,
    )


class Author:
    """The columns of a row that tell of its author."""

    __slots__ = ("_row",)

    def __init__(self, row: Row) -> None:
        self._row = row

    def account(self, uid: str, observed_at: datetime | None) -> Account:
        """Become a platform-neutral account."""
        row = self._row
        name, bio, made = row.get("name"), row.get("bio"), row.get("account_created_at")
        created_at = _iso(made) if made and not made[:1].isalpha() else None
        if made and made[:1].isalpha():
            try:
                created_at = v1_time(made)
            except ValueError:
                created_at = None
        return Account(
            uid=uid,
            handle=row.author,
            observed_at=observed_at,
            name=unescape(name) if name else None,
            bio=unescape(bio) if bio else None,
            url=row.get("account_url"),
            avatar=row.get("avatar"),
            created_at=believed(created_at) if created_at and created_at.tzinfo else None,
            followers=row.number("followers"),
            following=row.number("following"),
            posts=row.number("account_posts"),
        )


def _map_v2(rows: Sequence[tuple[Row, datetime]], known: Known, out: Collector) -> None:
    """Map rows that twarc-csv made from API v2, by the way of the API's own objects."""
    context = v2.Context(None, None)
    tweets: list[tuple[Row, Tweet]] = []
    for row, created_at in rows:
        try:
            tweets.append((row, _tweet(row, created_at, known)))
        except ValueError as error:
            out.quarantine(row.index, row.record, reason(error), "x:" + row.post_id)
    context.add([tweet for _, tweet in tweets])
    for row, tweet in tweets:
        context.observed_at = _observed(row)
        try:
            v2.map_tweet(tweet, context, out)
        except ValueError as error:
            out.quarantine(row.index, row.record, reason(error), "x:" + row.post_id)
            continue
        if tweet.created_at is not None:
            out.times.append(tweet.created_at)
        if tweet.author_id is not None:
            out.see("x:" + tweet.author_id, Author(row), tweet.created_at, context.observed_at)


def _json(row: Row, name: str, decoder: "msgspec.json.Decoder[list[v2.T]]") -> "list[v2.T] | None":
    cell = row.get(name)
    if cell is None:
        return None
    try:
        return decoder.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        raise BadRecordError(f"{name}: not the JSON that twarc writes") from None


def _tweet(row: Row, created_at: datetime, known: Known) -> Tweet:
    references = []
    for kind, name, handle in (
        ("retweeted", "repost_of", "repost_of_handle"),
        ("quoted", "quote_of", None),
        ("replied_to", "reply_to", "reply_to_handle"),
    ):
        other, lost = known.whole(row.get(name), row.get(handle) if handle else None)
        if other is not None:
            references.append(Reference(id=other, type=kind))
        elif lost and kind == "retweeted":
            raise BadRecordError("retweet's id: rounded by a spreadsheet")
    has_entities = row.has("urls") and row.has("hashtags")
    withheld = row.get("withheld")
    history = _LONG_NUMBER.findall(row.get("edit_history") or "")
    author_id = _whole(row.get("author_id"))
    options = _json(row, "poll", _options)
    return Tweet(
        id=row.post_id,
        text=row.get("text"),
        erased=row.get("text") == ERASED,
        author_id=author_id,
        created_at=created_at,
        conversation_id=known.whole(row.get("conversation"), None)[0],
        in_reply_to_user_id=_whole(row.get("reply_to_author")),
        lang=row.get("lang"),
        entities=Entities(_json(row, "hashtags", _tags), _json(row, "mentions", _people), _json(row, "urls", _urls))
        if has_entities
        else None,
        public_metrics=Metrics(row.number("likes"), row.number("replies"), row.number("quotes"), row.number("reposts")),
        referenced_tweets=references or None,
        attachments=Attachments(media=_json(row, "media", _media), poll=Poll(options=options) if options else None)
        if row.has("media")
        else None,
        edit_history_tweet_ids=history or None,
        withheld=Withheld(_words(withheld)) if withheld else None,
        author=User(id=author_id or "", username=row.author, name=row.get("name")),
    )
