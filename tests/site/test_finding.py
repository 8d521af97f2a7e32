"""The site's search finds what the reading room's finds, in the same order but for the last hits."""

import json
import shutil
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import generate
from knowarchive.config import load_config
from knowarchive.site.finding import segment_of, shard_of
from pipelines.indexing import index_folder
from tests.archives import generated, import_path, open_archive
from tests.site.conftest import build, make
from transcripts.search import words
from transcripts.search.index import open_index
from transcripts.search.language import parse
from transcripts.search.results import search
from transcripts.writers.text import anchor

RUNNER = Path(__file__).with_name("find.mjs")
HARD = [
    "Don't stop: it’s the l'école", "STRASSE straße", "Ελληνικά και ΣΊΣΥΦΟΣ", "knowledge-management & #CritLib15", "日本語テスト",
    "naïve café ﬁnd", "привет Ёлка", "👍🏽 🇫🇷🇩🇪", "a_b c.d http://example.org/x?y", "ʻokina Đà Nẵng", "שָׁלוֹם", "٣ عربي", "İstanbul ı",
]  # fmt: skip


def ask(folder, **asked):
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not here, in which the page's own script is run")
    found = subprocess.run(
        [node, str(RUNNER), str(folder)], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def fragments(answer):
    return [page.partition("#")[2] for page in answer["pages"]]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The site of some generated sessions, and queries that have many answers."""
    folder = tmp_path_factory.mktemp("large")
    config = generate.configuration(2_400) + '\n[publish]\ncontact = "keeper@site.example"\nx = "as-archived"\n'
    make(folder, weeks=0, config=config)
    archive = open_archive(folder)
    import_path(archive, generated(folder, posts=2_400))
    build(folder)
    index = open_index(index_folder(load_config(folder / "knowarchive.toml")))
    posts = search(index, parse(""), limit=1_000).hits
    said = [words.words(words.without_links(hit.post.text)) for hit in posts]
    often = [
        word for word, count in Counter(word for one in said for word in set(one)).most_common(400) if len(word) > 3
    ]
    pairs = Counter(
        f'"{left} {right}"' for one in said for left, right in pairwise(one) if len(left) > 2 and len(right) > 2
    )
    phrases = [pair for pair, count in pairs.most_common(60) if count >= 3]
    return (
        folder,
        index,
        [*often[5:200:8], *phrases[::3], "knowledge skill", "tools -systems", "from:" + posts[3].post.author_handle],
    )


@pytest.mark.slow
def test_at_least_eight_of_the_first_ten_hits_are_those_of_the_room(large):
    folder, index, queries = large
    answers = ask(folder / "site", queries=queries)["answers"]
    assert len(queries) > 40
    for query, answer in zip(queries, answers, strict=True):
        room = search(index, parse(query), limit=10)
        assert answer["total"] == room.total, query
        found = set(fragments(answer))
        shared = sum(bool({anchor(one.uid) for one in (hit.post, *hit.also)} & found) for hit in room.hits)
        assert shared >= 0.8 * len(room.hits), (query, shared, len(room.hits))


def test_words_are_cut_in_the_page_as_they_are_in_the_index(site):
    assert ask(site.folder / "site", texts=HARD)["words"] == [words.words(text) for text in HARD]


def test_a_word_a_phrase_a_person_and_their_page_are_found(site):
    queries = [
        "moonlight",
        '"wick is trimmed"',
        "from:ada",
        "ada",
        "moonlihgt",
        "harbour -moonlight",
        "glowworms",
        "cleo",
        "embers",
        "burn*",
    ]
    found = dict(zip(queries, ask(site.folder / "site", queries=queries)["answers"], strict=True))
    assert fragments(found["moonlight"]) == ["p-x-106", "p-x-006"]
    assert [page.partition("#")[0] for page in found['"wick is trimmed"']["pages"]] == [
        "chats/lampchat/between-2015-03.html"
    ] * 2
    assert found["from:ada"]["total"] == 8
    assert len(found["ada"]["people"]) == 1
    assert fragments(found["moonlihgt"]) == fragments(found["moonlight"])
    assert "moonlight" in found["moonlihgt"]["notes"][0]
    assert found["burn*"]["total"] == 30
    for query in ("harbour -moonlight", "glowworms", "cleo", "embers"):
        assert (found[query]["total"], found[query]["people"]) == (0, []), query


def test_a_new_month_does_not_touch_the_segments_of_years_that_are_over():
    assert segment_of("2014-12", "2015-03") == "2014"
    assert segment_of("2015-02", "2015-03") == "2015-02"


def test_words_that_begin_alike_lie_in_one_shard():
    assert shard_of("library", 64) == shard_of("librarian", 64)
    assert shard_of("from=ada", 64) != shard_of("from=adb", 64)
