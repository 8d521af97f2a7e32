"""Finds out from its first lines which format a file is in: every format is asked, in the registry's order."""

from collections.abc import Sequence

from connectors import FORMATS, load
from connectors.files.errors import NoPostsError


def sniff(lines: Sequence[bytes]) -> str | None:
    """Name the format of a file; None where it is unknown.

    Raises:
        NoPostsError: it is known to hold something else than posts.
    """
    other: NoPostsError | None = None
    for name in FORMATS:
        try:
            if load(name).recognises(lines):
                return name
        except NoPostsError as error:
            other = other or error
    if other is not None:
        raise other
    return None
