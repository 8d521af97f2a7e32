"""The benchmark of collecting runs, and counts what it says."""

import pytest

from benchmarks import collecting


@pytest.mark.slow
def test_each_network_and_all_together_are_measured(socket_enabled):
    rows = list(collecting.run(30, [0, 500], 1))
    assert [(row["networks"], row["archive"]) for row in rows] == [
        (networks, size) for size in (0, 500) for networks in ("x", "bluesky", "mastodon", "x+bluesky+mastodon")
    ]
    assert all(row["seconds"] > 0 and row["posts"] == 30 for row in rows)
