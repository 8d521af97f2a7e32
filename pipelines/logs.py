"""Keep secrets out of every log: ours, Prefect's and any library's, at every level, tracebacks included."""

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any

HIDDEN = "[secret]"
SHORTEST = 6  # characters; what is shorter is a word that would be blotted out everywhere
NO_SECRETS = {"KNOWARCHIVE_CONFIG", "KNOWARCHIVE_BLUESKY_HANDLE", "KNOWARCHIVE_X_FIELDS"}
OF_OTHERS = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING",
             "PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL"}  # fmt: skip
PIECES = re.compile(r"[\s/:@?&=,]+")  # of an address: any of them may be the secret
SHAPES = re.compile(r"(?i)(?<=bearer )[\w.~+/%=-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")  # whatever the value is


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
    """Make every log record of this process one without secrets, from its creation on."""
    scrub = Scrubber(environ)
    make = logging.LogRecord

    def factory(*given: Any, **more: Any) -> logging.LogRecord:
        record = make(*given, **more)
        try:
            record.msg, record.args = scrub(record.getMessage()), ()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit, which logging reports by itself
            record.msg, record.args = scrub(str(record.msg)), ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = scrub("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        return record

    logging.setLogRecordFactory(factory)
