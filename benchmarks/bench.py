"""Measure the importer, the store and a transcript, as ratios within one run. `make bench`.

Every figure is taken in a process of its own, so that peak memory is that of the work alone. Speed is compared with
msgspec decoding the same file into the importer's own structs, once before and once after, in the same process.
"""

import argparse
import contextlib
import gzip
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.helpers import Helpers

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "critlib"
MB = 1 << 20


def main() -> None:
    """Run everything, or with --measure one measurement, as this program asks of itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="*", default=[20_000, 1_000_000], help="posts to generate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, *arguments = options.measure
        print(json.dumps(MEASUREMENTS[name](*arguments)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as folder:
        rows = list(run(options.size, options.seed, Path(folder), report=not options.json))
    if options.json:
        print(json.dumps(rows, indent=2))


def run(sizes: list[int], seed: int, folder: Path, *, report: bool) -> Iterator[dict[str, Any]]:
    """Yield one row a measurement, and print it."""
    for size in sizes:
        file, config = folder / f"{size}.jsonl", folder / f"{size}.toml"
        command = [sys.executable, "-m", "benchmarks.generate", "--posts", str(size), "--seed", str(seed)]
        subprocess.run([*command, "--output", str(file)], check=True, cwd=ROOT)
        settings = subprocess.run([*command, "--configuration"], check=True, cwd=ROOT, capture_output=True, text=True)
        config.write_text(settings.stdout)
        archive = folder / f"archive-{size}"
        for name, arguments in (
            ("import", (file, archive, "x-v2-jsonl")),
            ("week", (config, archive, size)),
            ("transcript", (config, archive)),
            ("maintain", (archive, size)),
        ):
            row = {"posts": size, **_measure(name, *arguments)}
            if report:
                print(_line(row), flush=True)
            yield row
        file.unlink()
        shutil.rmtree(archive)
    files = sorted(REAL.glob("*.jsonl.gz"))
    if not files and report:
        print("real files: skipped, ../shared/data is not here")
    for packed in files:
        file = folder / packed.stem
        file.write_bytes(gzip.decompress(packed.read_bytes()))
        row = {"file": packed.name, **_measure("import", file, folder / f"archive-{packed.stem}", "x-v1-jsonl")}
        if report:
            print(_line(row), flush=True)
        yield row


def _measure(name: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), "--measure", name, *map(str, arguments)]
    result = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    return {"measure": name, **json.loads(result.stdout.splitlines()[-1])}


def _line(row: dict[str, Any]) -> str:
    what = row.get("file") or f"{row['posts']:,} posts"
    rest = {key: value for key, value in row.items() if key not in {"file", "posts", "measure"}}
    return f"{what:24} {row['measure']:12} " + "  ".join(f"{key} {_short(value)}" for key, value in rest.items())


def _short(value: Any) -> str:
    return f"{value:,.3g}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"


def measure_import(file: str, archive: str, format_name: str) -> dict[str, Any]:
    """Import a file into a new archive; compare with decoding alone."""
    from pipelines.helpers import Helpers, processors

    with Helpers(processors() - 1, "pipelines.understanding") as helpers:
        helpers.start()  # as the command does for such a file, while it starts itself
        _warm_up()
        helpers.submit(os.getpid).result()
        return _measure_import(file, archive, format_name, helpers)


def _measure_import(file: str, archive: str, format_name: str, helpers: "Helpers") -> dict[str, Any]:
    from pipelines.importing import ImportSource, import_file

    records, before = _decode(Path(file), format_name)
    store = _archive(archive)
    start, used = time.perf_counter(), time.process_time() + _helpers_cpu()
    source = ImportSource("bench", path=Path(file))
    helper_peak = together = 0.0

    def watch(_read: int, _posts: int) -> None:
        nonlocal helper_peak, together
        helper_peak = max(helper_peak, _helpers_peak())
        together = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + helper_peak

    result = import_file(store, source, now=lambda: datetime.now(UTC), helpers=helpers, on_progress=watch)
    wall, used = time.perf_counter() - start, time.process_time() + _helpers_cpu() - used
    _, after = _decode(Path(file), format_name)
    assert result.outcome is not None
    assert result.outcome.seen == records
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total, payloads = _bytes(Path(archive)), _bytes(Path(archive) / "payloads")
    return {
        "posts_per_second": records / wall,
        "decoding_per_second": records / ((before + after) / 2),
        "ratio": (before + after) / 2 / wall,
        "cpu_us_per_post": used / records * 1e6,
        "peak_mb": memory / 1024,
        "helper_peak_mb": helper_peak,
        "peak_together_mb": max(together, memory / 1024),  # helpers end before what was read is folded
        "bytes_per_post": total / records,
        "bytes_without_payload": (total - payloads) / records,
    }


def measure_week(config: str, archive: str, size: str) -> dict[str, Any]:
    """Add a week of one chat to an archive: the cost must not grow with it."""
    from benchmarks.generate import generate_pages
    from pipelines.importing import ImportSource, import_file

    del config
    _warm_up()
    store = _archive(archive)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "week.jsonl"
        file.write_bytes(b"\n".join(generate_pages(800, int(size) + 1)))
        start, used = time.perf_counter(), time.process_time()
        import_file(store, ImportSource("week", path=file), now=lambda: datetime.now(UTC))
        return {"wall_ms": (time.perf_counter() - start) * 1e3, "cpu_ms": (time.process_time() - used) * 1e3}


def measure_transcript(config: str, archive: str) -> dict[str, Any]:
    """Render a session from the middle of the archive as HTML."""
    from knowarchive.config import load_config
    from pipelines.sessions import make_transcript
    from transcripts.sessions import windows
    from transcripts.writers import render

    _warm_up()
    store = _archive(archive)
    times = store.times()
    middle, reach = times[len(times) // 2], timedelta(days=8)
    chat, window = max(
        (
            (one, window)
            for one in load_config(Path(config)).chat
            for window in windows(one, middle - reach, middle + reach)
        ),
        key=lambda found: bisect_left(times, found[1].closes) - bisect_left(times, found[1].opens),
    )
    store = _archive(archive)
    start, used = time.perf_counter(), time.process_time()
    transcript = make_transcript(store, chat, window.label)
    html = render(transcript, "html")
    return {
        "cpu_ms": (time.process_time() - used) * 1e3,
        "wall_ms": (time.perf_counter() - start) * 1e3,
        "session_posts": len(transcript.entries),
        "html_kb": len(html.encode()) / 1024,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_maintain(archive: str, size: str) -> dict[str, Any]:
    """Fold and compact the whole archive; the bytes are of the files that are live then."""
    store = _archive(archive)
    start = time.perf_counter()
    result = store.maintain()
    seconds = time.perf_counter() - start
    live = {name: sum(file.size for file in table.files()) for name, table in store.tables.items()}
    return {
        **result,
        "seconds": seconds,
        "bytes_per_post": sum(live.values()) / int(size),
        "bytes_without_payload": (sum(live.values()) - live["payloads"]) / int(size),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


MEASUREMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "import": measure_import,
    "week": measure_week,
    "transcript": measure_transcript,
    "maintain": measure_maintain,
}


def _archive(url: str) -> Any:
    from storage.archive import Archive

    return Archive(url, Path(f"{url}-state"))


def _warm_up() -> None:
    """Load every module and write once, so that the figures are of the work and not of starting."""
    from benchmarks.generate import generate_pages
    from pipelines.importing import ImportSource, import_file

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "small.jsonl"
        file.write_bytes(b"\n".join(generate_pages(100, 0)))
        import_file(_archive(f"{folder}/archive"), ImportSource("small", path=file), now=lambda: datetime.now(UTC))


def _decode(file: Path, format_name: str) -> tuple[int, float]:
    """Decode a file into the importer's own structs and nothing else. Returns posts and seconds."""
    import msgspec

    from connectors.x import v1, v2_objects

    records = 0
    decoder: Any = msgspec.json.Decoder(v2_objects.Line if format_name == "x-v2-jsonl" else v1.Tweet)
    start = time.perf_counter()
    with file.open("rb") as lines:
        for line in lines:
            record = decoder.decode(line)
            records += len(record.data) if format_name == "x-v2-jsonl" else 1
    return records, time.perf_counter() - start


def _helpers_peak() -> float:
    """The peaks of all helpers together, in MB; not `ru_maxrss`, which counts what the parent held when it forked."""
    peak = 0.0
    for child in multiprocessing.active_children():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{child.pid}/status").read_text()
            peak += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
    return peak


def _helpers_cpu() -> float:
    """Seconds of processor time that the helpers have had, of which the system tells the parent only when they ended."""
    used = 0.0
    for child in multiprocessing.active_children():
        with contextlib.suppress(OSError):
            values = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
            used += (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
    return used


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
