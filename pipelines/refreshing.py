"""Refresh a session: late replies, edits, counts, deletions, renames. What is known is asked about again, the rest is found.

The steps are those of collecting, because a second search brings most posts as they are now. Posts of the archive that it
does not bring are looked up one by one: not to be on a page means nothing, only the network's own word does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from connectors.base import Surroundings
from knowarchive.config import Chat, Source
from knowarchive.model import Post
from pipelines.collecting import Collected, SourceRun
from pipelines.erasing import finish_erasing
from storage.archive import Archive
from transcripts.model import Window
from transcripts.sessions import select


def refresh_session(
    archive: Archive,
    chat: Chat,
    window: Window,
    surroundings: Surroundings,
    *,
    sources: Iterable[Source] | None = None,
    on_progress: Callable[[str, int], None] = lambda _source, _posts: None,
) -> Iterator[Collected]:
    """Refresh a session from its sources, one after the other. One that fails comes back as failed and stops none.

    What a network says is deleted is erased before the source comes back: see `storage.erasure`. What an earlier run
    learnt of and could not erase is erased first.

    Args:
        archive: where the session is, and where to.
        chat: whose session it is.
        window: the session.
        surroundings: the world: secrets, clock, limits.
        sources: some of the chat's sources; all by default.
        on_progress: told after each page: the source, posts seen in it so far.

    Raises:
        StorageError: the archive cannot be written.
    """
    finish_erasing(archive, now=surroundings.now())
    chosen = tuple(chat.source if sources is None else sources)
    for source in chosen:
        members = select(archive.posts(window.opens, window.closes), window, chat.hashtags, chat.name)
        known = [post for post in members if post.deleted_at is None and source in who_is_asked(post, chosen)]
        yield SourceRun(archive, chat, window, source, surroundings, on_progress, kind="refresh", known=known).run()


def who_is_asked(post: Post, sources: Sequence[Source]) -> list[Source]:
    """The sources that can say what became of a post.

    Of its network; and where that has several servers, those on which it was made or last seen, else the first.
    """
    network = [source for source in sources if source.platform == post.platform]
    if len(network) < 2:
        return network
    hosts = {(post.id or "").rpartition("@")[2], _host(post.uid.partition(":")[2])}
    return [source for source in network if _host(source.server) in hosts] or network[:1]


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:  # as of `https://[`, which anybody's server may give
        return None
