"""What the columns of an export are called, hold and mean: the only list, for files, descriptions and documentation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `kind` is text, time, count or list."""

    name: str
    kind: str
    text: str


_ORIGIN = (
    Column("observed_at", "time", "when the newest observation was made"),
    Column("chats", "list", "chats that it was imported or collected for by name"),
    Column("collected_at", "time", "when the newest observation came into the archive"),
    Column("payload_id", "text", "the payload that the newest observation came from"),
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "posts": (
        Column("uid", "text", "the identity everywhere, such as x:123; an edited post keeps its first id"),
        Column("platform", "text", "x, bluesky or mastodon"),
        Column("id", "text", "the network's own id"),
        Column("url", "text", "the network's own address"),
        Column("author_uid", "text", "the account that wrote it"),
        Column("author_handle", "text", "its handle"),
        Column("author_name", "text", "its name"),
        Column("created_at", "time", "when it was made, by the network's clock"),
        Column("collected_at", "time", "when the newest observation came into the archive"),
        Column("edited_at", "time", "when it was last edited"),
        Column("deleted_at", "time", "when it was known to be deleted"),
        Column("text", "text", "what it says, plain: unescaped, with the network's short links unwrapped"),
        Column("lang", "text", "its language (BCP 47)"),
        Column("hashtags", "list", "as written, without the sign"),
        Column("mentions", "list", "people named in it: handle, uid"),
        Column("links", "list", "links as the author meant them: url, title"),
        Column("media", "list", "attachments: kind, url, alt (the author's description)"),
        Column("reply_to", "text", "uid of the post that it answers"),
        Column("conversation", "text", "uid of the post that began the conversation"),
        Column("quote_of", "text", "uid of the post that it quotes"),
        Column("likes", "count", "as last observed"),
        Column("reposts", "count", "as last observed"),
        Column("replies", "count", "as last observed"),
        Column("quotes", "count", "as last observed"),
        Column("visibility", "text", "what the network declares"),
        Column("consent", "text", "what the author declares"),
        Column("payload_id", "text", "the payload that the newest observation came from"),
        Column("observed_at", "time", "when the newest observation was made"),
        Column("warning", "text", "the author's content warning"),
        Column("poll", "list", "options of a poll: text, votes"),
        Column("reply_to_author", "text", "uid of the account that it answers"),
        Column("withheld", "list", "countries where the network hides it (ISO 3166)"),
        Column("chats", "list", "chats that it was imported or collected for by name"),
    ),
    "reposts": (
        Column("key", "text", "the network and its id of the repost, or the pair of post and account"),
        Column("post_uid", "text", "the post that was repeated"),
        Column("post_at", "time", "when that was made, or the best guess"),
        Column("account_uid", "text", "who repeated it"),
        Column("account_handle", "text", "their handle"),
        Column("at", "time", "when, where known"),
        Column("id", "text", "the network's id of the repost, where it has one"),
        *_ORIGIN,
    ),
    "accounts": (
        Column("uid", "text", "the identity everywhere, such as x:123"),
        Column("handle", "text", "the handle"),
        Column("name", "text", "the name shown"),
        Column("bio", "text", "what the person says of themselves"),
        Column("url", "text", "the address that the person gives"),
        Column("avatar", "text", "address of the picture"),
        Column("created_at", "time", "when the account was made"),
        Column("followers", "count", "as last observed"),
        Column("following", "count", "as last observed"),
        Column("posts", "count", "as last observed"),
        Column("consent", "text", "what the person declares"),
        *_ORIGIN,
    ),
}

#: How the rows of each table are ordered, and what identifies one.
ORDERS: dict[str, tuple[str, ...]] = {
    "posts": ("created_at", "uid"),
    "reposts": ("post_at", "key"),
    "accounts": ("uid",),
}
KEYS: dict[str, str] = {"posts": "uid", "reposts": "key", "accounts": "uid"}


def names(table: str) -> str:
    """The columns of a table for a SELECT, quoted, in their order."""
    return ", ".join(f'"{column.name}"' for column in COLUMNS[table])
