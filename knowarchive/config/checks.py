"""What types cannot say of a configuration: every value that could not be obeyed is refused, with its remedy."""

import os
import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from knowarchive.config.rules import ANCHOR, EXAMPLE_RULE, parse_duration, parse_rule
from knowarchive.config.shapes import (
    SAME_DAY,
    Chat,
    Config,
    Identity,
    Limits,
    Occasion,
    Policy,
    Publish,
    Rule,
    Source,
)
from knowarchive.errors import ConfigError

if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

CHAT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # it becomes file names, anchors and addresses
LONGEST_DURATION = timedelta(days=31)
LONGEST_MARGIN = timedelta(days=7)
LONGEST_REFRESH = timedelta(days=366)
MARKS_IN_HASHTAGS = "_·・\u200c\u200d"  # besides letters, digits and the marks on them; the last two join letters
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ACCOUNT = re.compile(r"(x|bluesky):@?[^@\s]+|mastodon:@?[^@\s]+@[^@\s]+")
CONTACT = re.compile(r"(?:mailto:)?[^@\s<>\"]+@[^@\s<>\"/]+|https?://[^\s<>\"]+")
SMALLEST_PAGE = 100  # kB
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "az", "abfs", "abfss"})
MOST_REQUESTS, MOST_MINUTES, MOST_DOLLARS = 1_000_000, 24 * 60, 1_000_000
FIRST_YEAR, LAST_YEAR = 1970, 2200
EVERY_YEAR = re.compile(
    r"FREQ=(?:DAILY|WEEKLY;BYDAY=(?:MO|TU|WE|TH|FR|SA|SU)|MONTHLY;BYDAY=[1-4](?:MO|TU|WE|TH|FR|SA|SU))"
    r";BYHOUR=(?:1?[0-9]|2[0-3]);BYMINUTE=[1-5]?[0-9]"
)
"""Rules as most chats have them, which can be followed for ever: to know that, dateutil need not be loaded."""


def check(config: Config) -> None:
    """Check a configuration.

    Raises:
        ConfigError: with the place, the value and what to do.
    """
    _check_archive(config)
    _check_chats(config.chat)
    _check_policy(config.schedule)
    _check_people(config.person)
    _check_limits(config.limits)
    _check_publish(config.publish)


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
