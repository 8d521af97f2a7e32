"""What people declared about being shown to others, where more than the archive's owner read. Pure.

All heed what each post says, what profiles say by now, and who opted out; the site, which stays where it is put, also that
nobody looked for long whether a post of X is still there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from msgspec import structs

from knowarchive.config import Config
from knowarchive.model import Post, Repost, without_content
from transcripts.model import SessionPosts
from transcripts.people import author_key, is_configured, reposter_key
from transcripts.search.language import Query, Term

NOT_SHOWN = ("noarchive", "no-unauthenticated")
NOT_FOUND = (*NOT_SHOWN, "noindex")
OPTED_OUT, UNCHECKED = "opted-out", "unchecked"


class Told(Protocol):
    """What decides whether a post may be shown, of a post from the archive or from the index."""

    @property
    def uid(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def author_uid(self) -> str | None: ...
    @property
    def author_handle(self) -> str | None: ...
    @property
    def consent(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """What else than their own words keeps posts off pages.

    `declared` are wishes of profiles by the account's uid, `opted_out` accounts as configured ("x:handle"). Of X only what
    was seen from `checked_since` on is shown, if it is given: posts that tell when they were seen are looked at, and
    `unchecked` has the uids of the others.
    """

    declared: Mapping[str, str] = field(default_factory=dict)
    opted_out: tuple[str, ...] = ()
    checked_since: datetime | None = None
    unchecked: frozenset[str] = frozenset()

    def against(self, post: Told) -> str | None:
        """Why a post may not stand on a page that others read: one of NOT_SHOWN, OPTED_OUT or UNCHECKED; else None."""
        wish = self.of_account(post.platform, post.author_uid, post.author_handle, post.consent)
        return wish or (UNCHECKED if self._is_unchecked(post) else None)

    def _is_unchecked(self, post: Told) -> bool:
        if self.checked_since is None or post.platform != "x":
            return False
        if isinstance(post, Post):
            return post.observed_at is None or post.observed_at < self.checked_since
        return post.uid in self.unchecked

    def of_account(self, platform: str, uid: str | None, handle: str | None, consent: str | None = None) -> str | None:
        """Why nothing of somebody may stand there: one of NOT_SHOWN, or OPTED_OUT; else None."""
        if self.opted_out and is_configured(uid or f"{platform}:@{handle}", handle, self.opted_out):
            return OPTED_OUT
        wishes = consent, self.declared.get(uid or "")
        return next((wish for wish in NOT_SHOWN if wish in wishes), None)

    def may_be_found(self, post: Told) -> bool:
        """Whether search, feeds and lists for search engines may lead to a post that may be shown."""
        return "noindex" not in {post.consent, self.declared.get(post.author_uid or "")}


def placeholder(uid: str) -> str:
    """What a post that may not be shown is called: uids name accounts and addresses."""
    return f"{uid.partition(':')[0]}:-{sha256(uid.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def opted_out(config: Config) -> tuple[str, ...]:
    """The accounts of which nothing is shown, as configured: who opts out with one account does with all."""
    found = {_spelled(account) for account in config.publish.opt_out}
    for person in config.person:
        accounts = {_spelled(account) for account in person.accounts}
        if accounts & found:
            found |= accounts
    return tuple(sorted(found))


def tells(consent: str | None) -> bool:
    """Whether a post says of itself that it may not be found, so that `findable` leaves it out."""
    return consent in NOT_FOUND


def findable(query: Query) -> Query:
    """The query without the posts of those who do not want to be found."""
    return query.narrowed(*(Term("filter", wish, "consent", negated=True) for wish in NOT_FOUND))


def heeded(session: SessionPosts, wishes: Wishes = Wishes()) -> SessionPosts:
    """A session in which a placeholder stands for each post that may not be shown, and its authors repeat nothing.

    Where its author wants nothing shown, the placeholder has a name of its own too: uids name accounts and addresses.
    """
    unwanted = [
        post
        for post in (*session.posts, *session.context)
        if wishes.of_account(post.platform, post.author_uid, post.author_handle, post.consent)
    ]
    silent = {
        uid
        for uid, account in session.accounts.items()
        if wishes.of_account(uid.partition(":")[0], uid, account.handle, account.consent)
    }
    silent |= {uid for uid, wish in wishes.declared.items() if wish in NOT_SHOWN}
    silent = silent.union(*map(_author_keys, unwanted))
    hidden = {post.uid: placeholder(post.uid) for post in unwanted}
    return replace(
        session,
        posts=tuple(_heeded(post, wishes, hidden) for post in session.posts),
        context=tuple(_heeded(post, wishes, hidden) for post in session.context),
        reposts=tuple(
            repost
            for repost in session.reposts
            if repost.post_uid not in hidden and not _is_silent(repost, silent, wishes)
        ),
        accounts={uid: account for uid, account in session.accounts.items() if uid not in silent},
        moderators=tuple(account for account in session.moderators if _may_be_named(account, wishes)),
        guests=tuple(account for account in session.guests if _may_be_named(account, wishes)),
    )


def _spelled(account: str) -> str:
    platform, _, handle = account.partition(":")
    return f"{platform}:{handle.removeprefix('@').casefold()}"


def _author_keys(post: Post) -> set[str]:
    """By uid and by handle: a repost may know either."""
    keys = author_key(post), author_key(structs.replace(post, author_uid=None))
    return {key for key in keys if key is not None}


def _is_silent(repost: Repost, silent: set[str], wishes: Wishes) -> bool:
    platform = repost.post_uid.partition(":")[0]
    keys = reposter_key(repost), reposter_key(structs.replace(repost, account_uid=None))
    return not silent.isdisjoint(keys) or bool(wishes.of_account(platform, repost.account_uid, repost.account_handle))


def _may_be_named(account: str, wishes: Wishes) -> bool:
    """Whether an account of the configuration ("x:handle") may be named."""
    platform, _, handle = account.partition(":")
    return wishes.of_account(platform, None, handle.removeprefix("@")) is None


def _heeded(post: Post, wishes: Wishes, hidden: Mapping[str, str]) -> Post:
    """The post, or what stands in its place: when it was made, and in answer to what. `hidden` are new names of posts."""
    if not hidden.keys().isdisjoint({post.uid, post.reply_to, post.quote_of, post.conversation}):
        post = structs.replace(
            post,
            **{
                name: hidden.get(uid, uid)
                for name in ("reply_to", "quote_of", "conversation")
                if (uid := getattr(post, name))
            },
            reply_to_author=None if post.reply_to in hidden else post.reply_to_author,
        )
    reason = wishes.against(post)
    if reason is None:
        return post
    return structs.replace(
        without_content(post),
        uid=hidden.get(post.uid, post.uid),
        url=None if post.uid in hidden else post.url,
        id=None if post.uid in hidden else post.id,
        author_uid=None,
        author_handle=None,
        author_name=None,
        visibility="unchecked" if reason == UNCHECKED else "unwanted",
    )
