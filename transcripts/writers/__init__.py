"""A transcript in each format that people take away. A new format is a new module and one line in `FORMATS`."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from transcripts.model import Transcript

FORMATS: Mapping[str, str] = {
    "html": "transcripts.writers.as_html",
    "md": "transcripts.writers.as_markdown",
    "txt": "transcripts.writers.as_text",
    "json": "transcripts.writers.as_json",
}


class Writer(Protocol):
    def render(self, transcript: "Transcript") -> str: ...


def writer(name: str) -> Writer:
    """The module that writes format `name`, loaded when first asked for. Raises KeyError for an unknown one."""
    return cast("Writer", import_module(FORMATS[name]))


def render(transcript: "Transcript", name: str) -> str:
    """The whole transcript in format `name`, a key of `FORMATS`. Pure: equal transcripts give equal text."""
    return writer(name).render(transcript)
