"""The fields of the index, and a post as a document of it.

`words` and `names` are searched: what a post says (its text, descriptions of media, titles and words of links, options of
polls, words inside hashtags), and the words of its author's name. They are cut into words here, so tantivy only splits
at spaces. No stems are kept: the forms of a word are looked up among all words when it is asked for. The facets can be
counted and asked for. `marks` holds every other property that can be asked for, as `name=value`. A post itself is in
`kept`, which is stored and not looked into.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from transcripts.search import words
from transcripts.search.posts import IndexedPost, number, seconds, twin, worth

if TYPE_CHECKING:
    from tantivy import Document, Schema

CODE = 1  # raise it whenever the fields, or what is put into them, change: older indexes are then built anew
NAMED = ("chat", "year", "platform", "question")  # facets with few values
NUMBERED = ("author", "host")  # facets with many, each the `number` of a name: tantivy counts these much faster
FACETS = ("chat", "year", "platform", "author", "question", "host")  # in the order in which they are shown
FILLERS = frozenset(["http", "https", "www", "com", "org", "net", "html", "htm", "php", "index"])

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(IndexedPost).decode
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
    for name in NAMED:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in NUMBERED:
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

    fields: dict[str, object] = {
        "words": list(_said(post)),
        "uid": post.uid,
        "marks": list(dict.fromkeys(_marks(post))),
        "chat": [one.chat for one in post.filed],
        "year": str(post.created_at.year),
        "platform": post.platform,
        "created": seconds(post.created_at),
        "worth": worth(post),
        "twin": twin(post),
        "kept": _encode(post),
    }
    if post.reply_to:
        fields["parent"] = number(post.reply_to)
    if post.author_name:
        fields["names"] = " ".join(words.words(post.author_name))
    if post.author_handle:
        fields["author"] = number(words.exact(post.author_handle))
    if topics := [one.topic for one in post.filed if one.topic]:
        fields["question"] = topics
    if hosts := hosts_of(post):
        fields["host"] = [number(host) for host in hosts]
    return Document.from_dict(fields, schema())


def restored(kept: bytes) -> IndexedPost:
    """The inverse of what `document` stores."""
    return _decode(kept)


def hosts_of(post: IndexedPost) -> list[str]:
    """The hosts that a post links to, without `www.`."""
    return list(dict.fromkeys(host for url, _ in post.links if (host := _host(url))))


def names_of(post: IndexedPost, facet: str) -> list[str]:
    """The names whose numbers a facet of `NUMBERED` holds of a post."""
    if facet == "host":
        return hosts_of(post)
    return [words.exact(post.author_handle)] if post.author_handle else []


def _said(post: IndexedPost) -> Iterator[str]:
    """The words of the text, and of each thing beside it; no phrase reaches from one to the next."""
    yield " ".join(words.words(words.without_links(post.text or "")))
    texts = [post.warning, *post.alts, *post.options]
    for url, title in post.links:
        texts += [title, _link_words(url)]
    texts += [" ".join(_INNER_WORD.findall(tag)) for tag in post.hashtags if not (tag.islower() or tag.isupper())]
    yield from (" ".join(words.words(text)) for text in texts if text)


def _link_words(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return " ".join(word for word in words.words(f"{host} {parts.path}") if word not in FILLERS)


def _marks(post: IndexedPost) -> Iterator[str]:
    """Every property that can be asked for, but for the facets."""
    for filed in post.filed:
        if filed.session:
            yield f"session={filed.session}"
            yield f"role={filed.role}"
    if post.deleted:
        yield "is=deleted"
        return
    for tag in post.hashtags:
        yield f"tag={words.exact(tag)}"
    if post.author_handle:
        yield from (f"from={short}" for short in _short(words.exact(post.author_handle)))
    if post.answers:
        yield from (f"to={handle}" for handle in _handles(post.answers))
    for mention in post.mentions:
        yield from (f"mentions={handle}" for handle in _handles(mention))
    for host in hosts_of(post):
        yield from (f"link={domain}" for domain in _domains(host))
    if post.lang:
        yield f"lang={post.lang.partition('-')[0].casefold()}"
    if post.consent:
        yield f"consent={post.consent}"
    has = {"link": post.links, "media": post.has_media, "quote": post.quote_of, "replies": post.replies}
    yield from (f"has={name}" for name, value in has.items() if value)


def _handles(handle: str) -> list[str]:
    """The forms in which a handle is asked for."""
    whole = words.exact(handle.removeprefix("@"))
    return [whole, *_short(whole)]


def _short(handle: str) -> list[str]:
    """A handle as people shorten it: without its server, or without `.bsky.social`."""
    return [
        short for short in (handle.partition("@")[0], handle.removesuffix(".bsky.social")) if short and short != handle
    ]


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return words.exact(host.removeprefix("www.")) if host else None


def _domains(host: str) -> Iterable[str]:
    """A host and the domains that it lies in: who asks for example.org means blog.example.org too."""
    labels = host.split(".")
    return (".".join(labels[index:]) for index in range(max(1, len(labels) - 1)) if host)
