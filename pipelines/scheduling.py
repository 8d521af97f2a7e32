"""Serve the flows from one process: Prefect's server on SQLite beside it, the schedules from the configuration.

Two rules keep it simple. Prefect's schedules only wake the flows; what is then done, the ledger decides (see
`pipelines.agenda`), so that a run that comes late, twice or not at all changes nothing. And Prefect's own state can be
deleted at any time: nothing but the history of runs is lost.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from knowarchive.config import ANCHOR, SERVED, Chat, Config, Rule, load_config, read_config, with_local_until
from knowarchive.errors import ConfigError, KnowarchiveError
from pipelines.agenda import clashes

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.runner import Runner

log = logging.getLogger("knowarchive.schedule")

LOOPBACK = "127.0.0.1"
PATIENCE = 180.0  # seconds until the server must answer; a small machine imports it for half a minute
LOCKED = 5.0  # seconds that another process may hold Prefect's database when we start
DRAIN = 60.0  # seconds that running flows get to end
LOOKS = 300.0  # seconds between two looks at what is due; prefect.yaml says the same of its runs
CONFIG_LOOKS = 20.0  # seconds between two looks at the configuration
STOPPING = "stopping"
COPY = "served/knowarchive.toml"  # of the configuration: what the flows go by while the file is being edited
SERVER_LOG = "server.log"
CATCHING_UP = "due"  # the deployment that catches up: it has no schedule, but is woken
SITE, INBOX = "site", "inbox"  # the deployments that publish and import
DATABASES = {"PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL"}  # the operator's own
SECRET_PREFIX = "KNOWARCHIVE_"  # noqa: S105 - how the names of secrets begin, not one of them

Stamp = tuple[int, int]  # when a file was last changed, and its bytes
GONE, NEVER = (0, 0), (-1, -1)


class SchedulerError(KnowarchiveError):
    """The schedule cannot be served."""


def environment(config: Config, given: Mapping[str, str]) -> dict[str, str]:
    """What Prefect is told before it is imported; what the operator set is left as it is."""
    mine = {
        "PREFECT_HOME": str(config.state_dir / "prefect"),
        "PREFECT_API_URL": _address(config),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 86_400),
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL": "INFO",
        "PREFECT_RUNNER_POLL_FREQUENCY": "5",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }
    ours = {"KNOWARCHIVE_CONFIG": str(config.path.absolute()), SERVED: str((config.state_dir / COPY).absolute())}
    return {**mine, **given, **ours}


@contextlib.contextmanager
def server(config: Config, environ: Mapping[str, str]) -> Iterator[Callable[[], int | None]]:
    """Prefect's server as a child process while the context lasts; nothing where the operator has one already.

    It ends with this process, however that ends. Yields what tells the code with which it ended, or None.

    Raises:
        SchedulerError: the port is taken, the server does not come up, or the operator's is not there or another version.
    """
    if not _is_ours(config, environ):
        _require_server(environ)
        yield lambda: None
        return
    _require_free(config.schedule.port)
    if not environ.keys() & DATABASES:
        _require_writable(Path(environ["PREFECT_HOME"]) / "prefect.db")
    secrets_removed = {
        name: value for name, value in environ.items() if not name.startswith(SECRET_PREFIX) or name.endswith("_CONFIG")
    }
    output = config.state_dir / "prefect" / SERVER_LOG
    with output.open("wb") as written:
        command = [
            sys.executable,
            "-m",
            "pipelines.tethered",
            "prefect",
            "server",
            "start",
            "--host",
            LOOPBACK,
            "--port",
            str(config.schedule.port),
        ]
        process = subprocess.Popen(
            command, env=secrets_removed, stdin=subprocess.PIPE, stdout=written, stderr=written, start_new_session=True
        )
    try:
        _wait_for(environ["PREFECT_API_URL"], process, output)
        yield process.poll
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ours(config: Config, environ: Mapping[str, str]) -> bool:
    """Whether the server is the one that is started beside the schedule, and so nobody else's."""
    return environ["PREFECT_API_URL"] == _address(config)


def _address(config: Config) -> str:
    return f"http://{LOOPBACK}:{config.schedule.port}/api"


def _require_server(environ: Mapping[str, str]) -> None:
    """Refuse a server that does not answer or that is of another version."""
    from importlib.metadata import version

    import httpx

    user, _, password = environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    try:
        answer = httpx.get(
            f"{environ['PREFECT_API_URL']}/admin/version", auth=(user, password) if user else None, timeout=10,
            trust_env=False,
        )  # fmt: skip
        theirs = str(answer.json()) if answer.is_success else ""
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SchedulerError(
            "no Prefect server answers at $PREFECT_API_URL; start it, or unset that for one of our own"
        ) from error
    if not theirs:
        raise SchedulerError(
            f"$PREFECT_API_URL answers with status {answer.status_code}; check it and $PREFECT_API_AUTH_STRING"
        )
    mine = version("prefect")
    if theirs.split(".")[:2] != mine.split(".")[:2]:
        raise SchedulerError(f"the Prefect server is of version {theirs[:20]!r}, this is {mine}; give both the same")


def _require_free(port: int) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except OSError as error:
            raise SchedulerError(
                f"port {port} is in use; stop what listens there, or set another `port` in [schedule]"
            ) from error


def _require_writable(database: Path) -> None:
    """Refuse a database that the server could not write: it would wait for it without a word, or end with pages of them."""
    import sqlite3

    try:
        database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.closing(sqlite3.connect(database, timeout=LOCKED, isolation_level=None)) as tried:
            tried.execute("BEGIN IMMEDIATE")
            tried.execute("CREATE TABLE probe (id)")  # gone with the transaction
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SchedulerError(
            f"{database}: {reason}; end what holds it, or check its permissions; deleting it loses the history of runs alone"
        ) from error


def _wait_for(url: str, process: "subprocess.Popen[bytes]", output: Path) -> None:
    import time as clock

    import httpx

    end = clock.monotonic() + PATIENCE
    while clock.monotonic() < end:
        if process.poll() is not None:
            raise SchedulerError(f"Prefect's server ended with code {process.returncode}; see {output}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success:
                return
        clock.sleep(0.3)
    raise SchedulerError(f"Prefect's server does not answer at {url}; see {output}")


def rrules(chat: Chat) -> list[str]:
    """The rules of a chat as Prefect wants them: with DTSTART, in the chat's own clock."""
    return [_rrule(rule, chat.zone) for rule in chat.rules]


def _rrule(rule: Rule, zone: tzinfo) -> str:
    start = datetime.combine(rule.since or ANCHOR, time())
    until = f";UNTIL={datetime.combine(rule.until, time.max):%Y%m%dT%H%M%S}" if rule.until else ""
    text = with_local_until(rule.rule, zone).removeprefix("RRULE:")
    return f"DTSTART:{start:%Y%m%dT%H%M%S}\nRRULE:{text}{until}"


async def serve(config: Config, server_ended: Callable[[], int | None]) -> None:
    """Serve until SIGTERM or SIGINT. The environment holds what `environment` gives, and the server answers.

    Raises:
        SchedulerError: Prefect's server ended, or an error ended its runner.
    """
    try:
        await _serve(config, server_ended)
    except Exception as error:  # whatever Prefect raises, and wherever, when nobody answers it
        if (code := server_ended()) is None:
            raise
        output = config.state_dir / "prefect" / SERVER_LOG
        raise SchedulerError(
            f"Prefect's server ended with code {code}, see {output}; start the schedule again"
        ) from error


async def _serve(config: Config, server_ended: Callable[[], int | None]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.runner import Runner

    stopping, copy = config.state_dir / STOPPING, config.state_dir / COPY
    stopping.unlink(missing_ok=True)
    stop = asyncio.Event()
    runner = Runner(name="knowarchive", pause_on_shutdown=False)
    async with get_client() as client:
        if _is_ours(config, os.environ):
            await end_left_running(client)
        deployments = Deployments(runner, client, config.path, copy)
        config = await deployments.take_up()  # it may have been edited while the server came up
        running = asyncio.create_task(runner.start())
        while not runner.started and not running.done():  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.1)
        for number in (signal.SIGTERM, signal.SIGINT):  # after Prefect set its own, which kills what runs
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await _catch_up()
        watching = [asyncio.create_task(deployments.watch(config)), asyncio.create_task(_look_on())]
        log.info("serving %s", _count(config))
        ends = [running, asyncio.create_task(stop.wait()), asyncio.create_task(_wait_until(server_ended))]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for one in watching:
            one.cancel()
        stopping.touch()
        if server_ended() is not None:  # nobody is there to drain from
            raise SchedulerError("Prefect's server ended")
        log.info("stopping; running sessions end at their next poll")
        await _drain(client)
        if running.done():
            error = None if running.cancelled() else running.exception()
        else:
            error = None
            await runner.astop()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    stopping.unlink(missing_ok=True)
    copy.unlink(missing_ok=True)
    if error:
        raise SchedulerError(f"Prefect's runner ended ({type(error).__name__}); start it again") from error


async def _wait_until(server_ended: Callable[[], int | None]) -> None:
    while server_ended() is None:  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(1)


async def _deploy(runner: "Runner", config: Config) -> set[str]:
    """Write the deployments that a configuration wants, new and changed ones; returns what they are called."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.deployments.runner import EntrypointType  # type: ignore[attr-defined]
    from prefect.schedules import RRule

    from pipelines import flows

    where = EntrypointType.MODULE_PATH  # a path would depend on the folder that it is started in
    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    wanted = [
        await flows.collect.ato_deployment(
            chat.name,
            parameters={"chat": chat.name},
            schedules=[
                RRule(text, timezone=chat.timezone, slug=f"rule-{number}") for number, text in enumerate(rrules(chat))
            ],
            concurrency_limit=alone,
            entrypoint_type=where,
            description=f"{chat.title or chat.name}: follow a session from its start to its sweep, and what else is due.",
        )
        for chat in config.chat
        if chat.source and (chat.rules or chat.session)
    ]
    wanted += [
        await flows.catch_up.ato_deployment(
            CATCHING_UP, concurrency_limit=alone, entrypoint_type=where,
            description="Whatever is due by the ledger: missed sessions, tries after failures, refreshes.",
        ),
        await flows.maintain.ato_deployment(
            "archive", schedules=[RRule(_rrule(Rule(rule=config.schedule.maintain), UTC), timezone="UTC")],
            concurrency_limit=alone, entrypoint_type=where, description="Fold and compact the archive.",
        ),
    ]  # fmt: skip
    if config.publish.contact:
        wanted.append(await flows.publish.ato_deployment(
            SITE, concurrency_limit=alone, entrypoint_type=where, description="Bring the site up to date."))  # fmt: skip
    if config.inbox_dir:
        wanted.append(await flows.import_inbox.ato_deployment(
            INBOX, concurrency_limit=alone, entrypoint_type=where, description="Import what is new in the inbox."))  # fmt: skip
    for deployment in wanted:
        await runner.aadd_deployment(deployment)
    return {f"{deployment.flow_name}/{deployment.name}" for deployment in wanted}


async def _delete_others(client: "PrefectClient", keep: Container[str]) -> bool:
    """Delete our deployments but these. Prefect cannot end a run whose deployment is gone, so one that runs is left.

    Returns:
        Whether none is left.
    """
    from pipelines import flows

    left = False
    flow_names = {flow.id: flow.name for flow in await client.read_flows()}
    for one in await client.read_deployments():
        is_ours = (one.entrypoint or "").startswith(f"{flows.__name__}.")  # an operator's server has others too
        if not is_ours or f"{flow_names.get(one.flow_id)}/{one.name}" in keep:
            continue
        if await client.read_flow_runs(flow_run_filter=_under_way(one.id), limit=1):
            left = True
        else:
            await client.delete_deployment(one.id)
    return not left


async def end_left_running(client: "PrefectClient") -> int:
    """End the runs that a crash left as running: this server is ours alone, so before serving none can be.

    Returns:
        How many there were.
    """
    from prefect.states import Crashed

    ended = 0
    while runs := await client.read_flow_runs(flow_run_filter=_under_way(), limit=100):
        for run in runs:
            await client.set_flow_run_state(run.id, Crashed(message="the scheduler ended while it ran"), force=True)
        ended += len(runs)
    return ended


async def _look_on() -> None:
    """Every five minutes have what is due caught up with, where something is: each run is a process and a history."""
    from pipelines import flows

    while True:
        await asyncio.sleep(LOOKS - datetime.now(UTC).timestamp() % LOOKS)
        try:
            is_wanted = await asyncio.to_thread(flows.look_on)
        except Exception:  # whatever it is: the run may fare better, or ends as failed for all to see
            log.exception("nobody knows what is due")
            is_wanted = True
        if is_wanted:
            await _catch_up()


def _under_way(deployment: "UUID | None" = None) -> "FlowRunFilter":
    """The runs that somebody is at, of one deployment or of all."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    return FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]) if deployment else None,
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
        ),
    )


async def _catch_up() -> None:
    from pipelines import flows

    try:
        await flows.wake(f"{flows.catch_up.name}/{CATCHING_UP}")
    except Exception:  # whatever Prefect raises: it is tried again at the next look
        log.exception("nobody could be woken")


async def _drain(client: "PrefectClient") -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while await client.read_flow_runs(flow_run_filter=_under_way(), limit=1):  # noqa: ASYNC110 - only it knows
                await asyncio.sleep(0.5)


class Deployments:
    """Those of the configuration, through its edits.

    Args:
        runner: has them.
        client: of the server.
        path: of the configuration.
        copy: of it, for the flows to go by, whatever becomes of the file until it is taken up the next time.
    """

    def __init__(self, runner: "Runner", client: "PrefectClient", path: Path, copy: Path) -> None:
        self._runner, self._client, self._path, self._copy = runner, client, path, copy
        self._seen = NEVER
        self._names: set[str] = set()

    async def take_up(self) -> Config:
        """Take up the configuration as it is now.

        Raises:
            ConfigError: it is wrong; everything is as it was.
            SchedulerError: the copy cannot be written.
        """
        self._seen = _stamp(self._path)
        content = read_config(self._path)
        config = load_config(self._path, content)
        draft = self._copy.with_name(f".{self._copy.name}.part")
        try:
            self._copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.write_bytes(content)
            draft.replace(self._copy)
        except OSError as error:
            raise SchedulerError(
                f"{self._copy}: cannot be written: {error.strerror}; make room, or check its permissions"
            ) from error
        self._names = await _deploy(self._runner, config)
        for said in clashes(config.chat, datetime.now(UTC)):
            log.warning("%s", said)
        return config

    async def watch(self, config: Config) -> None:
        """Take up each edit; one that is wrong is refused with a line, and the configuration before goes on."""
        is_tidy = False
        while True:
            await asyncio.sleep(CONFIG_LOOKS)
            try:
                if _stamp(self._path) != self._seen:
                    edited = await self.take_up()
                    log.info("took up the edited configuration: %s", _difference(config, edited))
                    config, is_tidy = edited, False
                    await _catch_up()  # a session of a new chat may be running
                is_tidy = is_tidy or await _delete_others(self._client, self._names)
            except ConfigError as error:
                log.error("%s; the schedule stays as it was", error)  # noqa: TRY400 - one line, as it teaches
            except Exception:  # whatever Prefect raises: the schedule goes on as it was, and the edit is tried again
                log.exception("the deployments could not be brought up to date")
                self._seen = NEVER


def _count(config: Config) -> str:
    return f"{len(config.chat)} chat{'' if len(config.chat) == 1 else 's'}"


def _difference(before: Config, after: Config) -> str:
    """What an edit means for the schedule, in a line."""
    old, new = ({chat.name for chat in config.chat} for config in (before, after))
    said = [_count(after)]
    said += [f"{name} is new" for name in sorted(new - old)]
    said += [f"{name} is no longer collected; what is stored of it stays" for name in sorted(old - new)]
    fixed = ((one.schedule.port, one.schedule.health, one.state_dir) for one in (before, after))
    if len(set(fixed)) > 1:
        said.append("another port, health or state counts when the schedule is started again")
    return "; ".join(said)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return GONE
    return found.st_mtime_ns, found.st_size
