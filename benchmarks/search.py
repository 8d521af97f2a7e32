"""Measure the search index: building, asking, adding; against tantivy alone and SQLite FTS5 in the same run.

    .venv/bin/python -m benchmarks.search --posts 1000000

The archive is generated and imported first. Posts are indexed with chat and session but without the inference of the
filing, which `benchmarks.bench` measures with transcripts. Our index is written so that it ends as one segment, as a new one
always is; tantivy's own ends as it does by itself. Queries are two of the 2,000 commonest words, both of
one post, asked in every form that the index has. Each is asked as a person does: from the typed text to ten results with
their highlights, how many fit, and all facets. The bare query is the least that tantivy needs for that: the same words
and forms, the ten best documents read, and the count; what is ours on top are reading what was typed, ranking by worth,
folding copies, highlights and facets. SQLite FTS5 does the whole job, as well as it can: the words stemmed, the ten
best by bm25 with snippets, the count, and a count of each facet's values over one list of what fits. Ratios are given of
the time that all queries take together, and of the medians: the more fit, the more of a query's time is the engine's.

Between two askings of one query lie all the others, because nobody asks the same thing five times in a row. Where it is
asked again at once, as it was here before, the bare query finds its lists of posts in the processor's caches and its ten
documents unpacked, which spares it more than half of its time, and what is ours on top less than half of its own.
"""

import argparse
import json
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tantivy

from knowarchive.config import load_config
from storage.archive import Archive
from transcripts.search.compiling import compile_query
from transcripts.search.index import IndexWriter, SearchIndex, open_index
from transcripts.search.language import parse
from transcripts.search.posts import Filed, IndexedPost, keep, seconds
from transcripts.search.results import search
from transcripts.search.schema import hosts_of
from transcripts.search.words import stem, words

ROOT = Path(__file__).resolve().parents[1]
ADDED = 500
LAPS = 5  # of all queries in each way
SMALL, PAIRS = 1_000, 15  # records of the archive in which a search is started, and how often


def main() -> None:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000, help="records to generate; about half are reposts")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--archive", type=Path, help="a configuration whose archive is there already")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-search-") as folder:
        config = options.archive or generate(Path(folder), options.posts, options.seed)
        figures = measure(config, Path(folder), options.queries, options.seed) | cold_start(Path(folder), options.seed)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<52}{value:>14,.3f}" if isinstance(value, float) else f"{name:<52}{value:>14,}")


def generate(folder: Path, posts: int, seed: int) -> Path:
    """Make an archive; returns its configuration."""
    file, config = folder / "posts.jsonl", folder / "knowarchive.toml"
    command = [sys.executable, "-m", "benchmarks.generate", "--posts", str(posts), "--seed", str(seed)]
    subprocess.run([*command, "--output", str(file)], check=True, cwd=ROOT)
    settings = subprocess.run([*command, "--configuration"], check=True, cwd=ROOT, capture_output=True, text=True)
    config.write_text(settings.stdout)
    subprocess.run(
        [sys.executable, "-m", "knowarchive", "--config", str(config), "import", str(file)],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    file.unlink()
    return config


def measure(config: Path, folder: Path, queries: int, seed: int) -> dict[str, Any]:
    """Build the three indexes over the same posts, and ask them the same."""
    posts = list(read(config))
    figures: dict[str, Any] = {"posts": len(posts)}
    ours, ours_cpu = timed(lambda: build_ours(folder / "ours", posts))
    alone, alone_cpu = timed(lambda: build_alone(folder / "alone", posts))
    figures["index: processor us a post"] = ours_cpu / len(posts) * 1e6
    figures["index: times tantivy alone"] = ours_cpu / alone_cpu
    figures["index: bytes a post"] = sum(file.stat().st_size for file in (folder / "ours").rglob("*")) // len(posts)
    figures["alone: bytes a post"] = sum(file.stat().st_size for file in (folder / "alone").rglob("*")) // len(posts)
    sqlite = build_sqlite(folder / "posts.db", posts)
    asked = list(pairs(posts, queries, seed))
    compiled = {query: compile_query(parse(query), ours) for query in asked}
    searcher = alone.searcher()
    ways: dict[str, Callable[[str], object]] = {
        "ours": lambda query: search(ours, parse(query)),
        "ours, without facets": lambda query: search(ours, parse(query), facets=False),
        "the bare query": lambda query: read_best(ours.searcher, compiled[query]),
        "tantivy's own index": lambda query: read_best(searcher, stemmed(alone, query)),
        "sqlite": lambda query: ask_sqlite(sqlite, query),
    }
    best = laps(ways, asked)
    for name, times in best.items():
        figures[f"{name}: median ms"] = statistics.median(times) * 1e3
        figures[f"{name}: p95 ms"] = statistics.quantiles(times, n=20)[-1] * 1e3
    for one, other in (
        ("ours", "the bare query"),
        ("ours, without facets", "the bare query"),
        ("ours", "tantivy's own index"),
        ("sqlite", "ours"),
    ):
        figures[f"{one} / {other}: all queries"] = sum(best[one]) / sum(best[other])
        figures[f"{one} / {other}: medians"] = statistics.median(best[one]) / statistics.median(best[other])
    _, figures[f"adding {ADDED} posts: s"] = add(folder / "ours", ours, posts[-ADDED:])
    return figures


def read(config: Path) -> Iterator[IndexedPost]:
    """The posts of an archive, each with the chat of its hashtag and the session of its day."""
    settings = load_config(config)
    archive = Archive(settings.archive_url, settings.state_dir)
    extent = archive.extent()
    assert extent is not None
    chats = {tag: chat.name for chat in settings.chat for tag in chat.hashtags}
    since, end = extent
    while since <= end:
        until = since + timedelta(days=60)
        for post in archive.posts(since, until):
            label = f"{post.created_at:%Y-%m-%d}"
            names = [chats[tag] for tag in post.hashtags or () if tag in chats]
            yield keep(post, [Filed(name, label, f"Q{len(post.text or '') % 7 + 1}", "answer") for name in names[:1]])
        since = until


def build_ours(folder: Path, posts: Sequence[IndexedPost]) -> SearchIndex:
    with IndexWriter(folder, expected=len(posts)) as writer:
        writer.add(posts)
        writer.finish(setup="", tables={})
    index = open_index(folder)
    assert index is not None
    return index


def build_alone(folder: Path, posts: Iterable[IndexedPost]) -> tantivy.Index:
    """The same fields as they would be with tantivy's own tokenizers and nothing of ours."""
    folder.mkdir()
    builder = tantivy.SchemaBuilder()
    for name in ("text", "beside"):
        builder.add_text_field(name, stored=True)
    builder.add_text_field("stems", tokenizer_name="en_stem", index_option="freq")
    for name in ("uid", "parent", "marks"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("chat", "year", "platform", "author", "host"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_integer_field("created", fast=True, stored=True)
    index = tantivy.Index(builder.build(), path=str(folder))
    writer = index.writer(64_000_000, 1)
    for post in posts:
        writer.add_document(
            tantivy.Document(
                text=post.text or "",
                stems=post.text or "",
                beside=[post.author_name or "", *(url for url, _ in post.links)],
                uid=post.uid,
                parent=post.reply_to or "",
                marks=[*post.hashtags, *post.mentions],
                chat=[one.chat for one in post.filed],
                year=str(post.created_at.year),
                platform=post.platform,
                author=post.author_handle or "",
                host=[url for url, _ in post.links],
                created=seconds(post.created_at),
            )
        )
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def read_best(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    """Read the ten best documents; returns how many fit."""
    found = searcher.search(query, 10)
    for _, address in found.hits:
        searcher.doc(address)
    return int(found.count)  # type: ignore[attr-defined]  # the stub lacks it


def stemmed(index: tantivy.Index, query: str) -> tantivy.Query:
    """The same words, as tantivy's own English tokenizer cuts and stems them."""
    stems = [stem(word, "en") for word in query.split()]
    return tantivy.Query.boolean_query(
        [(tantivy.Occur.Must, tantivy.Query.term_query(index.schema, "stems", one)) for one in stems]
    )


def build_sqlite(path: Path, posts: Iterable[IndexedPost]) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("CREATE VIRTUAL TABLE found USING fts5(text, beside, tokenize = 'porter unicode61')")
    database.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY, chat, year, platform, author, question)")
    database.execute("CREATE TABLE hosts (id INTEGER, host, PRIMARY KEY (id, host)) WITHOUT ROWID")
    for number, post in enumerate(posts):
        filed = post.filed[0] if post.filed else Filed("")
        database.execute(
            "INSERT INTO found (rowid, text, beside) VALUES (?, ?, ?)", (number, post.text, post.author_name)
        )
        database.execute(
            "INSERT INTO posts VALUES (?, ?, ?, ?, ?, ?)",
            (number, filed.chat, post.created_at.year, post.platform, post.author_handle, filed.topic),
        )
        database.executemany("INSERT INTO hosts VALUES (?, ?)", [(number, host) for host in hosts_of(post)])
    database.execute("INSERT INTO found (found) VALUES ('optimize')")
    database.commit()
    return database


def ask_sqlite(database: sqlite3.Connection, query: str) -> None:
    asked = " AND ".join(f'"{word}"' for word in query.split())
    database.execute(
        "SELECT rowid, text, beside, snippet(found, 0, '[', ']', '…', 40) FROM found WHERE found MATCH ? "
        "ORDER BY rank LIMIT 10",
        (asked,),
    ).fetchall()
    database.execute(_SQLITE_FACETS, (asked,)).fetchall()


_SQLITE_FACETS = """
WITH fitting AS MATERIALIZED (SELECT posts.* FROM found JOIN posts ON posts.id = found.rowid WHERE found MATCH ?)
SELECT 'total', NULL, count(*) FROM fitting
UNION ALL SELECT * FROM (SELECT 'chat', chat, count(*) FROM fitting GROUP BY chat ORDER BY 3 DESC LIMIT 10)
UNION ALL SELECT * FROM (SELECT 'year', year, count(*) FROM fitting GROUP BY year ORDER BY 3 DESC LIMIT 10)
UNION ALL SELECT * FROM (SELECT 'platform', platform, count(*) FROM fitting GROUP BY platform ORDER BY 3 DESC LIMIT 10)
UNION ALL SELECT * FROM (SELECT 'author', author, count(*) FROM fitting GROUP BY author ORDER BY 3 DESC LIMIT 10)
UNION ALL SELECT * FROM (SELECT 'question', question, count(*) FROM fitting GROUP BY question ORDER BY 3 DESC LIMIT 10)
UNION ALL SELECT * FROM (SELECT 'host', host, count(*) FROM fitting JOIN hosts USING (id)
                         GROUP BY host ORDER BY 3 DESC LIMIT 10)
"""


def add(folder: Path, index: SearchIndex, posts: list[IndexedPost]) -> tuple[int, float]:
    """Add posts to a finished index as new ones of a time of their own; returns how many, and seconds."""
    late = datetime(2030, 1, 1, tzinfo=UTC)
    new = [
        IndexedPost(uid=f"x:9{number}", created_at=late + timedelta(seconds=number), text=post.text, filed=post.filed)
        for number, post in enumerate(posts)
    ]
    start = time.perf_counter()
    with IndexWriter(folder, index.state) as writer:
        count = writer.replace(late, late + timedelta(days=1), new)
        writer.finish(setup="", tables={})
    return count, time.perf_counter() - start


def pairs(posts: list[IndexedPost], number: int, seed: int) -> Iterator[str]:
    """Two words of one post, as somebody who remembers it would type them."""
    draw = random.Random(seed)
    count = Counter(word for post in draw.choices(posts, k=20_000) for word in words(post.text or ""))
    common = {word for word, _ in count.most_common(2_000) if len(word) > 3 and word.isalpha()}
    while number:
        found = sorted({word for word in words(draw.choice(posts).text or "") if word in common})
        if len(found) >= 2:
            number -= 1
            yield " ".join(draw.sample(found, 2))


def cold_start(folder: Path, seed: int) -> dict[str, float]:
    """What `knowarchive search` takes from its start to its end, against Python that does nothing, in pairs."""
    (folder / "small").mkdir()
    config = generate(folder / "small", SMALL, seed)
    program = str(Path(sys.executable).with_name("knowarchive"))
    subprocess.run([program, "--config", str(config), "index"], check=True, capture_output=True)
    [words_of_one] = pairs(list(read(config)), 1, seed)
    asked, nothing = [program, "--config", str(config), "search", words_of_one], [sys.executable, "-c", "pass"]
    times = [(spent(asked), spent(nothing)) for _ in range(1 + PAIRS)][1:]
    ours, theirs = zip(*times, strict=True)
    return {
        "cold start: processor ms": min(ours) * 1e3,
        "cold start / python -c pass": min(ours) / min(theirs),
        "cold start / python -c pass: medians": statistics.median(ours) / statistics.median(theirs),
    }


def spent(command: Sequence[str]) -> float:
    """Seconds of processor time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def laps(ways: Mapping[str, Callable[[str], object]], asked: Sequence[str]) -> dict[str, list[float]]:
    """Seconds that each way of asking takes for each query, the best of some; the first lap is not counted.

    In a lap each way is asked every query once. So of what a query needs nothing is left in the processor's caches, or
    unpacked, from when it was asked before, and the ways come often enough after each other to share the weather.
    """
    times = {name: [float("inf")] * len(asked) for name in ways}
    for lap in range(1 + LAPS):
        for name, ask in ways.items():
            for place, query in enumerate(asked):
                start = time.perf_counter()
                ask(query)
                took = time.perf_counter() - start
                if lap:
                    times[name][place] = min(times[name][place], took)
    return times


if __name__ == "__main__":
    main()
