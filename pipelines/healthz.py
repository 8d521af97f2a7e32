"""Answer monitoring over HTTP on loopback: `/healthz` is 200 while all is well, 503 when something needs a person."""

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec

from knowarchive.errors import KnowarchiveError, StorageError

LOOPBACK = "127.0.0.1"
FRESH = 30.0  # seconds for which an answer is good: whoever asks often does not make work
PATIENCE = 10  # seconds until somebody who does not say what they want is hung up on

Look = Callable[[], Mapping[str, object]]


@contextlib.contextmanager
def answering(port: int, look: Look) -> Iterator[int]:
    """Answer while the context lasts. Yields the port.

    Args:
        port: on loopback; 0 lets the system choose.
        look: makes the document to answer with (see `pipelines.standing.document`); its `status` is "ok" or not.

    Raises:
        StorageError: the port is taken.
    """
    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, port), _handler(_Cached(look)))
    except OSError as error:
        raise StorageError(f"port {port} is in use; stop what listens there, or set another `health` in [schedule]") from error  # fmt: skip
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Cached:
    """The last answer, made anew when it is old, by one thread at a time."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._until = 0.0
        self._answer = (503, b"")

    def __call__(self) -> tuple[int, bytes]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._make()
                self._until = time.monotonic() + FRESH
            return self._answer

    def _make(self) -> tuple[int, bytes]:
        try:
            document = self._look()
        except (KnowarchiveError, OSError) as error:  # monitoring is told of a full disk too
            document = {"status": "failing", "error": str(error)}
        return (200 if document["status"] == "ok" else 503), msgspec.json.encode(document)


def _handler(answer: Callable[[], tuple[int, bytes]]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = PATIENCE

        def do_GET(self) -> None:
            status, body = answer() if self.path == "/healthz" else (404, b'{"error": "ask for /healthz"}')
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - as above

        def log_message(self, *_: object) -> None:
            pass  # monitoring asks every few seconds

    return Handler
