"""What a person said once and posted on several networks is one entry: folded into one post before filing, unfolded after.

Two posts are one when one person made them on two networks within minutes, and they say the same: the same words, or
one goes on where the other ends with a sentence or is cut with an ellipsis. Signs, mentions, addresses, hashtags at the
ends, labels that only one has and `1/2` do not count. A chain of self-replies on one network is one with the single post
on another that says all of it. What answers two different posts, or links to different pages, is never one, and neither
are two posts on one network. There is no threshold of likeness: `I agree` and `I disagree` are more than alike.

What a bridge copied needs no comparison where the copy's identity names its original, and goes with it when its author
deletes that.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import structs

from knowarchive.model import Post, Repost
from transcripts.corrections import Corrections
from transcripts.identities import bridged_from, is_bridged, join_accounts
from transcripts.labels import LABEL, WORDS, find_labels, plain
from transcripts.model import Filing, SessionPosts
from transcripts.pages import page_of
from transcripts.people import People, author_key, is_configured
from transcripts.threads import is_address_of_post, quoted

WITHIN = timedelta(minutes=10)
ENOUGH = 16  # letters: what is shorter is the same only if nothing differs
LONGEST_CHAIN = 8  # posts
COMPARED = 40  # posts with one beginning

MENTION = re.compile(r"(?<![\w/])@\w[\w.@-]*")
TAG = re.compile(r"[#＃]\w+[.,;:!]*")
PART = re.compile(
    r"\A\s*[(\[]?\d{1,2}\s?/\s?(?:\d{1,2}|n)?(?!\w)[)\]]?|[(\[]?(?<!\w)\d{1,2}\s?/\s?(?:\d{1,2}|n)?[)\]]?\s*\Z"
)
BY_BRIDGE = " by a bridge"
SENTENCE = re.compile(r"[.!?…。！？\n]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A session with one post for each entry and one author for each person, and what it was before.

    `session` is for whoever files: references lead to the posts that are left, each entry is as old as its first
    original. `posts` are all posts by uid and `reposts` all reposts as they were, `copies` the uids of each entry's copies
    by that of its main post, `main` the other way round.
    """

    session: SessionPosts
    posts: Mapping[str, Post]
    reposts: tuple[Repost, ...]
    main: Mapping[str, str]
    copies: Mapping[str, tuple[str, ...]]
    people: People

    def turn(self, corrections: Corrections) -> Corrections:
        """Let what was said of a copy hold for its entry; what was said of the main post comes first."""
        main = self.main
        if not main:
            return corrections
        both = [
            {main[uid]: said for uid, said in given.items() if uid in main}
            | {uid: said for uid, said in given.items() if uid not in main}
            for given in (corrections.topics, corrections.roles)
        ]
        questions = tuple(replace(one, uid=main.get(one.uid, one.uid)) for one in corrections.questions)
        return Corrections(both[0], both[1], questions)

    def unfold(self, filings: Mapping[str, Filing]) -> dict[str, Filing]:
        """File the copies as their entries are."""
        return {**filings, **{copy: filings[uid] for copy, uid in self.main.items()}}


def fold(session: SessionPosts) -> Folded:
    """Fold the copies of each entry into its main post, and the accounts of each person into one."""
    people = join_accounts(session.posts, session.reposts, session.accounts, session.people)
    posts = {post.uid: post for post in sorted(session.posts, key=lambda one: (one.created_at, one.uid))}
    if not people.person and len({post.platform for post in posts.values()}) < 2:
        return Folded(session, posts, session.reposts, {}, {}, people)
    copies = find_copies(tuple(posts.values()), people)
    main = {copy: uid for uid, many in copies.items() for copy in many}
    turning = _Turning(posts, main, copies, people, {post.url: post.uid for post in posts.values() if post.url})
    return Folded(
        session=replace(
            session,
            posts=tuple(turning.turned(post) for uid, post in posts.items() if uid not in main),
            reposts=tuple(
                structs.replace(one, post_uid=main[one.post_uid]) if one.post_uid in main else one
                for one in session.reposts
            ),
            moderators=_moderators(session, people),
        ),
        posts=posts,
        reposts=session.reposts,
        main=main,
        copies=copies,
        people=people,
    )


def find_copies(posts: Sequence[Post], people: People) -> dict[str, tuple[str, ...]]:
    """Find what was posted on several networks.

    Args:
        posts: of one session, in order of time.
        people: who is who.

    Returns:
        The uids of the copies, in order of time, by that of the main post: an original rather than what a bridge made,
        and the one that says the most.
    """
    sayings: dict[str, list[_Saying]] = {}
    for post in posts:
        key = author_key(post)
        if key is not None and len(people.accounts.get(people.of(key), ())) > 1:
            sayings.setdefault(people.of(key), []).append(_read((post,), key))
    groups = _Groups({post.uid for post in posts})
    for said in sayings.values():
        by_uid = {one.uid: one for one in said}
        for one in said:  # what names its original
            origin = by_uid.get(bridged_from(one.uid) or "")
            if origin is not None:
                groups.unite(origin, one)
    pairs = [pair for said in sayings.values() for pair in _pairs([*_chains(said), *said])]
    pairs.sort(key=_order)  # what is answered is joined before the answers, and a whole chain before its parts
    for one, other in pairs:
        groups.join(one, other)
    return groups.copies()


@dataclass(frozen=True, slots=True, eq=False)
class _Saying:
    """A post, or a chain of one person's self-replies, as it is compared.

    `words` are folded and divided by a space; `ends` are the places in them where a sentence ends.
    """

    posts: tuple[Post, ...]
    place: str  # the network; what a bridge carried there is apart from what was posted there
    words: str
    ends: frozenset[int]
    is_cut: bool
    labels: frozenset[int]
    pages: frozenset[str]

    @property
    def uid(self) -> str:
        return self.posts[0].uid

    @property
    def at(self) -> datetime:
        return self.posts[0].created_at


def _read(posts: tuple[Post, ...], key: str) -> _Saying:
    platform = posts[0].platform
    words: list[str] = []
    size = 0  # of the words with the spaces between them
    ends: set[int] = set()
    labels: set[int] = set()
    cut = False
    for post in posts:
        text = plain(None if post.deleted_at else post.text).replace("’", "'")
        labels.update(label.number for label in find_labels(text))
        bare = _without_tags(MENTION.sub(" ", text))
        cut = bare.rstrip(" )]\"'”").endswith(("…", "..."))
        bare = _without_tags(PART.sub(" ", LABEL.sub(" ", bare).strip())).casefold()
        ends.add(size)
        last = None
        for match in WORDS.finditer(bare):
            if last is not None and SENTENCE.search(bare, last, match.start()):
                ends.add(size)
            words.append(match[0])
            size += len(match[0]) + (size > 0)
            last = match.end()
    links = (link.url for post in posts for link in post.links or () if not is_address_of_post(link.url))
    return _Saying(
        posts=posts,
        place=f"{platform}{BY_BRIDGE}" if is_bridged(key, posts[0].author_handle) else platform,
        words=" ".join(words),
        ends=frozenset(ends),
        is_cut=cut,
        labels=frozenset(labels),
        pages=frozenset(page for page in map(page_of, links) if page),
    )


def _without_tags(text: str) -> str:
    """Take the hashtags off both ends: what they are differs between networks."""
    words = list(re.finditer(r"\S+", text))
    while words and TAG.fullmatch(words[-1][0]):
        words.pop()
    first = next((word.start() for word in words if not TAG.fullmatch(word[0])), 0)
    return text[first : words[-1].end()] if words else ""


def _chains(said: Sequence[_Saying]) -> Iterator[_Saying]:
    """Every run of two or more self-replies, each of which came within minutes."""
    following: dict[str, Post] = {}
    own = {one.uid: one.posts[0] for one in said if one.words}
    for post in own.values():
        above = own.get(post.reply_to or "")
        if above is not None and author_key(above) == author_key(post) and post.created_at - above.created_at <= WITHIN:
            following.setdefault(above.uid, post)
    for one in said:
        chain = [one.posts[0]]
        while len(chain) < LONGEST_CHAIN:
            after = following.get(chain[-1].uid)
            if after is None or after in chain:
                break
            chain.append(after)
            yield _read(tuple(chain), author_key(chain[0]) or "")


def _pairs(said: Sequence[_Saying]) -> Iterator[tuple[_Saying, _Saying]]:
    """The sayings on two networks that have the same words, apart from what they answer."""
    beginnings: dict[str, list[_Saying]] = {}
    for one in sorted(said, key=lambda one: (one.at, one.uid, len(one.posts))):
        if not one.words:
            continue
        alike = beginnings.setdefault(one.words[:ENOUGH], [])
        for other in alike[-COMPARED:]:
            if (
                one.place != other.place
                and one.at - other.at <= WITHIN
                and min(len(one.posts), len(other.posts)) == 1
                and _say_the_same(one, other)
            ):
                yield other, one
        alike.append(one)


def _say_the_same(one: _Saying, other: _Saying) -> bool:
    if (one.labels and other.labels and one.labels != other.labels) or (
        one.pages and other.pages and one.pages.isdisjoint(other.pages)
    ):
        return False
    if one.words == other.words:
        return True
    short, long = (one, other) if len(one.words) < len(other.words) else (other, one)
    if len(short.words) < ENOUGH or not long.words.startswith(short.words) or len(long.posts) > 1:
        return False
    return short.is_cut or len(short.words) in long.ends


def _one_says_all(group: Sequence[_Saying]) -> bool:
    """Whether the longest says what all others say, so that showing it alone hides nothing."""
    own = [each for each in group if not each.place.endswith(BY_BRIDGE)]
    longest = min(own or group, key=_richness)
    return all(each is longest or _say_the_same(each, longest) for each in own)


def _order(pair: tuple[_Saying, _Saying]) -> tuple[datetime, int, timedelta, str, str]:
    one, other = pair
    longest = max(len(one.posts), len(other.posts))
    return max(one.at, other.at), -longest, abs(one.at - other.at), one.uid, other.uid


class _Groups:
    """Entries that grow by one saying of another network at a time."""

    def __init__(self, here: set[str]) -> None:
        self.here = here
        self.group: dict[str, list[_Saying]] = {}  # by the uid of each post in it

    def join(self, one: _Saying, other: _Saying) -> None:
        """Make one entry of two sayings, unless that put two of one network into it, or they answer different posts."""
        mine, its = self._of(one), self._of(other)
        if mine is its or one not in mine or other not in its:
            return  # joined already, or a part of a chain that is
        both = [*mine, *its]
        times = [each.at for each in both]
        if (
            len({each.place for each in both}) == len(both)
            and max(times) - min(times) <= WITHIN
            and _one_says_all(both)
            and self._answer_the_same(one, other)
        ):
            self.unite(one, other)

    def unite(self, one: _Saying, other: _Saying) -> None:
        both = [*self._of(one), *self._of(other)]
        for each in both:
            for post in each.posts:
                self.group[post.uid] = both

    def copies(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for group in {id(group): group for group in self.group.values()}.values():
            best = min(group, key=_richness)
            rest = sorted(
                (post for each in group if each is not best for post in each.posts),
                key=lambda one: (one.created_at, one.uid),
            )
            found[best.uid] = tuple(post.uid for post in rest)
        return found

    def _of(self, one: _Saying) -> list[_Saying]:
        """The group of a saying; that of its posts where it is a chain of which some are in one already."""
        return next((self.group[post.uid] for post in one.posts if post.uid in self.group), [one])

    def _answer_the_same(self, one: _Saying, other: _Saying) -> bool:
        mine, its = self._answered(one), self._answered(other)
        if mine == its:
            return True
        long = min(len(one.words), len(other.words)) >= ENOUGH
        return long and (mine is None or its is None or mine not in self.here or its not in self.here)

    def _answered(self, one: _Saying) -> str | None:
        """What a saying answers or quotes: the entry, where that is known."""
        uid = one.posts[0].reply_to or quoted(one.posts[0])
        if uid is not None and uid not in self.here:
            uid = bridged_from(uid) or uid
        return self.group[uid][0].uid if uid in self.group else uid


def _richness(one: _Saying) -> tuple[bool, bool, bool, int, datetime, str]:
    return len(one.posts) > 1, one.place.endswith(BY_BRIDGE), one.is_cut, -len(one.words), one.at, one.uid


@dataclass(frozen=True, slots=True)
class _Turning:
    """Turns the references and the author of a post to what is left after folding."""

    posts: Mapping[str, Post]
    main: Mapping[str, str]
    copies: Mapping[str, tuple[str, ...]]
    people: People
    by_address: Mapping[str, str]

    def turned(self, post: Post) -> Post:
        key = author_key(post)
        person = self.people.of(key) if key else None
        copies = [self.posts[uid] for uid in self.copies.get(post.uid, ())]
        changed: dict[str, object] = {}
        if person != key:
            changed["author_uid"] = person
        reply_to, author = self._answered((post, *copies))
        if (reply_to, author) != (post.reply_to, post.reply_to_author):
            changed |= {"reply_to": reply_to, "reply_to_author": author}
        quote = self._quoted((post, *copies))
        if quote is not None:
            changed["quote_of"] = quote
        if copies and copies[0].created_at < post.created_at:
            changed["created_at"] = copies[0].created_at
        if copies and not find_labels(plain(post.text)):
            label = next((found for copy in copies if (found := _label(copy))), None)
            if label:
                changed["text"] = f"{label} {post.text}"
        return structs.replace(post, **changed) if changed else post

    def _answered(self, originals: Sequence[Post]) -> tuple[str | None, str | None]:
        """What an entry answers, and whom: the first of its originals that answers something else than itself."""
        own = {post.uid for post in originals}
        for post in originals:
            uid = self._entry_of(post.reply_to)
            if uid is not None and uid not in own:
                author = post.reply_to_author
                return uid, self.people.of(author) if author else None
        return None, self.people.of(originals[0].reply_to_author) if originals[0].reply_to_author else None

    def _quoted(self, originals: Sequence[Post]) -> str | None:
        """What an entry quotes, where that leads to another post than its own words say."""
        first = originals[0]
        for post in originals:
            said = quoted(post, self.by_address)
            uid = self._entry_of(said)
            if uid is not None and uid != first.uid and uid in self.posts and (post is not first or uid != said):
                return uid
            if uid is not None and post is first:
                return None
        return None

    def _entry_of(self, uid: str | None) -> str | None:
        if uid is None:
            return None
        if uid not in self.posts and (origin := bridged_from(uid)) in self.posts:
            uid = origin or uid
        return self.main.get(uid, uid)


def _label(post: Post) -> str | None:
    text = plain(post.text)
    label = next(iter(find_labels(text)), None)
    return f"{text[label.start : label.end]}:" if label else None


def _moderators(session: SessionPosts, people: People) -> tuple[str, ...]:
    """Those who are configured, with all the accounts that they have."""
    known: dict[str, None] = dict.fromkeys(session.moderators)
    folded = {one.replace(":@", ":").casefold() for one in known}
    for identity in session.people:
        if not folded.isdisjoint(account.replace(":@", ":").casefold() for account in identity.accounts):
            known.update(dict.fromkeys(identity.accounts))
    for post in session.posts:
        key = author_key(post)
        if key is not None and people.of(key) not in known and is_configured(key, post.author_handle, known):
            known[people.of(key)] = None
    return tuple(known)
