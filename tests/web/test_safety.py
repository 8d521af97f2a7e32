"""Whoever asks for what: an answer that makes sense, never a traceback, never a script that runs."""

import contextlib
import http.client
from urllib.parse import quote

import pytest

from tests.web.conftest import DATE, SCRIPT
from tests.web.page import Page

HOSTILE = {
    "script": SCRIPT,
    "attribute": '" onmouseover="alert(1)',
    "sql": "' OR 1=1; DROP TABLE posts; --",
    "controls": "\x00\x01\x1b[31m\x7f",
    "percent": "%",
    "encoded slash": "%2F",
    "climbing": "../../etc/passwd",
    "surrogate": b"\xed\xa0\x80",
    "not utf-8": b"\xff\xfe",
    "reordering": "\u202e",
    "long": "x" * 2_500,
    "quote": '"',
    "filter of nothing": "from:",
    "huge number": "1" + "0" * 18,
    "negative": "-1",
    "other digits": "٣",
    "template": "{{ 7 * 7 }}{% raw %}",
}
PLACES = (
    "/{}",
    "/search?q={}",
    "/search?q=a&sort={}&page={}",
    "/search.atom?q={}",
    "/links?chat={}&host={}&page={}",
    "/links?person={}",
    "/chats/{}",
    "/chats/lampchat/{}",
    f"/chats/lampchat/{DATE}/{{}}",
    "/people/{}",
    "/people/x:101?show={}&page={}",
    "/posts/{}",
    "/cite/posts/{}",
    "/cite/posts/x:1?format={}",
    "/cite/sessions/lampchat/{}",
    "/api/search?q={}&limit={}&page={}",
    "/api/sessions/{}",
    "/api/sessions/lampchat/{}",
    "/api/posts/{}",
)


def ask(client, path, *, host="localhost", method="GET"):
    """Ask as no well-behaved client would."""
    with contextlib.closing(
        http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=30)
    ) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for one in [host] if isinstance(host, str) else host:
            connection.putheader("Host", one)
        connection.endheaders()
        answer = connection.getresponse()
        return answer, answer.read()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_get_an_answer_that_makes_sense(client, name):
    for place in PLACES:
        path = place.replace("{}", quote(HOSTILE[name], safe=""))
        answer, content = ask(client, path)
        assert answer.status in ({200, 400, 404} if path.startswith("/api/") else {200, 404}), path
        assert b"Traceback" not in content
        assert not {b"\x00", b"\x1b"} & {bytes([one]) for one in content}
        assert content.decode()
        if "html" in answer.headers["content-type"]:
            assert Page(content.decode()).scripts in ([], ["/static/search.js"], ["/static/cite.js"]), path


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/chats", "/static/room.css", f"/chats/lampchat/{DATE}"])
def test_every_answer_carries_the_policy(client, path):
    headers = client.get(path).headers
    policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:80", "", "a b", "localhost@evil.example", ()]
)
def test_other_names_are_refused(client, host):
    answer, content = ask(client, "/", host=host)
    assert answer.status in {400, 421}
    assert b"Lamps" not in content


def test_two_names_at_once_are_refused(client):
    answer, _ = ask(client, "/", host=("localhost", "evil.example"))
    assert answer.status in {400, 421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8765", "192.168.0.7"])
def test_its_own_names_and_numbers_are_answered(client, host):
    assert ask(client, "/", host=host)[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_it_can_only_be_read(client, method):
    answer, _ = ask(client, "/", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_head_has_no_body(client):
    answer, content = ask(client, "/", method="HEAD")
    assert (answer.status, content) == (200, b"")


def test_a_query_of_a_hundred_kilobytes_is_told_to_be_too_long(client):
    answer, content = ask(client, "/search?q=" + "a" * 100_000)
    assert answer.status == 414
    assert b"too long: 100," in content


def test_a_page_far_beyond_the_last_is_the_last(client):
    far = Page(client.get("/search", params={"q": "burns", "page": "1" + "0" * 18}).text)
    last = Page(client.get("/search", params={"q": "burns", "page": 3}).text)
    assert far.text == last.text
    assert "Page 3 of 3" in far.text
