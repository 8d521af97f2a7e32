"""People are told once of what is new, through a real service on loopback, and nothing while all is well."""

import http.server
import json
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.standing import Trouble
from pipelines.telling import ADDRESSES, AGAIN, TITLE, choose, sender, tell

#: apprise imports all its services at once, one of which needs a module that Python will drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
DISK = Trouble("disk", None, "/archive", "/archive: 0.4 GB are left on its disk; make room")
TOKEN = Trouble("token", "lanternkm", "x", "lanternkm: x refuses KNOWARCHIVE_X_BEARER; renew it")
PASSWORD = "invented-pass-6f3a"


class Service:
    """What takes notifications as JSON: apprise's `json://`."""

    def __init__(self):
        self.status = 200
        self.received = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.received.append((json.loads(body), self.headers["Authorization"]))
                self.send_response(service.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def environ(self):
        return {ADDRESSES: f"json://operator:{PASSWORD}@127.0.0.1:{self.server.server_port}/"}


@pytest.fixture
def service(socket_enabled):
    service = Service()
    yield service
    service.server.shutdown()
    service.server.server_close()


def test_nothing_is_sent_while_all_is_well(tmp_path, service):
    assert tell(tmp_path, [], NOW, sender(service.environ)) == 0
    assert service.received == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_new_is_sent_once_with_all_its_lines(tmp_path, service):
    send = sender(service.environ)
    assert tell(tmp_path, [DISK, TOKEN], NOW, send) == 2
    for minutes in (5, 10, 60 * 24):
        assert tell(tmp_path, [DISK, TOKEN], NOW + timedelta(minutes=minutes), send) == 0
    [(message, authorization)] = service.received
    assert message["title"] == TITLE
    assert message["message"].splitlines() == [DISK.text, TOKEN.text]
    assert authorization


def test_what_could_not_be_sent_is_sent_the_next_time_and_the_address_is_in_no_log(tmp_path, service, caplog):
    caplog.set_level(logging.DEBUG)
    service.status = 500
    send = sender(service.environ)
    assert tell(tmp_path, [DISK], NOW, send) == 0
    assert "a notification could not be sent" in caplog.text
    assert PASSWORD not in caplog.text
    service.status = 200
    assert tell(tmp_path, [DISK], NOW + timedelta(minutes=5), send) == 1
    assert all(PASSWORD.encode() not in path.read_bytes() for path in tmp_path.rglob("*"))


def test_an_address_that_nobody_understands_is_said_and_not_shown(tmp_path, caplog):
    send = sender({ADDRESSES: f"nonsense://{PASSWORD}@nowhere"})
    assert tell(tmp_path, [DISK], NOW, send) == 0
    assert ADDRESSES in caplog.text
    assert PASSWORD not in caplog.text


def test_without_an_address_there_is_nobody_to_tell():
    assert sender({}) is None
    assert sender({ADDRESSES: "  "}) is None


def test_a_trouble_that_stays_is_told_again_after_a_week_and_one_that_returns_at_once():
    news, told = choose([DISK, TOKEN], {}, NOW)
    assert news == [DISK, TOKEN]
    assert choose([DISK], told, NOW + AGAIN - timedelta(seconds=1)) == ([], {DISK.key: NOW})
    assert choose([DISK], told, NOW + AGAIN) == ([DISK], {DISK.key: NOW + AGAIN})
    _, told = choose([], told, NOW)
    assert told == {}
    assert choose([DISK], told, NOW + timedelta(minutes=5))[0] == [DISK]


def test_what_happened_and_is_over_is_told_once():
    lost = Trouble("missed", "lanternkm", "2026-03-11 x", "lanternkm 2026-03-11: x was not collected")
    _, told = choose([lost], {}, NOW)
    assert choose([lost], told, NOW + 2 * AGAIN) == ([], {lost.key: NOW})


def test_a_damaged_memory_is_no_trouble(tmp_path):
    for content in ("[", "[1]", '{"a": 1}'):
        (tmp_path / "told.json").write_text(content)
        sent = []
        assert tell(tmp_path, [DISK], NOW, lambda *words, sent=sent: not sent.append(words)) == 1
        assert len(sent) == 1


def test_whom_the_message_reached_is_not_told_again_because_another_address_fails(tmp_path, service, caplog):
    send = sender({ADDRESSES: f"{service.environ[ADDRESSES]} nonsense://{PASSWORD}@nowhere"})
    assert tell(tmp_path, [DISK], NOW, send) == 1
    assert ADDRESSES in caplog.text
    assert PASSWORD not in caplog.text
    assert tell(tmp_path, [DISK], NOW + timedelta(minutes=5), send) == 0
    assert len(service.received) == 1
