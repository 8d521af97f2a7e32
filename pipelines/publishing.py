"""Keep the site up to date: build it when something came in that it does not show yet, and say so in the ledger.

The site stands above this layer, so it is built by `knowarchive publish`.
"""

import uuid
from collections.abc import Callable
from datetime import datetime

import msgspec

from knowarchive import __version__
from knowarchive.config import Config
from knowarchive.errors import KnowarchiveError
from pipelines.agenda import PUBLISH, is_site_due
from pipelines.claims import claim
from pipelines.commands import Perform, perform
from storage.archive import Archive, Run

SITE = "site"  # what the ledger calls it


def is_due(config: Config, archive: Archive, now: datetime) -> bool:
    """Whether the site is to be brought up to date: [publish] names a contact, and something is new."""
    return bool(config.publish.contact) and is_site_due(config.chat, archive.runs(), now)


def publish_if_due(
    config: Config, archive: Archive, now: Callable[[], datetime], run: Perform = perform
) -> dict[str, int] | None:
    """Bring the site up to date if it is due, unless another process is at it.

    Args:
        config: whose site; `publish.folder` says where.
        archive: which it shows.
        now: the clock; aware.
        run: runs a command, see `pipelines.commands.perform`.

    Returns:
        How many sessions and files it has, and how many files changed; None where there was nothing to do.

    Raises:
        KnowarchiveError: it could not be built. The ledger says so too, and it is tried again after a while.
    """
    with claim(config.state_dir, "publish") as is_mine:
        if not is_mine or not is_due(config, archive, now()):
            return None
        started = now()
        try:
            counts: dict[str, int] = msgspec.convert(
                {name: value for name, value in msgspec.json.decode(run(config, "publish", "--json")).items()
                 if name in {"sessions", "files", "changed"}},
                dict[str, int],
            )  # fmt: skip
        except KnowarchiveError as error:
            archive.record(_line("failed", started, now(), str(error)))
            raise
        archive.record(_line("done", started, now()))
    return counts


def _line(status: str, started: datetime, finished: datetime, error: str | None = None) -> Run:
    return Run(
        run_id=uuid.uuid4().hex, kind=PUBLISH, source=SITE, status=status, started_at=started, finished_at=finished,
        error=error, version=__version__,
    )  # fmt: skip
