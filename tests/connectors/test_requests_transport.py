"""The transport below libraries that use requests, against servers on loopback and failures as urllib3 raises them."""

import http.server
import logging
import shutil
import ssl
import subprocess
import threading
import traceback
from datetime import UTC, datetime, timedelta

import pytest
import requests
import urllib3

from connectors.base import BudgetError, FetchError, Limits, Report, Surroundings, TransientFetchError
from connectors.requests_transport import Transport

TOKEN = "SECRET-6f3a"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        self.server.answers.pop(0)(self)

    def log_message(self, *args):
        pass


def say(status=200, body=b"[]", length=None, **headers):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True
        handler.close_connection = length is not None or handler.close_connection

    return answer


@pytest.fixture
def server(socket_enabled):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        one.seen, one.answers = [], []
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


class World:
    """A session with the transport, and a clock that only sleeping moves."""

    def __init__(self, tmp_path, base, **limits):
        self.time, self.slept, self.report = NOW, [], Report()
        self.surroundings = Surroundings(
            secrets={}, state=tmp_path, user_agent="knowarchive test", limits=Limits(**limits), now=lambda: self.time,
            elapsed=self.elapsed, sleep=self.sleep, jitter=lambda: 0.5,
        )  # fmt: skip
        self.base = base
        self.transport = Transport(base.partition("://")[2], base, self.surroundings, self.report)
        self.session = requests.Session()
        self.session.mount("http://", self.transport)
        self.session.mount("https://", self.transport)

    def elapsed(self):
        return self.time.timestamp()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    def get(self, url):
        return self.session.get(url, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def world(server, tmp_path):
    there = World(tmp_path, f"http://127.0.0.1:{server.server_port}", timeout=0.5, response_bytes=1 << 20)
    yield there
    there.session.close()


def test_the_bytes_come_through_and_are_kept(server, world):
    server.answers = [say(body='[{"a": "ä"}]'.encode(), X_Thing="1")]
    answer = world.get(f"{world.base}/api/v1/x?limit=2")
    last = world.transport.last
    assert answer.json() == [{"a": "ä"}]
    assert (last.path, last.status, last.body, last.headers["x-thing"]) == (
        "/api/v1/x?limit=2",
        200,
        answer.content,
        "1",
    )
    assert last.at == NOW
    assert server.seen[0]["User-Agent"] == "knowarchive test"
    assert world.report.requests == 1


def test_waits_are_slept_and_counted(server, world):
    server.answers = [say(429, Retry_After="7"), say(503), say()]
    assert world.get(world.base).ok
    assert world.slept == [8.0, 3.0]
    assert (world.report.requests, world.report.waited) == (3, 11.0)


def test_an_answer_that_stays_bad_ends_after_the_bound(server, world):
    server.answers = [say(500)] * 5
    with pytest.raises(TransientFetchError, match=r"^127.0.0.1:\d+: status 500 after 5 attempts; try again later$"):
        world.get(world.base)
    assert world.transport.last is None


def test_a_cut_answer_is_asked_for_again(server, world):
    server.answers = [say(body=b"[1,", length=10), say(body=b"[1]")]
    assert world.get(world.base).json() == [1]


def test_an_answer_that_is_not_whole_is_asked_for_again(server, world):
    server.answers = [say(body=b"[1,"), say(404, b"no"), say(body=b"[1]")]
    assert world.get(world.base).status_code == 404  # an error may have any shape
    assert world.slept == [1.5]


def test_a_server_that_hangs_is_left(server, world):
    done = threading.Event()
    server.answers = [lambda _: done.wait(5), say()]
    assert world.get(world.base).ok
    done.set()
    assert world.report.requests == 2


def test_an_answer_without_end_is_not_read(server, world):
    server.answers = [say(body=b" " * (3 << 20))]
    with pytest.raises(FetchError, match="an answer of more than 1 MB; not read"):
        world.get(world.base)


def test_a_bomb_is_not_unpacked(server, world):
    import gzip

    server.answers = [say(body=gzip.compress(bytes(50 << 20)), Content_Encoding="gzip")]
    with pytest.raises(FetchError, match="an answer of more than 1 MB; not read"):
        world.get(world.base)


def test_a_redirect_within_the_server_is_followed_and_to_another_refused(server, world):
    server.answers = [say(302, Location="/there"), say(body=b"[2]")]
    assert world.get(world.base).json() == [2]
    server.answers = [say(307, Location="http://evil.example/")]
    with pytest.raises(FetchError, match="refused to follow the server to another host"):
        world.get(world.base)
    assert len(server.seen) == 3


def test_another_host_is_never_asked(world):
    with pytest.raises(FetchError, match="another host"):
        world.get("http://localhost:1/")
    assert world.report.requests == 0


def test_proxies_of_the_environment_are_used(server, world, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", world.base)
    monkeypatch.setenv("NO_PROXY", "")
    elsewhere = World(world.surroundings.state, "http://far.example")
    server.answers = [say(body=b"[3]")]
    assert elsewhere.get("http://far.example/x").json() == [3]
    elsewhere.session.close()


def test_a_proxy_that_is_down_is_named_without_its_password(world, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://ada:hunter2@127.0.0.1:9")
    elsewhere = World(tmp_path, "http://far.example", attempts=1)
    with pytest.raises(
        TransientFetchError, match=r"far\.example: the proxy does not answer; see HTTPS_PROXY"
    ) as caught:
        elsewhere.get("http://far.example/x")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


class Failing:
    def __init__(self, *errors):
        self.errors = list(errors)

    def send(self, request, **options):
        raise self.errors.pop(0)


def unknown_host():
    reason = urllib3.exceptions.NameResolutionError("h", None, OSError("Name or service not known"))
    return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", reason))


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (requests.exceptions.SSLError(TOKEN), FetchError, "its certificate does not verify"),
        (requests.exceptions.ConnectTimeout(TOKEN), TransientFetchError, "no connection in time after 1 attempts"),
        (requests.exceptions.ReadTimeout(TOKEN), TransientFetchError, "no answer in time after 1 attempts"),
        (requests.exceptions.InvalidURL(TOKEN), FetchError, "its address is wrong"),
        (unknown_host(), TransientFetchError, "no server has this name after 1 attempts"),
        (ConnectionResetError(TOKEN), TransientFetchError, "no connection after 1 attempts"),
        (urllib3.exceptions.ProtocolError(TOKEN), TransientFetchError, "the answer was cut off after 1 attempts"),
        (requests.exceptions.RequestException(TOKEN), FetchError, "the request failed"),
    ],
)
def test_failures_become_words_without_secrets(tmp_path, caplog, error, kind, message):
    caplog.set_level(logging.DEBUG)
    world = World(tmp_path, "https://a.example", attempts=1)
    world.transport._sender = Failing(error)
    with pytest.raises(kind, match=message) as caught:
        world.get("https://a.example/")
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert world.transport.error is caught.value


def test_budgets_are_kept(server, tmp_path):
    world = World(tmp_path, f"http://127.0.0.1:{server.server_port}", requests=1, seconds=5)
    server.answers = [say(503, Retry_After="30")]
    with pytest.raises(BudgetError, match="rather than wait 31 s: a run may take 5 s"):
        world.get(f"http://127.0.0.1:{server.server_port}/")
    with pytest.raises(BudgetError, match="stopped after 1 requests"):
        world.get(f"http://127.0.0.1:{server.server_port}/")
    assert world.slept == []
    world.session.close()


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    paths = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", paths[0], "-out", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


def test_a_certificate_is_verified_against_the_bundle_of_the_environment(server, tmp_path, certificate, monkeypatch):
    key, chain = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    host = f"127.0.0.1:{server.server_port}"
    world = World(tmp_path, f"https://{host}")
    with pytest.raises(FetchError, match="its certificate does not verify"):
        world.get(f"https://{host}/")
    world.session.close()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain))
    server.answers = [say(body=b"[4]")]
    world = World(tmp_path, f"https://{host}")
    assert world.get(f"https://{host}/").json() == [4]
    world.session.close()
