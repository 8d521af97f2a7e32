"""What every page of the site is set in: the frame of the reading room, with what machines are told. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from knowarchive.config import Config, Publish
from knowarchive.site.addresses import STYLE, SitePlaces
from transcripts.pictures.svg import STYLE as PICTURES
from transcripts.writers.as_html import REL, environment, style
from transcripts.writers.text import clean_line

POLICY = (
    "default-src 'none'; style-src 'self' file:; script-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self' file:; base-uri 'none'"
)
PACKAGES = ("knowarchive.site", "knowarchive.web")  # whose templates are looked into, first ours
LONGEST_DESCRIPTION = 200  # characters


@dataclass(frozen=True, slots=True)
class Frame:
    """Renders pages; `title` is the site's."""

    publish: Publish
    title: str

    @classmethod
    def of(cls, config: Config) -> "Frame":
        only = config.chat[0] if len(config.chat) == 1 else None
        title = config.publish.title or (title_of(config, only.name) if only else "Archive of our chats")
        return cls(config.publish, clean_line(title))

    def page(
        self,
        template: str,
        places: SitePlaces,
        values: dict[str, Any],
        *,
        headline: str,
        about: str = "",
        kind: str = "website",
        described: dict[str, Any] | None = None,
        is_found: bool = True,
        canonical: str | None = None,
    ) -> str:
        """Render a page.

        Args:
            template: its name.
            places: where everything is as seen from it.
            values: what the template shows.
            headline: what the page is called where it is linked to.
            about: what it is about, in a sentence.
            kind: what Open Graph calls it.
            described: it as schema.org has it, without its context and address.
            is_found: whether search engines may list it.
            canonical: the address of the page that it stands for, where that is another.
        """
        address = self.absolute(canonical or places.page)
        about = clean_line(about) or headline
        shared = {
            "places": places,
            "rel": REL,
            "problem": None,
            "query": "",
            "style": places.to(STYLE),
            "policy": POLICY,
            "site_title": self.title,
            "contact": self.publish.contact,
            "contact_url": self.publish.contact_url,
            "notice": clean_line(self.publish.notice),
            "headline": headline,
            "about": about if len(about) <= LONGEST_DESCRIPTION else about[: LONGEST_DESCRIPTION - 1].rstrip() + "…",
            "kind": kind,
            "is_found": is_found,
            "canonical": address,
            "described": {"@context": "https://schema.org", **described, **({"url": address} if address else {})}
            if described
            else None,
        }
        return environment(*PACKAGES).get_template(template).render({**shared, **values})

    def absolute(self, page: str) -> str | None:
        """A page's whole address; None where nobody said where the site will stand."""
        if not self.publish.base:
            return None
        return self.publish.base + SitePlaces("").to(page.removesuffix("index.html") if page == "index.html" else page)


def compile_templates(names: Iterable[str]) -> None:
    """Get templates ready that will be needed."""
    for name in names:
        environment(*PACKAGES).get_template(name)


def title_of(config: Config, chat: str) -> str:
    """What a chat is called."""
    configured = config.find_chat(chat)
    return clean_line(configured.title) if configured and configured.title else f"#{clean_line(chat)}"


def style_sheet() -> str:
    """The style sheet of all pages: the transcript's, the room's, the site's, and that of pictures."""
    room = files("knowarchive.web").joinpath("static", "room.css").read_text("utf-8")
    own = files("knowarchive.site").joinpath("static", "site.css").read_text("utf-8")
    return f"{style()[0]}\n{room}\n{own}\n{PICTURES}\n"


def script(name: str) -> str:
    """One of the site's scripts."""
    return files("knowarchive.site").joinpath("static", name).read_text("utf-8")
