"""No secret reaches a log, however it is said; and a machine can read what each line is about."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from knowarchive.errors import ConfigError
from pipelines.logs import HIDDEN, JsonLines, about, keep_secrets_out
from tests.archives import ROOT, environment

SECRET = "AAAAsecret%2Btoken%3D6f3a"
ENVIRON = {
    "KNOWARCHIVE_X_BEARER": SECRET,
    "KNOWARCHIVE_MASTODON_TOKEN__EXAMPLE_SOCIAL": "m4stodon-t0ken\n",  # as from a file
    "KNOWARCHIVE_NOTIFY": "json://u:p4ssw0rd@host/ mailto://other-s3cret",
    "KNOWARCHIVE_CONFIG": "/etc/knowarchive/knowarchive.toml",
    "AWS_SECRET_ACCESS_KEY": "aws/secret+key",
    "PATH": "/usr/bin:/bin",
}
SECRETS = [SECRET, "m4stodon-t0ken", "p4ssw0rd", "other-s3cret", "aws/secret+key"]


@pytest.fixture
def log():
    """A logger of some library, whose lines can be read."""
    before = logging.getLogRecordFactory()
    keep_secrets_out(ENVIRON)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, written
    logger.removeHandler(handler)
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
def test_a_secret_is_hidden_at_every_level_in_message_and_arguments(log, secret, level):
    logger, written = log
    logger.log(level, "token " + secret + " and %s", {"Authorization": f"Bearer {secret}"})  # noqa: G003 - as others do
    assert secret not in written.getvalue()
    assert HIDDEN in written.getvalue()


def test_a_secret_is_hidden_in_a_traceback_and_its_causes(log):
    logger, written = log
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise RuntimeError(f"with {SECRET}") from error
    except RuntimeError:
        logger.exception("it failed")
    text = written.getvalue()
    assert SECRET not in text
    assert "RuntimeError: with [secret]" in text
    assert "invalid literal for int() with base 10: '[secret]'" in text


def test_an_error_of_ours_is_its_one_line_and_any_other_has_its_traceback(log):
    logger, written = log
    for error in (ConfigError(f"knowarchive.toml: {SECRET} is wrong"), KeyError("nobody thought of this")):
        try:
            raise error
        except (ConfigError, KeyError):
            logger.exception("collect %s", "lanternkm")
    ours, other = written.getvalue().split("\n", 1)
    assert ours == "ERROR collect lanternkm: knowarchive.toml: [secret] is wrong"
    assert other.startswith("ERROR collect lanternkm\nTraceback")
    assert "nobody thought of this" in other


def test_what_looks_like_a_secret_is_hidden_whoever_holds_it(log):
    logger, written = log
    logger.debug("Authorization: Bearer another.token-unknown, postgresql+asyncpg://me:hunter2@db/prefect")
    assert written.getvalue() == f"DEBUG Authorization: Bearer {HIDDEN}, postgresql+asyncpg://{HIDDEN}@db/prefect\n"


def test_words_that_are_no_secret_stay(log):
    logger, written = log
    logger.info("read %s by %s", ENVIRON["KNOWARCHIVE_CONFIG"], ENVIRON["PATH"])
    assert written.getvalue() == "INFO read /etc/knowarchive/knowarchive.toml by /usr/bin:/bin\n"


@pytest.fixture
def lines(log):
    """A logger, and what it wrote so far as JSON."""
    logger, written = log
    logger.handlers[0].setFormatter(JsonLines())
    return logger, lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_of_json_says_when_and_what_it_is_about(lines):
    logger, written = lines
    with about(run="f00", chat="lanternkm"):
        with about(source="bluesky"):
            logger.warning("%d\npages", 3)
        logger.info("swept")
    logger.info("idle")
    first, second, third = written()
    moment = datetime.fromisoformat(first.pop("at"))
    assert datetime.now(UTC) - moment < timedelta(minutes=1)
    assert first == {
        "level": "warning", "logger": "some.library", "run": "f00", "chat": "lanternkm", "source": "bluesky",
        "message": "3\npages",
    }  # fmt: skip
    assert (second["chat"], "source" in second) == ("lanternkm", False)
    assert "chat" not in third


def test_what_lines_are_about_goes_along_into_threads_and_not_into_other_runs(lines):
    logger, written = lines

    async def work(chat):
        with about(chat=chat):
            await asyncio.sleep(0)
            await asyncio.to_thread(logger.info, chat)

    async def both():
        await asyncio.gather(work("one"), work("two"))

    asyncio.run(both())
    assert sorted((line["chat"], line["message"]) for line in written()) == [("one", "one"), ("two", "two")]


def test_a_traceback_as_json_is_one_line_without_secrets(lines):
    logger, written = lines
    try:
        int(SECRET)
    except ValueError:
        logger.exception("it failed")
    [line] = written()
    assert "ValueError" in line["traceback"]
    assert SECRET not in str(line)


@pytest.mark.slow  # importing Prefect takes seconds
def test_every_line_of_a_flows_process_is_json_prefects_own_too():
    program = (
        "from prefect.logging.configuration import setup_logging; setup_logging()\n"
        "import logging\n"
        "from pipelines import flows\n"
        "for name in ('prefect', 'prefect.runner', 'prefect.flow_runs', 'knowarchive.flows', 'others'):\n"
        "    logging.getLogger(name).warning('of %s with m4stodon-t0ken', name)\n"
    )
    environ = {
        **environment(), "KNOWARCHIVE_LOG_FORMAT": "json", "KNOWARCHIVE_MASTODON_TOKEN__EXAMPLE": "m4stodon-t0ken",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    written = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert [line["message"] for line in written] == [
        f"of {name} with {HIDDEN}"
        for name in ("prefect", "prefect.runner", "prefect.flow_runs", "knowarchive.flows", "others")
    ]
