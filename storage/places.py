"""Where copies of an archive lie: a folder or an object store, with the few things that a copy needs of either."""

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from knowarchive.errors import StorageError
from storage import durable

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

PART = ".part"  # how the name of a file ends that is not whole yet
CHUNK = 1 << 20  # bytes


class Place(Protocol):
    """Files by name. A name is relative, and its folders are divided by slashes on every system."""

    def sizes(self) -> dict[str, int]:
        """Every file with its size in bytes; what is not whole is none."""

    def open(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """A file to read. Raises OSError where there is none."""

    def write(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """Write a file, in the place of another of this name; whole, and to stay, when this returns."""

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""


def place_at(address: str) -> Place:
    """The place at an address: a folder, or s3://bucket/prefix with credentials in the environment."""
    return Store(address) if "://" in address else Folder(Path(address))


class Folder:
    """A folder, made when first written to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sizes(self) -> dict[str, int]:
        """See `Place`."""
        return {
            path.relative_to(self.path).as_posix(): path.stat().st_size
            for path in self.path.rglob("*")
            if path.is_file() and path.suffix != PART
        }

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """See `Place`."""
        with (self.path / name).open("rb") as file:
            yield file

    def write(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """See `Place`."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PART}")
        try:
            with part.open("xb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        durable.sync(path.parent)

    def delete(self, name: str) -> None:
        """See `Place`."""
        (self.path / name).unlink(missing_ok=True)


class Store:
    """An object store, with credentials and endpoint from the environment, as its own tools have them."""

    def __init__(self, address: str) -> None:
        self.files, self.prefix = object_store(address)

    def sizes(self) -> dict[str, int]:
        """See `Place`."""
        from pyarrow import fs

        found = self.files.get_file_info(fs.FileSelector(self.prefix, recursive=True, allow_not_found=True))
        return {one.path.removeprefix(f"{self.prefix}/"): one.size for one in found if one.type == fs.FileType.File}

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """See `Place`."""
        with self.files.open_input_file(f"{self.prefix}/{name}") as file:
            yield file

    def write(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """See `Place`. A store shows an object when it is whole."""
        with self.files.open_output_stream(f"{self.prefix}/{name}") as file:
            for chunk in chunks:
                file.write(chunk)

    def delete(self, name: str) -> None:
        """See `Place`."""
        with contextlib.suppress(FileNotFoundError):
            self.files.delete_file(f"{self.prefix}/{name}")


@cache
def object_store(address: str) -> "tuple[FileSystem, str]":
    """The file system of an object store, and where in it an address is.

    Raises:
        StorageError: there is none such, or it cannot be reached.
    """
    import pyarrow as pa
    from pyarrow import fs

    try:
        files, prefix = fs.FileSystem.from_uri(address.rstrip("/"))
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{address}: cannot be opened: {' '.join(str(error).split())}") from error
    return files, prefix


def copy(name: str, source: Place, target: Place) -> str:
    """Copy a file. Returns its SHA-256, in hexadecimal digits.

    Raises:
        OSError: it is not there any more, or could not be written.
    """
    digest = hashlib.sha256()

    def passing() -> Iterator[bytes]:
        with source.open(name) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                yield chunk

    target.write(name, passing())
    return digest.hexdigest()


def digest(name: str, place: Place) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    Raises:
        StorageError: it cannot be read to its end.
    """
    found = hashlib.sha256()
    try:
        with place.open(name) as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
    except OSError as error:
        raise StorageError(f"{name}: cannot be read: {error.strerror or error}") from error
    return found.hexdigest()
