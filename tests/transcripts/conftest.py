"""Sessions to build transcripts of: invented ones, and the real ones of `../shared/data`."""

import csv
import gzip
import html
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from knowarchive.config import Chat
from knowarchive.model import Link, Mention, Post, Repost
from transcripts.model import SessionPosts
from transcripts.sessions import find_window, select

DATA = Path(__file__).parents[3] / "shared" / "data"
CRITLIB = Chat(
    name="critlib",
    hashtags=("critlib",),
    timezone="America/New_York",
    schedule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0",
)
PULLS = {
    "2015-03-10": "mar102015.jsonl.gz",
    "2015-05-19": "may192015.jsonl.gz",
    "2015-04-21": "apr232015.csv.gz",
    "2015-05-05": "may062015.csv.gz",
}


def load_session(label):
    path = DATA / "critlib" / PULLS[label]
    if not path.exists():
        pytest.skip(f"{path} is not here")
    posts, reposts = (_from_json if ".jsonl" in path.name else _from_csv)(path)
    window = find_window(CRITLIB, label)
    chosen = select(posts.values(), window, CRITLIB.hashtags, CRITLIB.name)
    return SessionPosts(window, "Critical librarianship", ("critlib",), chosen, reposts=tuple(reposts))


def load_gold(label):
    path = DATA / "gold" / f"critlib-{label}.tsv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    rows = csv.DictReader(path.open(encoding="utf-8"), delimiter="\t")
    return {row["uid"]: (row["topic"], row["role"]) for row in rows}


def _from_json(path):
    posts, reposts = {}, []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            status = json.loads(line)
            original = status.get("retweeted_status")
            if original:
                post = _map_status(original)
                reposts.append(
                    Repost(
                        post_uid=post.uid,
                        post_at=post.created_at,
                        account_uid=f"x:{status['user']['id_str']}",
                        account_handle=status["user"]["screen_name"],
                        at=parsedate_to_datetime(status["created_at"]),
                    )
                )
                posts.setdefault(post.uid, post)
            else:
                post = _map_status(status)
                posts[post.uid] = post
    return posts, reposts


def _map_status(status):
    text = status["text"]
    for url in status["entities"]["urls"]:
        text = text.replace(url["url"], url["expanded_url"])
    return Post(
        uid=f"x:{status['id_str']}",
        created_at=parsedate_to_datetime(status["created_at"]),
        author_uid=f"x:{status['user']['id_str']}",
        author_handle=status["user"]["screen_name"],
        author_name=status["user"]["name"],
        text=html.unescape(text),
        hashtags=tuple(tag["text"] for tag in status["entities"]["hashtags"]),
        mentions=tuple(
            Mention(mention["screen_name"], f"x:{mention['id_str']}") for mention in status["entities"]["user_mentions"]
        ),
        links=tuple(Link(url["expanded_url"]) for url in status["entities"]["urls"]),
        reply_to=f"x:{status['in_reply_to_status_id_str']}" if status["in_reply_to_status_id_str"] else None,
        reply_to_author=f"x:{status['in_reply_to_user_id_str']}" if status["in_reply_to_user_id_str"] else None,
        reposts=status["retweet_count"],
        likes=status["favorite_count"],
        chats=("critlib",),
    )


def _from_csv(path):
    posts = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["reweet_id"] or row["text"].startswith("RT @"):
                continue
            handle, identity = row["tweet_url"].split("/")[3::2]
            text = html.unescape(row["text"])
            post = Post(
                uid=f"x:{identity}",
                created_at=parsedate_to_datetime(row["created_at"]),
                author_handle=handle,
                text=text,
                hashtags=tuple(row["hashtags"].split()),
                mentions=tuple(
                    Mention(word.strip(".,:!?").removeprefix("@")) for word in text.split() if word.startswith("@")
                ),
                links=tuple(Link(url) for url in row["urls"].split()),
                reposts=int(row["retweet_count"]),
                chats=("critlib",),
            )
            posts[post.uid] = post
    return posts, []


@pytest.fixture
def real():
    """Load a real session by its date, or skip where the data is absent."""
    return load_session


@pytest.fixture
def gold():
    """Load the hand-made labels of a real session: topic and role by uid."""
    return load_gold


START = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


@pytest.fixture
def say():
    """Make a post of an invented session: `say(minute, handle, text, ...)`."""
    count = iter(range(1, 1_000_000))

    def make(minute, handle, text, **fields):
        fields.setdefault("uid", f"x:{next(count)}")
        fields.setdefault("hashtags", ("birdlore",))
        if isinstance(fields.get("reply_to"), Post):
            fields["reply_to_author"] = fields["reply_to"].author_uid
            fields["reply_to"] = fields["reply_to"].uid
        return Post(
            created_at=START + timedelta(minutes=minute),
            author_uid=f"x:u-{handle}",
            author_handle=handle,
            author_name=handle.title(),
            text=text,
            mentions=tuple(
                Mention(word.strip(".,:!?")[1:])
                for word in (text or "").split()
                if word.startswith("@") and len(word) > 1
            ),
            **fields,
        )

    return make


@pytest.fixture
def hold():
    """Put posts into an invented session of the chat `birdlore`."""
    chat = Chat(name="birdlore", hashtags=("birdlore",), schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=2")

    def make(*posts, **fields):
        window = find_window(chat, "2026-03-04")
        return SessionPosts(window, "Birds in stories", ("birdlore",), tuple(posts), **fields)

    return make
