"""A real browser: every kind of page with axe-core, and people who look for something, read it and cite it."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from knowarchive.config import load_config
from knowarchive.web.room import Room
from tests.web.conftest import DATE, ODD, served

A11Y = Path(__file__).parents[1] / "a11y"
OUT = object()  # where screenshots go
PAGES = (
    "/",
    "/chats/lampchat",
    f"/chats/lampchat/{DATE}",
    f"/chats/lampchat/{DATE}/Q2",
    "/search?q=lamp",
    "/search?q=chat:lampchat&page=2",
    "/search?q=nothingofthekind",
    "/people/x:101",
    "/people/x:101?show=addressed",
    "/posts/x:3",
    f"/posts/{quote(ODD, safe='')}",
    "/links",
    "/cite/posts/x:2",
    f"/cite/sessions/lampchat/{DATE}",
)


pytestmark = pytest.mark.browser


@pytest.fixture
def browse(tmp_path):
    """Run a program of tests/a11y; its screenshots are kept in the folder $KNOWARCHIVE_SHOTS, if that is set."""
    if not shutil.which("node") or not (A11Y / "node_modules").is_dir():
        pytest.skip("node, or the packages of tests/a11y, are not here; make a11y installs them")
    shots = Path(os.environ.get("KNOWARCHIVE_SHOTS") or tmp_path)

    def browse(program, *arguments):
        command = ["node", A11Y / program, *(str(shots) if one is OUT else one for one in arguments)]
        found = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
        assert list(shots.glob("*.png"))

    return browse


def test_every_page_can_be_read_by_everybody(client, browse):
    browse("run.mjs", "--out", OUT, *(f"{address(client)}{page}" for page in PAGES))


def test_somebody_finds_reads_and_cites_a_post_by_keyboard_on_a_phone_and_without_javascript(client, browse):
    browse("room.mjs", address(client), OUT)


def test_the_door_of_a_private_room_can_be_used_by_everybody(folder, browse):
    with served(Room(load_config(folder / "knowarchive.toml")), token="moths-and-lamps-2015", wait=False) as client:
        browse("run.mjs", "--out", OUT, f"{address(client)}/enter?next=/links")


def address(client):
    return str(client.base_url).rstrip("/")
