"""Who took part: one key for each account, whatever a source knew of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from knowarchive.model import Account, Post, Repost
from transcripts.model import Person, PersonAccount

EARLY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class People:
    """Who is who in a session: `person` has the person's key by that of the account, for all accounts but the main.

    A person's key is that of one of the accounts, the one with most posts. `names` are those of the configuration, by
    person's key, `accounts` all accounts of each person.
    """

    person: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, key: str) -> str:
        """The person's key by an account's."""
        return self.person.get(key, key)


def author_key(post: Post) -> str | None:
    """The key of a post's author: the account's uid, or `<platform>:@<handle>`; None where neither is known."""
    return _key(post.platform, post.author_uid, post.author_handle)


def reposter_key(repost: Repost) -> str | None:
    """The key of whoever repeated a post."""
    return _key(repost.post_uid.partition(":")[0], repost.account_uid, repost.account_handle)


def profile_url(key: str, handle: str | None) -> str | None:
    """The address of a person's page on their network; None where it cannot be told."""
    platform, _, rest = key.partition(":")
    name = handle.removeprefix("@") if handle else None
    if platform == "x":
        return f"https://x.com/{name}" if name else f"https://x.com/i/user/{rest}"
    if platform == "bluesky":
        who = rest if rest.startswith("did:") else name
        return f"https://bsky.app/profile/{who}" if who else None
    if platform == "mastodon":
        if rest.startswith(("https://", "http://")):
            return rest
        user, _, server = (name or "").partition("@")
        return f"https://{server}/@{user}" if user and server else None
    return None


def is_configured(key: str, handle: str | None, configured: Iterable[str]) -> bool:
    """Say whether an account is one of the configured ones, as in `x:handle` or `mastodon:handle@server`."""
    platform, _, rest = key.partition(":")
    name = (handle or rest).removeprefix("@").casefold()
    server = rest.partition("://")[2].partition("/")[0].casefold()
    names = {name, rest.casefold()} | ({f"{name}@{server}"} if server else set())
    return any(
        wanted.partition(":")[0] == platform and wanted.partition(":")[2].removeprefix("@").casefold() in names
        for wanted in configured
    )


def find_guests(configured: Iterable[str], people: Sequence[Person]) -> tuple[Person, ...]:
    """The people announced as guests, each once: as they took part, or by their handle alone where they did not."""
    found: dict[str, Person] = {}
    for guest in configured:
        platform, _, rest = guest.partition(":")
        handle = rest.removeprefix("@")
        absent = Person(f"{platform}:@{handle}", handle, None, profile_url(f"{platform}:@{handle}", handle))
        took_part = (
            person
            for person in people
            if any(is_configured(account.key, account.handle, (guest,)) for account in person.accounts)
            or is_configured(person.key, person.handle, (guest,))
        )
        person = next(took_part, absent)
        found.setdefault(person.key, person)
    return tuple(found.values())


def list_people(
    posts: Iterable[Post],
    reposts: Iterable[Repost],
    accounts: Mapping[str, Account],
    moderators: Collection[str],
    people: People,
) -> tuple[Person, ...]:
    """List who posted or repeated, once each: moderators first, then by posts, reposts and handle.

    Args:
        posts: of the session.
        reposts: of the same.
        accounts: by uid, where known.
        moderators: their keys as persons.
        people: who is who.
    """
    spoke: Counter[str] = Counter()
    repeated: dict[str, set[str]] = {}
    handles: dict[str, tuple[datetime, str]] = {}
    names: dict[str, tuple[datetime, str]] = {}
    for post in posts:
        key = author_key(post)
        if key is None:
            continue
        spoke[key] += 1
        if post.author_handle:
            handles[key] = max(handles.get(key, (EARLY, "")), (post.created_at, post.author_handle))
        if post.author_name:
            names[key] = max(names.get(key, (EARLY, "")), (post.created_at, post.author_name))
    for repost in reposts:
        key = reposter_key(repost)
        if key is None:
            continue
        repeated.setdefault(key, set()).add(repost.post_uid)
        if repost.account_handle:
            handles.setdefault(key, (EARLY, repost.account_handle))
    listed = []
    for key in dict.fromkeys(people.of(key) for key in [*spoke, *repeated]):
        own = people.accounts.get(key, (key,))
        known = [_account(one, handles, accounts) for one in own]
        shown = [one for one in known if not _is_repeated(one, known)]
        called = [
            names[one][1] if one in names else account.name if (account := accounts.get(one)) else None for one in own
        ]
        listed.append(
            Person(
                key=key,
                handle=known[0].handle,
                name=people.names.get(key) or next((name for name in called if name), None),
                url=known[0].url,
                posts=sum(spoke[one] for one in own),
                reposts=len(set().union(*(repeated.get(one, ()) for one in own))),
                moderator=key in moderators,
                accounts=tuple(shown),
            )
        )
    return tuple(
        sorted(
            listed,
            key=lambda one: (not one.moderator, -one.posts, -one.reposts, (one.handle or "").casefold(), one.key),
        )
    )


def _account(key: str, handles: Mapping[str, tuple[datetime, str]], accounts: Mapping[str, Account]) -> PersonAccount:
    account = accounts.get(key)
    handle = handles[key][1] if key in handles else account.handle if account else None
    return PersonAccount(key, handle, profile_url(key, handle))


def _is_repeated(account: PersonAccount, known: Iterable[PersonAccount]) -> bool:
    """Whether an account known only by its handle is there with its uid too."""
    return is_by_handle(account.key) and any(
        not is_by_handle(other.key)
        and other.platform == account.platform
        and (other.handle or "").casefold() == (account.handle or "").casefold()
        for other in known
    )


def is_by_handle(key: str) -> bool:
    """Whether a key is `<platform>:@<handle>`, for want of a uid."""
    return key.partition(":")[2].startswith("@")


def _key(platform: str, uid: str | None, handle: str | None) -> str | None:
    if uid:
        return uid
    return f"{platform}:@{handle.removeprefix('@').casefold()}" if handle else None
