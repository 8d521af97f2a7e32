"""Measure books and pictures of a year: seconds and memory, and how many times as long as reading and filing its sessions.

    .venv/bin/python -m benchmarks.documents

Every figure is taken in a process of its own, so that peak memory is that of the work alone; processor seconds, because a
busy machine stretches the others. What is measured is the last year of the first chat of a generated archive.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
READ = "read"  # the sessions alone


def main() -> None:
    """Run everything, or with --measure one measurement, as this program asks of itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=150_000, help="posts to generate, of all chats")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--format", nargs="*", help="which formats; by default all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as name:
        folder = Path(name)
        _generate(folder, options.size, options.seed)
        found = list(run(folder, options.format))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for row in found:
        print(
            "  ".join(
                f"{key} {value:,.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )


def run(folder: Path, formats: list[str] | None) -> Any:
    """Yield a row a format, the reading of the sessions first."""
    from transcripts.writers import BOOKS

    reading = None
    for name in (READ, *(formats or (*BOOKS, "svg"))):
        command = [sys.executable, str(Path(__file__)), "--measure", name, str(folder)]
        result = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
        row = json.loads(result.stdout.splitlines()[-1])
        reading = reading or row["cpu"]
        yield {**row, "times_reading": row["cpu"] / reading}


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Make one book in memory, the pictures in a folder, or read the sessions alone."""
    from knowarchive.config import load_config
    from pipelines.documents import Stretch, export_pictures, make_book
    from storage.archive import Archive
    from transcripts.writers import bind

    config = load_config(folder / "knowarchive.toml")
    archive = Archive(config.archive_url, config.state_dir)
    extent = archive.extent()
    assert extent is not None
    stretch = Stretch(config.chat[0], since=extent[1] - timedelta(days=365))
    counts = {"sessions": 0, "posts": 0}
    book = make_book(
        archive, config, stretch, on_progress=lambda sessions, posts: counts.update(sessions=sessions, posts=posts)
    )
    start, used, size = time.perf_counter(), time.process_time(), 0
    if name == READ:
        for _ in book.sessions:
            pass
    elif name == "svg":
        drawn = export_pictures(book, folder / "pictures", overwrite=True)
        size = sum((drawn.path / one).stat().st_size for one in drawn.names)
    else:
        size = len(bind(book, name))
    return {
        "format": name,
        **counts,
        "mb": size / 1e6,
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - used,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _generate(folder: Path, size: int, seed: int) -> None:
    from benchmarks import generate
    from knowarchive.config import load_config
    from pipelines.importing import ImportSource, import_file
    from storage.archive import Archive

    (folder / "knowarchive.toml").write_text(generate.configuration(size), encoding="utf-8")
    config = load_config(folder / "knowarchive.toml")
    file = folder / "posts.jsonl"
    with file.open("wb") as out:
        out.writelines(generate.FORMATS["v2"](size, seed))
    archive = Archive(config.archive_url, config.state_dir)
    import_file(archive, ImportSource(file.name, path=file), now=lambda: datetime.now(UTC))
    file.unlink()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
