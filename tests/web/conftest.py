"""A reading room over a small invented archive, served for real on loopback."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from pytest_socket import enable_socket

from knowarchive.config import load_config
from knowarchive.model import Link, Mention, Repost
from knowarchive.web.room import Room
from knowarchive.web.server import listen, make_server
from tests.archives import at, open_archive, post, store

CONFIG = """
[archive]
url = "archive"
state = "state"

[[chat]]
name = "lampchat"
title = "Lamps & <b>lights</b>"
hashtags = ["lampchat"]
schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=12;BYMINUTE=0"

[[person]]
name = "Ada Wick"
accounts = ["x:ada", "mastodon:ada@lamps.example"]
"""
DATE = "2015-03-10"
SCRIPT = "<script>alert(1)</script>"
ODD = "mastodon:https://lamps.example/users/ada/statuses/50%25/a?b#c"  # a uid with a slash, a percent sign and more
WIKI = "https://example.org/wiki/lamps"
ADA_X = {"author_uid": "x:101", "author_handle": "ada", "author_name": "Ada"}
ADA_M = {"author_uid": "mastodon:https://lamps.example/users/ada", "author_handle": "ada@lamps.example"}
BEN = {"author_uid": "x:102", "author_handle": "ben", "author_name": f"Ben {SCRIPT}"}


def said(uid, minute, text, **fields):
    return post(
        uid=uid,
        text=text,
        hashtags=("lampchat",),
        observed_at=at(60),
        **{**fields, "created_at": at() + timedelta(minutes=minute)},
    )


def posts():
    return [
        said("x:1", 1, "Q1: Which lamp do you read by? #lampchat", **BEN),
        said(
            "x:2",
            2,
            "A1: An oil lamp, see the wiki #lampchat",
            reply_to="x:1",
            links=(Link(WIKI, "All lamps"),),
            **ADA_X,
        ),
        said(
            "x:3",
            3,
            f"@ada {SCRIPT} & that wiki? #lampchat",
            reply_to="x:2",
            mentions=(Mention("ada", "x:101"),),
            **BEN,
        ),
        said(ODD, 4, f"A1: Candles, and {WIKI}/ #lampchat", links=(Link(f"{WIKI}/?utm_source=a", None),), **ADA_M),
        said("x:5", 20, "Q2: And when the oil runs out? #lampchat", **BEN),
        said("x:6", 21, "A2: Moonlight. \x1b[31m\x00 #lampchat", **ADA_X),
        said("x:7", 22, None, deleted_at=at(50), **BEN),
        said("x:8", 23, "A2: never to be found #lampchat", consent="noindex", author_uid="x:103", author_handle="cleo"),
        said(
            "x:9", 24, "A2: never to be shown #lampchat", consent="noarchive", author_uid="x:104", author_handle="dora"
        ),
        *(said(f"x:{n}", 25, f"A2: number {n} burns #lampchat", **BEN) for n in range(200, 245)),
    ]


def reposts():
    """Of somebody who said nothing of their own, and so has no page."""
    return [Repost(post_uid="x:2", post_at=at(), account_uid="x:555", account_handle="echo", at=at(3))]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A configuration with a filled archive. Read it only."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "knowarchive.toml").write_text(CONFIG)
    store(open_archive(folder), posts(), reposts=reposts(), chat="lampchat")
    return folder


@contextmanager
def served(room, names=(), *, token=None, wait=True):
    """Serve a room on loopback; gives a client."""
    enable_socket()
    with listen("127.0.0.1", 0) as opened:
        server = make_server(room, names, token)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        with httpx.Client(base_url=f"http://127.0.0.1:{opened.getsockname()[1]}", timeout=30) as client:
            while not server.started or (wait and room.now is None):
                assert time.monotonic() < deadline, room.problem
                time.sleep(0.02)
            yield client
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def room(folder):
    return Room(load_config(folder / "knowarchive.toml"))


@pytest.fixture(scope="session")
def client(room):
    with served(room) as client:
        yield client


@pytest.fixture(autouse=True)
def _loopback(socket_enabled):
    """Every test here faces the room's own server."""
