"""What people declared about being shown to others, where the room is open to more than the archive's owner. Pure."""

from dataclasses import replace

from msgspec import structs

from knowarchive.model import Post, Repost, without_content
from transcripts.model import SessionPosts
from transcripts.people import author_key, reposter_key
from transcripts.search.language import Query, Term

NOT_SHOWN = ("noarchive", "no-unauthenticated")
NOT_FOUND = (*NOT_SHOWN, "noindex")


def may_be_shown(consent: str | None) -> bool:
    """Whether a post may stand on a page that others read."""
    return consent not in NOT_SHOWN


def findable(query: Query) -> Query:
    """The query without the posts of those who do not want to be found."""
    return query.narrowed(*(Term("filter", wish, "consent", negated=True) for wish in NOT_FOUND))


def heeded(session: SessionPosts) -> SessionPosts:
    """A session in which a placeholder stands for each post that may not be shown, and its authors repeat nothing."""
    hidden = [post for post in (*session.posts, *session.context) if not may_be_shown(post.consent)]
    silent = {uid for uid, account in session.accounts.items() if not may_be_shown(account.consent)}
    silent = silent.union(*map(_author_keys, hidden))
    return replace(
        session,
        posts=tuple(map(_placeholder, session.posts)),
        context=tuple(map(_placeholder, session.context)),
        reposts=tuple(repost for repost in session.reposts if not silent & _reposter_keys(repost)),
        accounts={uid: account for uid, account in session.accounts.items() if uid not in silent},
    )


def _author_keys(post: Post) -> set[str]:
    """By uid and by handle: a repost may know either."""
    keys = author_key(post), author_key(structs.replace(post, author_uid=None))
    return {key for key in keys if key is not None}


def _reposter_keys(repost: Repost) -> set[str]:
    keys = reposter_key(repost), reposter_key(structs.replace(repost, account_uid=None))
    return {key for key in keys if key is not None}


def _placeholder(post: Post) -> Post:
    if may_be_shown(post.consent):
        return post
    return structs.replace(
        without_content(post), author_uid=None, author_handle=None, author_name=None, visibility="blocked"
    )
