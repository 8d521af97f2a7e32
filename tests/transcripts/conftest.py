"""Sessions to build transcripts of: invented ones, and the real ones of `../shared/data`."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from connectors import map_payload
from connectors.files.reader import read_file
from knowarchive.config import Chat
from knowarchive.model import Mention, Post
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
    posts, reposts = {}, []
    for payload in read_file(path, origin=path.name):
        mapped = map_payload(payload)
        posts.update((post.uid, structs.replace(post, chats=("critlib",))) for post in mapped.posts)
        reposts += mapped.reposts
    window = find_window(CRITLIB, label)
    chosen = select(posts.values(), window, CRITLIB.hashtags, CRITLIB.name)
    return SessionPosts(window, "Critical librarianship", ("critlib",), chosen, reposts=tuple(reposts))


def load_gold(label):
    path = DATA / "gold" / f"critlib-{label}.tsv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8") as lines:
        return {row["uid"]: (row["topic"], row["role"]) for row in csv.DictReader(lines, delimiter="\t")}


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
