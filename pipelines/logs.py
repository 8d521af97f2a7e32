"""Logs without secrets: ours, Prefect's and any library's, at every level, tracebacks included; and as JSON lines."""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from knowarchive.config import SERVED
from knowarchive.errors import KnowarchiveError

HIDDEN = "[secret]"
SHORTEST = 6  # characters; what is shorter is a word that would be blotted out everywhere
FORMAT = "KNOWARCHIVE_LOG_FORMAT"  # "json" for JSON lines; the processes of flows inherit it
NO_SECRETS = {FORMAT, "KNOWARCHIVE_CONFIG", SERVED, "KNOWARCHIVE_BLUESKY_HANDLE", "KNOWARCHIVE_X_FIELDS"}
OF_OTHERS = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING",
             "PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL"}  # fmt: skip
PIECES = re.compile(r"[\s/:@?&=,]+")  # of an address: any of them may be the secret
SHAPES = re.compile(r"(?i)(?<=bearer )[\w.~+/%=-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")  # whatever the value is


_about: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 - it is never written to


@contextmanager
def about(**what: str) -> Iterator[None]:
    """Say what the log lines of a stretch of work are about: its run, chat, session or source. It adds to what is said."""
    token = _about.set({**_about.get(), **what})
    try:
        yield
    finally:
        _about.reset(token)


class Scrubber:
    """Takes the values of secrets out of text, whole and in the pieces that they are given in."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {
            piece
            for name, value in environ.items()
            if (name.startswith("KNOWARCHIVE_") and name not in NO_SECRETS) or name in OF_OTHERS
            for piece in (value.strip(), *PIECES.split(value.partition("://")[2]))
            if len(piece) >= SHORTEST
        }
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def __call__(self, text: str) -> str:
        clean = self._values.sub(HIDDEN, text) if self._values else text
        return SHAPES.sub(HIDDEN, clean)


def keep_secrets_out(environ: Mapping[str, str]) -> None:
    """Make every log record of this process one without secrets, from its creation on, and of our own errors one line."""
    scrub = Scrubber(environ)
    make = logging.LogRecord

    def factory(*given: Any, **more: Any) -> logging.LogRecord:
        record = make(*given, **more)
        try:
            record.msg, record.args = scrub(record.getMessage()), ()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit, which logging reports by itself
            record.msg, record.args = scrub(str(record.msg)), ()
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, KnowarchiveError):  # it says in a line what to do; how it came about helps nobody
            record.msg, record.exc_info = f"{record.msg}: {scrub(str(error))}", None
        elif record.exc_info and record.exc_info[0]:
            record.exc_text = scrub("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        record.about = _about.get()
        return record

    logging.setLogRecordFactory(factory)


class JsonLines(logging.Formatter):
    """A record as one line of JSON: at (UTC), level, logger, what it is about, message, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        line = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            **getattr(record, "about", {}),
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["traceback"] = record.exc_text
        return msgspec.json.encode(line).decode()


def write_json_lines() -> None:
    """Write the log of this process to standard error as JSON lines, whoever set up what before."""
    logging.getLogger("knowarchive").setLevel(logging.INFO)
    for logger in [logging.getLogger(name) for name in logging.root.manager.loggerDict]:
        for handler in list(logger.handlers):
            if isinstance(handler, logging.StreamHandler) and handler.stream in {sys.stderr, sys.stdout}:
                logger.removeHandler(handler)
                logger.propagate = True
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.root.handlers = [handler]
