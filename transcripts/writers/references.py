"""Where posts and people live on their networks, and which pieces of a post's text point somewhere."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from knowarchive.model import Mention, Post
from transcripts.identities import is_bridged
from transcripts.model import Entry
from transcripts.people import author_key

from .addresses import DID, X_HANDLE, uid_url
from .text import clean, clean_line, safe_url

NETWORKS = {"x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon"}

_DOMAIN = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*")
_FEDIVERSE = re.compile(r"(?P<user>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)@(?P<host>[A-Za-z0-9.-]+(?::\d+)?)")

_URL = r"(?P<url>https?://[^\s<>\"\x00-\x20]+)"
_TAG = r"(?P<tag>(?<![\w&/#@])#\w*[^\W\d_]\w*)"
_MENTION_X = r"(?P<mention>(?<![\w@/])@[A-Za-z0-9_]{1,20}(?![\w@]))"
_MENTION = r"(?P<mention>(?<![\w@/])@\w[\w.-]{0,252}(?:@\w[\w.-]{0,252}(?::\d{1,5})?)?)"
_PIECES_X = re.compile(f"{_URL}|{_TAG}|{_MENTION_X}", re.IGNORECASE)
_PIECES = re.compile(f"{_URL}|{_TAG}|{_MENTION}", re.IGNORECASE)
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_STATUS = re.compile(
    r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/[^/]+/status(?:es)?/(\d+)(/\w+/\d+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a post's text: `kind` is text, url, mention or tag; `href` is safe, or None where there is none."""

    kind: str
    text: str
    href: str | None = None


def post_url(post: Post) -> str | None:
    """Where the original can be read and answered."""
    return safe_url(post.url) or uid_url(post.uid, post.author_handle)


@dataclass(frozen=True, slots=True)
class Original:
    """Another original of an entry: the network's name, for a part of a thread with its number, and its address."""

    uid: str
    network: str
    url: str | None


def other_originals(entry: Entry) -> list[Original]:
    """Where else an entry can be read and answered."""
    found = []
    each = Counter(copy.post.platform for copy in entry.copies)
    number: Counter[str] = Counter()
    for copy in entry.copies:
        post = copy.post
        network = NETWORKS.get(post.platform, clean_line(post.platform))
        if is_bridged(author_key(post) or "", post.author_handle):
            network += " by a bridge"
        elif each[post.platform] > 1:
            number[post.platform] += 1
            network += f" ({number[post.platform]})"
        found.append(Original(post.uid, network, post_url(post)))
    return found


def profile_url(platform: str, handle: str | None, uid: str | None = None) -> str | None:
    """A person's public page: from the handle, which people recognise, or else from the account's uid."""
    handle = (handle or "").removeprefix("@")
    identity = uid.partition(":")[2] if uid else ""
    if platform == "x":
        return f"https://x.com/{handle}" if X_HANDLE.fullmatch(handle) else None
    if platform == "bluesky":
        if _DOMAIN.fullmatch(handle):
            return f"https://bsky.app/profile/{handle}"
        return f"https://bsky.app/profile/{identity}" if DID.fullmatch(identity) else None
    if platform == "mastodon":
        if match := _FEDIVERSE.fullmatch(handle):
            return safe_url(f"https://{match['host']}/@{match['user']}")
        return safe_url(identity)
    return None


def _trim(url: str) -> str:
    """Give the sentence back its punctuation; a bracket stays when it was opened inside the address."""
    while url:
        last = url[-1]
        if last in ".,;:!?'’”»…*_" or (last in _CLOSERS and url.count(last) > url.count(_CLOSERS[last])):
            url = url[:-1]
        else:
            break
    return url


def _mentioned(handle: str, platform: str, mentions: tuple[Mention, ...] | None) -> str | None:
    """The profile behind an @handle in the text; the post's own mentions know the full one."""
    for mention in mentions or ():
        known = mention.handle.removeprefix("@")
        if handle.casefold() in {known.casefold(), known.partition("@")[0].casefold()}:
            return profile_url(platform, known, mention.uid)
    return profile_url(platform, handle)


def _repeats(url: str, post: Post, shown: str | None) -> bool:
    """Whether X put this address into the text only to show what is shown beside it: the quoted post, or media."""
    match = _STATUS.match(url)
    if match is None:
        return False
    return f"x:{match[1]}" == shown or (match[2] is not None and bool(post.media))


def pieces(post: Post, quoted: str | None = None) -> list[Piece]:
    """The clean text of a post, cut where it points somewhere.

    Nothing is lost but white space at the edges and, on X, the addresses that repeat what stands beside the text: media,
    and the post `quoted` (a uid) when the writer shows it.
    """
    return list(_pieces(post, quoted))


def _pieces(post: Post, quoted: str | None) -> Iterator[Piece]:
    text = clean(post.text or "").strip()
    on_x = post.platform == "x"
    done = 0
    for match in (_PIECES_X if on_x else _PIECES).finditer(text):
        kind = match.lastgroup or "text"
        shown = match[0]
        href = None
        if kind == "url":
            shown = _trim(shown)
            if on_x and _repeats(shown, post, quoted):
                if before := text[done : match.start()].rstrip(" "):
                    yield Piece("text", before)
                done = match.start() + len(shown)
                continue
            href = safe_url(shown)
            if href is None:
                continue
        elif kind == "mention":
            if not on_x:
                shown = shown.rstrip(".-")
            href = _mentioned(shown[1:], post.platform, post.mentions)
        if match.start() > done:
            yield Piece("text", text[done : match.start()])
        yield Piece(kind, shown, href)
        done = match.start() + len(shown)
    if done < len(text):
        yield Piece("text", text[done:])


def other_links(post: Post, quoted: str | None = None) -> list[tuple[str, str | None]]:
    """Links of a post that its text does not show, as on a card: (safe address, title)."""
    shown = {piece.href for piece in pieces(post, quoted) if piece.kind == "url"}
    found: dict[str, str | None] = {}
    for link in post.links or ():
        href = safe_url(link.url)
        if href and href not in shown and href not in found and not _repeats(link.url, post, quoted):
            found[href] = clean_line(link.title) if link.title else None
    return list(found.items())
