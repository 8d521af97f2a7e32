"""A session under review: which posts to ask about, and what a correction changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from knowarchive.config import Chat, Config
from knowarchive.errors import UsageError
from knowarchive.model import Post
from pipelines.overrides import list_unused, load_corrections, save_corrections, tidy_topic
from pipelines.sessions import find_session, load_session
from storage.archive import Archive
from transcripts.corrections import ROLES, topics_of
from transcripts.crossposts import fold
from transcripts.filing import file_again, prepare
from transcripts.model import Filing
from transcripts.sessions import find_window
from transcripts.teaching import most_instructive


@dataclass(frozen=True, slots=True)
class Moved:
    """A post whose topic changed because another one's was corrected."""

    uid: str
    before: Filing
    after: Filing


class Review:
    """One session under review: what is filed where, what to ask next, and what a correction changes."""

    def __init__(self, archive: Archive, config: Config, chat: Chat, label: str) -> None:
        """Load and file the session.

        Raises:
            UsageError: there is no such session, or the archive holds no post of it.
        """
        window = find_session(archive, chat, label)
        session = load_session(archive, chat, window, config.person)
        if not session.posts:
            raise UsageError(f"{chat.name} {label}: no posts in the archive; import or collect them")
        self.path = config.overrides_path
        self.chat, self.label = chat.name, window.label
        self.corrections, self.notes = load_corrections(self.path, self.chat, self.label)
        self._folded = fold(session)
        self.prepared = prepare(self._folded.session, self._folded.turn(self.corrections))
        chats = {one.name: one for one in config.chat}
        unused = list_unused(self.path, chats, lambda name, given: _may_be_session(chats[name], given))
        self.notes = (*self.notes, *self.prepared.notes, *unused)
        self.posts: dict[str, Post] = {post.uid: post for post in (*session.context, *session.posts)}

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that a post can be filed under, in their order."""
        return topics_of(self.prepared.questions)

    @property
    def filings(self) -> dict[str, Filing]:
        return self.prepared.filings

    def ask(self, number: int) -> list[str]:
        """List the uids of the posts to ask about, the most instructive first; those that were answered are left out."""
        inference = self.prepared.inference
        if inference is None:
            return []
        return most_instructive(inference, number=number, known=frozenset(self.corrections.topics))

    def check(self, uid: str, value: str) -> str:
        """Bring a topic or role to its form.

        Raises:
            UsageError: the session has no such post or topic; says which there are.
        """
        if uid in self._folded.main:
            raise UsageError(f"{uid} says the same as {self._folded.main[uid]}; correct that one")
        if uid not in self.filings:
            raise UsageError(f"{self.chat} {self.label} has no post {uid!r}; list them with --json")
        value = tidy_topic(value)
        if value not in self.topics and value not in ROLES:
            raise UsageError(f"no topic {value!r}; there are: {', '.join(self.topics)}; or a role: {', '.join(ROLES)}")
        if value == "question" and not self.prepared.questions:
            raise UsageError("this session has no questions; give them in the overrides file")
        return value

    def correct(self, changes: Sequence[tuple[str, str | None]]) -> list[Moved]:
        """Take corrections (None takes one back), write them down, and file everything again.

        Returns:
            The other posts whose topic this changed, in order of time.
        """
        before = self.filings
        save_corrections(self.path, self.chat, self.label, changes)
        self.corrections, _ = load_corrections(self.path, self.chat, self.label)
        self.prepared = file_again(self.prepared, self._folded.turn(self.corrections))
        named = {uid for uid, _ in changes}
        return [
            Moved(uid, before[uid], filing)
            for uid, filing in self.filings.items()
            if uid not in named and filing.topic != before[uid].topic
        ]


def _may_be_session(chat: Chat, label: str) -> bool:
    """Whether a chat can have a session of this name; without a schedule its posts would have to be read to know."""
    try:
        window = find_window(chat, label)
    except UsageError:
        return False
    return window.label == label if window else not chat.rules
