"""What a program would ask that has only read the description, right and wrong: schemathesis against a running room.

It is a tool of many packages, which no other test needs, so uv runs it from an environment of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from knowarchive.config import load_config
from knowarchive.web.room import Room
from tests.web.conftest import served

SCHEMATHESIS = "schemathesis==4.32.5"
TOKEN = "moths-and-lamps-2015"
UV = Path(sys.executable).with_name("uv")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def schemathesis():
    uv = str(UV) if UV.exists() else shutil.which("uv")
    command = [str(uv), "tool", "run", "--from", SCHEMATHESIS, "schemathesis"]
    if uv is None or subprocess.run([*command, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"{SCHEMATHESIS} is not here, and cannot be fetched")
    return command


@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_room_answers_as_it_is_described(folder, schemathesis, tmp_path, token):
    room = Room(load_config(folder / "knowarchive.toml"))
    room.refresh()
    options = ["--max-examples", "60", "--seed", "1", "--checks", "all", "--continue-on-failure"]
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    with served(room, token=token) as client:
        address = str(client.base_url.join("/api/openapi.json"))
        done = subprocess.run(
            [*schemathesis, "run", address, *options, *header],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
