"""No secret reaches a log, however it is said."""

import io
import logging

import pytest

from pipelines.logs import HIDDEN, keep_secrets_out

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


def test_what_looks_like_a_secret_is_hidden_whoever_holds_it(log):
    logger, written = log
    logger.debug("Authorization: Bearer another.token-unknown, postgresql+asyncpg://me:hunter2@db/prefect")
    assert written.getvalue() == f"DEBUG Authorization: Bearer {HIDDEN}, postgresql+asyncpg://{HIDDEN}@db/prefect\n"


def test_words_that_are_no_secret_stay(log):
    logger, written = log
    logger.info("read %s by %s", ENVIRON["KNOWARCHIVE_CONFIG"], ENVIRON["PATH"])
    assert written.getvalue() == "INFO read /etc/knowarchive/knowarchive.toml by /usr/bin:/bin\n"
