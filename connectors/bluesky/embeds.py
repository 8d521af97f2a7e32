"""What is attached to a post on Bluesky: pictures, films, cards and quotes, as written and as shown."""

from typing import Any, NamedTuple

from connectors.bluesky.ids import POSTS, collection, post_uid
from connectors.bluesky.shapes import items, kind, part, words
from connectors.bluesky.text import web_address
from knowarchive.model import Link, Media

_EMBED = "app.bsky.embed."
#: Where the apps take their moving pictures from; the card's description then begins with "Alt: ".
_GIFS = ("https://media.tenor.com/", "https://static.klipy.com/")


class Attached(NamedTuple):
    media: tuple[Media, ...] = ()
    links: tuple[Link, ...] = ()
    quote_of: str | None = None


def read_embed(written: Any, shown: Any) -> Attached:
    """Read an embed. One that is not known is passed over.

    Args:
        written: the record's, which has references.
        shown: the view's, which has addresses; None where there is no view.
    """
    media, links, quote = _read(shown)
    plain_media, plain_links, plain_quote = _read(written)
    return Attached(media or plain_media, links or plain_links, plain_quote or quote)


def quoted(shown: Any) -> Any:
    """The record that an embed shows, whatever it is: a post, or what stands where a post was."""
    name = kind(shown)
    if name == _EMBED + "record":
        return part(shown, "record")
    if name == _EMBED + "recordWithMedia":
        return part(shown, "record", "record")
    return None


def _read(embed: Any) -> Attached:
    name = kind(embed)
    if name == _EMBED + "images":
        return Attached(
            media=tuple(_picture(image) for image in items(part(embed, "images")) if isinstance(image, dict))
        )
    if name == _EMBED + "video":
        return Attached(media=(Media("video", web_address(part(embed, "playlist")), words(part(embed, "alt"))),))
    if name == _EMBED + "external":
        return _card(part(embed, "external"))
    if name == _EMBED + "record":
        return Attached(quote_of=_post(part(embed, "record", "uri")))
    if name == _EMBED + "recordWithMedia":
        quote = _post(part(embed, "record", "record", "uri"))
        # Never another recordWithMedia: that would recurse as deep as a hostile record is.
        beside = part(embed, "media")
        rest = _read(beside) if kind(beside) != name else Attached()
        return rest._replace(quote_of=quote)
    return Attached()


def _picture(image: dict[str, Any]) -> Media:
    return Media(
        "photo", web_address(image.get("fullsize")) or web_address(image.get("thumb")), words(image.get("alt"))
    )


def _card(card: Any) -> Attached:
    url = web_address(part(card, "uri"))
    if url is None:
        return Attached()
    if url.startswith(_GIFS):
        said = words(part(card, "description"))
        alt = words(said[4:]) if said is not None and said[:4].lower() == "alt:" else None
        return Attached(media=(Media("gif", url, alt.strip() if alt else None),))
    return Attached(links=(Link(url, words(part(card, "title"))),))


def _post(uri: Any) -> str | None:
    uid = post_uid(uri)
    return uid if uid is not None and collection(uid) == POSTS else None
