"""Collect a session from its sources: fetch, store each page at once, map, complete the conversations, keep the ledger.

Every page is durable before the next is asked for. A run that was killed is found by its pages, whose pull has no line
in the ledger, and goes on after the last of them. Sources fail apart from one another.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import connectors
from connectors.base import Connector, FetchError, Query, Surroundings
from knowarchive import __version__
from knowarchive.config import Chat, Source
from knowarchive.model import Payload, Post
from storage.archive import Archive, Run
from storage.preparing import prepare
from storage.staging import Outcome, Staging
from transcripts.model import Window
from transcripts.sessions import select

RESUMABLE = timedelta(hours=12)  # older pages are of another day's network; cursors are dead by then


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of one source. `status` is done, incomplete (see `gaps`) or failed (see `error`)."""

    source: str
    status: str
    outcome: Outcome | None = None
    screened: int = 0
    requests: int = 0
    waited: float = 0.0
    cost: float = 0.0
    gaps: tuple[str, ...] = ()
    error: str | None = None


def source_name(source: Source) -> str:
    """How the ledger calls a source: its network, and its server where it is not the network's own."""
    return f"{source.platform}:{source.server}" if source.server else source.platform


def collect_session(
    archive: Archive,
    chat: Chat,
    window: Window,
    surroundings: Surroundings,
    *,
    sources: Iterable[Source] | None = None,
    on_progress: Callable[[str, int], None] = lambda _source, _posts: None,
) -> Iterator[Collected]:
    """Collect a session's sources one after the other. One that fails comes back as failed and stops none.

    Args:
        archive: where to.
        chat: whose session it is.
        window: the session.
        surroundings: the world: secrets, clock, limits.
        sources: some of the chat's sources; all by default.
        on_progress: told after each page: the source, posts seen in it so far.

    Raises:
        StorageError: the archive cannot be written.
    """
    for source in chat.source if sources is None else sources:
        run = _CollectRun(archive, chat, window, source, surroundings, on_progress)
        yield run.collect()


class _CollectRun:
    """One source's part of collecting a session."""

    def __init__(
        self,
        archive: Archive,
        chat: Chat,
        window: Window,
        source: Source,
        surroundings: Surroundings,
        on_progress: Callable[[str, int], None],
    ) -> None:
        self._archive = archive
        self._chat = chat
        self._window = window
        self._surroundings = surroundings
        self._on_progress = on_progress
        self._source = source
        self._name = source_name(source)
        self._prefix = f"{chat.name}:{window.label}:{self._name}:"
        self._query = Query(tuple(tag.removeprefix("#") for tag in chat.hashtags), window.opens, window.closes)
        self._posts: dict[str, Post] = {}
        self._screened = 0
        self._seen = 0

    def collect(self) -> Collected:
        started = self._surroundings.now()
        pull = f"{self._prefix}{uuid.uuid4().hex}"
        stored = self._archive.unfinished_pull(self._prefix, started - RESUMABLE)
        if stored:
            pull = str(stored[0][1]["pull"])
        connector: Connector | None = None
        error: FetchError | None = None
        with Staging(self._archive, now=started, chat=self._chat.name, pull=pull) as staging:
            last: Payload | None = None
            for payload, added in stored:
                self._understand(staging, payload, added)
                last = payload
            try:
                connector = connectors.open_connector(self._source, self._surroundings)
                for payload in connector.search(self._query, resume=last):
                    self._understand(staging, payload)
                for payload in connector.complete(self._members(), self._query):
                    self._understand(staging, payload)
            except FetchError as caught:
                error = caught
            outcome = staging.finish()
        return self._record(pull, started, connector, outcome, error)

    def _understand(self, staging: Staging, payload: Payload, stored: dict[str, object] | None = None) -> None:
        """Screen, store and map a page."""
        public, dropped = connectors.screen(payload)
        mapped = connectors.map_payload(public)
        prepared = prepare(public, mapped, connectors.rank(public.format))
        if stored is None:
            staging.add(prepared)
        else:
            staging.add_stored(prepared, stored)
        self._screened += dropped
        self._seen += mapped.seen
        for post in mapped.posts:
            self._posts.setdefault(post.uid, post)
        self._on_progress(self._name, self._seen)

    def _members(self) -> tuple[Post, ...]:
        return select(self._posts.values(), self._window, self._chat.hashtags, self._chat.name)

    def _record(
        self, pull: str, started: datetime, connector: Connector | None, outcome: Outcome, error: FetchError | None
    ) -> Collected:
        report = connector.report if connector else None
        gaps = tuple(report.gaps) if report else ()
        if error:
            status = "failed" if not outcome.payloads else "incomplete"
            gaps = (*gaps, str(error))
        else:
            status = "incomplete" if gaps or outcome.quarantined else "done"
        self._archive.record(
            Run(
                run_id=pull,
                kind="collect",
                chat=self._chat.name,
                source=self._name,
                status=status,
                started_at=started,
                finished_at=self._surroundings.now(),
                since=self._window.opens,
                until=self._window.closes,
                pages=outcome.payloads,
                requests=report.requests if report else 0,
                seen=outcome.seen,
                new=outcome.new,
                changed=outcome.changed,
                quarantined=outcome.quarantined,
                screened=self._screened,
                waited=report.waited if report else 0.0,
                gaps=gaps,
                cost=report.cost if report else 0.0,
                error=str(error) if error else None,
                version=__version__,
            )
        )
        return Collected(
            source=self._name,
            status=status,
            outcome=outcome,
            screened=self._screened,
            requests=report.requests if report else 0,
            waited=report.waited if report else 0.0,
            cost=report.cost if report else 0.0,
            gaps=gaps,
            error=str(error) if error else None,
        )
