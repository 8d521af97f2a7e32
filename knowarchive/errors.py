"""Every error that Knowarchive raises on purpose, and the exit code that it means.

A message is one line: what went wrong, where, and what to do.
"""

from typing import ClassVar


class KnowarchiveError(Exception):
    """The base. `retryable` says whether doing the same again later can succeed."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class UsageError(KnowarchiveError):
    """The command was asked for something that does not exist: a chat, a session, a format."""

    exit_code = 2


class ConfigError(KnowarchiveError):
    """The configuration is missing or wrong."""

    exit_code = 3


class ReadError(KnowarchiveError):
    """A file or stream could not be read, or holds nothing that we know."""


class StorageError(KnowarchiveError):
    """The archive could not be opened, read or written. What was stored before is untouched."""


class ConflictError(StorageError):
    """Another process changed the archive first."""

    retryable = True


class NewerArchiveError(StorageError):
    """The archive was written by a newer version of Knowarchive."""


class StoppedError(KnowarchiveError):
    """A signal stopped the command: Ctrl-C, or the machine going down. As a shell counts it: 128 and its number."""

    exit_code = 130
    retryable = True
