"""Names everybody by a pseudonym: in columns, in what people wrote, in addresses. Pure.

A pseudonym is what HMAC-SHA256 makes of an identity under a key. So the same person, post or page is called the same
wherever it is named, nothing has to be remembered, and without the key nothing leads back. What looks like an identity is
taken for one, known or not: a mention, an address of a profile or a post, a number as long as an id. What looks like a
word is taken for one unless it is known to be a handle, or a name, and nobody else uses it as a word.
"""

import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.forgetting import handle_key, is_telling

PEOPLE, POSTS, PAGES = "people.invalid", "posts.invalid", "pages.invalid"  # nobody can have such names: RFC 6761
LETTERS = 13  # of a pseudonym: 65 bits
LEAST_HANDLE = 5  # letters of a handle that is looked for without its sign
LEAST_LONG = 12  # letters from which on a handle of letters alone is looked for without its sign
MOST_WORDS = 6  # of a name

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_ADDRESS = re.compile(
    r"https?://[^\s<>\"\\]+|(?<![\w@./-])(?:www\.|mobile\.|m\.)?(?:twitter\.com|x\.com|bsky\.app|t\.co)/[^\s<>\"\\]+",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}'’”…"
_RECORD = re.compile(
    r"(?:at://)?\b(did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9])(?:/([a-z]+(?:\.[A-Za-z]+)+)/([A-Za-z0-9._:~-]+))?"
)
_AT_HANDLE = re.compile(r"at://([\w-]+(?:\.[\w-]+)+)(?:/[a-z]+(?:\.[A-Za-z]+)+/([A-Za-z0-9._:~-]+))?")
_MENTION = re.compile(
    r"(?:(?<![\w@＠])|(?<=\bRT))(?:@|＠|%40)(\w[\w.-]*)(?:@([\w-]+(?:\.[\w-]+)+))?|(?<![\w@＠.+-])([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)"
)
_ID = re.compile(r"(?<!\d)\d{15,20}(?!\d)", re.ASCII)  # a shorter number is an ISBN, or somebody's telephone
_DOTTED = re.compile(r"\w+(?:[.-]\w+)*")
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"[^\s.,;:!?…\"“”„«»()\[\]{}<>@#/|\\]+")
_CUT = re.compile(r"[(|\[{,:–—•·/<]")
_POSSESSIVE = re.compile(r"['’]s?$")
_TITLES = frozenset(("dr", "prof", "mr", "mrs", "ms", "mx"))
_X_HOSTS = re.compile(r"(?:www\.|mobile\.|m\.|nitter\.)?(?:twitter|x)\.com|nitter\.[\w.-]+")
_OPAQUE_HOSTS = re.compile(
    r"(?:t\.co|pic\.(?:twitter|x)\.com|(?:\w+\.)?twimg\.com|(?:cdn|video)\.bsky\.(?:app|social))"
)
_BLUESKY_HOSTS = frozenset(("bsky.app", "staging.bsky.app", "main.bsky.dev"))
_PROFILE = re.compile(r"/(?:web/|deck/)?@([\w.-]+)(?:@([\w.-]+))?(?:/(?:statuses/)?(\w+))?(?=[/?#]|$)")
_USER = re.compile(r"/(?:ap/)?users/([\w.-]+)(?:/statuses/(\w+))?(?=[/?#]|$)")
_TAGGED = re.compile(r"/(?:hashtag|tags?)/[^/?#]+")
_BARE_STATUS = re.compile(r"/status(?:es)?/(\d{5,20})")


@dataclass(frozen=True, slots=True)
class Named:
    """Who is named in an archive.

    Args:
        handles: `platform:handle`, case-folded, on Mastodon with the server.
        owners: uids of accounts on Bluesky, by their handles.
        names: as people write theirs.
        pages: addresses that people give on their profiles.
        servers: hosts of Mastodon's network, where all pages are somebody's.
        words: handles, without their network, that several people use as words.
    """

    handles: AbstractSet[str] = frozenset()
    owners: Mapping[str, str] = field(default_factory=dict)
    names: AbstractSet[str] = frozenset()
    pages: AbstractSet[str] = frozenset()
    servers: AbstractSet[str] = frozenset()
    words: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a text stands: its network, its author's server, and the full handles that short ones stand for in it."""

    platform: str = ""
    server: str = ""
    called: Mapping[str, str] = field(default_factory=dict)


NOWHERE = Setting()


def may_be_word(handle: str) -> bool:
    """Whether a handle, case-folded, is looked for without its sign only if nobody uses it as a word."""
    return not any(sign in handle for sign in "_.@")


def is_looked_for(handle: str) -> bool:
    """Whether a handle, case-folded, is looked for without its sign at all: it is long, or no mere letters."""
    return (
        len(handle) >= LEAST_HANDLE
        and any(letter.isalpha() for letter in handle)
        and (not handle.isalpha() or len(handle) >= LEAST_LONG)
    )


class Pseudonymiser:
    """Calls people, posts and pages otherwise, each always the same.

    Args:
        key: secret; another key gives other pseudonyms.
        named: who is known.
    """

    def __init__(self, key: bytes, named: Named) -> None:
        self._key = key
        self._owners = named.owners
        self._servers = named.servers
        self._pages = {_page_key(one) for one in named.pages}
        self._handles: dict[str, set[str]] = {}
        for name in named.handles:
            network, _, handle = name.partition(":")
            if is_looked_for(handle) and not (may_be_word(handle) and handle in named.words):
                self._handles.setdefault(handle, set()).add(network)
        self._names: dict[str, list[tuple[str, ...]]] = {}
        self._unspaced: dict[str, set[str]] = {}
        for name in named.names:
            for form in _forms(name):
                if len(form) > 1:
                    self._names.setdefault(form[0], []).append(form)
                elif form and is_telling(form[0]):
                    self._unspaced.setdefault(form[0][:3], set()).add(form[0])
        for forms in self._names.values():
            forms.sort(key=len, reverse=True)
        self._token = lru_cache(maxsize=100_000)(self._make)

    # Identities

    def account(self, uid: str) -> str:
        """The pseudonym of an account's uid, which names its network."""
        return f"{uid.partition(':')[0]}:{self._person(uid)}"

    def handle(self, platform: str, handle: str) -> str:
        """The pseudonym of a handle, without a sign."""
        return f"person_{self._token('handle', handle_key(platform, handle))}"

    def name(self, name: str) -> str:
        """The pseudonym of a name as people show it."""
        return f"Person {self._token('name', ' '.join(_tokens(name)).casefold() or name)}"

    def post(self, uid: str) -> str:
        """The pseudonym of a post's uid; on Bluesky it begins with its author's, as uids do there."""
        platform, _, own = uid.partition(":")
        if platform == "bluesky" and "/" in own:
            return f"{self.account(uid.partition('/')[0])}/post-{self._token('post', uid)}"
        return f"{platform}:post-{self._token('post', uid)}"

    def repost(self, key: str) -> str:
        """The pseudonym of a repost's key."""
        return f"{key.partition(':')[0]}:repost-{self._token('repost', key)}"

    # What people wrote

    def text(self, text: str, where: Setting = NOWHERE) -> str:
        """A text in which nobody is named but by pseudonyms."""
        text = _ADDRESS.sub(self._match_address, text)
        if "did:" in text or "at://" in text:
            text = self._records(text)
        if "@" in text or "＠" in text:
            text = _MENTION.sub(lambda match: self._mention(match, where), text)
        text = _ID.sub(self._id, text)
        text = self._words(text, where)
        return self._without_names(text)

    def address(self, address: str) -> str:
        """An address; of a person, a post or a page of theirs one that leads nowhere, always the same."""
        scheme, mark, rest = address.rpartition("://")  # the last: archives of the web have addresses within theirs
        if not mark:
            rest = address
        host, _, path = rest.partition("/")
        host, path = host.casefold().rpartition("@")[2], f"/{path}"
        found = self._of_network(host.partition(":")[0], path)
        if found is not None:
            return found
        if host.removeprefix("www.") in self._owners or self._is_theirs(rest):
            return self._page(rest)
        rest = _MENTION.sub(lambda match: self._mention(match, NOWHERE), rest)
        rest = _ID.sub(self._id, self._records(rest))
        return f"{scheme}{mark}{self._words(rest, NOWHERE)}"

    def is_of_somebody(self, address: str) -> bool:
        """Whether an address is replaced as a whole: it leads to a person, a post, or a page of theirs."""
        return self.address(address).startswith(tuple(f"https://{host}/" for host in (PEOPLE, POSTS, PAGES)))

    # How

    def _make(self, kind: str, identity: str) -> str:
        digest = hmac.digest(self._key, f"{kind}\n{identity}".encode("utf-8", "surrogatepass"), "sha256")
        number = int.from_bytes(digest[:9], "big")
        return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(LETTERS))

    def _person(self, uid: str) -> str:
        return f"person-{self._token('account', uid)}"

    def _page(self, rest: str) -> str:
        return f"https://{PAGES}/{self._token('page', _page_key(rest))}"

    def _profile(self, platform: str, handle: str) -> str:
        return f"https://{PEOPLE}/{self.handle(platform, handle)}"

    def _leading_to(self, uid: str) -> str:
        return f"https://{POSTS}/{self.post(uid).partition(':')[2]}"

    def _of_network(self, host: str, path: str) -> str | None:
        """What stands for an address of a profile or a post, or for another below which they are; None elsewhere."""
        parts = [part for part in re.split(r"[/?#]", path) if part]
        if _X_HOSTS.fullmatch(host):
            status = _BARE_STATUS.search(path)
            if status:
                return self._leading_to(f"x:{status[1]}")
            if not parts or (_TAGGED.fullmatch(path)):
                return None
            is_handle = re.fullmatch(r"@?\w{1,20}", parts[0]) and parts[0] not in {"i", "search", "hashtag", "intent"}
            return self._profile("x", parts[0]) if is_handle else self._page(host + path)
        if host in _BLUESKY_HOSTS:
            return self._of_bluesky(host, path, parts)
        if _OPAQUE_HOSTS.fullmatch(host):
            return self._page(host + path)
        if status := re.search(r"/status(?:es)?/(\d{15,20})$", path):  # one of the many mirrors of X, or a server
            there = _USER.match(path)
            return self._leading_to(f"mastodon:https://{host}{there[0]}" if there else f"x:{status[1]}")
        if profile := _PROFILE.match(path):
            user, server, own = profile.groups()
            if own and host in self._servers:
                return self._leading_to(f"mastodon:https://{host}/users/{user}/statuses/{own}")
            platform, name = ("mastodon", f"{user}@{server or host}")
            return self._profile(platform, name) if not own else self._page(host + path)
        if user_of := _USER.match(path):
            if user_of[2]:
                return self._leading_to(f"mastodon:https://{host}{user_of[0]}")
            return self._profile("mastodon", f"{user_of[1]}@{host}")
        if host in self._servers and parts and not _TAGGED.fullmatch(path):
            return self._leading_to(f"mastodon:https://{host}{path}")
        return None

    def _of_bluesky(self, host: str, path: str, parts: list[str]) -> str | None:
        if len(parts) < 2 or parts[0] != "profile":
            return None if not parts or _TAGGED.fullmatch(path) else self._page(host + path)
        who = parts[1].lstrip("@").casefold()
        did = parts[1] if who.startswith("did:") else self._owners.get(who, "").partition(":")[2]
        if len(parts) >= 4 and parts[2] == "post":
            return self._leading_to(f"bluesky:{did or who}/app.bsky.feed.post/{parts[3]}")
        if who.startswith("did:"):
            return f"https://{PEOPLE}/{self._person(f'bluesky:{parts[1]}')}"
        return self._profile("bluesky", who)

    def _is_theirs(self, rest: str) -> bool:
        """Whether somebody gives this address, or one that it is below, as theirs."""
        key = _page_key(rest)
        while key and key not in self._pages:
            key = key.rpartition("/")[0]
        return bool(key)

    def _match_address(self, match: re.Match[str]) -> str:
        whole = match[0].rstrip(_TRAILING)
        return self.address(whole) + match[0][len(whole) :]

    def _records(self, text: str) -> str:
        def record(match: re.Match[str]) -> str:
            uid = f"bluesky:{match[1]}"
            return self.post(f"{uid}/{match[2]}/{match[3]}") if match[2] else self.account(uid)

        def of_handle(match: re.Match[str]) -> str:
            owner = self._owners.get(match[1].casefold(), f"bluesky:{match[1].casefold()}")
            return self.post(f"{owner}/app.bsky.feed.post/{match[2]}") if match[2] else self.account(owner)

        return _AT_HANDLE.sub(of_handle, _RECORD.sub(record, text))

    def _mention(self, match: re.Match[str], where: Setting) -> str:
        name, host, local, domain = match.groups()
        if local:  # a handle without its sign, or a mail address
            return self.handle("mastodon", f"{local}@{domain}")
        name, rest = _trimmed(name)
        if host:
            is_x = _X_HOSTS.fullmatch(host.casefold())
            return f"@{self.handle('x', name) if is_x else self.handle('mastodon', f'{name}{rest}@{host}')}"
        folded = name.casefold()
        if "." in name or "-" in name:
            if where.platform == "x" and folded.count(".") < 2 and folded not in self._owners:
                short = _WORD.match(name)
                assert short, "it begins with a letter"
                return f"@{self.handle('x', short[0])}{name[short.end() :]}{rest}"
            if "." in name:
                return f"@{self.handle('bluesky', name)}{rest}"
        full = where.called.get(folded)
        if full is None and where.platform == "mastodon" and where.server:
            full = f"{folded}@{where.server}"
        return f"@{self.handle(where.platform, full or name)}{rest}"

    def _id(self, match: re.Match[str]) -> str:
        return f"post-{self._token('post', f'x:{match[0]}')}"

    def _words(self, text: str, where: Setting) -> str:
        """A text in which no known handle stands without its sign."""

        def known(word: str) -> str | None:
            networks = self._handles.get(word.casefold())
            if networks is None:
                return None
            return self.handle(where.platform if where.platform in networks else min(networks), word)

        def dotted(match: re.Match[str]) -> str:
            whole = match[0]
            if match.start() and text[match.start() - 1] in "#＃":
                return whole
            if (new := known(whole)) is not None:
                return new
            if "." in whole:
                if whole.casefold().endswith(".bsky.social"):
                    return self.handle("bluesky", whole)
                if _page_key(whole) in self._pages:
                    return self._page(whole)
            if whole.isalpha():
                return whole
            return _WORD.sub(lambda one: known(one[0]) or one[0], whole)

        return _DOTTED.sub(dotted, text)

    def _without_names(self, text: str) -> str:
        edits = sorted((*self._spaced_names(text), *self._unspaced_names(text)), key=lambda one: (one[0], -one[1]))
        pieces, done = [], 0
        for start, end, name in edits:
            if start >= done:
                pieces += [text[done:start], self.name(name)]
                done = end
        return "".join([*pieces, text[done:]])

    def _spaced_names(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Names of several words, each of which begins with no small letter, so that they are no mere words."""
        found = list(_TOKEN.finditer(text))
        words: list[str] = []
        for place, token in enumerate(found):
            first = token[0].casefold() if token[0].isascii() else _folded(token[0])
            if first not in self._names:
                continue
            words = words or [_folded(one[0]) for one in found]
            for form in self._names[first]:
                end = place + len(form)
                if end > len(found) or tuple(words[place : end - 1]) != form[:-1]:
                    continue
                last = words[end - 1]
                bare = _POSSESSIVE.sub("", last) if last != form[-1] else last
                if bare == form[-1] and not any(one[0][0].islower() for one in found[place:end] if len(one[0]) > 3):
                    cut = len(found[end - 1][0]) - (len(last) - len(bare))
                    yield token.start(), found[end - 1].start() + cut, " ".join(form)
                    break

    def _unspaced_names(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Names in scripts that have no spaces, wherever they stand."""
        if not self._unspaced or text.isascii():
            return
        for place in range(len(text) - 2):
            for name in sorted(self._unspaced.get(text[place : place + 3], ()), key=len, reverse=True):
                if text.startswith(name, place):
                    yield place, place + len(name), name
                    break


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _tokens(name: str) -> tuple[str, ...]:
    return tuple(_folded(token) for token in _TOKEN.findall(name))


def _forms(name: str) -> set[tuple[str, ...]]:
    """How a name may stand in a text, as its words: whole, and without what people put around theirs."""
    whole = _tokens(name)
    core = tuple(token for token in _tokens(_CUT.split(name, maxsplit=1)[0]) if any(map(str.isalpha, token)))
    if core and core[0] in _TITLES:
        core = core[1:]
    return {form for form in (whole, core) if 0 < len(form) <= MOST_WORDS and any(map(str.isalpha, form[0]))}


def _page_key(address: str) -> str:
    """An address as it is compared: without its scheme, `www.` and what follows a question mark."""
    rest = address.rpartition("://")[2].partition("#")[0].partition("?")[0].rstrip("/")
    host, slash, path = rest.partition("/")
    return f"{host.casefold().removeprefix('www.')}{slash}{path}"


def _trimmed(name: str) -> tuple[str, str]:
    """A name, and the dots and dashes after it, which end a sentence."""
    bare = name.rstrip(".-")
    return bare, name[len(bare) :]


def servers_of(handles: Iterable[str]) -> frozenset[str]:
    """The servers of Mastodon's network that handles (`mastodon:user@server`) name."""
    return frozenset(name.rpartition("@")[2] for name in handles if name.startswith("mastodon:") and "@" in name)
