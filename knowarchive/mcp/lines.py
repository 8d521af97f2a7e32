"""Standard input as lines that can be waited for, and left: a thread that reads it could otherwise keep us from ending."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator

CHUNK = 1 << 16  # bytes read at once


async def read_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """The lines of a file until its end; what is no UTF-8 is replaced, and whoever reads them finds it is no message."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        while chunk := _read(descriptor):
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
        loop.call_soon_threadsafe(chunks.put_nowait, b"")

    # A daemon, which ends with the process although it reads
    threading.Thread(target=read, name="standard-input", daemon=True).start()
    begun: list[bytes] = []
    while chunk := await chunks.get():
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*begun, line]).decode("utf-8", "replace")
            begun.clear()
        begun.append(rest)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:
        return b""
