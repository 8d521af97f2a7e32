"""A site of a small invented archive: several networks, every wish that there is, names that mean harm."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from knowarchive.config import load_config
from knowarchive.model import Account, Link, Mention, Repost
from knowarchive.site.building import publish
from tests.archives import at, open_archive, post, store
from tests.web.conftest import ADA_X, BEN, SCRIPT, WIKI
from tests.web.conftest import CONFIG as ROOM

CONFIG = f"""{ROOM}
[publish]
url = "https://site.example/lamps/"
contact = "keeper@site.example"
notice = "Be kind & <i>stay</i>."
x = "as-archived"
opt_out = ["x:quiet"]
"""
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MASTODON = "mastodon:https://lamps.example/users"
ADA_M = {"author_uid": f"{MASTODON}/ada", "author_handle": "ada@lamps.example", "author_name": "Ada"}
CLEO = {"author_uid": f"{MASTODON}/cleo", "author_handle": "cleo@lamps.example", "author_name": "Cleo Unfound"}
DORA = {"author_uid": "bluesky:did:plc:dora", "author_handle": "dora.example", "author_name": "Dora Hidden"}
QUIET = {"author_uid": "x:105", "author_handle": "Quiet", "author_name": "Quiet Person"}
GUS = {"author_uid": f"{MASTODON}/gus", "author_handle": "gus@lamps.example", "author_name": "Gus Changedhismind"}


def said(uid, minute, text, *, week=0, **fields):
    return post(
        uid=uid,
        text=text,
        hashtags=("lampchat",),
        observed_at=at(60) + timedelta(weeks=week),
        **{**fields, "created_at": at() + timedelta(weeks=week, minutes=minute)},
    )


def session(week=0):
    """A session; its ids begin with the week."""
    n = f"{week}0"
    return [
        said(f"x:{n}1", 1, f"Q1: Which lamp do you read by in week {week}? #lampchat", week=week, **BEN),
        said(f"x:{n}2", 2, "A1: An oil lamp, see the wiki #lampchat", week=week, reply_to=f"x:{n}1",
             links=(Link(WIKI, "All lamps"),), **ADA_X),
        said(f"x:{n}3", 3, f"@ada {SCRIPT} & that wiki? #lampchat", week=week, reply_to=f"x:{n}2",
             mentions=(Mention("ada", "x:101"),), **BEN),
        said(f"{MASTODON}/ada/statuses/{n}4", 4, f"A1: Candles, and {WIKI}/ #lampchat", week=week,
             links=(Link(f"{WIKI}/?utm_source=a", None), Link(f"https://example.org/{week}", f"Page {week}")), **ADA_M),
        said(f"x:{n}5", 20, "Q2: And when the oil runs out? #lampchat", week=week, **BEN),
        said(f"x:{n}6", 21, "A2: Moonlight over the harbour. \x1b[31m\x00 #lampchat", week=week, **ADA_X),
        said(f"x:{n}7", 22, None, week=week, deleted_at=at(50), **BEN),
        said(f"{MASTODON}/cleo/statuses/{n}8", 23, "A2: unfindable glowworms #lampchat", week=week, consent="noindex", **CLEO),
        said(f"bluesky:did:plc:dora/app.bsky.feed.post/{n}9", 24, "A2: unshowable embers #lampchat", week=week,
             consent="no-unauthenticated", **DORA),
        said(f"x:{n}90", 25, "A2: so say you #lampchat", week=week,
             reply_to=f"bluesky:did:plc:dora/app.bsky.feed.post/{n}9", **BEN),
        said(f"x:{n}91", 26, "A2: unspeakable sparks #lampchat", week=week, **QUIET),
        said(f"{MASTODON}/gus/statuses/{n}92", 27, "A2: regretted tallow #lampchat", week=week, **GUS),
        *(said(f"x:{n}{k}", 28, f"A2: number {k} of week {week} burns #lampchat", week=week, **BEN) for k in range(200, 215)),
        said(f"x:{n}300", 60 * 24 * 2, "Between the sessions the wick is trimmed #lampchat", week=week, **ADA_X),
    ]  # fmt: skip


def profiles():
    """Gus asked archives to keep away after he had written."""
    return [Account(uid=GUS["author_uid"], handle="gus@lamps.example", observed_at=at(600), consent="noarchive")]


def reposts(week=0):
    return [
        Repost(post_uid=f"x:{week}02", post_at=at() + timedelta(weeks=week, minutes=2), account_uid=uid, account_handle=handle)
        for uid, handle in (("x:555", "echo"), ("x:105", "Quiet"))
    ]  # fmt: skip


def add(folder, week):
    store(
        open_archive(folder),
        session(week),
        reposts=reposts(week),
        accounts=profiles() if not week else (),
        chat="lampchat",
    )


def make(folder, weeks=1, config=CONFIG):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "knowarchive.toml").write_text(config)
    for week in range(weeks):
        add(folder, week)
    return folder


def build(folder, output=None, now=NOW, **options):
    return publish(load_config(folder / "knowarchive.toml"), output or folder / "site", now=now, processes=1, **options)


def tree(folder):
    """Every file of a site but its list, by its address."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "knowarchive-site.json"
    }


@dataclass
class Site:
    folder: object
    published: object

    def read(self, name):
        return (self.folder / "site" / name).read_text(encoding="utf-8")

    def holding(self, words):
        return {name for name, content in tree(self.folder / "site").items() if words.encode() in content}


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site of two sessions. Read it only."""
    folder = make(tmp_path_factory.mktemp("site"), weeks=2)
    return Site(folder, build(folder))
