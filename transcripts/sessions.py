"""Where a session begins and ends, and which posts belong to it."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from dateutil.rrule import MONTHLY, YEARLY, rrule

from knowarchive.config import ANCHOR, Chat, Occasion, Rule, parse_duration, parse_rule
from knowarchive.errors import UsageError
from knowarchive.model import Post
from transcripts.model import Window
from transcripts.people import author_key
from transcripts.threads import quoted

GAP = timedelta(hours=3)
QUIET = 5
DAY_BREAK = timedelta(hours=4)  # a night's chat belongs to the evening before

LABEL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:@(\d{2})(\d{2}))?")
TAG_IN_TEXT = re.compile(r"[#＃](\w+)")
FIRST, LAST = datetime(1900, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 (naive local times, as dateutil wants them)

# Letters that Mastodon folds to ASCII and Unicode does not decompose (its lib/ascii_folding.rb).
UNDECOMPOSED = str.maketrans("ðđħıĸłŀŋøŧŉ", "ddhikllnotn")


def windows(chat: Chat, since: datetime, until: datetime) -> list[Window]:
    """List the sessions whose scheduled start is in [since, until), in order of time.

    The rules are read as wall-clock times in the chat's own time zone (RFC 5545, 3.3.10), so a session at 21:00 stays
    at 21:00 when the clocks change. A time that the clocks skip moves forward by what they skip; of a time that they
    repeat the first counts. A rule's DTSTART is its `from` at midnight, or `ANCHOR`. Dates to skip have no session of the
    schedule; sessions that the configuration names with a start are added.

    The first session of a local date is named by the date, later ones `DATE@HHMM`. Where the margins of two sessions
    overlap, a post belongs to the nearer: the border is halfway between the end of one and the start of the next. Where
    their hours do, the later takes over at its start.

    Args:
        chat: the chat; without a schedule it has no windows (see `cut_by_activity`).
        since: aware.
        until: aware.

    Raises:
        ConfigError: a rule that is not RFC 5545.
    """
    if not (chat.rules or chat.session) or since >= until:
        return []
    zone, (before, after), length = chat.zone, chat.margins, chat.length
    reach = timedelta(days=2) + before + after + length  # neighbours decide on labels and borders
    start, stop = _naive(since, zone, -reach), _naive(until, zone, reach)
    lengths = {
        _localise(moment, zone): length
        for rule in chat.rules
        for moment in _occurrences(rule, zone, start, stop)
        if (not rule.since or rule.since <= moment.date()) and (not rule.until or moment.date() <= rule.until)
        if moment.date() not in chat.skip
    }
    for occasion in chat.session:
        moment = datetime.combine(occasion.date, occasion.clock or time())
        if occasion.start and start <= moment <= stop:
            own = parse_duration(occasion.duration) if occasion.duration else length
            lengths.setdefault(_localise(moment, zone), own)
    found: list[Window] = []
    labels: set[str] = set()
    for begin in sorted(lengths):
        end = begin + lengths[begin]
        label = _name(begin, zone, labels)
        if label is not None:
            found.append(Window(chat.name, label, begin, end, begin - before, end + after, chat.timezone))
    return [window for window in _part(found) if since <= window.start < until]


def overlaps(chat: Chat, since: datetime, until: datetime) -> list[tuple[Window, Window]]:
    """The sessions of a chat, each with the next, that begin before the one before them ends."""
    return [(one, other) for one, other in pairwise(windows(chat, since, until)) if other.start < one.end]


def find_window(chat: Chat, label: str) -> Window | None:
    """Find the session with this label, `DATE` or `DATE@HHMM`; the time may be given for the first of a day too.

    Raises:
        UsageError: the label is not one.
    """
    match = LABEL.fullmatch(label)
    try:
        day = date.fromisoformat(match[1]) if match else None
        clock = time(int(match[2]), int(match[3])) if match and match[2] else time()
    except ValueError:
        day = None
    if day is None:
        raise UsageError(f'"{label}" is not the name of a session; write its date, as in 2015-05-19 or 2015-05-19@2100')
    if not FIRST.date() < day < LAST.date():
        return None
    noon = datetime.combine(day, time(12), chat.zone)
    near = windows(chat, noon - timedelta(days=2), noon + timedelta(days=2))
    exact = next((window for window in near if window.label == label), None)
    if exact or "@" not in label:
        return exact
    wanted = datetime.combine(day, clock, chat.zone)
    return next((window for window in near if window.start == wanted), None)


def find_occasion(chat: Chat, window: Window) -> Occasion | None:
    """What the configuration says of this session alone: its topic and guests."""
    local = window.start.astimezone(chat.zone)
    for occasion in chat.session:
        if occasion.date == local.date() and occasion.clock in {None, local.time()}:
            return occasion
    return None


def cut_by_activity(
    chat: str, timezone: str, times: Sequence[datetime], *, gap: timedelta = GAP, quiet: int = QUIET
) -> list[Window]:
    """Cut a chat without a schedule into sessions where it falls silent; every time given falls into exactly one.

    - A silence of `gap` or more ends a session.
    - A session longer than a day (a conference) is cut at four in the morning, local time.
    - A burst of fewer than `quiet` posts is no session of its own: it joins the nearer one of its day, and what has no
      neighbour that day is that day's session, so a quiet week gives at most one session a day.

    `start` and `end` are the first and last post to the minute, `opens` and `closes` the same: nothing lies outside.

    Args:
        chat: its name.
        timezone: whose dates name the sessions.
        times: when the chat's posts were made, aware, in any order.
        gap: at least an hour, so that two sessions cannot have one name when the clocks go back.
        quiet: how many posts make a session.
    """
    if gap < timedelta(hours=1):
        raise ValueError(f"a gap of {gap} is too short: at least an hour")
    zone = ZoneInfo(timezone)
    days: dict[date, list[list[datetime]]] = {}
    for burst in _bursts(sorted(moment.astimezone(UTC) for moment in times), gap):
        for part in _days(burst, zone):
            days.setdefault(_day(part[0], zone), []).append(part)
    found: list[Window] = []
    labels: set[str] = set()
    for day in sorted(days):
        for burst in _join_quiet(days[day], quiet):
            start = burst[0].replace(second=0, microsecond=0)
            end = burst[-1].replace(second=0, microsecond=0) + timedelta(minutes=1)
            label = _name(start, zone, labels)
            if label is None:  # starts in one minute with the end of another: they are one
                last = found[-1]
                found[-1] = replace(last, end=max(end, last.end), closes=max(end, last.closes))
                continue
            found.append(Window(chat, label, start, end, start, end, timezone))
    return _part(found)


@lru_cache(maxsize=65536)
def fold_tag(tag: str) -> str:
    """Bring a hashtag to the form in which two are compared.

    NFKC and case folding (UAX 31), without the sign, and with accents off Latin letters, as Mastodon compares them.
    """
    folded = unicodedata.normalize("NFKC", tag).casefold().lstrip("#＃")
    if folded.isascii():
        return folded
    kept: list[str] = []
    for character in unicodedata.normalize("NFKD", folded.translate(UNDECOMPOSED)):
        if unicodedata.combining(character) and kept and kept[-1].isascii():
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def select(posts: Iterable[Post], window: Window, hashtags: Iterable[str], chat_name: str) -> tuple[Post, ...]:
    """Choose the originals of a session, in order of time.

    A post made in the window belongs to it when it carries one of the chat's hashtags (as an entity, or only in its
    text), was collected for the chat, or belongs to its conversation: it answers, at any depth, a post that belongs,
    or a post that belongs started its conversation. Whoever drops the hashtag deep in a foreign conversation brings in
    the answers to that post, and not what stands above or beside it.

    Somebody of the session who forgets the hashtag is missed too: an untagged post in the window is taken when its
    author has a post that belongs, and another post that belongs answers or quotes it; with it come the answers of
    those who have posts that belong. A post that stands in a conversation of strangers is left there.

    Args:
        posts: candidates, in any order. Those outside the window can carry a conversation into it, and are not chosen.
        window: the session.
        hashtags: the chat's, with or without the sign.
        chat_name: as in `Post.chats`.
    """
    by_uid = {post.uid: post for post in posts}
    tags = frozenset(fold_tag(tag) for tag in hashtags)
    followers: dict[str, list[str]] = {}
    for post in by_uid.values():
        for above in {post.reply_to, post.conversation}:
            if above is not None and above != post.uid:
                followers.setdefault(above, []).append(post.uid)
    members = {post.uid for post in by_uid.values() if chat_name in (post.chats or ()) or _carries(post, tags)}
    ahead = list(members)
    while ahead:
        for uid in followers.get(ahead.pop(), ()):
            if uid not in members:
                members.add(uid)
                ahead.append(uid)
    members |= _forgotten(by_uid, members, followers, window)
    chosen = [by_uid[uid] for uid in members if window.opens <= by_uid[uid].created_at < window.closes]
    return tuple(sorted(chosen, key=lambda post: (post.created_at, post.uid)))


def _forgotten(
    by_uid: Mapping[str, Post], members: set[str], followers: Mapping[str, list[str]], window: Window
) -> set[str]:
    """Find the posts of those who belong that lack the hashtag, and to which a post that belongs refers."""
    here = {uid for uid in members if window.opens <= by_uid[uid].created_at < window.closes}
    authors = {author_key(by_uid[uid]) for uid in here} - {None}
    found: set[str] = set()
    ahead = [
        above for uid in sorted(here) for above in (by_uid[uid].reply_to, quoted(by_uid[uid])) if above is not None
    ]
    while ahead:
        post = by_uid.get(ahead.pop())
        if post is None or post.uid in members or post.uid in found or author_key(post) not in authors:
            continue
        if not window.opens <= post.created_at < window.closes:
            continue
        above = by_uid.get(post.reply_to or "")
        if above and above.uid not in members | found and author_key(above) != author_key(post):
            continue  # it answers a stranger
        found.add(post.uid)
        ahead += followers.get(post.uid, ())
    return found


def _carries(post: Post, tags: frozenset[str]) -> bool:
    if post.hashtags and any(fold_tag(tag) in tags for tag in post.hashtags):
        return True
    text = post.text or ""
    return ("#" in text or "＃" in text) and any(fold_tag(tag) in tags for tag in TAG_IN_TEXT.findall(text))


def _naive(moment: datetime, zone: ZoneInfo, shift: timedelta) -> datetime:
    try:
        local = (moment.astimezone(zone) + shift).replace(tzinfo=None)
    except OverflowError:
        return FIRST if shift < timedelta() else LAST
    return min(max(local, FIRST), LAST)


def _localise(moment: datetime, zone: ZoneInfo) -> datetime:
    """Give a wall-clock time its instant, to the minute: in a gap by the offset before it (RFC 5545, 3.3.5)."""
    return moment.replace(second=0, microsecond=0, tzinfo=zone, fold=0).astimezone(UTC)


def _occurrences(rule: Rule, zone: ZoneInfo, start: datetime, stop: datetime) -> list[datetime]:
    anchor = datetime.combine(rule.since or ANCHOR, time())
    parsed = _parse(rule.rule, anchor, zone)
    if isinstance(parsed, rrule):
        parsed = _bring_near(parsed, anchor, start)
    return parsed.between(start, stop, inc=True)


_parse = lru_cache(maxsize=256)(parse_rule)


def _bring_near(rule: rrule, anchor: datetime, start: datetime) -> rrule:
    """Move DTSTART by whole periods to just before `start`, which changes no occurrence after it."""
    frequency, interval, count = (getattr(rule, name) for name in ("_freq", "_interval", "_count"))
    if count is not None or start <= anchor:
        return rule
    if frequency in {YEARLY, MONTHLY}:
        years = (start.year - 1 - anchor.year) // interval * interval
        if years <= 0 or (anchor.month, anchor.day) == (2, 29):
            return rule
        return rule.replace(dtstart=anchor.replace(year=anchor.year + years))
    period = timedelta(days=7 * interval)  # a multiple of every shorter frequency, and it keeps the weekday
    periods = (start - anchor) // period
    return rule.replace(dtstart=anchor + periods * period) if periods > 0 else rule


def _name(start: datetime, zone: ZoneInfo, labels: set[str]) -> str | None:
    """Give a session the next free name of its local date; None when even its minute is taken."""
    local = start.astimezone(zone)
    for label in (f"{local:%Y-%m-%d}", f"{local:%Y-%m-%d@%H%M}"):
        if label not in labels:
            labels.add(label)
            return label
    return None


def _part(found: list[Window]) -> list[Window]:
    """Draw the borders between sessions that overlap; the last one runs on to where any before it would have closed."""
    parted = found[:1]
    ends = accumulate((one.end for one in found), max)  # of the hours so far
    for later, end in zip(found[1:], ends, strict=False):
        earlier = parted.pop()
        opens, closes = later.opens, later.closes
        if later.start < end:
            opens, closes = later.start, max(later.closes, earlier.closes)
        elif later.opens < earlier.closes:
            opens = min(max(end + (later.start - end) / 2, later.opens), earlier.closes)
        parted += [replace(earlier, closes=min(earlier.closes, opens)), replace(later, opens=opens, closes=closes)]
    return parted


def _bursts(times: list[datetime], gap: timedelta) -> list[list[datetime]]:
    bursts: list[list[datetime]] = []
    for moment in times:
        if bursts and moment - bursts[-1][-1] < gap:
            bursts[-1].append(moment)
        else:
            bursts.append([moment])
    return bursts


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return (moment.astimezone(zone).replace(tzinfo=None) - DAY_BREAK).date()


def _days(burst: list[datetime], zone: ZoneInfo) -> list[list[datetime]]:
    if burst[-1] - burst[0] <= timedelta(days=1):
        return [burst]
    days: dict[date, list[datetime]] = {}
    for moment in burst:
        days.setdefault(_day(moment, zone), []).append(moment)
    return list(days.values())


def _join_quiet(bursts: list[list[datetime]], quiet: int) -> list[list[datetime]]:
    """Join every quiet burst of a day to the nearer neighbour (the earlier one when both are as near)."""
    joined = [list(burst) for burst in bursts]
    while len(joined) > 1:
        index = next((index for index, burst in enumerate(joined) if len(burst) < quiet), None)
        if index is None:
            break
        silence_before = joined[index][0] - joined[index - 1][-1] if index else timedelta.max
        silence_after = joined[index + 1][0] - joined[index][-1] if index + 1 < len(joined) else timedelta.max
        first = index - 1 if silence_before <= silence_after else index
        joined[first : first + 2] = [joined[first] + joined[first + 1]]
    return joined
