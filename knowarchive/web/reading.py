"""What can be read at a moment, whoever asks: pages, the API, assistants. What must not be read is left out here, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import structs

from knowarchive.errors import UsageError
from knowarchive.web import wishes
from knowarchive.web.cards import threaded
from knowarchive.web.catalogue import LARGEST_CONVERSATION, LONGEST_CHAIN, Catalogue
from knowarchive.web.wishes import Wishes
from transcripts.model import Transcript
from transcripts.search.index import SearchIndex
from transcripts.search.language import Query
from transcripts.search.posts import IndexedPost
from transcripts.search.results import Results, Sort, search
from transcripts.search.schema import schema

if TYPE_CHECKING:
    import tantivy


class NotHereError(UsageError):
    """There is no such page: a chat, person, post or session that the archive does not hold."""


class WrongValueError(UsageError):
    """What is asked for is no value of that kind. Pages read it leniently; programs are better told."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The index and the catalogue that was made from it: they do not change, a newer snapshot takes their place.

    Where others than the owner read, `heeded` is what people declared, `hidden` the posts that are not shown for it, and
    `unfound` those that no search may find although they do not say so themselves: times by uid, in seconds since 1970.
    """

    index: SearchIndex
    catalogue: Catalogue
    transcripts: dict[tuple[str, str], Transcript] = field(default_factory=dict)
    heeded: Wishes | None = None
    hidden: Mapping[str, int] = field(default_factory=dict)
    unfound: Mapping[str, int] = field(default_factory=dict)
    left_out: "tantivy.Query | None" = None  # of a search, for that
    answers: dict[object, object] = field(default_factory=dict)  # that were given of it

    def post(self, uid: str) -> IndexedPost:
        """A post by its uid.

        Raises:
            NotHereError: there is none, or its author does not want it shown.
        """
        found = self.posts([uid])
        if not found:
            raise NotHereError("The archive holds no such post.")
        return found[0]

    def posts(self, uids: Sequence[str]) -> list[IndexedPost]:
        """Posts by their uids, in that order, where known and shown."""
        from tantivy import Query as Compiled

        wanted = list(dict.fromkeys(uids))
        if not wanted:
            return []
        found = self.index.find(Compiled.term_set_query(schema(), "uid", wanted), len(wanted))
        known = {post.uid: self._shown(post) for post in found if post.uid not in self.hidden}
        return [known[uid] for uid in wanted if uid in known]

    def search(self, query: Query, *, sort: Sort = "relevance", page: int = 1, limit: int = 10) -> Results:
        """What a query finds of what may be found; the query that is said back is the one that was asked."""
        allowed = wishes.findable(query) if self.heeded else query
        found = search(self.index, allowed, sort=sort, page=page, limit=limit, without=self.left_out)
        hits = tuple(structs.replace(hit, post=self._shown(hit.post)) for hit in found.hits)
        return structs.replace(found, query=query, hits=hits)

    def conversation(self, uid: str) -> "Conversation":
        """The whole reply tree that a post is part of.

        Raises:
            NotHereError: as `post`.
        """
        post = self.post(uid)
        above = self.catalogue.one("above", uid=uid, longest=LONGEST_CHAIN)
        root = above["uid"] if above else uid
        below = [row["uid"] for row in self.catalogue.rows("below", uid=root, limit=LARGEST_CONVERSATION)]
        posts = {one.uid: one for one in self.posts([uid, root, *below])}
        tree = threaded(posts, root if root in posts else uid)
        if all(one.uid != uid for _, one in tree):  # deeper than a page shows: from it on
            tree = threaded(posts, uid)
        return Conversation(post, tuple(tree), len(below) >= LARGEST_CONVERSATION)

    def _shown(self, post: IndexedPost) -> IndexedPost:
        """A post that does not tell whom of the hidden it answers or quotes."""
        if self.heeded is None:
            return post
        answers = post.answers
        if answers is not None:
            uid, handle = (answers, None) if answers.startswith(f"{post.platform}:") else (None, answers)
            unwanted = post.reply_to in self.hidden or self.heeded.of_account(post.platform, uid, handle)
            answers = None if unwanted else answers
        above, quoted = (
            wishes.placeholder(uid) if uid and uid in self.hidden else uid for uid in (post.reply_to, post.quote_of)
        )
        return structs.replace(post, answers=answers, reply_to=above, quote_of=quoted)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A reply tree: posts with their depths, each after what it answers. `is_cut` says that there are more."""

    post: IndexedPost
    tree: tuple[tuple[int, IndexedPost], ...]
    is_cut: bool
