"""What the documentation of operation says is so: the deployments, the settings, the kinds of trouble."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from knowarchive.config import Chat, Policy, Rule, load_config
from pipelines.scheduling import INBOX, LOOKS, SITE, rrules

ROOT = Path(__file__).parents[1]
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def deployments():
    return {one["entrypoint"]: one for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}


def test_the_deployments_of_a_work_pool_are_scheduled_as_the_command_schedules_them():
    found = deployments()
    assert {name.rpartition(".")[2] for name in found} == {
        "collect", "catch_up", "maintain", "publish", "import_inbox"
    }  # fmt: skip
    assert found["pipelines.flows.publish"]["name"] == SITE
    assert found["pipelines.flows.import_inbox"]["name"] == INBOX
    assert found["pipelines.flows.catch_up"]["schedules"] == [
        {"cron": f"*/{LOOKS / 60:.0f} * * * *", "timezone": "UTC"}
    ]
    chat = Chat(name="a", hashtags=("a",), schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0")
    assert [one["rrule"] for one in found["pipelines.flows.collect"]["schedules"]] == rrules(chat)
    tidy = msgspec.structs.replace(chat, schedule=(Rule(rule=Policy().maintain),))
    assert [one["rrule"] for one in found["pipelines.flows.maintain"]["schedules"]] == rrules(tidy)


@pytest.mark.slow  # importing Prefect takes seconds
def test_every_entrypoint_is_a_flow():
    program = (
        "import sys; from importlib import import_module; from prefect import Flow\n"
        "for one in sys.argv[1:]:\n"
        "    module, _, name = one.rpartition('.')\n"
        "    assert isinstance(getattr(import_module(module), name), Flow), one\n"
    )
    subprocess.run([sys.executable, "-c", program, *deployments()], cwd=ROOT, check=True)


def test_the_settings_that_are_shown_are_the_defaults():
    [shown] = re.findall(r"^```toml\n(\[schedule\]\n.*?)^```$", OPERATING, re.DOTALL | re.MULTILINE)
    assert msgspec.convert(tomllib.loads(shown)["schedule"], Policy) == Policy()


def test_the_sessions_that_are_shown_are_valid(tmp_path):
    [shown] = re.findall(r"^```toml\n(\[\[chat\]\]\n.*?)^```$", OPERATING, re.DOTALL | re.MULTILINE)
    chat = shown.replace("[[chat]]", '[[chat]]\nhashtags = ["lanternkm"]', 1)
    path = tmp_path / "knowarchive.toml"
    path.write_text(f'[archive]\nurl = "archive"\n{chat}')
    assert [occasion.topic[:4] for occasion in load_config(path).chat[0].session] == ["Maps", ""]


def test_every_kind_of_trouble_is_explained():
    source = (ROOT / "pipelines" / "standing.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'Trouble\(\s*"(\w+)"', source))
    assert len(kinds) == 10
    assert not [kind for kind in kinds if f"| `{kind}` |" not in OPERATING]
