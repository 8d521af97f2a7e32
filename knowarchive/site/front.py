"""What is made each time: the pages that all others change, and what machines read of the whole site."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from knowarchive.config import Config
from knowarchive.site import addresses, finding, machines, pages
from knowarchive.site.frame import script, style_sheet, title_of
from knowarchive.site.pages import Shelf
from transcripts.calendars import write_calendar

File = tuple[str, str | bytes]  # an address, and what stands there


def render_front(shelf: Shelf, between: Iterable[tuple[str, str]]) -> Iterator[File]:
    """Render all of it but calendars.

    Args:
        shelf: what there is.
        between: the months, by chat, that have pages of what was said between sessions.
    """
    frame, chats = shelf.frame, shelf.config.chat
    yield pages.home(shelf)
    yield from (pages.chat(shelf, chat.name) for chat in chats)
    yield pages.links(shelf)
    yield pages.about(shelf)
    yield pages.search(shelf)
    yield addresses.STYLE, style_sheet()
    yield from ((name, script(name)) for name in (addresses.SCRIPT, addresses.FINDER))
    yield addresses.ROBOTS, machines.robots(frame)
    found = [row for row in shelf.names if row["is_found"]]
    yield from finding.write_people(
        (row["name"], row["handle"], addresses.person_page(row["person"]), row["posts"]) for row in found
    )
    if frame.publish.base:
        for chat in chats:
            title = title_of(shelf.config, chat.name)
            yield addresses.chat_feed(chat.name), machines.feed(frame, chat.name, title, shelf.of_chat(chat.name))
        yield from machines.sitemaps(frame, _listed(shelf, (row["person"] for row in found), between))


def render_calendars(config: Config, now: datetime) -> Iterator[File]:
    """Render the schedules of chats that have one; the same all day (UTC)."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for chat in config.chat:
        if chat.rules:
            yield addresses.chat_calendar(chat.name), write_calendar([chat], midnight)


def _listed(shelf: Shelf, people: Iterable[str], between: Iterable[tuple[str, str]]) -> set[str]:
    """The pages that search engines may list."""
    found = {addresses.HOME, addresses.ABOUT, addresses.links_page()}
    found |= {addresses.chat_page(chat.name) for chat in shelf.config.chat}
    found |= {addresses.person_page(person) for person in people}
    for facts in shelf.sessions.values():
        found.add(addresses.session_page(facts.chat, facts.date))
        found |= {
            addresses.part_page(facts.chat, facts.date, label)
            for label, _, _ in facts.questions
            if label not in facts.unfound
        }
    found |= {addresses.month_page(chat, month) for chat, month in between}
    found |= {addresses.pictures_page(facts.chat) for facts in shelf.sessions.values()}
    return found | {addresses.links_page(month) for month in shelf.link_months}
