"""Knowarchive keeps what communities say in hashtag chats.

The public API is what `__all__` names. Each name is loaded when first used, so that importing the package is quick and
the layers below do not pull in those above.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowarchive.config import load_config
    from pipelines.importing import ImportSource, import_file
    from pipelines.sessions import list_sessions, make_transcript
    from storage.archive import Archive
    from transcripts.writers import render

__version__ = "0.1.0"
__all__ = ["Archive", "ImportSource", "import_file", "list_sessions", "load_config", "make_transcript", "render"]

_MODULES = {
    "Archive": "storage.archive",
    "ImportSource": "pipelines.importing",
    "import_file": "pipelines.importing",
    "list_sessions": "pipelines.sessions",
    "load_config": "knowarchive.config",
    "make_transcript": "pipelines.sessions",
    "render": "transcripts.writers",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
