"""Identifiers alone, a file a network, as the network writes them: what X lets be handed on, and can be looked up again."""

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from storage.exports import FORMATS, SLICE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: What stands in the place of our own prefix: X knows numbers, Bluesky at-URIs, Mastodon ActivityPub URIs.
OWN = {"x": "", "bluesky": "at://", "mastodon": ""}


class Writer:
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        self._con = con
        self._files: dict[str, BinaryIO] = {
            platform: (folder / name).open("wb") for platform, name in FORMATS["ids"].files.items()
        }

    def write(self, table: str) -> None:
        if table != "posts":
            return
        for (uid,) in self._con.execute(f"SELECT uid FROM {SLICE}").fetchall():  # noqa: S608 - our own name
            platform, _, own = uid.partition(":")
            self._files[platform].write(f"{OWN[platform]}{own}\n".encode())

    def finish(self) -> None:
        self.close()

    def close(self) -> None:
        for file in self._files.values():
            file.close()
