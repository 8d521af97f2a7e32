from datetime import UTC, datetime, timedelta

import pytest

from transcripts.search.index import IndexWriter, open_index
from transcripts.search.language import parse
from transcripts.search.posts import Filed, IndexedPost
from transcripts.search.results import search

NOON = datetime(2015, 3, 10, 12, tzinfo=UTC)


def indexed(number, text, *, minute=0, **fields):
    """A post of the network X as the index keeps it."""
    values = {
        "uid": f"x:{number}",
        "created_at": NOON + timedelta(minutes=minute),
        "author_handle": "jane",
        "text": text,
        "lang": "en",
        "filed": (Filed("lampchat", "2015-03-10", "Q1", "answer"),),
        **fields,
    }
    return IndexedPost(**values)


def write(folder, posts):
    with IndexWriter(folder) as writer:
        writer.add(posts)
        writer.finish(setup="", tables={})
    return open_index(folder)


def change(folder, since, until, posts):
    """Let the index hold these posts of a stretch."""
    with IndexWriter(folder, open_index(folder).state) as writer:
        changed = writer.replace(since, until, posts)
        writer.finish(setup="", tables={})
    return changed


@pytest.fixture
def find(tmp_path):
    """Index posts (numbered from 1 where they are texts) and give the numbers that a query finds, best first."""

    def find(posts, query, **options):
        made = [indexed(n, one) if isinstance(one, str) else one for n, one in enumerate(posts, 1)]
        folder = tmp_path / f"index-{len(list(tmp_path.iterdir()))}"
        found = search(write(folder, made), parse(query), **options)
        return [int(hit.post.uid.removeprefix("x:")) for hit in found.hits]

    return find
