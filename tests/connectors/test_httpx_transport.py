"""Whatever library asks and whatever the server does, requests keep to our manners and answers are kept."""

import gzip
import http.server
import logging
import ssl
import threading
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.base import BudgetError, FetchError, Limits, Report, Surroundings, TransientFetchError
from connectors.httpx_transport import BUNDLES, EnvironmentTransport, PoliteTransport, proxy_for, trusted

SERVER = "https://one.example"
JSON = {"content-type": "application/json"}


class Clock:
    def __init__(self):
        self.now = datetime(2024, 3, 6, 20, 0, tzinfo=UTC)
        self.naps = []

    def __call__(self):
        return self.now

    def elapsed(self):
        return self.now.timestamp()

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds)


class Script(httpx.BaseTransport):
    """Answers with what is in a list, and keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def handle_request(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def asker(clock, tmp_path):
    def asker(*answers, **limits):
        around = Surroundings(
            secrets={},
            state=tmp_path,
            user_agent="tests (hello)",
            limits=replace(Limits(), **limits),
            now=clock,
            elapsed=clock.elapsed,
            sleep=clock.sleep,
            jitter=lambda: 0.0,
        )
        script = answers[0] if answers and isinstance(answers[0], httpx.BaseTransport) else Script(*answers)
        transport = PoliteTransport(around, Report(), [SERVER + "/api"], script)
        client = httpx.Client(transport=transport, follow_redirects=True, trust_env=False)
        return client, transport, script

    return asker


def test_a_request_says_who_asks_and_has_a_timeout(asker):
    client, transport, script = asker(httpx.Response(200, json={"a": 1}), timeout=7)
    assert client.get(SERVER, headers={"user-agent": "a library"}).json() == {"a": 1}
    (request,) = script.requests
    assert request.headers["user-agent"] == "tests (hello)"
    assert request.extensions["timeout"] == {"connect": 7, "read": 7, "write": 7, "pool": 7}
    assert (transport.last.status, transport.last.body) == (200, b'{"a":1}')
    assert transport._passage._report.requests == 1


def test_an_answer_is_kept_decoded(asker):
    body = gzip.compress(b'{"a": 1}')
    answer = httpx.Response(200, headers={**JSON, "content-encoding": "gzip"}, stream=httpx.ByteStream(body))
    client, transport, _ = asker(answer)
    assert client.get(SERVER).json() == {"a": 1}
    assert transport.last.body == b'{"a": 1}'


@pytest.mark.parametrize(
    "url", ["https://two.example/", "https://one.example.evil.example/", "https://one.example@two.example/", "http://one.example/"]
)  # fmt: skip
def test_no_other_host_is_asked_and_none_without_encryption(asker, url):
    client, _, script = asker()
    with pytest.raises(FetchError, match="refused to follow"):
        client.get(url)
    assert script.requests == []


def test_a_redirect_elsewhere_is_not_followed_and_one_at_home_is(asker):
    client, _, script = asker(
        httpx.Response(302, headers={"location": "/other"}),
        httpx.Response(302, headers={"location": "https://two.example/"}),
    )
    with pytest.raises(FetchError, match=r"another host \('two.example'\)"):
        client.get(SERVER, headers={"authorization": "Bearer secret"})
    assert [request.url.path for request in script.requests] == ["/", "/other"]


def test_a_default_port_is_no_other_host(clock, tmp_path):
    around = Surroundings(secrets={}, state=tmp_path, now=clock, elapsed=clock.elapsed, sleep=clock.sleep)
    for server in ("https://one.example:443", "https://ONE.example/", "https://one.example/api"):
        transport = PoliteTransport(around, Report(), [server], Script(httpx.Response(200)))
        assert httpx.Client(transport=transport).get("https://one.example:443/x").status_code == 200


def test_a_header_that_cannot_be_sent_is_not_quoted(asker):
    client, *_ = asker(httpx.LocalProtocolError("Illegal header value b'Bearer the-secret'"))
    with pytest.raises(FetchError, match="LocalProtocolError") as caught:
        client.get(SERVER)
    assert "the-secret" not in "".join(traceback.format_exception(caught.value))


class Endless(httpx.SyncByteStream):
    def __init__(self, clock, piece=b"x" * 65_536, seconds=0):
        self.given, self.clock, self.piece, self.seconds = 0, clock, piece, seconds

    def __iter__(self):
        while True:
            self.given += len(self.piece)
            self.clock.now += timedelta(seconds=self.seconds)
            yield self.piece


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_giant_answer_is_given_up_while_it_comes(asker, clock, encoding):
    stream = Endless(clock) if encoding is None else httpx.ByteStream(gzip.compress(b"\0" * (8 << 20)))
    headers = {} if encoding is None else {"content-encoding": encoding}
    client, *_ = asker(httpx.Response(200, headers=headers, stream=stream), response_bytes=1 << 20)
    with pytest.raises(FetchError, match="larger than 1 MiB") as caught:
        client.get(SERVER)
    assert not caught.value.retryable
    assert encoding or stream.given <= (1 << 20) + 2 * 65_536


def test_a_trickle_ends_with_the_run(asker, clock):
    client, *_ = asker(httpx.Response(200, stream=Endless(clock, b"x", seconds=20)), seconds=100)
    with pytest.raises(BudgetError, match="after 100 s"):
        client.get(SERVER)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(500),
        httpx.Response(503, headers={"retry-after": "4"}),
        httpx.Response(429, headers={"retry-after": "4"}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.ReadError("reset"),
        httpx.Response(200, headers=JSON, text='{"cut": '),
        httpx.Response(200, headers={**JSON, "content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")),
    ],
)
def test_what_passes_is_asked_again_after_a_wait(asker, clock, trouble):
    client, transport, script = asker(trouble, httpx.Response(200, json={}))
    assert client.post(SERVER, json={"said": "twice"}).status_code == 200
    assert [request.content for request in script.requests] == [b'{"said":"twice"}'] * 2
    assert len(clock.naps) == 1
    assert transport._passage._report.waited == clock.naps[0] > 0
    assert transport._passage._report.requests == 2


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 501])
def test_what_does_not_pass_is_asked_once(asker, clock, status):
    client, transport, _ = asker(httpx.Response(status, text="<html>"))
    assert client.get(SERVER).status_code == status
    assert clock.naps == []
    assert transport.last.status == status


def test_waiting_has_an_end(asker):
    client, transport, _ = asker(*[httpx.Response(503)] * 9, attempts=3)
    with pytest.raises(TransientFetchError, match=r"one\.example/x: status 503 after 3 attempts"):
        client.get(SERVER + "/x?secret=1")
    assert transport.last is None
    client, *_ = asker(httpx.Response(429, headers={"retry-after": "4000"}))
    with pytest.raises(TransientFetchError, match="asked to wait 4,000 s"):
        client.get(SERVER)
    client, *_ = asker(httpx.Response(429, headers={"retry-after": "400"}), seconds=300)
    with pytest.raises(BudgetError, match="rather than wait 400 s"):
        client.get(SERVER)


def test_requests_are_counted_and_bounded(asker):
    client, transport, _ = asker(*[httpx.Response(200)] * 3, requests=2)
    client.get(SERVER)
    client.get(SERVER)
    with pytest.raises(BudgetError):
        client.get(SERVER)
    assert transport._passage._report.requests == 2


def test_a_certificate_that_does_not_verify_is_no_passing_trouble(asker, clock):
    error = httpx.ConnectError("handshake")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    client, *_ = asker(error)
    with pytest.raises(FetchError, match="SSL_CERT_FILE") as caught:
        client.get(SERVER)
    assert not caught.value.retryable
    assert clock.naps == []


@pytest.fixture
def environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_proxies_are_those_of_the_environment(environment):
    assert proxy_for("https://one.example/") is None
    environment.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    environment.setenv("NO_PROXY", "localhost,.home.example")
    assert proxy_for("https://one.example/") == "http://proxy.example:3128"
    assert proxy_for("http://one.example/") is None
    assert proxy_for("https://localhost:2583/") is None
    assert proxy_for("https://pds.home.example/") is None
    environment.setenv("ALL_PROXY", "other.example:8080")
    assert proxy_for("http://one.example/") == "http://other.example:8080"


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(environment):
    for proxy in ("ftp://me:the-secret@proxy.example", "socks5://me:the-secret@proxy.example", "http://[::the-secret"):
        environment.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(FetchError, match="the proxy that the environment names") as caught:
            EnvironmentTransport().handle_request(httpx.Request("GET", SERVER))
        assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize("name", BUNDLES)
def test_certificates_are_those_of_the_environment(tmp_path, name):
    import certifi

    assert trusted({name: certifi.where()}).get_ca_certs()
    assert trusted({name: str(tmp_path)}).get_ca_certs() == []
    (tmp_path / "empty.pem").write_text("nothing")
    for place in (tmp_path / "empty.pem", tmp_path / "absent.pem"):
        with pytest.raises(FetchError, match=name):
            trusted({name: str(place)})
    assert trusted({}).get_ca_certs()


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"ok": true}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.enable_socket
def test_no_log_of_any_library_at_any_level_tells_a_token(environment, clock, tmp_path, caplog):
    from atproto import Client, Request, Session

    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "atproto"):
        caplog.set_level(logging.DEBUG, logger=name)
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            around = Surroundings(secrets={}, state=tmp_path, now=clock, elapsed=clock.elapsed, sleep=clock.sleep)
            transport = PoliteTransport(around, Report(), [address])
            client = Client(base_url=address, request=Request(transport=transport, trust_env=False))
            client._session_dispatcher.set_session(
                Session("ada.example", "did:plc:ada", "token-of-ada", "refresh-of-ada")
            )
            response = client.invoke_query("app.example.get", ignore_session_check=True)
            assert response.content == {"ok": True}
            assert "send_request_headers.started" in caplog.text
            client.request.close()
            transport.close()
        finally:
            server.shutdown()
            thread.join()
    assert "token-of-ada" not in caplog.text
    assert "refresh-of-ada" not in caplog.text
