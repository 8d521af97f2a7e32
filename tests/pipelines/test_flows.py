"""The flows under Prefect, in one session of its own test server, because that takes long to start."""

import asyncio
import json
import logging
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from benchmarks import generate
from knowarchive.errors import ConflictError, StorageError
from pipelines import inbox, scheduling
from tests.archives import configure, open_archive, rows
from tests.connectors.loopback import DAILY, LATELY, PRIVATE, SECRETS, TAG, Chat, MachineClock
from tests.connectors.x.server import TOKEN

PLATFORMS = ("x", "bluesky", "mastodon")
WORDS = ("what do we keep", "the letters", "moderator", "guest1", PRIVATE, TOKEN)


@pytest.fixture
def place(tmp_path, socket_enabled, monkeypatch):
    """Yesterday's session, to be swept, on three servers. Gives its date."""
    day = LATELY.date()
    with Chat(LATELY, MachineClock).served() as servers:
        sources = "".join(
            f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
        )
        rule = f'{{rule = "{DAILY}", from = {day}, until = {day}}}'
        path = configure(
            tmp_path,
            f'[schedule]\nrefresh = []\ninbox = "inbox"\n[publish]\ncontact = "keeper@example.org"\n'
            f'[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\nschedule = [{rule}]\n{sources}',
        )
        for name, value in {**SECRETS, "KNOWARCHIVE_CONFIG": str(path)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        monkeypatch.setenv("DO_NOT_TRACK", "1")
        yield f"{day}"


async def kept():
    """All that Prefect's database shows of flows: runs, states, parameters, logs, artifacts."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        artifacts = await client.read_artifacts()
        found = [*await client.read_flow_runs(), *await client.read_task_runs(), *await client.read_logs(), *artifacts]
        return [artifact.data for artifact in artifacts], "\n".join(one.model_dump_json() for one in found)


async def wake_what_is_stuck(flows):
    """Wake a deployment twice, of which a run was taken by a worker that died; the states of its runs then."""
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    async with get_client() as client:
        assert not await flows.wake("maintain/archive"), "there is no such deployment"
        deployment = await client.create_deployment(await client.create_flow(flows.maintain), "archive")
        run = await client.create_flow_run_from_deployment(deployment)
        await client.set_flow_run_state(run.id, Pending())
        for _ in range(2):
            assert await flows.wake("maintain/archive")
        runs = await client.read_flow_runs()
        return Counter(one.state.type.value for one in runs if one.deployment_id == deployment)


async def wakes(flows, monkeypatch):
    """How often somebody is woken to catch up within two seconds, in which it is looked twenty times what is due."""
    from prefect.client.orchestration import get_client

    monkeypatch.setattr(scheduling, "LOOKS", 0.1)
    async with get_client() as client:
        deployment = await client.create_deployment(await client.create_flow(flows.catch_up), scheduling.CATCHING_UP)
        before = sum(one.deployment_id == deployment for one in await client.read_flow_runs())
        looking = asyncio.create_task(scheduling._look_on())
        await asyncio.sleep(2)
        looking.cancel()
        return sum(one.deployment_id == deployment for one in await client.read_flow_runs()) - before


def fill(folder, monkeypatch):
    """Two files, called as people call them, one of which is nothing that we know."""
    monkeypatch.setattr(inbox, "SETTLED", timedelta(0))
    folder.mkdir()
    (folder / f"{PRIVATE}.csv").write_text("a,b\n1,2\n")
    (folder / "pull.jsonl").write_bytes(b"".join(generate.FORMATS["v2"](5, 1)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore:.*:UserWarning")
def test_flows_do_what_is_due_once_try_again_what_may_succeed_and_keep_nobodys_words(place, tmp_path, monkeypatch):
    from prefect.testing.utilities import prefect_test_harness

    factory = logging.getLogRecordFactory()
    from pipelines import flows

    monkeypatch.setattr(flows.tend_session, "retry_delay_seconds", [0.1] * 3)
    do = flows.carry_out
    tries = []

    def hindered(*given):
        tries.append(1)
        if len(tries) <= 2:
            raise ConflictError(f"{WORDS[0]}: another process changed the archive first")
        return do(*given)

    def broken(*_given):
        tries.append(1)
        raise StorageError(f"{WORDS[1]}: cannot be written")

    try:
        with prefect_test_harness(server_startup_timeout=180):
            assert asyncio.run(wakes(flows, monkeypatch)) == 1, "a session is due, and one run is enough"
            monkeypatch.setattr(flows, "carry_out", broken)
            state = asyncio.run(flows.catch_up(return_state=True))
            assert (state.type.value, state.message, len(tries)) == ("FAILED", "StorageError", 1)

            tries.clear()
            monkeypatch.setattr(flows, "carry_out", hindered)
            state = asyncio.run(flows.catch_up(return_state=True))
            assert (state.type.value, state.message, len(tries)) == ("COMPLETED", "1 done", 3)

            for flow in (flows.catch_up, partial(flows.collect, "lanternkm")):
                state = asyncio.run(flow(return_state=True))
                assert (state.name, state.message) == ("Skipped", "nothing is due")
            assert asyncio.run(flows.maintain(return_state=True)).type.value == "COMPLETED"

            state = asyncio.run(flows.import_inbox(return_state=True))
            assert (state.type.value, state.message) == ("FAILED", "ReadError")  # there is no such folder
            fill(tmp_path / "inbox", monkeypatch)
            state = asyncio.run(flows.import_inbox(return_state=True))
            assert (state.type.value, state.message) == ("FAILED", "1 done, 1 failed")
            state = asyncio.run(flows.import_inbox(return_state=True))
            assert (state.name, state.message) == ("Skipped", "nothing is new")
            state = asyncio.run(flows.publish(return_state=True))
            assert (state.type.value, state.message.endswith(" files changed")) == ("COMPLETED", True)
            state = asyncio.run(flows.publish(return_state=True))
            assert (state.name, state.message) == ("Skipped", "nothing is new")
            assert not asyncio.run(wakes(flows, monkeypatch)), "all is done"
            monkeypatch.setattr(flows, "STARTING", timedelta(0))
            assert asyncio.run(wake_what_is_stuck(flows)) == {"CRASHED": 1, "SCHEDULED": 1}
            reports, everything = asyncio.run(kept())
    finally:
        logging.setLogRecordFactory(factory)
    assert {uid.partition(":")[0] for uid in rows(open_archive(tmp_path))} == set(PLATFORMS)
    assert (tmp_path / "site" / "chats" / "lanternkm" / f"{place}.html").exists()
    [report] = [report for report in reports if f"# lanternkm {place}" in str(report)]
    assert "| bluesky:http" in report
    assert "│" in report
    assert json.dumps("lanternkm") in everything
    assert not [word for word in WORDS if word in everything]
