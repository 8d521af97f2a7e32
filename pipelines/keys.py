"""Keys in files: 32 random bytes as hexadecimal digits, for their owner alone."""

import os
import secrets
from pathlib import Path

from knowarchive.errors import ConfigError, StorageError
from storage.durable import sync

KEY_BYTES = 32


def parse_key(text: str, where: str) -> bytes:
    """A key as it is written; `where` it is written is named to people.

    Raises:
        ConfigError: it is none.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise ConfigError(
            f"{where} is no key of {2 * KEY_BYTES} hexadecimal digits; put the one back that was made here"
        )
    return key


def read_key_file(path: Path) -> bytes | None:
    """The key in a file; None where there is no file.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        return parse_key(path.read_text(encoding="ascii").strip(), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not a key'}") from error


def make_key_file(path: Path, advice: str) -> bytes:
    """The key in a file; made, and on the disk, where there is none yet. `advice` says what to do if that cannot be.

    Raises:
        ConfigError: what is there is no key.
        StorageError: it cannot be written.
    """
    known = read_key_file(path)
    if known is not None:
        return known
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync(path.absolute().parent)
    except FileExistsError:
        pass  # another process was first
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}; {advice}") from error
    made = read_key_file(path)
    assert made is not None
    return made
