"""The flows. Prefect decides when and where; what is done stands in `pipelines.tending` and needs no Prefect.

Parameters, names and results carry a chat, a date and counts: no person's words or names reach Prefect's database. What
goes wrong is reported by its kind alone; the words of an error are in the archive's ledger.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Completed, Crashed, Failed

from connectors.base import Surroundings
from knowarchive.config import Config, find_config, load_served_config
from knowarchive.errors import ConfigError, KnowarchiveError
from pipelines.agenda import Job
from pipelines.claims import claim
from pipelines.collecting import surroundings_of
from pipelines.inbox import Pull, choose, find_pulls, take_in
from pipelines.logs import FORMAT, about, keep_secrets_out, write_json_lines
from pipelines.overrides import load_corrections
from pipelines.publishing import is_due, publish_if_due
from pipelines.reports import report_key, write_report
from pipelines.scheduling import INBOX, SITE, STOPPING
from pipelines.sessions import load_session
from pipelines.telling import tell_people
from pipelines.tending import Tended, agenda, attend, carry_out
from pipelines.upkeep import keep_up
from storage.archive import Archive
from transcripts.build import build_transcript

log = logging.getLogger("knowarchive.flows")
keep_secrets_out(os.environ)  # a flow's process imports this module before anything else of ours
if os.environ.get(FORMAT) == "json":
    write_json_lines()

UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
STARTING = timedelta(minutes=5)  # a run that was taken by a worker and has not begun by then never will
WAITS = [5.0, 30.0, 120.0]  # seconds before a step is done again that another process or a passing fault hindered


class _Workplace:
    """What every flow needs, by the configuration as it is when the run begins, and anew before each of its jobs."""

    def __init__(self) -> None:
        self._load()

    def _load(self) -> None:
        self.config: Config = load_served_config(find_config(None), os.environ)
        self.archive = Archive(self.config.archive_url, self.config.state_dir)
        self.surroundings: Surroundings = surroundings_of(self.config, os.environ)

    def due(self, chat: str | None = None) -> list[Job]:
        try:
            self._load()
        except ConfigError as error:  # a session that is followed goes on
            log.warning("%s; it goes on as it was", error)
        return agenda(self.config, self.archive, datetime.now(UTC), chat)

    def pulls(self) -> list[Pull]:
        return choose(find_pulls(self.config), self.archive.runs(), datetime.now(UTC))

    def is_stopping(self, chat: str) -> bool:
        """Whether work on a chat is to end early: the schedule ends, or the chat was taken out of the configuration."""
        if (self.config.state_dir / STOPPING).exists():
            return True
        with contextlib.suppress(ConfigError):  # from what cannot be read nothing was taken out
            return load_served_config(self.config.path, os.environ).find_chat(chat) is None
        return False


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
    with about(run=str(flow_run.id), chat=job.chat.name, session=job.window.label):
        logger = get_run_logger()
        try:
            tended = await asyncio.to_thread(carry_out, place.config, place.archive, job, place.surroundings)
        except Exception as error:
            log.exception("%s", job.name)
            raise _StepError(error) from None
        logger.info("%s: %s", job.name, tended.skipped or tended.counts)
        for result in tended.results:
            with about(source=result.source):
                level = logging.INFO if result.status == "done" else logging.WARNING
                logger.log(level, "%s: %s is %s, see the ledger", job.name, result.source, result.status)
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
    """Follow a chat's running session to its end, polls and a sweep, and do what else is due of the chat.

    All work on a chat goes through its one deployment, of which one run is allowed at a time: so no two machines are at
    the same session.
    """

    async def work(place: _Workplace) -> State[Any]:
        done: list[Tended] = []
        with claim(place.config.state_dir, f"follow {chat}") as is_mine:
            wanted = place.config.find_chat(chat) if is_mine else None
            if wanted is not None:
                jobs = attend(wanted, place.config.schedule.poll_every, lambda: datetime.now(UTC), time.sleep,
                              lambda: place.due(chat), is_stopping=lambda: place.is_stopping(chat))  # fmt: skip
                while (job := await asyncio.to_thread(next, jobs, None)) is not None:
                    done.append(await tend_session.with_options(task_run_name=job.name)(place, job))
                done += await _tend_all(place, await asyncio.to_thread(place.due, chat))
        return _come_of(done)

    return await _run(work)


@flow(name="catch up", flow_run_name="catch up", persist_result=False, log_prints=False)
async def catch_up() -> State[Any]:
    """See to whatever is due by the ledger: what an outage missed, what failed and may work now, refreshes.

    The deployment of each chat that something is due of is woken; what has none is done here.
    """

    async def work(place: _Workplace) -> State[Any]:
        by_chat: dict[str, list[Job]] = {}
        for job in await asyncio.to_thread(place.due):
            by_chat.setdefault(job.chat.name, []).append(job)
        own = [chat for chat in by_chat if not await wake(f"{collect.name}/{chat}")]
        try:
            done = await _tend_all(place, [job for chat in own for job in by_chat[chat]])
        finally:
            await asyncio.to_thread(tell_people, place.config, place.archive, os.environ, datetime.now(UTC))
        if len(own) < len(by_chat):
            return Completed(message=f"{len(by_chat) - len(own)} woken, {len(done)} done here")
        return _come_of(done)

    return await _run(work)


def look_on() -> bool:
    """Tell people how things stand, as a run that catches up does, and whether such a run would do anything else."""
    place = _Workplace()
    try:
        return bool(place.due() or place.pulls()) or is_due(place.config, place.archive, datetime.now(UTC))
    finally:
        tell_people(place.config, place.archive, os.environ, datetime.now(UTC))


async def _tend_all(place: _Workplace, jobs: Iterable[Job]) -> list[Tended]:
    """Do jobs one after the other, but for polls, which are whose who follows the session."""
    done: list[Tended] = []
    failed: list[_StepError] = []
    for job in jobs:
        if job.step == "live" or place.is_stopping(job.chat.name):
            continue
        try:
            done.append(await tend_session.with_options(task_run_name=job.name)(place, job))
        except _StepError as error:  # the others are not to wait for it
            failed.append(error)
    if failed:
        raise failed[0]
    return done


@flow(name="maintain", flow_run_name="maintain", persist_result=False, log_prints=False)
async def maintain() -> State[Any]:
    """Fold and compact the archive, and delete the files that no reader needs any more."""

    def step(place: _Workplace) -> State[Any]:
        keep_up(place.archive)
        return Completed()

    return await _run(lambda place: asyncio.to_thread(step, place))


@flow(name="publish", flow_run_name="publish", persist_result=False, log_prints=False)
async def publish() -> State[Any]:
    """Bring the site up to date. Skipped where nothing is new."""

    def step(place: _Workplace) -> State[Any]:
        counts = publish_if_due(place.config, place.archive, lambda: datetime.now(UTC))
        if counts is None:
            return Completed(name="Skipped", message="nothing is new")
        return Completed(message=f"{counts['changed']} of {counts['files']} files changed")

    return await _run(lambda place: asyncio.to_thread(step, place))


@flow(name="import", flow_run_name="import", persist_result=False, log_prints=False)
async def import_inbox() -> State[Any]:
    """Import what is new in the inbox, one file after the other. Its files are called something by people: not here."""

    def step(place: _Workplace) -> State[Any]:
        done, failed = 0, 0
        with claim(place.config.state_dir, "import") as is_mine:
            for pull in place.pulls() if is_mine else ():
                try:
                    log.info("%s: %s", pull.name, take_in(place.config, pull))
                    done += 1
                except KnowarchiveError:
                    log.exception("%s", pull.name)
                    failed += 1
        message = f"{done} done, {failed} failed"
        if failed:
            return Failed(message=message)
        return Completed(message=message) if done else Completed(name="Skipped", message="nothing is new")

    return await _run(lambda place: asyncio.to_thread(step, place))


async def wake(name: str) -> bool:
    """Have a deployment run soon, by whoever is free, unless it runs or waits already. Returns whether there is one."""
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            log.warning("there is no deployment %s; deploy it as prefect.yaml shows", name)
            return False
        at_it = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED)),
            expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"before_": datetime.now(UTC)}),
        )
        busy = False
        for run in await client.read_flow_runs(flow_run_filter=at_it, limit=100):
            if run.state and run.state.is_pending() and datetime.now(UTC) - run.state.timestamp > STARTING:
                await client.set_flow_run_state(run.id, Crashed(message="its worker ended before it began"), force=True)
            else:
                busy = True
        if not busy:
            await client.create_flow_run_from_deployment(deployment.id)
    return True


async def _run(work: Callable[[_Workplace], Awaitable[State[Any]]]) -> State[Any]:
    """Do a flow's work, and wake what follows from it. What goes wrong is one line of the log, and the run has failed."""
    try:
        place = _Workplace()
    except Exception as error:
        log.exception("%s", flow_run.name)
        return Failed(message=type(error).__name__)
    try:
        return await work(place)
    except _StepError as error:  # its words are in the log already
        return Failed(message=str(error))
    except Exception as error:
        log.exception("%s", flow_run.name)
        return Failed(message=type(error).__name__)
    finally:
        await _wake_others(place)


async def _wake_others(place: _Workplace) -> None:
    """Wake what follows from a session or a file: importing, publishing. That it fails does not undo them."""
    wanted: dict[str, Callable[[], object]] = {
        f"{import_inbox.name}/{INBOX}": place.pulls,
        f"{publish.name}/{SITE}": lambda: is_due(place.config, place.archive, datetime.now(UTC)),
    }
    for deployment, is_wanted in wanted.items():
        try:
            if await asyncio.to_thread(is_wanted):
                await wake(deployment)
        except Exception:  # whatever Prefect raises, too: it is asked again in five minutes
            log.exception("%s", deployment)


def _come_of(done: Sequence[Tended]) -> State[Any]:
    """The state of a run that did jobs."""
    if all(one.skipped for one in done):
        return Completed(name="Skipped", message="done already" if done else "nothing is due")
    return Completed(message=f"{sum(not one.skipped for one in done)} done")
