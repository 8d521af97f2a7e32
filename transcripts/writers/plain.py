"""What the two formats without a page of their own say of a post: the same words, in Markdown and in plain text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knowarchive.model import Post
from transcripts.model import Entry, Person, Transcript
from transcripts.threads import quoted

from .outline import Row, gap
from .references import NETWORKS, Piece, other_links, pieces, post_url
from .text import clean_line, safe_url


@dataclass(frozen=True, slots=True)
class Saying:
    """One post in words. `remarks` are short facts about it; `links` (address, title) stand beside the text."""

    who: str
    pieces: tuple[Piece, ...]
    remarks: tuple[str, ...]
    links: tuple[tuple[str | None, str], ...]
    quoted: tuple[str, tuple[Piece, ...]] | None
    late: str | None = None
    also: tuple[str, str | None] | None = None  # the label of a question that it fits too, and where that was posed


def handle(post: Post) -> str:
    """How a post's author is called in a list: by handle, or else by name."""
    if post.author_handle and (known := clean_line(post.author_handle).removeprefix("@")):
        return "@" + known
    return clean_line(post.author_name or "") or "(unknown account)"


def name(person: Person) -> str:
    """A person's name with the handle, or whichever is known."""
    known = clean_line(person.handle or "").removeprefix("@")
    full = clean_line(person.name or "")
    if full and known and full != known:
        return f"{full} (@{known})"
    return f"@{known}" if known else full or "Unknown account"


def announced(transcript: Transcript) -> Iterator[str]:
    """The lines that say what the session was about, and who came for it."""
    if topic := clean_line(transcript.topic or ""):
        yield f"Topic: {topic}"
    if transcript.guests:
        yield "With " + ", ".join(name(person) for person in transcript.guests)


def names(person: Person) -> str:
    """A person's name with all their handles, where they are on several networks."""
    if len(person.accounts) < 2:
        return name(person)
    known = ", ".join(f"{shown} on {network}" for shown, network, _ in handles(person))
    full = clean_line(person.name or "")
    return f"{full} ({known})" if full else known


def handles(person: Person) -> list[tuple[str, str, str | None]]:
    """Each account of a person: the handle with its sign, the network's name, the page."""
    return [
        (
            "@" + clean_line(account.handle or "").removeprefix("@") if account.handle else "an account",
            NETWORKS.get(account.platform, clean_line(account.platform)),
            account.url,
        )
        for account in person.accounts
    ]


def numbers(transcript: Transcript) -> list[tuple[int, str]]:
    """What can be counted of a session, with its noun."""
    stats = transcript.stats
    counted = [
        (stats.get("posts", len(transcript.entries)), "post", "posts"),
        (stats.get("people", len(transcript.participants)), "person", "people"),
        (stats.get("questions", len(transcript.questions)), "question", "questions"),
        (stats.get("links", len(transcript.links)), "link", "links"),
    ]
    return [(number, one if number == 1 else many) for number, one, many in counted]


def copied(transcript: Transcript) -> str | None:
    """How many of the posts say on another network what is shown once."""
    copies = transcript.stats.get("copies", 0)
    if not copies:
        return None
    return (
        "1 of the posts is a copy on another network"
        if copies == 1
        else f"{copies} of the posts are copies on other networks"
    )


def figures(transcript: Transcript) -> str:
    """The session in numbers: "35 posts, 7 people, 3 questions, 5 links"."""
    counted = ", ".join(f"{number} {noun}" for number, noun in numbers(transcript))
    return f"{counted}; {copies}" if (copies := copied(transcript)) else counted


class Teller:
    """Tells posts of one transcript, knowing what they may quote or answer."""

    def __init__(self, transcript: Transcript) -> None:
        self.posts = {**transcript.context, **{entry.post.uid: entry.post for entry in transcript.entries}}
        self.labels = {
            uid: clean_line(question.label)
            for question in reversed(transcript.questions)
            for uid in question.parts or (question.uid,)
        }
        self.asked = {
            question.label: post_url(self.posts[question.uid])
            for question in reversed(transcript.questions)
            if question.uid in self.posts and not gap(self.posts[question.uid])
        }

    def tell(self, post: Post, entry: Entry | None = None, row: Row | None = None) -> Saying:
        """The words of one post that can be shown; its `row` knows what its place does not say."""
        remarks = []
        parent = row.parent if row else None
        if parent is not None:
            above = self.posts.get(parent)
            remarks.append(
                f"in reply to {self.labels.get(parent) or (handle(above) if above and not gap(above) else 'a missing post')}"
            )
        uid = quoted(post)
        if uid == post.uid or (post.quote_of is None and uid not in self.posts):
            uid = None
        quote = None
        if uid is not None and uid in self.labels:
            remarks.append(f"quoting {self.labels[uid]}")
        elif uid is not None:
            other = self.posts.get(uid)
            if other is None or gap(other):
                remarks.append("quoting a post that is not in the archive")
            elif other.warning:
                remarks.append(f"quoting {handle(other)}")
            else:
                quote = (handle(other), tuple(pieces(other)))
        if entry is None:
            remarks.append("outside the session")
        if post.warning:
            remarks.append(f"content warning: {clean_line(post.warning)}")
        return Saying(
            who=handle(post),
            pieces=tuple(pieces(post, uid)),
            remarks=tuple(remarks),
            links=tuple(_beside(post, uid)),
            quoted=quote,
            late=row.late if row else None,
            also=(row.also, self.asked.get(row.also)) if row and row.also else None,
        )


def repeated(entry: Entry) -> str | None:
    """Who repeated an entry, on all its networks: "repeated by @a, @b and 2 more"."""
    named = ["@" + clean_line(each).removeprefix("@") for each in entry.all_reposted_by[:5]]
    rest = max(entry.all_reposts or 0, len(entry.all_reposted_by)) - len(named)
    if named:
        return f"repeated by {', '.join(named)}" + (f" and {rest} more" if rest else "")
    return (f"repeated {rest} times" if rest > 1 else "repeated once") if rest else None


def _beside(post: Post, uid: str | None) -> Iterable[tuple[str | None, str]]:
    for media in post.media or ():
        kind = {"photo": "Photo", "video": "Video", "gif": "Animation", "audio": "Audio"}.get(media.kind, "Attachment")
        alt = clean_line(media.alt or "")
        yield safe_url(media.url), f"{kind}: {alt}" if alt else kind
    for url, title in other_links(post, uid):
        yield url, title or ""
    for option in post.poll or ():
        votes = "" if option.votes is None else " (1 vote)" if option.votes == 1 else f" ({option.votes} votes)"
        yield None, f"Poll: {clean_line(option.text)}{votes}"
