"""The text of a post on X as its author meant it: unescaped, with t.co unwrapped, without attachments' links."""

import re
from collections.abc import Mapping

_SHORT = re.compile(r"https?://t\.co/[A-Za-z0-9]+")
_STATUS = re.compile(
    r"https?://(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com/(?:#!/)?(?:i/web|\w{1,20})/status(?:es)?/(\d{1,19})"
    r"(/(?:photo|video)/\d+)?(?:[/?#].*)?$",
    re.IGNORECASE,
)


def unescape(text: str) -> str:
    """Undo X's escaping, which knows these alone; anything else was written by the author."""
    if "&" not in text:
        return text
    return (
        text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", '"')
        .replace("&#39;", "'")
        .replace("&amp;", "&")
    )


def unwrap(text: str, table: Mapping[str, str], dropped: set[str]) -> str:
    """Replace every short link by what it stands for, and cut those that only stand for an attachment from the end.

    Offsets are not used: they count code points of the escaped text, and are wrong in cut and re-encoded files.
    """
    if dropped:
        text = text.rstrip()
        while (start := text.rfind("http")) >= 0 and text[start:] in dropped:
            text = text[:start].rstrip()
    if len(table) == 1:
        if dropped and "http" not in text:
            return text
        ((short, meant),) = table.items()
        return text.replace(short, meant)
    return _SHORT.sub(lambda match: table.get(match[0], match[0]), text)


def short_links(text: str) -> list[str]:
    """List the t.co links of a text, in their order."""
    return _SHORT.findall(text)


def permalink(url: str) -> tuple[str, bool] | None:
    """Read a link to a post on X.

    Returns:
        The post's id, and whether the link is to its photo or video; None for any other link.
    """
    if "/status" not in url:
        return None
    match = _STATUS.match(url)
    return (match[1], match[2] is not None) if match else None
