"""Finds, reads and checks the configuration file."""

import contextlib
import errno
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from knowarchive.config.checks import check
from knowarchive.config.explaining import explain, unknown_key
from knowarchive.config.shapes import DEFAULT_PATH, Config
from knowarchive.errors import ConfigError

LARGEST = 1_000_000  # bytes; what is larger is something else
SERVED = "KNOWARCHIVE_SERVED_CONFIG"  # in the processes that a schedule starts: the copy that it goes by


def find_config(given: str | None) -> Path:
    """Say which configuration file to use: the given one, `$KNOWARCHIVE_CONFIG`, or the one in this folder."""
    return Path(given or os.environ.get("KNOWARCHIVE_CONFIG") or DEFAULT_PATH)


def load_config(path: Path, content: bytes | None = None) -> Config:
    """Read and check a configuration file.

    Args:
        path: of the file; relative paths in it start from its folder.
        content: what it holds, or held; read from it if not given.

    Raises:
        ConfigError: with the file, the key and what to do.
    """
    document = _parse(path, read_config(path) if content is None else content)
    if "path" in document:
        raise ConfigError(f"{path}: {unknown_key('path', (), document)}")
    try:
        config = msgspec.convert({**document, "path": str(path)}, Config, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {explain(str(error), document)}") from error
    try:
        check(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def load_served_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Load what the running schedule goes by, in the processes that it starts; anywhere else what the file says.

    An edit that is wrong, or half made, while a session runs is then nothing that they meet.

    Raises:
        ConfigError: as `load_config`.
    """
    content = None
    if SERVED in environ:
        with contextlib.suppress(OSError):  # the schedule has ended
            content = Path(environ[SERVED]).read_bytes()
    return load_config(path, content)


def read_config(path: Path) -> bytes:
    """Read a configuration file as it is.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: is a folder; name the configuration file in it") from error
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; write one with: knowarchive init, or name one with --config"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.errno != errno.EINVAL else "not a path"
        raise ConfigError(f"{path}: {reason}; check the path and its permissions") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path}: is larger than {LARGEST // 1_000_000} MB, so it is no configuration; name another")
    return content


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: is not UTF-8 (line {line}); save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is not valid TOML: nested too deeply; correct it") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}; correct it") from error


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError
