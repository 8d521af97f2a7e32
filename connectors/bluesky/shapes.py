"""What the app.bsky lexicons call posts, profiles and threads, as far as the archive reads them.

Parts that grow new kinds (embeds, facets, labels) stay undecided here: an unknown one must not cost its post.
"""

from typing import Annotated, Any, TypeVar

import msgspec

from connectors.surrogates import without_halves

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
T = TypeVar("T")


class Author(msgspec.Struct, gc=False, rename="camel"):
    """A profile: basic beside a post, with its description in lists, in full when asked for."""

    did: str
    handle: str | None = None
    display_name: str | None = None
    avatar: str | None = None
    description: str | None = None
    created_at: Any = None
    followers_count: Count | None = None
    follows_count: Count | None = None
    posts_count: Count | None = None
    labels: Any = None


class Record(msgspec.Struct, gc=False, rename="camel"):
    """What the author wrote: `app.bsky.feed.post`."""

    text: str | None = None
    erased: Any = None  # true where we took out what it said: see `connectors.redaction`
    created_at: Any = None
    langs: Any = None
    reply: Any = None
    facets: Any = None
    tags: Any = None
    embed: Any = None
    labels: Any = None


class PostView(msgspec.Struct, gc=False, rename="camel"):
    """A post as the AppView shows it; a quoted one has `value` for `record`; from a repository it has nothing more."""

    uri: str
    author: Author | None = None
    record: Record | None = None
    value: Record | None = None
    embed: Any = None
    embeds: Any = None
    like_count: Count | None = None
    repost_count: Count | None = None
    reply_count: Count | None = None
    quote_count: Count | None = None
    indexed_at: Any = None
    labels: Any = None


class ThreadNode(msgspec.Struct, gc=False, rename="camel"):
    """One place in a thread: a post, or what stands where a post was."""

    type: str = msgspec.field(default="", name="$type")
    uri: str | None = None  # of one that is not found, or blocked
    post: msgspec.Raw = msgspec.Raw()
    parent: msgspec.Raw = msgspec.Raw()
    replies: list[msgspec.Raw] | None = None


class FeedItem(msgspec.Struct, gc=False, rename="camel"):
    post: msgspec.Raw = msgspec.Raw()
    reply: dict[str, msgspec.Raw] | None = None
    reason: Any = None


OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST = msgspec.json.Decoder(list[msgspec.Raw])
POST = msgspec.json.Decoder(PostView)
NODE = msgspec.json.Decoder(ThreadNode)
ITEM = msgspec.json.Decoder(FeedItem)
AUTHOR = msgspec.json.Decoder(Author)


def decode(decoder: msgspec.json.Decoder[T], record: bytes | msgspec.Raw) -> T:
    """Decode one record. Half characters, which careless clients write, are replaced first where there are any."""
    try:
        return decoder.decode(record)
    except msgspec.DecodeError:
        return decoder.decode(without_halves(bytes(record)))


def present(raw: msgspec.Raw) -> bool:
    """Whether a part is there at all."""
    return bytes(raw) not in {b"", b"null"}


def items(value: Any) -> list[Any]:
    """A list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def part(value: Any, *path: str) -> Any:
    """Walk down objects by their keys; None where there is no such way."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def words(value: Any) -> str | None:
    """A string that says something."""
    return value if isinstance(value, str) and value.strip() else None


def kind(value: Any) -> str:
    """The lexicon's name of a thing, without saying whether it is as written or as shown."""
    name = part(value, "$type")
    return name.removesuffix("#view").removesuffix("#main") if isinstance(name, str) else ""
