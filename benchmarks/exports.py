"""Measure exports as ratios to DuckDB's own `COPY` of the same rows, in one run; and the memory that they take.

Every figure is taken in a process of its own, so that peak memory is that of the work alone. `COPY` may use as much memory
as it wants, and is measured twice: in the export's order, which is the same work (`ratio`), and in no order, which is less
(`ratio_unordered`). An export is described, digested and synced besides. Compared are processor seconds, because a busy
machine stretches the others.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPIED = {"jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd", "csv": "FORMAT csv"}


def main() -> None:
    """Run everything, or with --measure one measurement, as this program asks of itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", help="an archive; by default one is generated")
    parser.add_argument("--size", type=int, default=1_000_000, help="posts to generate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--format", nargs="*", help="which formats; by default all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, *arguments = options.measure
        print(json.dumps(MEASUREMENTS[name](*arguments)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as folder:
        archive = options.archive or _generate(Path(folder), options.size, options.seed)
        found = []
        for row in run(archive, Path(folder), options.format):
            found.append(row)
            if not options.json:
                print("  ".join(f"{key} {value:,.3g}" if isinstance(value, float) else f"{key} {value}"
                                for key, value in row.items()), flush=True)  # fmt: skip
    if options.json:
        print(json.dumps(found, indent=2))


def run(archive: str, folder: Path, formats: list[str] | None) -> Any:
    """Yield a row a format: seconds, memory, and the ratio of DuckDB's seconds to ours where it has the format."""
    from storage.exports import FORMATS

    for name in formats or FORMATS:
        row = {"format": name, **_measure("export", archive, name, folder)}
        if name in COPIED:
            for order in ("", "_unordered"):
                copied = _measure("copy", archive, name, folder, order)
                row |= {f"copy{order}_cpu": copied["cpu"], f"copy{order}_wall": copied["wall"]}
                row |= {f"copy{order}_peak_mb": copied["peak_mb"], f"ratio{order}": copied["cpu"] / row["cpu"]}
        yield row


def _measure(name: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), "--measure", name, *map(str, arguments)]
    result = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return measured


def _generate(folder: Path, size: int, seed: int) -> str:
    from benchmarks import generate
    from pipelines.importing import ImportSource, import_file
    from storage.archive import Archive

    file = folder / "posts.jsonl"
    with file.open("wb") as out:
        out.writelines(generate.FORMATS["v2"](size, seed))
    archive = Archive(str(folder / "archive"), folder / "state")
    import_file(archive, ImportSource(file.name, path=file), now=lambda: datetime.now(UTC))
    file.unlink()
    return archive.url


def measure_export(url: str, name: str, folder: str) -> dict[str, Any]:
    """Export everything in a format."""
    from pipelines.exporting import Request, export
    from storage.archive import Archive

    archive = Archive(url, Path(folder) / "state")
    start, used = time.perf_counter(), time.process_time()
    exported = export(archive, Request(name), Path(folder) / f"export-{name}", now=lambda: datetime.now(UTC))
    return {
        "rows": sum(exported.counts.values()),
        "mb": sum(file.size for file in exported.files) / 1e6,
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - used,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_copy(url: str, name: str, folder: str, order: str) -> dict[str, Any]:
    """Let DuckDB copy the same rows, with the memory that it wants; `order` is empty for the export's."""
    from storage.archive import Archive
    from storage.exports.described import ORDERS

    archive = Archive(url, Path(folder) / "state")
    start, used = time.perf_counter(), time.process_time()
    with archive.connect(alone=True) as con:
        con.execute(f"SET memory_limit = '4GB'; SET preserve_insertion_order = {not order}")
        archive.create_views(con)
        for table, columns in ORDERS.items():
            target = Path(folder) / f"copy.{name}"
            sort = "" if order else f"ORDER BY {', '.join(columns)}"
            con.execute(f"COPY (FROM {table} {sort}) TO '{target}' ({COPIED[name]})")
            target.unlink()
    return {
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - used,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


MEASUREMENTS: dict[str, Callable[..., dict[str, Any]]] = {"export": measure_export, "copy": measure_copy}

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
