"""The folder that holds a site: what of it is ours, and how it changes so that it can be read all the while.

Pages are written into a hidden folder inside it and moved into their places when all are there. A build that is killed
before changes nothing; one that is killed while it moves leaves old pages and new ones, each whole, and the next build ends
it, because what is about to be moved is written into the list first.
"""

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from hashlib import sha256
from os.path import isfile  # of tens of thousands of files: pathlib takes ten times as long
from pathlib import Path
from typing import Self

import msgspec

from knowarchive.errors import KnowarchiveError

LIST = "knowarchive-site.json"  # which files are ours
STAGING = ".knowarchive-new"
MARK = "knowarchive.site/1"


class SiteError(KnowarchiveError):
    """The site could not be written. What stood there before can still be read."""


class Listed(msgspec.Struct, frozen=True):
    """The files of a site, by their addresses, with a digest of what is in them; empty where that is not known."""

    schema: str
    files: dict[str, str]


class SiteFolder:
    """A site's folder while it is built; as a context it lets go of what was not finished.

    Raises:
        SiteError: it cannot be written, or holds other things than a site and `overwrite` is not set.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        self.staging = path / STAGING
        self._is_new = not path.exists()
        listed = _read(path / LIST)
        if listed is None and path.is_dir() and not overwrite and any(path.iterdir()):
            raise SiteError(
                f"{path}: holds other things than a site; name another folder, or add to it with --overwrite"
            )
        if not self._is_new and not path.is_dir():
            raise SiteError(f"{path}: is no folder; name another with --output")
        self.files = read_list(path / LIST)

    def __enter__(self) -> Self:
        with _telling(self.path):
            self.path.mkdir(exist_ok=True)
            shutil.rmtree(self.staging, ignore_errors=True)
            self.staging.mkdir()
        return self

    def __exit__(self, *_error: object) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        if self._is_new:
            with contextlib.suppress(OSError):
                self.path.rmdir()  # if nothing came of it

    def is_whole(self) -> bool:
        """Whether every file of the list is there, and none was about to be moved when a build was killed."""
        return all(self.files.values())

    def put_in_place(self, written: Mapping[str, str], kept: Iterable[str]) -> tuple[int, int]:
        """Let the site hold what was written and what is kept, and nothing else of what is ours.

        Args:
            written: the digests of pages that were staged, or were found to be as they are, by their addresses.
            kept: the addresses of pages that stay as they are.

        Returns:
            How many files changed, and how many were taken away.
        """
        fresh = [name for name in written if (self.staging / name).exists()]
        final = {name: self.files[name] for name in kept if name in self.files} | dict(written)
        with _telling(self.path):
            self._list({**self.files, **final, **dict.fromkeys(fresh, "")})
            for name in sorted(fresh, key=lambda name: (name.endswith("index.html"), name)):  # what leads to pages last
                target = self.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (self.staging / name).replace(target)
            gone = [name for name in self.files if name not in final]
            for name in gone:
                (self.path / name).unlink(missing_ok=True)
            for folder in sorted(
                {parent for name in gone for parent in Path(name).parents}, key=lambda one: -len(one.parts)
            ):
                with contextlib.suppress(OSError):
                    if folder.parts:
                        (self.path / folder).rmdir()  # where nothing is left in it
            self._list(final)
        self.files = final
        return len(fresh), len(gone)

    def _list(self, files: dict[str, str]) -> None:
        draft = self.staging / LIST
        content = msgspec.json.encode(Listed(MARK, dict(sorted(files.items()))))
        if content != _content(self.path / LIST):
            draft.write_bytes(content)
            draft.replace(self.path / LIST)


def read_digests(path: Path) -> dict[str, str]:
    """The digests of a site's files by their addresses, as its list says, whether or not they are there."""
    listed = _read(path)
    return listed.files if listed else {}


def read_list(path: Path) -> dict[str, str]:
    """The digests of a site's files by their addresses, as its list says; of those that are there."""
    root = f"{path.parent}/"
    files = read_digests(path)
    return {name: digest if isfile(root + name) else "" for name, digest in files.items()}  # noqa: PTH113 - as above


def stage(staging: Path, name: str, content: str | bytes, known: str | None) -> str:
    """Write a page into the staging folder, unless it is as the site has it.

    Args:
        staging: the folder.
        name: the page's address.
        content: what is to stand there.
        known: the digest of what stands there.

    Returns:
        Its digest.

    Raises:
        SiteError: the disk is full, or the like.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    digest = sha256(data).hexdigest()[:24]
    if digest != known:
        path = staging / name
        with _telling(staging.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return digest


def check_name(path: Path) -> None:
    """Refuse before the work is done what cannot be a site's folder.

    Raises:
        SiteError: there is no folder to put it into.
    """
    if not path.absolute().parent.is_dir():
        raise SiteError(f"{path}: there is no folder {path.parent}; make it first")


@contextlib.contextmanager
def _telling(path: Path):  # type: ignore[no-untyped-def] # noqa: ANN202
    try:
        yield
    except OSError as error:
        raise SiteError(
            f"{path}: cannot be written: {error.strerror or error}; the pages there are as they were"
        ) from error


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _read(path: Path) -> Listed | None:
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=Listed)
    except (OSError, msgspec.DecodeError):
        return None
    safe = all(name and not name.startswith(("/", "\\")) and ".." not in name.split("/") for name in listed.files)
    return listed if listed.schema == MARK and safe else None
