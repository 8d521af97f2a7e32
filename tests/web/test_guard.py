"""A private room answers nobody who does not show its token, and tells it to nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowarchive.config import load_config
from knowarchive.errors import ConfigError
from knowarchive.web.guard import COOKIE, DOOR, VARIABLE, _inside, read_token
from knowarchive.web.room import Room
from tests.web.conftest import CONFIG, DATE, ODD, served
from tests.web.page import Page

TOKEN = "moths-and-lamps-2015"
SECRETS = ("Lamps", "lampchat", "Ada", TOKEN)
PLACES = (
    "/",
    "/search?q=lamp",
    "/search?q=lamp&part=results",
    "/search.atom?q=lamp",
    "/links",
    "/chats/lampchat",
    f"/chats/lampchat/{DATE}",
    f"/chats/lampchat/{DATE}/Q1",
    "/people/x:101",
    "/posts/x:1",
    "/cite/posts/x:1",
    f"/cite/sessions/lampchat/{DATE}",
    "/static/search.js",
    "/nothing",
    "/api/search?q=lamp",
    "/api/chats",
    "/api/sessions/lampchat",
    f"/api/sessions/lampchat/{DATE}",
    "/api/posts/x:1",
    "/api/openapi.json",
    "/api/nothing",
    "//",
    "/enter/",
    "/Enter",
    "/static/room.css/",
)


@pytest.fixture(scope="module")
def private(folder):
    with served(Room(load_config(folder / "knowarchive.toml")), token=TOKEN, wait=False) as client:
        while client.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 503:
            pass
        yield client


@pytest.fixture(autouse=True)
def _nobody(private):
    private.cookies.clear()


def test_every_address_is_known(private):
    from knowarchive.web.app import PAGES, STATIC
    from knowarchive.web.openapi import PATHS

    kinds = {place.partition("?")[0].split("/")[1] for place in PLACES}
    assert {path.split("/")[1] for path in (*PAGES, *STATIC, *PATHS)} <= kinds


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_answered_without_the_token(private, place, method):
    for headers in ({}, {"authorization": "Bearer wrong-wrong-wrong-wrong"}, {"cookie": f"{COOKIE}={TOKEN}"}):
        answer = private.request(method, place, headers=headers)
        assert answer.status_code == 401
        assert "www-authenticate" in answer.headers
        assert "content-security-policy" in answer.headers
        assert not [
            word for word in SECRETS if word in answer.text.replace("/chats/lampchat", "").replace("lampchat/", "")
        ]


@pytest.mark.parametrize("place", [place for place in PLACES[:20] if place.startswith("/api") or "." in place])
def test_programs_show_it_in_a_header_and_feed_readers_as_a_password(private, place):
    for answer in (
        private.get(place, headers={"authorization": f"bearer {TOKEN}"}),
        private.get(place, auth=("anybody", TOKEN)),
    ):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] in {"private, no-cache", "no-cache"}
        assert "cookie" in answer.headers["vary"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        "Basic",
        "Basic !!!!",
        "Basic YQ==",
        TOKEN,
        f"Digest {TOKEN}",
        "Bearer \xff\xfe",
    ],
)
def test_what_is_not_quite_the_token_is_not_the_token(private, header):
    assert private.get("/api/chats", headers={"authorization": header.encode("latin-1")}).status_code == 401


def test_a_person_enters_by_a_form_and_comes_to_where_they_wanted(private):
    wanted = f"/posts/{ODD.replace('%', '%25').replace('/', '%2F').replace('?', '%3F').replace('#', '%23')}"
    asked = private.get(wanted)
    assert Page(asked.text).scripts == []
    assert f'value="{wanted}"' in asked.text
    entered = private.post(DOOR, data={"token": f" {TOKEN} ", "next": wanted})
    assert (entered.status_code, entered.headers["location"]) == (303, wanted)
    cookie = entered.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "secure" not in cookie  # over plain HTTP it would never come back
    assert TOKEN not in cookie
    assert "Candles" in private.get(wanted).text


def test_behind_a_server_with_encryption_the_cookie_stays_in_it(private):
    entered = private.post(DOOR, data={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
    assert "Secure" in entered.headers["set-cookie"]


def test_a_wrong_token_is_told_without_saying_more(private):
    answer = private.post(DOOR, data={"token": "wrong", "next": "/links"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "That is not the token." in answer.text
    assert 'value="/links"' in answer.text


@pytest.mark.parametrize(
    ("data", "headers", "code"),
    [
        ({"token": "a" * 100_000}, {}, 413),
        ({"token": TOKEN}, {"origin": "https://evil.example"}, 403),
        ({"token": TOKEN}, {"origin": "null"}, 403),
        ({}, {}, 401),
        ({f"a{number}": "b" for number in range(100)}, {}, 401),
    ],
)
def test_strange_forms_open_nothing(private, data, headers, code):
    answer = private.post(DOOR, data=data, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (code, False)


@pytest.mark.parametrize("place", ["/", "/api/chats", "/enter/"])
def test_only_the_form_can_be_sent(private, place):
    assert private.post(place, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_a_room_without_a_token_has_no_door(client):
    assert client.get(DOOR).status_code == 404
    assert client.post(DOOR, data={"token": TOKEN}).status_code == 405


def test_the_description_says_how_to_show_it(private, client):
    described = private.get("/api/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
    assert described["security"] == [{"token": []}]
    assert "401" in described["paths"]["/api/chats"]["get"]["responses"]
    assert "security" not in client.get("/api/openapi.json").json()


@given(
    st.text()
    | st.sampled_from(["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/enter"])
)
def test_the_form_leads_to_the_room_alone(ahead):
    inside = _inside(ahead)
    assert inside.startswith("/")
    assert not inside.startswith(("//", "/\\", DOOR))
    assert inside.isprintable()


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    def config(token_file=None):
        extra = f'\n[web]\ntoken_file = "{token_file}"\n' if token_file else ""
        (tmp_path / "knowarchive.toml").write_text(CONFIG + extra)
        return load_config(tmp_path / "knowarchive.toml")

    return config


def test_the_token_is_in_the_environment_or_in_a_file_beside_the_configuration(config, tmp_path, monkeypatch):
    assert read_token(config()) is None
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token(config("token")) == TOKEN
    monkeypatch.setenv(VARIABLE, TOKEN[::-1])
    assert read_token(config("token")) == TOKEN[::-1]


@pytest.mark.parametrize(
    "content", ["", "short", "two words, and long enough", "ä" * 20, "a" * 600, "a" * 20 + "\n" + "b" * 20]
)
def test_what_is_no_token_opens_no_room(config, tmp_path, monkeypatch, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(ConfigError, match="is no token") as told:
        read_token(config("token"))
    assert not content or content not in str(told.value)
    monkeypatch.setenv(VARIABLE, content)
    with pytest.raises(ConfigError, match=VARIABLE):
        read_token(config())


def test_a_token_that_cannot_be_read_opens_no_room(config):
    with pytest.raises(ConfigError, match="token_file"):
        read_token(config("nowhere/token"))
    with pytest.raises(ConfigError, match="token_file"):
        read_token(config("."))
