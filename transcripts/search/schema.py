"""The fields of the index, and a post as a document of it.

`words` and `names` are searched: what a post says (its text, descriptions of media, titles and words of links, options of
polls, words inside hashtags), and the words of its author's name. They are cut into words here, so tantivy only splits
at spaces. No stems are kept: the forms of a word are looked up among all words when it is asked for. `author`, `host` and
`aspect` can be counted and asked for: each the `number` of a name, because tantivy counts numbers much faster. `aspect`
holds the facets that have few values together, as `name=value`, so that they are counted in one go. `marks` holds every
other property that can be asked for, written alike. A post itself is in `kept`, which is stored and not looked into;
there the numbers that X names things by are numbers, half as long.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from knowarchive.model import NO_WISH
from transcripts.search import words
from transcripts.search.posts import Filed, IndexedPost, number, seconds, twin, worth

if TYPE_CHECKING:
    from tantivy import Document, Schema

CODE = 3  # raise it whenever the fields, or what is put into them, change: older indexes are then built anew
COUNTED = ("aspect", "author", "host")  # the fields that are counted for them
FACETS = ("chat", "year", "platform", "author", "question", "host")  # in the order in which they are shown
FILLERS = frozenset(["http", "https", "www", "com", "org", "net", "html", "htm", "php", "index"])

_FIELDS = IndexedPost.__struct_fields__
_UIDS = [_FIELDS.index(name) for name in ("uid", "author_uid", "reply_to", "quote_of")]
_REMEMBERED = 1 << 14  # names, handles and hosts of which what is derived is remembered: they come again and again
_LARGEST = 1 << 63  # numbers below it are short in MessagePack

_numbered = lru_cache(_REMEMBERED)(number)
_encode = msgspec.msgpack.Encoder().encode
_PLAIN_URL = re.compile(r"https?://([a-z0-9.-]+)((?:/[^\s?#]*)?)(?:[?#].*)?")  # which most are, and which is quick
_INNER_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@lru_cache(maxsize=1)
def schema() -> "Schema":
    """The fields, as tantivy knows them."""
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("names", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("uid", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("marks", tokenizer_name="raw", index_option="basic")
    for name in COUNTED:
        builder.add_integer_field(name, indexed=True, fast=True)
    builder.add_integer_field("created", fast=True)
    builder.add_integer_field("twin", fast=True)
    builder.add_integer_field("parent", fast=True)  # `number` of the uid that a post replies to
    builder.add_float_field("worth", fast=True)
    builder.add_bytes_field("kept", stored=True)
    return builder.build()


def document(post: IndexedPost) -> "Document":
    """A post as tantivy takes it."""
    from tantivy import Document

    text = words.words(words.without_links(post.text or ""))
    hosts = hosts_of(post)
    fields: dict[str, object] = {
        "words": [" ".join(text), *beside(post)],
        "uid": post.uid,
        "marks": list(dict.fromkeys(_marks(post, hosts))),
        "aspect": _aspect_numbers(post.created_at.year, post.platform, post.filed),
        "created": seconds(post.created_at),
        "worth": worth(post),
        "twin": twin(post, text),
        "kept": _packed(post),
    }
    if post.reply_to:
        fields["parent"] = number(post.reply_to)
    if post.author_name:
        fields["names"] = " ".join(words.words(post.author_name))
    if post.author_handle:
        fields["author"] = _numbered(words.exact(post.author_handle))
    if hosts:
        fields["host"] = [*map(_numbered, hosts)]
    return Document.from_dict(fields, schema())


def restored(kept: bytes) -> IndexedPost:
    """The inverse of what `document` stores."""
    values = list(_unpack()(kept))
    for place in _UIDS:
        if isinstance(values[place], int):
            values[place] = f"x:{values[place]}"
    return IndexedPost(*values)


def _packed(post: IndexedPost) -> bytes:
    values = list(msgspec.structs.astuple(post))
    for place in _UIDS:
        uid = values[place]
        if uid and uid.startswith("x:") and "1" <= uid[2:3] <= "9" and uid[2:].isdecimal() and uid.isascii():
            numbered = int(uid[2:])
            values[place] = numbered if numbered < _LARGEST else uid
    return _encode(values)


@cache
def _unpack() -> Callable[[bytes], tuple[Any, ...]]:
    kinds = [field.type for field in msgspec.structs.fields(IndexedPost)]
    for place in _UIDS:
        kinds[place] |= int
    return msgspec.msgpack.Decoder(tuple[tuple(kinds)]).decode  # type: ignore[misc]  # as many as there are fields


def hosts_of(post: IndexedPost) -> list[str]:
    """The hosts that a post links to, without `www.`."""
    if not post.links:
        return []
    hosts = (words.exact(_host_and_path(url)[0].removeprefix("www.")) for url, _ in post.links)
    return list(dict.fromkeys(host for host in hosts if host))


def names_of(post: IndexedPost, counted: str) -> Sequence[str]:
    """The names whose numbers a field of `COUNTED` holds of a post."""
    if counted == "aspect":
        return _aspects(post.created_at.year, post.platform, post.filed)
    if counted == "author":
        return [words.exact(post.author_handle)] if post.author_handle else []
    return hosts_of(post)


def _aspects(year: int, platform: str, filed: tuple[Filed, ...]) -> list[str]:
    values: list[tuple[str, object]] = [("year", year), ("platform", platform)]
    values += [("chat", one.chat) for one in filed]
    values += [("question", one.topic) for one in filed if one.topic]
    return list(dict.fromkeys(f"{facet}={value}" for facet, value in values))


@lru_cache(_REMEMBERED)
def _aspect_numbers(year: int, platform: str, filed: tuple[Filed, ...]) -> list[int]:
    return [*map(number, _aspects(year, platform, filed))]


def beside(post: IndexedPost) -> Iterator[str]:
    """The words of each thing beside the text; no phrase reaches from one to the next."""
    texts = [post.warning, *post.alts, *post.options]
    for url, title in post.links:
        texts += [title, " ".join(word for word in words.words(" ".join(_host_and_path(url))) if word not in FILLERS)]
    texts += map(_words_inside, post.hashtags)
    yield from (" ".join(words.words(text)) for text in texts if text)


@lru_cache(_REMEMBERED)
def _words_inside(tag: str) -> str:
    """The words of a hashtag that is written of several; nothing else."""
    return "" if tag.islower() or tag.isupper() else " ".join(_INNER_WORD.findall(tag))


def _marks(post: IndexedPost, hosts: Iterable[str]) -> list[str]:
    """Every property of a post, which links to some hosts, that can be asked for, but for the facets."""
    marks = [*_filed_marks(post.filed)]
    if post.deleted:
        return [*marks, "is=deleted"]
    marks += map(_tag_mark, post.hashtags)
    if post.author_handle:
        marks += _author_marks(post.author_handle)
    if post.answers:
        marks += _handle_marks("to", post.answers)
    for mention in post.mentions:
        marks += _handle_marks("mentions", mention)
    for host in hosts:
        marks += _host_marks(host)
    if post.lang:
        marks.append(_lang_mark(post.lang))
    if post.consent and post.consent != NO_WISH:
        marks.append(f"consent={post.consent}")
    if post.links:
        marks.append("has=link")
    if post.has_media:
        marks.append("has=media")
    if post.quote_of:
        marks.append("has=quote")
    if post.replies:
        marks.append("has=replies")
    return marks


@lru_cache(_REMEMBERED)
def _filed_marks(filed: tuple[Filed, ...]) -> list[str]:
    return [mark for one in filed if one.session for mark in (f"session={one.session}", f"role={one.role}")]


@lru_cache(_REMEMBERED)
def _tag_mark(tag: str) -> str:
    return f"tag={words.exact(tag)}"


@lru_cache(_REMEMBERED)
def _lang_mark(lang: str) -> str:
    return f"lang={lang.partition('-')[0].casefold()}"


@lru_cache(_REMEMBERED)
def _author_marks(handle: str) -> list[str]:
    return [f"from={short}" for short in short_handles(words.exact(handle))]


@lru_cache(_REMEMBERED)
def _handle_marks(name: str, handle: str) -> list[str]:
    """In all forms in which a handle is asked for."""
    whole = words.exact(handle.removeprefix("@"))
    return [f"{name}={form}" for form in (whole, *short_handles(whole))]


@lru_cache(_REMEMBERED)
def _host_marks(host: str) -> list[str]:
    return [f"link={domain}" for domain in _domains(host)]


def short_handles(handle: str) -> tuple[str, ...]:
    """A handle as people shorten it: without its server, or without `.bsky.social`."""
    shorter = (handle.partition("@")[0], handle.removesuffix(".bsky.social"))
    return tuple(short for short in shorter if short and short != handle)


@lru_cache(maxsize=64)  # the words and the host of a link are asked for one after the other
def _host_and_path(url: str) -> tuple[str, str]:
    """The host, lower-case, and the path of an address; empty where it has none."""
    if plain := _PLAIN_URL.fullmatch(url):
        return plain[1], plain[2]
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "", ""
    return host or "", parts.path


def _domains(host: str) -> Iterable[str]:
    """A host and the domains that it lies in: who asks for example.org means blog.example.org too."""
    labels = host.split(".")
    return (".".join(labels[index:]) for index in range(max(1, len(labels) - 1)) if host)
