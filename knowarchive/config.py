"""The configuration: one TOML file, read strictly. Secrets are never in it."""

import errno
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from knowarchive.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

DEFAULT_PATH = Path("knowarchive.toml")
CHAT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # it becomes file names, anchors and addresses
DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
LONGEST_DURATION = timedelta(days=31)
LONGEST_MARGIN = timedelta(days=7)
LONGEST_REFRESH = timedelta(days=366)
MARKS_IN_HASHTAGS = "_·・\u200c\u200d"  # besides letters, digits and the marks on them; the last two join letters
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ACCOUNT = re.compile(r"(x|bluesky):@?[^@\s]+|mastodon:@?[^@\s]+@[^@\s]+")
CONTACT = re.compile(r"(?:mailto:)?[^@\s<>\"]+@[^@\s<>\"/]+|https?://[^\s<>\"]+")
SMALLEST_PAGE = 100  # kB
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "az", "abfs", "abfss"})
LARGEST = 1_000_000  # bytes; what is larger is something else
MOST_REQUESTS, MOST_MINUTES, MOST_DOLLARS = 1_000_000, 24 * 60, 1_000_000
FIRST_YEAR, LAST_YEAR = 1970, 2200
SAME_DAY = "same day"  # the last half hour of the UTC day on which a session closes: X charges a post once a day
ANCHOR = date(2006, 1, 2)
"""Where a rule without `from` starts: a Monday, older than any hashtag. INTERVAL and COUNT are counted from it."""
UNTIL_IN_UTC = re.compile(r"UNTIL=(\d{8}T\d{6})Z", re.IGNORECASE)
EVERY_YEAR = re.compile(
    r"FREQ=(?:DAILY|WEEKLY;BYDAY=(?:MO|TU|WE|TH|FR|SA|SU)|MONTHLY;BYDAY=[1-4](?:MO|TU|WE|TH|FR|SA|SU))"
    r";BYHOUR=(?:1?[0-9]|2[0-3]);BYMINUTE=[1-5]?[0-9]"
)
"""Rules as most chats have them, which can be followed for ever: to know that, dateutil need not be loaded."""
TOO_OFTEN = re.compile(r"FREQ=(?:MINUTELY|SECONDLY)", re.IGNORECASE)
EXAMPLE_RULE = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"


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


def parse_duration(text: str) -> timedelta:
    """Read "90s", "15m", "1h" or "2d".

    Raises:
        ConfigError: anything else.
    """
    match = DURATION.fullmatch(text)
    if not match:
        raise ConfigError(f'"{text}" is not a duration; write "15m", "1h" or "1d"')
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    try:
        return timedelta(**{unit: int(match[1])})
    except OverflowError as error:
        raise ConfigError(f'"{text}" is too long; write "15m", "1h" or "1d"') from error


def parse_rule(text: str, start: datetime, zone: ZoneInfo) -> "rrule | rruleset":
    """Read an RFC 5545 rule as wall-clock times in a time zone; an UNTIL in UTC becomes local.

    Args:
        text: the rule, without DTSTART.
        start: its DTSTART, naive.
        zone: whose clock it is.

    Raises:
        ConfigError: it is none, or gives a session every minute or second.
    """
    from dateutil.rrule import rrulestr

    if TOO_OFTEN.search(text):
        raise ConfigError(f'"{text}" gives a session every minute or second; write FREQ=DAILY with BYHOUR and BYMINUTE')
    try:
        return rrulestr(with_local_until(text, zone), dtstart=start)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ConfigError(f'"{text}" is not an RFC 5545 rule ({error}); an example is "{EXAMPLE_RULE}"') from error


def with_local_until(text: str, zone: tzinfo) -> str:
    """An RFC 5545 rule whose UNTIL, where it was in UTC, is by the clock of a zone, as a naive DTSTART wants it."""

    def localise(match: re.Match[str]) -> str:
        moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).astimezone(zone)
        return f"UNTIL={moment:%Y%m%dT%H%M%S}"

    return UNTIL_IN_UTC.sub(localise, text)


def find_config(given: str | None) -> Path:
    """Say which configuration file to use: the given one, `$KNOWARCHIVE_CONFIG`, or the one in this folder."""
    return Path(given or os.environ.get("KNOWARCHIVE_CONFIG") or DEFAULT_PATH)


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: with the file, the key and what to do.
    """
    document = _read(path)
    if "path" in document:
        raise ConfigError(f"{path}: {_unknown_key('path', (), document)}")
    try:
        config = msgspec.convert({**document, "path": str(path)}, Config, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(str(error), document)}") from error
    try:
        _check_archive(config)
        _check_chats(config.chat)
        _check_policy(config.schedule)
        _check_people(config.person)
        _check_limits(config.limits)
        _check_publish(config.publish)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def _read(path: Path) -> dict[str, Any]:
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


# What msgspec says, said so that the place and the remedy are plain.

_TABLES: dict[tuple[str, ...], type[msgspec.Struct]] = {
    (): Config,
    ("archive",): Archive,
    ("chat",): Chat,
    ("chat", "source"): Source,
    ("chat", "schedule"): Rule,
    ("chat", "session"): Occasion,
    ("schedule",): Policy,
    ("person",): Identity,
    ("limits",): Limits,
    ("publish",): Publish,
    ("web",): Web,
}
_HEADINGS = {
    (): "the top of the file",
    ("archive",): "[archive]",
    ("chat",): "[[chat]]",
    ("chat", "source"): "[[chat.source]]",
    ("chat", "schedule"): "the rules of schedule",
    ("chat", "session"): "[[chat.session]]",
    ("schedule",): "[schedule]",
    ("person",): "[[person]]",
    ("limits",): "[limits]",
    ("publish",): "[publish]",
    ("web",): "[web]",
}
_EXAMPLES = {
    "archive": '[archive] with url = "archive"',
    "url": 'url = "archive"',
    "name": 'name = "critlib"',
    "person.name": 'name = "Their Name"',
    "hashtags": 'hashtags = ["critlib"]',
    "rule": f'rule = "{EXAMPLE_RULE}"',
    "platform": 'platform = "x"',
    "from": "from = 2015-03-03, without quotes",
    "until": "until = 2019-12-31, without quotes",
    "margin": 'margin = ["15m", "30m"]',
    "schedule": f'schedule = "{EXAMPLE_RULE}"',
    "moderators": 'moderators = ["x:handle"]',
    "date": "date = 2015-05-19, without quotes",
    "skip": "skip = [2015-12-22], without quotes",
    "refresh": f'refresh = ["{SAME_DAY}", "1d", "7d", "30d"]',
    "opt_out": 'opt_out = ["x:handle", "mastodon:handle@server"]',
    "accounts": 'accounts = ["x:handle", "bluesky:handle", "mastodon:handle@server"]',
}
_CHOICES = {"platform": "x, bluesky, mastodon", "x": "refreshed, as-archived"}
_TYPES = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "datetime": "a date with a time",
    "time": "a time",
}
_SECRETS = re.compile(r"bearer|token|secret|password|api_?key|access_?key", re.IGNORECASE)


def _explain(message: str, document: Mapping[str, Any]) -> str:
    problem, _, path = message.partition(" - at `$")
    steps = [name or int(number) for name, number in re.findall(r"\.([^.\[`]+)|\[(\d+)\]", path)]
    if unknown := re.search(r"unknown field `(.+)`", problem, re.DOTALL):
        return _unknown_key(unknown[1], steps, document)
    if missing := re.search(r"missing required field `(.+)`", problem):
        names = [name for name in steps if isinstance(name, str)]
        example = _EXAMPLES.get(".".join([*names, missing[1]])) or _EXAMPLES.get(missing[1], missing[1])
        return f"{_place(steps, document)} has no `{missing[1]}`; add {example}"
    key = next((str(step) for step in reversed(steps) if isinstance(step, str)), "")
    table = steps[: len(steps) - 1 - steps[::-1].index(key)] if key else []
    where = f"`{key}` in {_place(table, document)}"
    if steps in (["chat"], ["person"], [*table, "source"], [*table, "session"]) and "got `object`" in problem:
        heading = _HEADINGS["chat", key] if key in {"source", "session"} else _HEADINGS[key,]
        return f"{where} is a table of its own; write {heading} with two brackets"
    remedy = f"; write {_EXAMPLES[key]}" if key in _EXAMPLES else ""
    if wrong := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", problem):
        wanted = " or ".join(_TYPES.get(kind, kind) for kind in wrong[1].split(" | ") if kind != "null")
        one = "each value of " if steps and isinstance(steps[-1], int) else ""
        return f"{one}{where} must be {wanted}, not {_TYPES.get(wrong[2], wrong[2])}{remedy}"
    if length := re.fullmatch(r"Expected `array` of length (\d+), got (\d+)", problem):
        return f"{where} must be a list of {length[1]}, not of {length[2]}{remedy}"
    if value := re.fullmatch(r"Invalid enum value '(.*)'", problem, re.DOTALL):
        return f"{where} cannot be '{value[1]}'; it is one of {_CHOICES[key]}"
    return f"{where}: {problem}{remedy}"


def _unknown_key(key: str, steps: Sequence[str | int], document: Mapping[str, Any]) -> str:
    names = tuple(step for step in steps if isinstance(step, str))
    valid = _keys(names)
    from difflib import get_close_matches

    close = get_close_matches(key.lower(), valid, n=1, cutoff=0.6)
    elsewhere = [_HEADINGS[other] for other in _TABLES if key in _keys(other)]
    if close:
        hint = f"did you mean `{close[0]}`?"
    elif elsewhere:
        hint = f"it belongs in {elsewhere[0]}"
    elif _SECRETS.search(key):
        hint = "secrets are read from the environment (such as KNOWARCHIVE_X_BEARER), never from this file"
    else:
        close = get_close_matches(key.lower(), valid, n=1, cutoff=0)
        hint = f"the nearest is `{close[0]}`; valid are {', '.join(valid)}"
    return f"unknown key `{key}` in {_place(steps, document)}; {hint}"


def _keys(names: tuple[str, ...]) -> list[str]:
    return [name for name in _TABLES[names].__struct_encode_fields__ if name != "path"]


def _place(steps: Sequence[str | int], document: Mapping[str, Any]) -> str:
    """Name a table as its writer thinks of it: [archive], chat "critlib", source 2 of chat "critlib"."""
    match list(steps):
        case ["chat", int(chat)]:
            name = document["chat"][chat].get("name") if isinstance(document["chat"][chat], dict) else None
            return f'chat "{name}"' if isinstance(name, str) else f"chat {chat + 1}"
        case ["chat", int(chat), str(kind), int(number)]:
            return f"{'rule' if kind == 'schedule' else kind} {number + 1} of {_place(['chat', chat], document)}"
        case ["person", int(number)]:
            one = document["person"][number]
            name = one.get("name") if isinstance(one, dict) else None
            return f'person "{name}"' if isinstance(name, str) else f"person {number + 1}"
        case [("archive" | "limits" | "schedule" | "publish" | "web") as name]:
            return f"[{name}]"
    return "the file"


# What types cannot say.


def _check_archive(config: Config) -> None:
    archive = config.archive
    if not archive.url.strip():
        raise ConfigError("archive.url is empty; give a folder or s3://bucket/prefix")
    for key, value in (("url", archive.url), ("state", archive.state)):
        if CONTROL.search(value):
            raise ConfigError(f"archive.{key} holds a control character; write it anew")
    if "://" in archive.url:
        address = _address(archive.url)
        if address is None or address.scheme not in OBJECT_STORES or not address.netloc:
            raise ConfigError(f'archive.url cannot be "{archive.url}"; give a folder or s3://bucket/prefix')
        if "@" in address.netloc:
            raise ConfigError("archive.url holds credentials; take them out, they are read from the environment")
    if "://" in archive.state:
        raise ConfigError(f'archive.state cannot be "{archive.state}"; give a folder of this machine')
    try:
        url, state = config.archive_url, config.state_dir
    except RuntimeError as error:
        raise ConfigError(f"archive: {error}; write the folder without ~") from error
    if "://" not in url and archive.state:
        inner, outer = Path(os.path.normpath(state)), Path(os.path.normpath(url))
        if inner == outer or outer in inner.parents:
            raise ConfigError("archive.state lies in the archive, and it is private; set it to a folder elsewhere")


def _check_limits(limits: Limits) -> None:
    """Bounds are numbers that bound: no run without a request or a minute, no endless one, no debts."""
    if not 0 < limits.requests <= MOST_REQUESTS:
        raise ConfigError(f"limits.requests cannot be {limits.requests}; write a number from 1 to {MOST_REQUESTS:,}")
    if not 0 < limits.minutes <= MOST_MINUTES:
        raise ConfigError(f"limits.minutes cannot be {limits.minutes}; write a number up to {MOST_MINUTES:,}")
    for name in ("dollars_a_run", "dollars_a_month"):
        dollars = getattr(limits, name)
        if dollars is not None and not 0 <= dollars <= MOST_DOLLARS:
            raise ConfigError(f"limits.{name} cannot be {dollars}; write an amount such as 25")


def _check_publish(publish: Publish) -> None:
    for name in ("url", "title", "contact", "notice"):
        if CONTROL.search(getattr(publish, name).replace("\n", "")):
            raise ConfigError(f"publish.{name} holds a control character; write it anew")
    _check_folder(publish.folder, 'publish.folder cannot be "{}"; write folder = "site"')
    address = _address(publish.url) if publish.url else None
    if publish.url and (address is None or address.scheme not in {"http", "https"} or not address.hostname):
        raise ConfigError(
            f'publish.url cannot be "{publish.url}"; give the site\'s address, such as https://example.org/'
        )
    if address is not None and (address.query or address.fragment or "@" in address.netloc):
        raise ConfigError("publish.url ends with its folder; take out what begins with ? or #, and any credentials")
    if publish.contact and not CONTACT.fullmatch(publish.contact):
        raise ConfigError(f'publish.contact cannot be "{publish.contact}"; give an address of e-mail, or of a page')
    if publish.x_age < timedelta(days=1):
        raise ConfigError(f'publish.x_max_age "{publish.x_max_age}" is less than a day; write "30d"')
    if publish.largest_page < SMALLEST_PAGE:
        raise ConfigError(f"publish.largest_page cannot be {publish.largest_page}; write {SMALLEST_PAGE} kB or more")
    for account in publish.opt_out:
        _check_account(account, "opt_out", "publish")


def _check_folder(text: str, message: str) -> None:
    try:
        Path(text).expanduser()
    except RuntimeError as error:  # "~" of somebody who is not here
        raise ConfigError(message.format(text)) from error
    if not text.strip() or CONTROL.search(text):
        raise ConfigError(message.format(CONTROL.sub(" ", text)))


def _check_chats(chats: Sequence[Chat]) -> None:
    names: set[str] = set()
    for chat in chats:
        if chat.name in names:
            raise ConfigError(f'chat "{chat.name}": there are two of this name; give each its own')
        names.add(chat.name)
        _check_chat(chat)


def _check_chat(chat: Chat) -> None:
    where = f'chat "{chat.name}"'
    if not CHAT_NAME.fullmatch(chat.name):
        raise ConfigError(
            f"{where}: a name is up to 64 lower-case letters, digits, - and _, and begins with a letter or digit"
        )
    if not chat.hashtags:
        raise ConfigError(f"{where}: hashtags is empty; name at least one")
    for tag in chat.hashtags:
        if not _is_hashtag(tag.removeprefix("#").removeprefix("＃")):
            raise ConfigError(f'{where}: "{tag}" is not a hashtag; it is one word of letters and digits')
    if CONTROL.search(chat.title):
        raise ConfigError(f"{where}: the title holds a line break or control character; write it on one line")
    for moderator in chat.moderators:
        _check_account(moderator, "moderator", where)
    for source in chat.source:
        _check_server(source, where)
    try:
        _ = chat.zone
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f'{where}: "{chat.timezone}" is not a time zone; use a name such as "America/New_York"'
        ) from error
    try:
        _check_times(chat)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _check_people(people: Sequence[Identity]) -> None:
    owners: dict[str, str] = {}
    for person in people:
        where = f'person "{person.name}"'
        if not person.name.strip() or CONTROL.search(person.name):
            raise ConfigError(f"{where}: a name is text on one line; write the name to show")
        if len(person.accounts) < 2:
            raise ConfigError(f"{where}: accounts joins two or more; name all of them, or take the table out")
        for account in person.accounts:
            _check_account(account, "account", where)
            platform, _, handle = account.partition(":")
            key = f"{platform}:{handle.removeprefix('@').casefold()}"
            if key in owners:
                other = "twice" if owners[key] == person.name else f'to person "{owners[key]}" too'
                raise ConfigError(f'{where}: account "{account}" is given {other}; leave one of them')
            owners[key] = person.name


def _check_account(account: str, kind: str, where: str) -> None:
    if not ACCOUNT.fullmatch(account):
        raise ConfigError(
            f'{where}: {kind} "{account}" is not known; write "x:handle", "bluesky:handle" or "mastodon:handle@server"'
        )


def _check_times(chat: Chat) -> None:
    if not timedelta(minutes=1) <= chat.length <= LONGEST_DURATION:
        raise ConfigError(f'duration "{chat.duration}" is not between 1m and {LONGEST_DURATION.days}d')
    for text, margin in zip(chat.margin, chat.margins, strict=True):
        if margin > LONGEST_MARGIN:
            raise ConfigError(f'margin "{text}" is more than {LONGEST_MARGIN.days}d')
    for rule in chat.rules:
        _check_rule(rule, chat.zone)
    for occasion in chat.session:
        _check_occasion(occasion)


def _check_occasion(occasion: Occasion) -> None:
    where = f"session {occasion.date}"
    no_time = f'{where}: start "{occasion.start}" is not a time of the day; write start = "19:00"'
    try:
        clock = occasion.clock
    except ValueError as error:
        raise ConfigError(no_time) from error
    if clock and (clock.tzinfo or clock.second or clock.microsecond):  # sessions begin with a local minute
        raise ConfigError(no_time)
    if occasion.duration:
        if not occasion.start:
            raise ConfigError(f"{where}: a duration needs a start, as only an extra session has its own")
        if not timedelta(minutes=1) <= parse_duration(occasion.duration) <= LONGEST_DURATION:
            raise ConfigError(f'{where}: duration "{occasion.duration}" is not between 1m and {LONGEST_DURATION.days}d')
    if CONTROL.search(occasion.topic):
        raise ConfigError(f"{where}: the topic holds a line break or control character; write it on one line")
    for guest in occasion.guests:
        _check_account(guest, "guest", where)


def _check_policy(policy: Policy) -> None:
    if not timedelta(minutes=1) <= policy.poll_every <= timedelta(hours=1):
        raise ConfigError(f'[schedule]: poll "{policy.poll}" is not between 1m and 1h')
    for step in policy.refresh:
        if step != SAME_DAY and not timedelta(hours=1) <= parse_duration(step) <= LONGEST_REFRESH:
            raise ConfigError(
                f'[schedule]: refresh "{step}" is neither "{SAME_DAY}" nor between 1h and {LONGEST_REFRESH.days}d'
            )
    for name in ("port", "health"):
        if not 1 <= getattr(policy, name) <= 65535:
            raise ConfigError(f"[schedule]: {name} {getattr(policy, name)} is not between 1 and 65535")
    if policy.inbox:
        _check_folder(policy.inbox, '[schedule]: inbox cannot be "{}"; write inbox = "inbox"')
    if policy.port == policy.health:
        raise ConfigError(f"[schedule]: port and health are both {policy.port}; give each its own")
    try:
        _check_rule(Rule(rule=policy.maintain), ZoneInfo("UTC"))
    except ConfigError as error:
        raise ConfigError(f"[schedule]: maintain: {error}") from error


def _is_hashtag(tag: str) -> bool:
    """A word, in any script: letters, digits and the marks that belong to them, but not digits alone."""
    from unicodedata import category

    fitting = all(char.isalnum() or char in MARKS_IN_HASHTAGS or category(char) in {"Mn", "Mc"} for char in tag)
    return fitting and any(char.isalpha() for char in tag)


def _check_server(source: Source, where: str) -> None:
    if not source.server:
        if source.platform == "mastodon":
            raise ConfigError(f'{where}: a mastodon source needs its server, as in server = "https://example.social"')
        return
    address = _address(source.server)
    if address is None or address.scheme not in {"https", "http"} or not address.hostname:
        raise ConfigError(
            f'{where}: server "{source.server}" is not an address; write server = "https://example.social"'
        )
    if "@" in address.netloc:
        raise ConfigError(f"{where}: the server's address holds credentials; take them out")


def _address(text: str) -> Any:
    try:
        address = urlsplit(text)
        _ = address.port
    except ValueError:
        return None
    return None if re.search(r"\s", text) else address


def _check_rule(rule: Rule, zone: ZoneInfo) -> None:
    text = rule.rule
    if re.search(r"DTSTART", text, re.IGNORECASE):
        raise ConfigError('a schedule takes no DTSTART; anchor it with schedule = [{rule = "…", from = 2015-03-03}]')
    for interval in re.findall(r"INTERVAL=([^;\s]*)", text, re.IGNORECASE):
        if not re.fullmatch(r"0*[1-9][0-9]{0,2}", interval):
            raise ConfigError(f'INTERVAL={interval} in "{text}" is not a number from 1 to 999')
    for day in (rule.since, rule.until):
        if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ConfigError(f"a rule's from and until lie between {FIRST_YEAR} and {LAST_YEAR}, not in {day.year}")
    if rule.since and rule.until and rule.until < rule.since:
        raise ConfigError(f"a rule ends on {rule.until}, before it starts on {rule.since}; exchange them")
    if rule.until is None and EVERY_YEAR.fullmatch(text):
        return
    start = datetime.combine(rule.since or ANCHOR, time())
    try:
        first = _first_occurrence(parse_rule(text, start, zone), start)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f'"{text}" cannot be followed ({error}); an example is "{EXAMPLE_RULE}"') from error
    if first is None or (rule.until and first.date() > rule.until):
        raise ConfigError(f'"{text}" never happens{" in its time" if first else ""}; correct the rule')


def _first_occurrence(parsed: "rrule | rruleset", start: datetime) -> datetime | None:
    """The first occurrence; of what does not happen within a generation, None."""
    from dateutil.rrule import WEEKLY, rrule

    if isinstance(parsed, rrule):
        # 28 years repeat the calendar; a daily rule is looked at for eight, which hold a leap year
        years = 28 if parsed._freq <= WEEKLY else 8  # type: ignore[attr-defined]  # noqa: SLF001 - has no other name
        horizon = start.replace(month=1, day=1, year=start.year + years)
        limit = parsed._until  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        if parsed._count is None:  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            parsed = parsed.replace(until=min(limit or horizon, horizon))
    return next(iter(parsed), None)
