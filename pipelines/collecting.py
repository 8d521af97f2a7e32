"""Collect a session from its sources: fetch, store each page at once, map, complete the conversations, keep the ledger.

Every page is durable before the next is asked for. A run that did not come to its end, killed or stopped by an error or a
budget, is found by its pages: their pull has no line of its own in the ledger. The next run goes through the same steps,
and asks for nothing that they hold. Sources fail apart from one another.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

import connectors
from connectors.base import FetchError, Limits, Query, Report, Surroundings
from knowarchive import __version__
from knowarchive.config import Chat, Config, Source
from knowarchive.model import Payload, Post, is_forgotten
from pipelines.erasing import erase_learnt
from pipelines.forgetting import forget_meanwhile
from pipelines.logs import about
from pipelines.remembering import Memory, open_memory
from pipelines.understanding import understand_page
from storage.archive import Archive, Run
from storage.erasure import Erasure, asked_for
from storage.staging import Outcome, Staging
from transcripts.model import Window
from transcripts.sessions import select

#: How long an interrupted run can be gone on with. Then its pages are of another day's network, and the next begins anew;
#: but what was paid for is good as long as recent search reaches back.
RESUMABLE = {"x": timedelta(days=7), "bluesky": timedelta(hours=12), "mastodon": timedelta(hours=12)}


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
    notes: tuple[str, ...] = ()  # what a reader should know though nothing is missing
    error: str | None = None
    deleted: int = 0  # posts that the network says are deleted, erased now


def surroundings_of(config: Config, environ: Mapping[str, str]) -> Surroundings:
    """What connectors may use of the world, as the configuration and the environment have it."""
    return Surroundings(
        secrets=environ,
        state=config.state_dir,
        user_agent=f"knowarchive/{__version__} (archives public hashtag chats)",
        limits=Limits(
            requests=config.limits.requests,
            seconds=60 * config.limits.minutes,
            dollars=config.limits.dollars_a_run,
            dollars_a_month=config.limits.dollars_a_month,
        ),
    )


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

    The ledger gets its lines when all are through: until then a run that is killed is one that can be gone on with, and
    what its first sources gave is not asked for again either.

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
    runs: list[SourceRun] = []
    for source in chat.source if sources is None else sources:
        runs.append(SourceRun(archive, chat, window, source, surroundings, on_progress))
        yield runs[-1].gather()
    for run in runs:
        run.close()


class SourceRun:
    """One source's part of collecting a session, or of refreshing it.

    Args:
        archive: where to.
        chat: whose session it is.
        window: the session.
        source: where from.
        surroundings: the world.
        on_progress: see `collect_session`.
        kind: the kind of run, for the ledger.
        known: posts that the archive has and that the network is asked about, where the run does not come upon them.
    """

    def __init__(
        self,
        archive: Archive,
        chat: Chat,
        window: Window,
        source: Source,
        surroundings: Surroundings,
        on_progress: Callable[[str, int], None],
        kind: str = "collect",
        known: Iterable[Post] = (),
    ) -> None:
        self._archive = archive
        self._chat = chat
        self._window = window
        self._surroundings = surroundings
        self._on_progress = on_progress
        self._source = source
        self._name = source.name
        self._kind = kind
        self._prefix = f"{'' if kind == 'collect' else kind + ':'}{chat.name}:{window.label}:{self._name}:"
        self._query = Query(chat.tags, window.opens, window.closes)
        self._stored: dict[str, tuple[Payload, dict[str, Any]]] = {}  # what is left of an interrupted run, by payload
        self._known = tuple(known)
        self._posts = {post.uid: post for post in self._known}
        self._met: set[str] = set()  # posts of which this run's pages say something
        self._erased: dict[str, Erasure] = {}
        self._memory: Memory | None = None
        self._screened = 0
        self._seen = 0
        self._line: Run | None = None  # for the ledger, when the run is over

    def run(self) -> Collected:
        """Do it, and say so in the ledger."""
        collected = self.gather()
        self.close()
        return collected

    def close(self) -> None:
        """Write the ledger's line. That of a run that ended early does not close its pull, so that the next goes on."""
        if self._line is not None:
            self._archive.record(self._line)

    def gather(self) -> Collected:
        """Do it, as far as the network and the limits allow."""
        with self._archive.gate.shared(), about(source=self._name):
            collected = self._gather()
        forget_meanwhile(self._archive, self._memory, now=self._surroundings.now())
        return collected

    def _gather(self) -> Collected:
        started = self._surroundings.now()
        self._erased, self._memory = asked_for(self._archive), open_memory(self._archive)
        unfinished = self._archive.unfinished_pull(self._prefix, started - RESUMABLE[self._source.platform])
        self._stored = {payload.payload_id: (payload, added) for payload, added in unfinished}
        pull = str(unfinished[0][1]["pull"]) if unfinished else f"{self._prefix}{uuid.uuid4().hex}"
        report, error = Report(), None
        with Staging(self._archive, now=started, chat=self._chat.name, pull=pull) as staging:
            try:
                with closing(connectors.open_connector(self._source, self._surroundings)) as connector:
                    report = connector.report
                    for payload in connector.search(self._query, [payload for payload, _ in unfinished]):
                        self._understand(staging, payload)
                    for payload in connector.look_up([post for post in self._known if post.uid not in self._met]):
                        self._understand(staging, payload)
                    for payload in connector.complete(self._members(), self._query):
                        self._understand(staging, payload)
            except FetchError as caught:
                error = caught
            for payload, _ in list(self._stored.values()):  # not come to again: it is good all the same
                self._understand(staging, payload)
            outcome = staging.finish()
        gone = [post for post in self._posts.values() if post.deleted_at is not None and not is_forgotten(post)]
        deleted = erase_learnt(self._archive, self._erased, gone, now=self._surroundings.now())
        return replace(self._conclude(pull, started, report, outcome, error), deleted=deleted)

    def _understand(self, staging: Staging, payload: Payload) -> None:
        """Screen, store and map a page."""
        understood = understand_page(payload, self._erased.keys(), self._memory)
        prepared = understood.prepared
        _, added = self._stored.pop(prepared.payload_id, (None, None))
        if added is None:
            staging.add(prepared)
        else:
            staging.add_stored(prepared, added)
        self._screened += understood.dropped
        self._seen += prepared.seen
        for post in understood.mapped.posts:
            self._posts[post.uid] = _merged(self._posts.get(post.uid), post)
            if post.text is not None or post.deleted_at is not None:
                self._met.add(post.uid)
        self._on_progress(self._name, self._seen)

    def _members(self) -> tuple[Post, ...]:
        posts = [post for post in self._posts.values() if not is_forgotten(post)]  # of whom nobody is asked any more
        return select(posts, self._window, self._chat.hashtags, self._chat.name)

    def _conclude(
        self, pull: str, started: datetime, report: Report, outcome: Outcome, error: FetchError | None
    ) -> Collected:
        host = f"{urlsplit(self._source.server).netloc}: "  # the source's name has it already
        gaps = tuple(gap.removeprefix(host) for gap in report.gaps)
        notes = tuple(note.removeprefix(host) for note in report.notes)
        trouble = str(error).removeprefix(host) if error else None
        if trouble:
            status = "failed" if not outcome.payloads else "incomplete"
            gaps = (*gaps, trouble)
        else:
            status = "incomplete" if gaps or outcome.quarantined else "done"
        self._line = Run(
            run_id=f"{pull}:{uuid.uuid4().hex[:8]}" if error else pull,
            kind=self._kind,
            chat=self._chat.name,
            source=self._name,
            status=status,
            started_at=started,
            finished_at=self._surroundings.now(),
            since=self._window.opens,
            until=min(self._window.closes, started),  # nobody can be asked for what is still to be said
            pages=outcome.payloads,
            requests=report.requests,
            seen=outcome.seen,
            new=outcome.new,
            changed=outcome.changed,
            quarantined=outcome.quarantined,
            screened=self._screened,
            waited=report.waited,
            gaps=gaps,
            notes=notes,
            cost=report.cost,
            error=trouble,
            version=__version__,
        )
        return Collected(
            source=self._name,
            status=status,
            outcome=outcome,
            screened=self._screened,
            requests=report.requests,
            waited=report.waited,
            cost=report.cost,
            gaps=gaps,
            notes=notes,
            error=trouble,
        )


def _merged(before: Post | None, post: Post) -> Post:
    """What pages that came one after the other say of a post together."""
    if before is None:
        return post
    known = {name: value for name in post.__struct_fields__ if (value := getattr(post, name)) is not None}
    return msgspec.structs.replace(before, **known)
