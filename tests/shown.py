"""Lines that a test has printed below the results: figures that somebody wants to see though it passed."""

import pytest

SHOWN = pytest.StashKey[list[str]]()


def show(config, *lines):
    """Have lines printed below the results."""
    config.stash.setdefault(SHOWN, []).extend(lines)
