"""Every kind of page in a real browser: axe-core, widths, colour schemes, no request elsewhere, no complaint."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.web.conftest import DATE, ODD

RUNNER = Path(__file__).parents[1] / "a11y" / "run.mjs"
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
)


@pytest.mark.browser
def test_every_page_can_be_read_by_everybody(client, tmp_path):
    if not shutil.which("node") or not (RUNNER.parent / "node_modules").is_dir():
        pytest.skip("node, or the packages of tests/a11y, are not here; make a11y installs them")
    addresses = [f"{str(client.base_url).rstrip('/')}{page}" for page in PAGES]
    command = ["node", str(RUNNER), "--out", str(tmp_path), *addresses]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
