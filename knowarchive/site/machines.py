"""What programs read of the site: feeds, the list for search engines, and what robots may do. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from knowarchive.site import addresses
from knowarchive.site.frame import Frame
from knowarchive.site.sessions import Facts
from transcripts.writers.clock import instant
from transcripts.writers.text import clean_line

FEED = 50  # sessions in a feed
MOST_LISTED = 50_000  # addresses in one sitemap: https://www.sitemaps.org/protocol.html


def feed(frame: Frame, chat: str, title: str, sessions: Sequence[Facts]) -> str:
    """The sessions of a chat as an Atom feed (RFC 4287), the newest first; needs the site's address.

    Args:
        frame: of the site.
        chat: its name.
        title: what it is called.
        sessions: the newest first. Questions whose authors do not want to be found are named by their labels alone.
    """
    own = frame.absolute(addresses.chat_feed(chat)) or ""
    shown = sessions[:FEED]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{escape(own)}</id>",
        f"<title>{escape(title)}</title>",
        f"<updated>{instant(shown[0].end) if shown else '1970-01-01T00:00:00Z'}</updated>",
        f'<link rel="self" type="application/atom+xml" href={quoteattr(own)}/>',
        f'<link rel="alternate" type="text/html" href={quoteattr(frame.absolute(addresses.chat_page(chat)) or "")}/>',
        f"<author><name>{escape(frame.title)}</name></author>",
        "<generator>Knowarchive</generator>",
    ]
    for one in shown:
        page = frame.absolute(addresses.session_page(one.chat, one.date)) or ""
        asked = "".join(
            f"<li>{escape(label)}{': ' + escape(clean_line(words)) if words and label not in one.unfound else ''}</li>"
            for label, words, _ in one.questions
        )
        said = f"<p>{one.posts:,} posts by {one.people:,} people</p>" + (f"<ul>{asked}</ul>" if asked else "")
        lines += [
            "<entry>",
            f"<id>{escape(page)}</id>",
            f"<title>{escape(title)}, {escape(one.date)}</title>",
            f"<updated>{instant(one.end)}</updated>",
            f'<link rel="alternate" type="text/html" href={quoteattr(page)}/>',
            f'<content type="html">{escape(said)}</content>',
            "</entry>",
        ]
    return "\n".join([*lines, "</feed>", ""])


def sitemaps(frame: Frame, pages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The pages that search engines may list, in as many files as that takes; needs the site's address."""
    listed = sorted(pages)
    files = [listed[start : start + MOST_LISTED] for start in range(0, len(listed), MOST_LISTED)]
    head = '<?xml version="1.0" encoding="utf-8"?>'
    space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    names = [addresses.SITEMAP] if len(files) < 2 else [f"sitemap-{number}.xml" for number in range(1, len(files) + 1)]
    for name, some in zip(names, files, strict=False):
        urls = [f"<url><loc>{escape(frame.absolute(page) or '')}</loc></url>" for page in some]
        yield name, "\n".join([head, f"<urlset {space}>", *urls, "</urlset>", ""])
    if len(files) > 1:
        maps = [f"<sitemap><loc>{escape(frame.absolute(name) or '')}</loc></sitemap>" for name in names]
        yield addresses.SITEMAP, "\n".join([head, f"<sitemapindex {space}>", *maps, "</sitemapindex>", ""])


def robots(frame: Frame) -> str:
    """What robots may do; wishes of single people are on their pages."""
    where = frame.absolute(addresses.SITEMAP)
    lines = ["User-agent: *", "Disallow: /search/", "Disallow: /search.html"]
    return "\n".join([*lines, *([f"Sitemap: {where}"] if where else []), ""])
