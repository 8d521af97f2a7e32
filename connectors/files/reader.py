"""Reads an archive file or a stream and yields payloads, the same for the same bytes every time."""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from connectors import FORMATS, load
from connectors.files.errors import CutError, NoPostsError
from connectors.files.lines import LONGEST, Overlong, split_lines
from connectors.files.rows import delimiter_of, split_rows
from connectors.files.sniff import sniff
from connectors.files.streams import DamageError, open_stream
from knowarchive.errors import ReadError, UsageError
from knowarchive.model import Payload, Quarantined

#: A payload is closed when it holds so much or so many records. Never change these: payload ids depend on them.
PAYLOAD_BYTES = 4_000_000
PAYLOAD_ITEMS = 4_000

#: A document that is one JSON value has to be held whole.
LARGEST_DOCUMENT = 64_000_000

_SNIFFED_LINES = 20
_SNIFFED_BYTES = 4_000_000
_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")


class Converter(Protocol):
    """What the module of a format offers whose files are read as JSON lines."""

    def read_lines(self, chunks: Iterable[bytes], origin: str) -> Iterator[bytes]: ...


def find_files(path: Path) -> list[Path]:
    """List a file, or the files of a folder and the folders in it, without hidden ones, in a stable order.

    Raises:
        ReadError: it does not exist, or may not be read.
    """
    place = path
    found: list[Path] = []
    pending: list[Path] = []
    try:
        if not path.exists():
            raise ReadError(f"{path}: does not exist")
        if not path.is_dir():
            return [path]
        pending.append(path)
        while pending:
            place = pending.pop()
            for entry in place.iterdir():
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    if not entry.is_symlink():  # a link to a folder above would never end
                        pending.append(entry)
                elif entry.is_file():
                    found.append(entry)
    except OSError as error:
        raise ReadError(f"{place}: cannot be read: {error.strerror}") from error
    return sorted(found)


def read_file(
    path: Path | None,
    *,
    stream: BinaryIO | None = None,
    origin: str,
    format: str = "auto",  # noqa: A002 - the option's name
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[Payload | Quarantined]:
    """Read a file, or a stream such as standard input, as payloads.

    Args:
        path: the file; None to read `stream`, or standard input.
        stream: binary, not necessarily seekable.
        origin: what payloads and errors name as the source.
        format: a key of `connectors.FORMATS`, or "auto" to find out from the content.
        on_progress: told the number of bytes read so far, compressed as they are.

    Yields:
        Payloads of at most about 4 MB or 4,000 records, and overlong records, which are stored nowhere.

    Raises:
        ReadError: the file cannot be opened, is empty, unknown or holds no posts.
        CutError: it ends in the middle; what came before was yielded.
        UsageError: no format has this name.
    """
    if format != "auto" and format not in FORMATS:
        raise UsageError(f"unknown format {format!r}: one of auto, {', '.join(FORMATS)}")
    try:
        if path is None:
            yield from _read(stream or sys.stdin.buffer, origin, format, on_progress)
            return
        with path.open("rb") as opened:
            yield from _read(opened, origin, format, on_progress)
    except OSError as error:
        raise ReadError(f"{origin}: cannot be read: {error.strerror or error}") from error


def _read(
    stream: BinaryIO, origin: str, wanted: str, on_progress: Callable[[int], None] | None
) -> Iterator[Payload | Quarantined]:
    damage: list[DamageError] = []
    chunks = _without_bom(_until_damage(open_stream(stream, on_progress), damage))
    start = next(chunks, b"")
    if start.startswith(_OTHER_ENCODINGS):
        raise ReadError(f"{origin}: is UTF-16; save it as UTF-8, or convert it with `iconv -f utf-16 -t utf-8`")
    chunks = chain([start], chunks)
    head = _head(chunks)
    records = 0
    if head.strip():
        for item in _cut(head, chunks, origin, wanted):
            records += item.items if isinstance(item, Payload) else 1
            yield item
    elif not damage:
        raise ReadError(f"{origin}: is empty")
    if damage:
        raise CutError(origin, str(damage[0]), records) from damage[0]


def _until_damage(chunks: Iterator[bytes], damage: list[DamageError]) -> Iterator[bytes]:
    """Pass chunks on, and remember the damage that ended them, so that the last records come out first."""
    try:
        yield from chunks
    except DamageError as error:
        damage.append(error)


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass chunks on without the mark that some editors put before UTF-8."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= len(_BOM):
            break
    yield start.removeprefix(_BOM)
    yield from chunks


def _head(chunks: Iterator[bytes]) -> bytes:
    """Take as much as is needed to recognise the content."""
    taken: list[bytes] = []
    size = lines = 0
    for found in chunks:
        chunk = found if taken else found.lstrip()
        if not chunk:
            continue
        taken.append(chunk)
        size += len(chunk)
        lines += chunk.count(b"\n")
        if lines > _SNIFFED_LINES or size > _SNIFFED_BYTES:
            break
    return b"".join(taken)


def _cut(head: bytes, chunks: Iterator[bytes], origin: str, wanted: str) -> Iterator[Payload | Quarantined]:
    name = wanted if wanted != "auto" else _recognise(head, origin)
    whole = chain([head], chunks)
    mapping = load(name)
    if mapping.CUT == "whole":
        yield _document(whole, name, origin)
    elif mapping.CUT == "converted":
        yield from _batch(cast("Converter", mapping).read_lines(whole, origin), name, origin)
    elif mapping.CUT == "rows":
        rows = split_rows(whole, delimiter_of(head.lstrip().partition(b"\n")[0]))
        header = next(rows)
        if isinstance(header, Overlong):
            raise ReadError(f"{origin}: its first line is too long to be a table's header")
        yield from _batch(rows, name, origin, header)
    else:
        yield from _batch(split_lines(whole), name, origin)


def _recognise(head: bytes, origin: str) -> str:
    lines = [line for line in head.split(b"\n", 2 * _SNIFFED_LINES) if line.strip()]
    try:
        found = sniff(lines[:_SNIFFED_LINES])
    except NoPostsError as error:
        raise ReadError(f"{origin}: holds no posts (it looks like {error})") from None
    if found is None:
        raise ReadError(unknown(head, origin))
    return found


def unknown(head: bytes, origin: str) -> str:
    """Say that content is unknown: how it begins, and what would be known."""
    return f"{origin}: begins with {repr(head.lstrip()[:40])[1:41]}, which is none of {', '.join(FORMATS)}"


def _batch(
    records: Iterable[bytes | Overlong], name: str, origin: str, head: bytes = b""
) -> Iterator[Payload | Quarantined]:
    batch: list[bytes] = []
    size = 0
    position = first = 1

    def payload() -> Payload:
        return Payload(format=name, origin=origin, body=b"\n".join(batch), items=len(batch), head=head, position=first)

    for record in records:
        if isinstance(record, Overlong):
            if batch:  # so that positions within a payload have no holes
                yield payload()
                batch, size = [], 0
            yield Quarantined(
                origin=origin,
                position=position,
                reason=f"longer than {LONGEST // 1_000_000} MB",
                digest=record.digest,
                size=record.size,
            )
            position += 1
            first = position
            continue
        if batch and (size + len(record) > PAYLOAD_BYTES or len(batch) == PAYLOAD_ITEMS):
            yield payload()
            batch, size, first = [], 0, position
        batch.append(record)
        size += len(record) + 1
        position += 1
    if batch:
        yield payload()


def _document(chunks: Iterable[bytes], name: str, origin: str) -> Payload:
    """Take a whole file that is one JSON value."""
    taken: list[bytes] = []
    size = 0
    for chunk in chunks:
        taken.append(chunk)
        size += len(chunk)
        if size > LARGEST_DOCUMENT:
            raise ReadError(
                f"{origin}: is one JSON value of more than {LARGEST_DOCUMENT // 1_000_000} MB; "
                "cut it into lines with `jq -c '.[]'`"
            )
    body = b"".join(taken).strip()
    try:
        items = load(name).count_items(body)
    except (ValueError, RecursionError):
        raise ReadError(f"{origin}: is one JSON value over several lines, and it is cut off or malformed") from None
    except NoPostsError as error:
        raise ReadError(f"{origin}: holds no posts (it looks like {error})") from None
    return Payload(format=name, origin=origin, body=body, items=items)
