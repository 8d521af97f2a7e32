"""Tell people once of what needs them, and nothing when all is well.

Addresses of notification services hold secrets: they come from the environment, and are never logged.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from knowarchive.config import Config
from knowarchive.errors import StorageError
from pipelines.claims import claim
from pipelines.standing import Trouble, take_stock
from storage.archive import Archive

log = logging.getLogger("knowarchive.telling")

ADDRESSES = "KNOWARCHIVE_NOTIFY"  # of apprise, separated by spaces or lines
AGAIN = timedelta(days=7)  # a trouble that stays is told again
ONCE = {"missed", "silent"}  # what happened and is over, and so does not stay
TITLE = "Knowarchive needs you"


def tell_people(config: Config, archive: Archive, environ: Mapping[str, str], now: datetime) -> int:
    """Look how things stand, and tell what is new to the addresses in the environment, if there are any.

    Returns:
        How many troubles were told: none where another process tells of them just now.
    """
    send = sender(environ)
    if send is None:
        return 0
    with claim(config.state_dir, "tell") as is_mine:
        return tell(config.state_dir, take_stock(config, archive, environ, now).troubles, now, send) if is_mine else 0


def choose(
    troubles: Iterable[Trouble], told: Mapping[str, datetime], now: datetime
) -> tuple[list[Trouble], dict[str, datetime]]:
    """Choose what is to be told now, and what to remember as told afterwards. Pure.

    A trouble is told when it appears, again after `AGAIN` where it stays, and forgotten when it is over.
    """
    standing = list(troubles)
    news = [one for one in standing
            if one.key not in told or (one.kind not in ONCE and now - told[one.key] >= AGAIN)]  # fmt: skip
    return news, {one.key: now if one in news else told[one.key] for one in standing}


def tell(state: Path, troubles: Iterable[Trouble], now: datetime, send: Callable[[str, str], bool]) -> int:
    """Tell what is new, and remember it in the state folder. What could not be sent is new the next time too.

    Args:
        state: the private folder of the archive.
        troubles: as they stand.
        now: aware.
        send: given a title and lines, says whether they were sent.

    Returns:
        How many were told.

    Raises:
        StorageError: the state folder cannot be written.
    """
    path = state / "told.json"
    before = _read(path)
    news, after = choose(troubles, before, now)
    if news and not send(TITLE, "\n".join(one.text for one in news)):
        log.warning("a notification could not be sent; check %s and the network", ADDRESSES)
        return 0
    if after != before:
        _write(path, after)
    return len(news)


def sender(environ: Mapping[str, str]) -> Callable[[str, str], bool] | None:
    """What sends to all addresses in the environment, and says whether any was reached; None where there is none."""
    addresses = environ.get(ADDRESSES, "").split()
    if not addresses:
        return None

    def send(title: str, text: str) -> bool:
        import apprise

        for name in ("apprise", "urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what they say may hold an address

        def reaches(address: str) -> bool:
            service = apprise.Apprise()
            return bool(
                service.add(address) and service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT)
            )

        reached = [reaches(address) for address in addresses]
        if any(reached) and not all(reached):  # whoever was told is not told again because of the others
            log.warning("%d of the addresses in %s could not be told; check them", reached.count(False), ADDRESSES)
        return any(reached)

    return send


def _read(path: Path) -> dict[str, datetime]:
    try:
        return {key: datetime.fromisoformat(at) for key, at in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # at worst somebody is told twice


def _write(path: Path, told: Mapping[str, datetime]) -> None:
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps({key: at.isoformat() for key, at in told.items()}, indent=2), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}; set archive.state to a folder") from error
