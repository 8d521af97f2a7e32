"""Parquet of an export. It is read as the JSON lines that it stands for, so that payloads need no Parquet to be read."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from connectors.knowarchive.lines import count_items, map_payload, redact, screen
from connectors.knowarchive.rows import table_of
from knowarchive.errors import ReadError

__all__ = ["CUT", "count_items", "map_payload", "read_lines", "recognises", "redact", "screen"]

CUT = "converted"

MAGIC = b"PAR1"
IN_MEMORY = 8 << 20  # bytes of a file that are held before it is spooled to the disk: its directory stands at its end
ROWS = 2_000


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is Parquet. Whether it is ours, only its end tells."""
    return bool(lines) and lines[0].startswith(MAGIC)


def read_lines(chunks: Iterable[bytes], origin: str) -> Iterator[bytes]:
    """Yield the rows of a file as JSON lines.

    Raises:
        ReadError: it is not whole, or not an export of ours.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        for chunk in chunks:
            file.write(chunk)
        file.seek(0)
        try:
            table = pq.ParquetFile(file)
            if table_of(table.schema_arrow.names) is None:
                raise ReadError(f"{origin}: is Parquet, but not an export of Knowarchive; its columns are others")
            encode = msgspec.json.Encoder().encode
            for batch in table.iter_batches(ROWS):
                for row in batch.to_pylist():
                    yield encode(row)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ReadError(f"{origin}: is damaged Parquet ({str(error).splitlines()[0][:80]})") from error
