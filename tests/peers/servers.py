"""The peers of ../shared/peers, started and stopped; Prism between us and our own X; and the bad line before each server.

A peer that answers already is somebody's who started it: it is used as it is, and left running.
"""

import contextlib
import gzip
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from tests.connectors.loopback import Loopback

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
HOME = Path(os.environ.get("PEERS_HOME") or Path.home() / ".cache" / "knowarchive-peers")
#: How long a peer may take to start, in seconds. CI sets it: what needs longer is left out, and said.
PATIENCE = float(os.environ.get("KNOWARCHIVE_PEERS_SECONDS") or 900)
HOP = {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}


class AbsentError(Exception):
    """A peer cannot be had; the message says why, in one line."""


@dataclass(frozen=True)
class Peer:
    """A server that nobody here wrote.

    `probe` answers when it runs. `installed` is there after its first start, which takes `first` seconds, a later one
    `later`: an installation that is broken off would not be taken up again, so it is not begun without the time.
    """

    name: str
    address: str
    probe: str
    installed: str
    first: int
    later: int

    @property
    def folder(self):
        return SHARED / "peers" / self.name

    def answers(self):
        try:
            return (
                httpx.get(self.address + self.probe, timeout=5, headers={"Authorization": "Bearer x"}).status_code < 500
            )
        except httpx.HTTPError:
            return False

    @contextlib.contextmanager
    def running(self, **environment):
        """Have it run; yields its address. One that is wanted with an environment of its own is started anew.

        Raises:
            AbsentError: it is not here, or does not start.
        """
        if not self.folder.is_dir():
            raise AbsentError(f"../shared/peers/{self.name} is not here")
        if not environment and self.answers():
            yield self.address
            return
        needed = self.later if (HOME / self.name / self.installed).exists() else self.first
        if needed > PATIENCE:
            raise AbsentError(f"its start takes {needed} s, and there are {PATIENCE:.0f}; run `make peers` once")
        try:
            until = time.monotonic() + PATIENCE
            for attempt in (1, 2):  # a busy machine is slower than some of them wait for themselves
                code, line = self._start(os.environ | environment, until - time.monotonic())
                if not code:
                    break
                if attempt == 2:
                    raise AbsentError(f"does not start: {line or f'exit code {code}'}")
            yield self.address
        finally:
            self._stop()

    def _stop(self):
        """Have it stopped, and gone: one that still answers while it ends would be taken for somebody's who started it."""
        subprocess.run([self.folder / "stop"], check=False, timeout=60, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while self.answers() and time.monotonic() < until:
            time.sleep(0.1)

    def _start(self, environment, seconds):
        """Returns the exit code, and the last line that was said."""
        # A file rather than a pipe: what it starts in the background would hold a pipe open.
        with tempfile.TemporaryFile() as said:
            starting = subprocess.Popen(
                [self.folder / "start"], env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = starting.wait(max(0, seconds))
            except BaseException as error:
                os.killpg(starting.pid, signal.SIGKILL)
                starting.wait()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise AbsentError(f"did not start within {PATIENCE:.0f} s") from None
                raise
            said.seek(0)
            return code, said.read().decode(errors="replace").strip().rpartition("\n")[2]


@contextlib.contextmanager
def required(peer, **environment):
    """Have a peer run, or skip the tests that need it, saying why; yields its address."""
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(peer.running(**environment))
        except AbsentError as error:
            pytest.skip(f"{peer.name}: {error}")
        yield address


BLUESKY = Peer("bluesky", "http://localhost:2583", "/xrpc/_health", "node_modules/@atproto/dev-env", 480, 25)
MASTODON = Peer("mastodon", "http://127.0.0.1:8600", "/api/v1/instance", "venv/bin/mastodon_mock", 20, 2)
X = Peer("x", "http://127.0.0.1:8403", "/2/tweets/search/recent?query=x", "node_modules/.bin/prism", 15, 3)
STORE = Peer("s3", "http://127.0.0.1:8704", "/", "ceph.conf", 120, 15)


def published_description(version):
    """X's API as X describes it: OpenAPI, as JSON."""
    return gzip.decompress((SHARED / "data" / "x-openapi" / f"openapi-{version}.json.gz").read_bytes())


@contextlib.contextmanager
def checked(description, upstream):
    """Prism before a server, holding requests and answers against the published description; yields its address.

    What it remarks stands in the answer's `sl-violations`.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        document = Path(folder) / "openapi.json"
        document.write_bytes(published_description(description))
        port = free.getsockname()[1]
        free.close()
        command = [HOME / "x/node_modules/.bin/prism", "proxy", "-h", "127.0.0.1", "-p", str(port), document, upstream]
        with tempfile.TemporaryFile() as said:
            proxy = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
            try:
                _wait_for(port, proxy)
                yield f"http://127.0.0.1:{port}"
            finally:
                os.killpg(proxy.pid, signal.SIGTERM)
                proxy.wait(30)


def _wait_for(port, process):
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AbsentError("Prism does not start")


class Line(Loopback):
    """The way to a real server, with faults on it. `remarks` is what Prism, if it stands there, holds to be wrong.

    Args:
        platform: whose API is spoken.
        server: the address it leads to; it may be set anew.
        faults: see `loopback.Faults`.
    """

    def __init__(self, platform, server, faults):
        super().__init__(platform, None, faults)
        self.server = server
        self.remarks = []

    def _ask(self, handler, body):
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in HOP}
        # With a connection of its own: one that is kept would outlive the proxy where a client hung up on it.
        answer = httpx.request(
            handler.command, self.server + handler.path, headers=headers, content=body, timeout=30, trust_env=False
        )
        if "sl-violations" in answer.headers:
            self.remarks.append((handler.path.partition("?")[0], unquote(answer.headers["sl-violations"])))
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
        return answer.status_code, headers, answer.content
