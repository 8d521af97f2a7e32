"""Measure what `knowarchive collect` costs beside what the network takes: processor time of whole commands.

A chat is held on three servers on loopback, with pages as large as the networks give them. Each command is run on a
session of many posts and on one of hardly any; the difference is what the posts cost, fetching and decoding them
included, and the rest is the start of Python and of the networks' libraries. Archives of several sizes are compared.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"x": 100, "bluesky": 100, "mastodon": 40}  # posts on a page, as the networks give at most
HARDLY = 1


def main() -> None:
    """Print one row for each network and for all together, by the size of the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=500, help="posts in the session, on all networks together")
    parser.add_argument("--archives", type=int, nargs="*", default=[0, 10_000], help="posts that are there before")
    parser.add_argument("--tries", type=int, default=3, help="the least processor time of so many is told")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for row in run(options.posts, options.archives, options.tries):
        rows.append(row)
        if not options.json:
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    if options.json:
        print(json.dumps(rows, indent=2))


def run(posts: int, archives: list[int], tries: int) -> Iterator[dict[str, Any]]:
    """Yield the rows. Seconds of processor time, of the command alone."""
    with tempfile.TemporaryDirectory() as folder:
        for size in archives:
            archive = Path(folder) / f"archive-{size}"
            if size:
                _fill(archive, size)
            for networks in (["x"], ["bluesky"], ["mastodon"], list(PAGES)):
                each = posts // len(networks)
                many = min(_collect(networks, each, archive, Path(folder)) for _ in range(tries))
                hardly = min(_collect(networks, HARDLY, archive, Path(folder)) for _ in range(tries))
                yield {
                    "networks": "+".join(networks),
                    "posts": each * len(networks),
                    "archive": size,
                    "seconds": round(many, 2),
                    "start": round(hardly, 2),
                    "posts_alone": round(many - hardly, 2),
                }


def _fill(archive: Path, posts: int) -> None:
    from benchmarks.generate import generate_pages
    from pipelines.importing import ImportSource, import_file
    from storage.archive import Archive

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "posts.jsonl"
        file.write_bytes(b"\n".join(generate_pages(posts, 1)))
        store = Archive(str(archive), Path(folder) / "state")
        import_file(store, ImportSource("posts", path=file), now=lambda: datetime.now(UTC))
        store.maintain()


def _collect(networks: list[str], posts: int, archive: Path, folder: Path) -> float:
    """Collect a session of so many posts on each network into a copy of the archive. Returns seconds of processor time."""
    from tests.connectors.loopback import SECRETS, TAG, Chat, MachineClock

    yesterday = datetime.now(UTC) - timedelta(days=1)
    evening = yesterday.replace(hour=20, minute=0, second=0, microsecond=0)
    chat = Chat(evening, MachineClock, more=posts)  # type: ignore[no-untyped-call]
    for name, size in PAGES.items():
        chat.networks[name].page = size
    home = Path(tempfile.mkdtemp(dir=folder))
    if archive.exists():
        shutil.copytree(archive, home / "archive")
    with chat.served() as servers:
        sources = "".join(
            f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in networks
        )
        (home / "knowarchive.toml").write_text(
            '[archive]\nurl = "archive"\nstate = "state"\n\n'
            f'[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\nschedule = "FREQ=DAILY;BYHOUR=20;BYMINUTE=0"\n{sources}'
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run(
            [sys.executable, "-m", "knowarchive", "collect", "--json"],
            cwd=home,
            env={**os.environ, **SECRETS, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = json.loads(result.stdout)["seen"]
    assert seen >= posts * len(networks), f"{seen} posts of {posts * len(networks)}"
    shutil.rmtree(home)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
