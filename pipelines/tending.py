"""Do what is due: the steps behind the schedule. They need no scheduler; `knowarchive schedule --once` calls them too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.base import Surroundings
from knowarchive.config import Chat, Config
from pipelines.agenda import LONGEST_HORIZON, Job, due
from pipelines.claims import claim
from pipelines.collecting import Collected, collect_session
from pipelines.indexing import forget_erased
from pipelines.outcomes import add_up
from pipelines.refreshing import refresh_session
from storage.archive import Archive
from transcripts.model import Window
from transcripts.sessions import windows

REACH = timedelta(days=366) + 2 * LONGEST_HORIZON  # lines of the ledger that can matter
LOOK_AGAIN = timedelta(minutes=1)  # where somebody else is at it, or a source could not be yet
EARLY = timedelta(minutes=1)  # clocks differ, and Prefect's start of a run may be a moment before its time
HEED = 5.0  # seconds between two looks at whether to stop
STEPS = {"collect": collect_session, "refresh": refresh_session}


@dataclass(frozen=True, slots=True)
class Tended:
    """What came of a job: its results by source, or why it was skipped."""

    job: Job
    results: tuple[Collected, ...] = ()
    skipped: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Numbers alone, fit for logs and for what Prefect keeps: nobody's words or names."""
        return {
            "sources": len(self.results),
            "incomplete": sum(result.status != "done" for result in self.results),
            **add_up(result.outcome for result in self.results),
        }


def agenda(config: Config, archive: Archive, now: datetime, chat: str | None = None) -> list[Job]:
    """What is due now, of one chat or of all."""
    chats = [one for one in config.chat if chat in {None, one.name}]
    return due(chats, archive.runs(now - REACH), now, config.schedule)


def carry_out(config: Config, archive: Archive, job: Job, surroundings: Surroundings) -> Tended:
    """Do a job, unless another process is at the same session, or has done it meanwhile.

    Raises:
        StorageError: the archive cannot be written.
    """
    with claim(config.state_dir, f"{job.chat.name} {job.window.label}") as is_mine:
        if not is_mine:
            return Tended(job, skipped="another process is at it")
        same = [one for one in agenda(config, archive, surroundings.now(), job.chat.name)
                if (one.kind, one.window.label, one.step) == (job.kind, job.window.label, job.step)]  # fmt: skip
        if not same:
            return Tended(job, skipped="done already")
        step = STEPS[job.kind]
        results = tuple(
            result for one in same for result in step(archive, one.chat, one.window, surroundings, sources=one.sources)
        )
    if any(result.deleted for result in results):
        forget_erased(archive, config)
    return Tended(job, results)


def attend(
    chat: Chat,
    every: timedelta,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    open_jobs: Callable[[], list[Job]],
    *,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Job]:
    """Yield the jobs of a chat's running session as they fall due, until it is swept; nothing where none is running.

    One that opens within a minute is waited for; one that follows at once, as of two that overlap, is followed too.

    Args:
        chat: whose session.
        every: how long after one poll the next begins.
        now: the clock; aware.
        sleep: waits seconds.
        open_jobs: what is due of the chat now (see `agenda`).
        is_stopping: asked every few seconds; whether to end early.
    """

    def wait(until: datetime) -> None:
        while (left := (until - now()).total_seconds()) > 0 and not is_stopping():
            sleep(min(left, HEED))

    while not is_stopping() and (window := _running(chat, now())):
        wait(window.opens)
        is_over = False
        while not is_over and not is_stopping():
            began = now()
            jobs = [job for job in open_jobs() if job.window.label == window.label and job.kind == "collect"]
            yield from jobs
            if began < window.closes:
                wait(min(now() + (every if jobs else LOOK_AGAIN), window.closes))
            elif jobs:
                wait(now() + LOOK_AGAIN)  # it is still due where another process is at it
            else:
                is_over = True


def _running(chat: Chat, moment: datetime) -> Window | None:
    """The session of a chat that is open, or opens in a moment."""
    near = [window for window in windows(chat, moment - timedelta(days=32), moment + timedelta(days=8))
            if window.opens - EARLY <= moment < window.closes]  # fmt: skip
    return next((one for one in near if one.opens <= moment), near[-1] if near else None)
