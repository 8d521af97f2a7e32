"""The configuration: one TOML file, read strictly. Secrets are never in it."""

import difflib
import os
import re
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from knowarchive.errors import ConfigError

DEFAULT_PATH = Path("knowarchive.toml")
CHAT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # it becomes file names, anchors and addresses
DURATION = re.compile(r"(\d+)(s|m|h|d)")
HASHTAG = re.compile(r"\w+", re.UNICODE)


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    state: str = ""  # empty: the user's state directory


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    platform: Literal["x", "bluesky", "mastodon"]
    server: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """A stretch of a chat's history with one RFC 5545 rule. `since` anchors it; `until` is its last day."""

    rule: str
    since: date | None = None
    until: date | None = None


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


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    archive: Archive
    chat: tuple[Chat, ...] = ()
    path: Path = DEFAULT_PATH

    def find_chat(self, name: str) -> Chat | None:
        return next((chat for chat in self.chat if chat.name == name), None)

    @property
    def archive_url(self) -> str:
        """An address with a scheme, or an absolute folder; a relative one starts at the configuration."""
        if "://" in self.archive.url:
            return self.archive.url
        return str((self.path.parent / Path(self.archive.url).expanduser()).absolute())

    @property
    def state_dir(self) -> Path:
        """Derived and private things (index, sessions, caches). Created with mode 0700 by whoever needs it."""
        if self.archive.state:
            return (self.path.parent / Path(self.archive.state).expanduser()).absolute()
        base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(base).expanduser() / "knowarchive"

    @property
    def overrides_path(self) -> Path:
        return self.path.with_name(f"{self.path.stem}.overrides.toml")


def parse_duration(text: str) -> timedelta:
    """Read "90s", "15m", "1h" or "2d".

    Raises:
        ConfigError: anything else.
    """
    match = DURATION.fullmatch(text)
    if not match:
        raise ConfigError(f'"{text}" is not a duration; write "15m", "1h" or "1d"')
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def find_config(given: str | None) -> Path:
    """Say which configuration file to use: the given one, `$KNOWARCHIVE_CONFIG`, or the one in this folder."""
    path = Path(given or os.environ.get("KNOWARCHIVE_CONFIG") or DEFAULT_PATH)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; write one with: knowarchive init, or name one with --config")
    return path


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: with the file, the key and what to do.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; check the path and its permissions") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    if "path" in document:
        raise ConfigError(f"{path}: unknown key `path`; {_nearest('path', Config)}")
    try:
        config = msgspec.convert({**document, "path": str(path)}, Config, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(str(error))}") from error
    _check(config)
    return config


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError


def _explain(message: str) -> str:
    """Turn msgspec's message into ours: name the key, the place and the nearest valid key."""
    unknown = re.search(r"unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?", message)
    if not unknown:
        return message.replace("$.", "").replace("`$`", "the file")
    key, place = unknown[1], unknown[2] or ""
    table: type[msgspec.Struct] = Config
    for part, kind in (("archive", Archive), ("chat", Chat), ("schedule", Rule), ("source", Source)):
        if part in place:
            table = kind
    return f"unknown key `{key}` in {place or 'the file'}; {_nearest(key, table)}"


def _nearest(key: str, table: type[msgspec.Struct]) -> str:
    valid = [name for name in table.__struct_encode_fields__ if name != "path"]
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`?" if close else f"valid keys are {', '.join(valid)}"


def _check(config: Config) -> None:
    names: set[str] = set()
    if not config.archive.url:
        raise ConfigError(f"{config.path}: archive.url is empty; give a folder or s3://bucket/prefix")
    for chat in config.chat:
        where = f'{config.path}: chat "{chat.name}"'
        if not CHAT_NAME.fullmatch(chat.name):
            raise ConfigError(f"{where}: a name is lower-case letters, digits, - and _, and starts with none of these")
        if chat.name in names:
            raise ConfigError(f"{where}: there are two; give each its own name")
        names.add(chat.name)
        if not chat.hashtags:
            raise ConfigError(f"{where}: hashtags is empty; name at least one")
        for tag in chat.hashtags:
            if not HASHTAG.fullmatch(tag.removeprefix("#")):
                raise ConfigError(f'{where}: "{tag}" is not a hashtag; it is one word of letters and digits')
        for moderator in chat.moderators:
            if moderator.partition(":")[0] not in {"x", "bluesky", "mastodon"}:
                raise ConfigError(f'{where}: moderator "{moderator}" needs its network, as in "x:handle"')
        for source in chat.source:
            if source.platform == "mastodon" and not source.server.startswith(("https://", "http://")):
                raise ConfigError(
                    f'{where}: a mastodon source needs its server, as in server = "https://example.social"'
                )
        try:
            _ = chat.zone
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError(
                f'{where}: "{chat.timezone}" is not a time zone; use a name such as "America/New_York"'
            ) from error
        try:
            _ = chat.length, chat.margins
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        _check_rules(chat, where)


def _check_rules(chat: Chat, where: str) -> None:
    if not chat.rules:
        return
    from dateutil.rrule import rrulestr

    for rule in chat.rules:
        if "DTSTART" in rule.rule.upper():
            raise ConfigError(f"{where}: a schedule takes no DTSTART; anchor it with from = 2015-03-03")
        try:
            rrulestr(rule.rule)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f'{where}: "{rule.rule}" is not an RFC 5545 rule ({error}); '
                'an example is "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"'
            ) from error
        if rule.since and rule.until and rule.until < rule.since:
            raise ConfigError(f"{where}: a rule ends on {rule.until}, before it starts on {rule.since}")
