"""The site in a real browser: axe-core, widths, colour schemes, no request elsewhere; search by keyboard; from a folder."""

import functools
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

A11Y = Path(__file__).parents[1] / "a11y"
PAGES = (
    "index.html",
    "about.html",
    "chats/lampchat/index.html",
    "chats/lampchat/2015-03-10.html",
    "chats/lampchat/2015-03-10/q2.html",
    "chats/lampchat/between-2015-03.html",
    "chats/lampchat/pictures.html",
    "links/index.html",
    "links/2015-03.html",
    "people/mastodon-https-lamps-example-users-ada--e55a897342b5fd5e.html",  # where that of her other account leads at once
    "people/x-102.html",
    "search.html",
    "search.html?q=moonlight",
    "search.html?q=nothingofthekind",
)

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def tools():
    if not shutil.which("node") or not (A11Y / "node_modules").is_dir():
        pytest.skip("node, or the packages of tests/a11y, are not here; make a11y installs them")


@pytest.fixture
def address(site, tools, socket_enabled):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site.folder / "site"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(*command):
    found = subprocess.run(["node", *map(str, command)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_page_can_be_read_by_everybody(address, tmp_path):
    run(A11Y / "run.mjs", "--out", tmp_path, *(f"{address}/{page}" for page in PAGES))


def test_somebody_searches_with_the_keyboard_alone_and_reads_from_a_folder(site, address):
    run(A11Y / "search.mjs", address, site.folder / "site")
