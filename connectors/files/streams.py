"""Opens compressed bytes, found by their first bytes, and tells where they are cut or damaged."""

import bz2
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

#: How much is read at once. Less of what is compressed: damage costs what was read with it, and a few bytes may grow to
#: a thousand times as many, in zstd to more.
CHUNK = 1 << 18
COMPRESSED_CHUNK = 1 << 15
ZSTD_CHUNK = 1 << 13


class DamageError(Exception):
    """The compressed stream ends early or is corrupt; the message says which."""


class Decompressor(Protocol):
    """What bz2, zlib and zstandard agree on, once wrapped."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip() -> Decompressor:
    return zlib.decompressobj(wbits=31)


def _bz2() -> Decompressor:
    return bz2.BZ2Decompressor()


def _zstd() -> Decompressor:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


#: Magic bytes of each compression, its name, and what opens one member of it.
COMPRESSIONS: tuple[tuple[bytes, str, int, Callable[[], Decompressor]], ...] = (
    (b"\x1f\x8b", "gzip", COMPRESSED_CHUNK, _gzip),
    (b"BZh", "bz2", COMPRESSED_CHUNK, _bz2),
    (b"\x28\xb5\x2f\xfd", "zstd", ZSTD_CHUNK, _zstd),
)


def open_stream(stream: BinaryIO, on_progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Yield the decompressed content in chunks.

    Args:
        stream: the raw bytes, from their start.
        on_progress: told the number of raw bytes read so far.

    Raises:
        DamageError: the compressed data is cut or corrupt; all that could be read was yielded before.
    """
    first = _read(stream, 4)
    for magic, name, size, start in COMPRESSIONS:
        if first.startswith(magic):
            return _inflate(_chunks(stream, first, size, on_progress), name, start)
    return _chunks(stream, first, CHUNK, on_progress)


def _read(stream: BinaryIO, size: int) -> bytes:
    """Read exactly so much, unless the stream ends; pipes give less at a time."""
    found = b""
    while len(found) < size and (more := stream.read(size - len(found))):
        found += more
    return found


def _chunks(stream: BinaryIO, first: bytes, size: int, on_progress: Callable[[int], None] | None) -> Iterator[bytes]:
    done = len(first)
    if first:
        yield first
    while chunk := stream.read(size):
        done += len(chunk)
        if on_progress is not None:
            on_progress(done)
        yield chunk


def _inflate(chunks: Iterator[bytes], name: str, start: Callable[[], Decompressor]) -> Iterator[bytes]:
    decompressor = start()
    between = False  # after one member has ended and before another begins
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if decompressor.eof:
                    decompressor = start()
                    between = True
                if between:
                    rest = rest.lstrip(b"\0")  # padding of tapes and block devices
                    if not rest:
                        break
                    between = False
                if data := decompressor.decompress(rest):
                    yield data
                rest = decompressor.unused_data if decompressor.eof else b""
    except (OSError, EOFError, zlib.error) as error:
        raise DamageError(f"is damaged (corrupt {name})") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":  # its class is only known once zstandard is loaded
            raise
        raise DamageError(f"is damaged (corrupt {name})") from error
    if not (decompressor.eof or between):
        raise DamageError(f"ends in the middle (truncated {name})")
