"""One person on several networks: which accounts of a session are one person's, and why that may be believed.

Anybody can write anything into a profile, so a claim joins nothing unless it comes from both sides:

- the configuration says so (`[[person]]`);
- two profiles name each other, and one of them as its own page or under its own name (couples and colleagues name each
  other too);
- a bridge carries one account to another network: Bridgy Fed gives its copies names that nobody else can hold. A Bluesky
  account is `https://bsky.brid.gy/ap/<did>` in the fediverse, and `user@server` has the handle `user.server.ap.brid.gy`
  on Bluesky (https://fed.brid.gy/docs). Its "bridged from" in a record or profile is not believed: all can write it.

Within one network an account known by its uid here and only by its handle there is one, too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from knowarchive.config import Identity
from knowarchive.model import Account, Post, Repost
from transcripts.people import EARLY, People, author_key, is_by_handle, reposter_key

READ_UP_TO = 5_000  # characters of a profile

BRIDGED_FROM_BLUESKY = "mastodon:https://bsky.brid.gy/ap/"
BRIDGED_POST = "mastodon:https://bsky.brid.gy/convert/ap/at://"
BRIDGE_SERVER = "@bsky.brid.gy"
BRIDGE_DOMAIN = ".ap.brid.gy"
NO_DOMAIN = re.compile(r"[^a-z0-9.-]")  # what a bridge turns into "-", since a Bluesky handle is a domain

_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z][a-z0-9-]{1,62}"
_PROFILES = (
    ("x:{}", re.compile(r"\b(?:twitter|x)\.com/@?(\w{1,20})\b", re.IGNORECASE)),
    ("bluesky:{}", re.compile(rf"\bbsky\.app/profile/({_HOST}|did:[a-z]+:[\w.:%-]+)", re.IGNORECASE)),
    ("mastodon:{1}@{0}", re.compile(rf"\b({_HOST})/(?:@|users/)([\w.-]+)(?![\w.@-])", re.IGNORECASE)),
    ("mastodon:{}", re.compile(rf"@([\w.-]{{1,64}}@{_HOST})", re.IGNORECASE)),
    ("bluesky:{}", re.compile(rf"(?<![\w@.])@({_HOST})(?![\w@])", re.IGNORECASE)),
    ("bluesky:{}", re.compile(rf"https?://({_HOST})/?(?![\w/@.-])", re.IGNORECASE)),  # a handle is its owner's domain
)


def is_bridged(key: str, handle: str | None) -> bool:
    """Whether a bridge made this account for somebody of another network."""
    return (
        key.startswith(BRIDGED_FROM_BLUESKY)
        or (key.startswith("mastodon:") and (handle or "").casefold().endswith(BRIDGE_SERVER))
        or _is_bridged_handle(key, handle)
    )


def bridged_from(uid: str) -> str | None:
    """The uid of the post of which a bridge made this one; None where it is no bridge's or does not say so."""
    return f"bluesky:{uid.removeprefix(BRIDGED_POST)}" if uid.startswith(BRIDGED_POST) else None


def join_accounts(
    posts: Iterable[Post],
    reposts: Iterable[Repost],
    accounts: Mapping[str, Account],
    configured: Sequence[Identity] = (),
) -> People:
    """Find who is who among all who posted or repeated.

    Args:
        posts: of the session, in any order.
        reposts: of the same.
        accounts: profiles by uid, where known.
        configured: what the configuration joins.
    """
    spoke: Counter[str] = Counter()
    handles: dict[str, tuple[datetime, str]] = {}
    for post in posts:
        if key := author_key(post):
            spoke[key] += 1
            if post.author_handle:
                handles[key] = max(handles.get(key, (EARLY, "")), (post.created_at, post.author_handle))
    for repost in reposts:
        if key := reposter_key(repost):
            spoke[key] += 0
            if repost.account_handle:
                handles.setdefault(key, (EARLY, repost.account_handle))
    for key in spoke:
        if key not in handles and (account := accounts.get(key)) and account.handle:
            handles[key] = (EARLY, account.handle)
    newest = sorted(spoke, key=lambda key: (handles.get(key, (EARLY, ""))[0], key), reverse=True)  # has the handle now
    return _Joining({key: handles.get(key, (EARLY, ""))[1] for key in newest}, spoke).join(accounts, configured)


class _Joining:
    """Sets of accounts that grow together."""

    def __init__(self, handles: Mapping[str, str], spoke: Mapping[str, int]) -> None:
        self.handles = handles
        self.spoke = spoke
        self.parent = {key: key for key in handles}
        self.by_name = dict(self.parent)  # account by each name that somebody could call it, its uid or its handle
        for key, handle in handles.items():
            if not is_by_handle(key):
                for name in _names(key, handle):
                    self.by_name.setdefault(name, key)
        for key, handle in handles.items():
            if is_by_handle(key):
                for name in _names(key, handle):
                    self.by_name.setdefault(name, key)

    def join(self, accounts: Mapping[str, Account], configured: Sequence[Identity]) -> People:
        """Join what there is reason to join."""
        for key, handle in self.handles.items():
            if is_by_handle(key):
                self._unite(key, self.by_name.get(_name(key.partition(":")[0], handle or key.partition(":@")[2])))
        if len({key.partition(":")[0] for key in self.handles}) > 1:
            self._join_bridged()
            self._join_declared(accounts)
        stand_ins = self._bridged_handles()
        named: dict[str, str] = {}
        for identity in configured:
            known = [found for name in map(_configured, identity.accounts) for found in self._known(name, stand_ins)]
            for key in known:
                self._unite(key, known[0])
            if known:
                named[known[0]] = identity.name
        return self._people(named)

    def _known(self, name: str, stand_ins: Mapping[str, str]) -> Iterator[str]:
        """The account of a name, and the one that a bridge made of it."""
        for found in (self.by_name.get(name), stand_ins.get(_as_bridged(name) or "")):
            if found:
                yield found

    def _bridged_handles(self) -> dict[str, str]:
        return {handle.casefold(): key for key, handle in self.handles.items() if _is_bridged_handle(key, handle)}

    def _join_bridged(self) -> None:
        """Join what a bridge made with what it was made of."""
        stand_ins = self._bridged_handles()
        origins: dict[str, set[str]] = {}
        for key, handle in self.handles.items():
            if key.startswith(BRIDGED_FROM_BLUESKY):
                self._unite(key, self.by_name.get(f"bluesky:{key.removeprefix(BRIDGED_FROM_BLUESKY)}"))
            elif key.startswith("mastodon:") and handle.casefold().endswith(BRIDGE_SERVER):
                self._unite(key, self.by_name.get(_name("bluesky", handle[: -len(BRIDGE_SERVER)])))
            elif key.startswith("mastodon:") and stand_ins:
                for name in _names(key, handle):
                    if (bridged := stand_ins.get(_as_bridged(name) or "")) is not None:
                        origins.setdefault(bridged, set()).add(self._root(key))
        for bridged, found in origins.items():
            if len(found) == 1:  # `a_b` and `a-b` have one name there
                self._unite(bridged, *found)

    def _join_declared(self, accounts: Mapping[str, Account]) -> None:
        """Join profiles that name each other."""
        profiles = {key: account for key in self.handles if (account := accounts.get(key)) is not None}
        linked = {key: self._named_in(account.url) for key, account in profiles.items()}
        said = {key: linked[key] | self._named_in(account.bio) for key, account in profiles.items()}
        for key, claimed in said.items():
            for other in claimed:
                if (
                    key in said.get(other, ())
                    and key.partition(":")[0] != other.partition(":")[0]
                    and (
                        other in linked[key]
                        or key in linked[other]
                        or self._have_one_name(profiles[key], profiles[other])
                    )
                ):
                    self._unite(key, other)

    def _named_in(self, text: str | None) -> set[str]:
        return {self.by_name[name] for name in named_accounts(text) if name in self.by_name}

    def _have_one_name(self, one: Account, other: Account) -> bool:
        names = [
            {
                part.casefold().removeprefix("@")
                for part in (who.name, re.split(r"(?<=.)[@.]", who.handle or "")[0])
                if part
            }
            for who in (one, other)
        ]
        return bool(names[0] & names[1])

    def _root(self, key: str) -> str:
        while self.parent[key] != key:
            key = self.parent[key] = self.parent[self.parent[key]]
        return key

    def _unite(self, key: str, other: str | None) -> None:
        if other is not None:
            one, two = sorted((self._root(key), self._root(other)))
            self.parent[two] = one

    def _people(self, named: Mapping[str, str]) -> People:
        groups: dict[str, list[str]] = {}
        for key in self.handles:
            groups.setdefault(self._root(key), []).append(key)
        person: dict[str, str] = {}
        members: dict[str, tuple[str, ...]] = {}
        for keys in groups.values():
            keys.sort(key=self._prominence)
            members[keys[0]] = tuple(keys)
            person.update((key, keys[0]) for key in keys[1:])
        return People(person, {person.get(key, key): name for key, name in named.items()}, members)

    def _prominence(self, key: str) -> tuple[bool, bool, int, str]:
        return is_by_handle(key), is_bridged(key, self.handles[key]), -self.spoke[key], key


def named_accounts(text: str | None) -> set[str]:
    """The accounts that a piece of a profile names, as `x:handle`, `bluesky:domain` or `mastodon:user@server`."""
    return {
        form.format(*match.groups()).casefold().rstrip(".-")
        for form, profile in _PROFILES
        for match in profile.finditer((text or "")[:READ_UP_TO])
    }


def _names(key: str, handle: str) -> Iterator[str]:
    """What an account is called: its handle with the network, with the server where the handle lacks it."""
    platform, _, rest = key.partition(":")
    handle = handle or (rest.removeprefix("@") if rest.startswith("@") else "")
    if not handle:
        return
    yield _name(platform, handle)
    if platform == "mastodon" and "@" not in handle.removeprefix("@") and "://" in rest:
        yield _name(platform, f"{handle}@{rest.partition('://')[2].partition('/')[0]}")


def _name(platform: str, handle: str) -> str:
    return f"{platform}:{handle.removeprefix('@').casefold()}"


def _configured(account: str) -> str:
    platform, _, handle = account.partition(":")
    return _name(platform, handle)


def _as_bridged(name: str) -> str | None:
    """The handle on Bluesky that a bridge gives to somebody of the fediverse."""
    platform, _, handle = name.partition(":")
    return NO_DOMAIN.sub("-", handle.replace("@", ".")) + BRIDGE_DOMAIN if platform == "mastodon" else None


def _is_bridged_handle(key: str, handle: str | None) -> bool:
    return key.startswith("bluesky:") and (handle or "").casefold().endswith(BRIDGE_DOMAIN)
