"""The flows. Prefect decides when and where; what is done stands in `pipelines.tending` and needs no Prefect.

Parameters, names and results carry a chat, a date and counts: no person's words or names reach Prefect's database. What
goes wrong is reported by its kind alone; the words of an error are in the archive's ledger.
"""

import asyncio
import logging
import os
import time
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.deployments import arun_deployment
from prefect.states import Completed, Failed

from connectors.base import Surroundings
from knowarchive.config import Config, find_config, load_config
from knowarchive.errors import KnowarchiveError
from pipelines.agenda import Job
from pipelines.claims import claim
from pipelines.collecting import surroundings_of
from pipelines.logs import keep_secrets_out
from pipelines.overrides import load_corrections
from pipelines.reports import report_key, write_report
from pipelines.scheduling import STOPPING
from pipelines.sessions import load_session
from pipelines.telling import tell_people
from pipelines.tending import Tended, agenda, attend, carry_out
from pipelines.upkeep import keep_up
from storage.archive import Archive
from transcripts.build import build_transcript

log = logging.getLogger("knowarchive.flows")
keep_secrets_out(os.environ)  # a flow's process imports this module before anything else of ours

WAITS = [5.0, 30.0, 120.0]  # seconds before a step is done again that another process or a passing fault hindered


class _Workplace:
    """What every flow needs, read anew for each run, so that an edited configuration is picked up."""

    def __init__(self) -> None:
        self.config: Config = load_config(find_config(None))
        self.archive = Archive(self.config.archive_url, self.config.state_dir)
        self.surroundings: Surroundings = surroundings_of(self.config, os.environ)

    def due(self, chat: str | None = None) -> list[Job]:
        return agenda(self.config, self.archive, datetime.now(UTC), chat)

    def is_stopping(self) -> bool:
        return (self.config.state_dir / STOPPING).exists()


class _StepError(Exception):
    """A step's error as Prefect may keep it: its kind alone, since its words may be anybody's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.retryable = isinstance(error, KnowarchiveError) and error.retryable


async def _may_succeed(_task: Any, _run: Any, state: State[Any]) -> bool:
    return bool(getattr(await state.aresult(raise_on_failure=False), "retryable", False))


@task(name="session", cache_policy=NO_CACHE, persist_result=False, log_prints=False, retries=len(WAITS),
      retry_delay_seconds=WAITS, retry_jitter_factor=0.5, retry_condition_fn=_may_succeed)  # fmt: skip
async def tend_session(place: _Workplace, job: Job) -> Tended:
    """One job: a session polled, swept or refreshed at its sources."""
    logger = get_run_logger()
    try:
        tended = await asyncio.to_thread(carry_out, place.config, place.archive, job, place.surroundings)
    except Exception as error:
        log.exception("%s", job.name)
        raise _StepError(error) from None
    logger.info("%s: %s", job.name, tended.skipped or tended.counts)
    for result in tended.results:
        if result.status != "done":
            logger.warning("%s: %s is %s, see the ledger", job.name, result.source, result.status)
    if job.step != "live" and not tended.skipped:
        await _keep_report(place, job)
    return tended


async def _keep_report(place: _Workplace, job: Job) -> None:
    """Leave a session's report with Prefect; that it cannot be made or kept is no reason to do the session again."""

    def write() -> str:
        session = load_session(place.archive, job.chat, job.window, place.config.person)
        corrections, _ = load_corrections(place.config.overrides_path, job.chat.name, job.window.label)
        return write_report(build_transcript(session, corrections))

    try:
        text = await asyncio.to_thread(write)
        await acreate_markdown_artifact(text, key=report_key(job.chat.name, job.window.label), description=job.name)
    except Exception:
        log.exception("no report of %s", job.name)


@flow(name="collect", flow_run_name="collect {chat}", persist_result=False, log_prints=False)
async def collect(chat: str) -> State[Any]:
    """Follow a chat's running session to its end: polls, then a sweep. Skipped where no session is running."""

    async def work(place: _Workplace) -> list[Tended]:
        wanted = place.config.find_chat(chat)
        done: list[Tended] = []
        with claim(place.config.state_dir, _following(chat)) as is_mine:
            if wanted is None or not is_mine:
                return done
            jobs = attend(wanted, place.config.schedule.poll_every, lambda: datetime.now(UTC), time.sleep,
                          lambda: place.due(chat), is_stopping=place.is_stopping)  # fmt: skip
            while (job := await asyncio.to_thread(next, jobs, None)) is not None:
                done.append(await tend_session.with_options(task_run_name=job.name)(place, job))
        return done

    return await _run(work, nothing="no session is running")


@flow(name="catch up", flow_run_name="catch up", persist_result=False, log_prints=False)
async def catch_up() -> State[Any]:
    """Do whatever is due by the ledger: what an outage missed, what failed and may work now, refreshes."""

    async def work(place: _Workplace) -> list[Tended]:
        jobs = await asyncio.to_thread(place.due)
        for chat in {job.chat.name for job in jobs if job.step == "live"}:
            with claim(place.config.state_dir, _following(chat)) as nobody_does:
                pass
            if nobody_does:  # a crash, an extra session, a late start: somebody has to
                await arun_deployment(f"{collect.name}/{chat}", timeout=0, as_subflow=False)
        later = [job for job in jobs if job.step != "live"]
        done = [await tend_session.with_options(task_run_name=job.name)(place, job) for job in later]
        await asyncio.to_thread(tell_people, place.config, place.archive, os.environ, datetime.now(UTC))
        return done

    return await _run(work, nothing="nothing is due")


@flow(name="maintain", flow_run_name="maintain", persist_result=False, log_prints=False)
async def maintain() -> State[Any]:
    """Fold and compact the archive, and delete the files that no reader needs any more."""
    try:
        await asyncio.to_thread(keep_up, _Workplace().archive)
    except Exception as error:
        log.exception("maintain")
        return Failed(message=type(error).__name__)
    return Completed()


def _following(chat: str) -> str:
    """The claim of whoever follows a chat's running session."""
    return f"follow {chat}"


async def _run(work: Any, *, nothing: str) -> State[Any]:
    try:
        done = await work(_Workplace())
    except _StepError as error:  # its words are in the log already
        return Failed(message=str(error))
    except Exception as error:
        log.exception("a flow failed")
        return Failed(message=type(error).__name__)
    if not done or all(one.skipped for one in done):
        return Completed(name="Skipped", message=nothing if not done else "done already")
    return Completed(message=f"{sum(not one.skipped for one in done)} done")
