"""Who took part: one key for each account, whatever a source knew of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from knowarchive.model import Account, Post, Repost
from transcripts.model import Person

EARLY = datetime.min.replace(tzinfo=UTC)


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
    """Say whether an account is one of the configured moderators, as in `x:handle` or `mastodon:handle@server`."""
    platform, _, rest = key.partition(":")
    name = (handle or rest).removeprefix("@").casefold()
    server = rest.partition("://")[2].partition("/")[0].casefold()
    names = {name, f"{name}@{server}"} if server else {name}
    return any(
        wanted.partition(":")[0] == platform and wanted.partition(":")[2].removeprefix("@").casefold() in names | {rest}
        for wanted in configured
    )


def list_people(
    posts: Iterable[Post], reposts: Iterable[Repost], accounts: Mapping[str, Account], moderators: Collection[str]
) -> tuple[Person, ...]:
    """List who posted or repeated: moderators first, then by posts, reposts and handle.

    An account known by its uid in one place and only by its handle in another is one person.
    """
    spoke: Counter[str] = Counter()
    repeated: Counter[str] = Counter()
    handles: dict[str, tuple[datetime, str]] = {}
    names: dict[str, tuple[datetime, str]] = {}
    seen: dict[str, set[str]] = {}
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
        if key is None or repost.post_uid in seen.setdefault(key, set()):
            continue
        seen[key].add(repost.post_uid)
        repeated[key] += 1
        if repost.account_handle:
            handles.setdefault(key, (EARLY, repost.account_handle))
    by_handle = {
        f"{key.partition(':')[0]}:@{handle.casefold()}": key
        for key, (_, handle) in sorted(handles.items())
        if not _is_by_handle(key)
    }
    for counts in (spoke, repeated):
        for key in [key for key in counts if key in by_handle]:
            counts[by_handle[key]] += counts.pop(key)
    chairs = {by_handle.get(key, key) for key in moderators}
    people = [
        _person(key, handles, names, accounts, posts=spoke[key], reposts=repeated[key], moderator=key in chairs)
        for key in spoke.keys() | repeated.keys()
    ]
    return tuple(
        sorted(
            people,
            key=lambda one: (not one.moderator, -one.posts, -one.reposts, (one.handle or "").casefold(), one.key),
        )
    )


def _person(
    key: str,
    handles: Mapping[str, tuple[datetime, str]],
    names: Mapping[str, tuple[datetime, str]],
    accounts: Mapping[str, Account],
    *,
    posts: int,
    reposts: int,
    moderator: bool,
) -> Person:
    account = accounts.get(key)
    handle = handles[key][1] if key in handles else account.handle if account else None
    name = names[key][1] if key in names else account.name if account else None
    return Person(key, handle, name, profile_url(key, handle), posts, reposts, moderator)


def _key(platform: str, uid: str | None, handle: str | None) -> str | None:
    if uid:
        return uid
    return f"{platform}:@{handle.removeprefix('@').casefold()}" if handle else None


def _is_by_handle(key: str) -> bool:
    return key.partition(":")[2].startswith("@")
