"""What can be configured, as msgspec decodes it. Secrets are never in it."""

import os
from datetime import date, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from knowarchive.config.rules import parse_duration
from knowarchive.errors import ConfigError, UsageError

DEFAULT_PATH = Path("knowarchive.toml")
SAME_DAY = "same day"  # the last half hour of the UTC day on which a session closes: X charges a post once a day


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    state: str = ""  # empty: the user's state directory


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    platform: Literal["x", "bluesky", "mastodon"]
    server: str = ""

    @property
    def name(self) -> str:
        """How the ledger calls it: its network, and its server where it is not the network's own."""
        return f"{self.platform}:{self.server}" if self.server else self.platform


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """A stretch of a chat's history with one RFC 5545 rule. `since` anchors it; `until` is its last day."""

    rule: str
    since: date | None = None
    until: date | None = None


class Occasion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one session has of its own. `date` and `start` are local; a `start` that no rule gives is an extra session."""

    date: date
    start: str = ""
    duration: str = ""  # of an extra session; else the chat's
    topic: str = ""
    guests: tuple[str, ...] = ()

    @property
    def clock(self) -> time | None:
        return time.fromisoformat(self.start) if self.start else None


class Chat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    hashtags: tuple[str, ...]
    title: str = ""
    timezone: str = "UTC"
    schedule: str | tuple[Rule, ...] = ""
    margin: tuple[str, str] = ("15m", "30m")
    duration: str = "1h"
    moderators: tuple[str, ...] = ()
    source: tuple[Source, ...] = ()
    skip: tuple[date, ...] = ()  # local dates on which the schedule holds no session
    session: tuple[Occasion, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The hashtags without the sign, which may be given with it."""
        return tuple(tag.lstrip("#＃") for tag in self.hashtags)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The schedule as a list of rules; empty where the chat has none."""
        if isinstance(self.schedule, str):
            return (Rule(rule=self.schedule),) if self.schedule else ()
        return self.schedule

    @property
    def length(self) -> timedelta:
        return parse_duration(self.duration)

    @property
    def margins(self) -> tuple[timedelta, timedelta]:
        """How far before the start and after the end a session reaches."""
        return parse_duration(self.margin[0]), parse_duration(self.margin[1])


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the scheduled work happens. Steps of `refresh` are durations after a session closed, or `SAME_DAY`."""

    poll: str = "5m"
    refresh: tuple[str, ...] = (SAME_DAY, "1d", "7d", "30d")
    maintain: str = "FREQ=WEEKLY;BYDAY=SU;BYHOUR=4;BYMINUTE=0"  # in UTC
    inbox: str = ""  # a folder whose files are imported; empty: none
    port: int = 4200  # of the embedded server, on loopback
    health: int = 4201  # where /healthz is answered, on loopback

    @property
    def poll_every(self) -> timedelta:
        return parse_duration(self.poll)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What collecting may use up, of each source in each run; a month is of UTC."""

    requests: int = 2_000
    minutes: float = 30.0
    dollars_a_run: float | None = None  # None: no bound
    dollars_a_month: float | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts that are one person's, such as `x:handle` and `mastodon:handle@server`, under the name to show."""

    name: str
    accounts: tuple[str, ...]


class Publish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What everybody may read on the site. `url` is where it will stand; `contact` is told to who wants a post gone."""

    folder: str = "site"
    url: str = ""  # empty: no feeds, sitemap and previews, which need whole addresses
    title: str = ""
    contact: str = ""
    notice: str = ""
    x: Literal["refreshed", "as-archived"] = "refreshed"  # posts of X that were not seen lately: left out, or shown
    x_max_age: str = "30d"
    opt_out: tuple[str, ...] = ()  # accounts of whom nothing is shown
    largest_page: int = 1_000  # kB; what is larger is put on several

    @property
    def x_age(self) -> timedelta:
        return parse_duration(self.x_max_age)

    @property
    def base(self) -> str:
        """The site's address with a slash at its end; empty where there is none."""
        return f"{self.url.rstrip('/')}/" if self.url else ""

    @property
    def contact_url(self) -> str:
        """Where `contact` leads: an address of e-mail is one too."""
        return self.contact if "://" in self.contact or self.contact.startswith("mailto:") else f"mailto:{self.contact}"


class Web(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reading room. `token_file` holds the token that it asks for, where $KNOWARCHIVE_WEB_TOKEN does not."""

    token_file: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    archive: Archive
    chat: tuple[Chat, ...] = ()
    person: tuple[Identity, ...] = ()
    limits: Limits = Limits()
    schedule: Policy = Policy()
    publish: Publish = Publish()
    web: Web = Web()
    path: Path = DEFAULT_PATH

    def find_chat(self, name: str) -> Chat | None:
        return next((chat for chat in self.chat if chat.name == name), None)

    def require_chat(self, name: str) -> Chat:
        """Find a configured chat.

        Raises:
            UsageError: there is none of this name; says which there are.
        """
        chat = self.find_chat(name)
        if chat is None:
            known = ", ".join(chat.name for chat in self.chat) or "none yet"
            raise UsageError(f"no chat named {name!r}; {self.path} has: {known}")
        return chat

    @property
    def archive_url(self) -> str:
        """An address with a scheme, or an absolute folder; a relative one starts at the configuration."""
        if "://" in self.archive.url:
            return self.archive.url
        return str((self.path.parent / Path(self.archive.url).expanduser()).absolute())

    @property
    def state_dir(self) -> Path:
        """Derived and private things (index, sessions, caches). Created with mode 0700 by whoever needs it.

        Each archive has its own unless one is configured: what was told, claimed and scheduled is an archive's.
        """
        if self.archive.state:
            return (self.path.parent / Path(self.archive.state).expanduser()).absolute()
        base = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
        try:
            return base.expanduser() / "knowarchive" / digest_of(self.archive_url)
        except RuntimeError as error:
            raise ConfigError(f"{self.path}: there is no home folder; set archive.state to a folder") from error

    @property
    def site_dir(self) -> Path:
        """Where the site is built."""
        return (self.path.parent / Path(self.publish.folder).expanduser()).absolute()

    @property
    def inbox_dir(self) -> Path | None:
        """Whose files the schedule imports; None where no folder is watched."""
        inbox = self.schedule.inbox
        return (self.path.parent / Path(inbox).expanduser()).absolute() if inbox else None

    @property
    def token_path(self) -> Path | None:
        """The file with the reading room's token; a relative one starts at the configuration."""
        return self.path.parent / Path(self.web.token_file).expanduser() if self.web.token_file else None

    @property
    def overrides_path(self) -> Path:
        return self.path.with_name(f"{self.path.stem}.overrides.toml")


def digest_of(archive_url: str) -> str:
    """The name of an archive among what is derived from archives: 16 hexadecimal digits, safe in a file name."""
    return sha256(archive_url.encode("utf-8", "surrogateescape")).hexdigest()[:16]
