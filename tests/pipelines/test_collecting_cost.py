"""What collecting a session costs does not grow with the archive."""

import time

import pytest

from tests.archives import generated, import_path, open_archive
from tests.connectors.loopback import Chat
from tests.pipelines.test_collecting import START, World, collect

POSTS, MANY = 2_000, 60_000


def cost(folder, servers, world):
    """Seconds of processor time, the least of three; servers in this process are part of it, alike for all."""
    least = []
    for _ in range(3):
        began = time.process_time()
        collect(folder, servers, world)
        least.append(time.process_time() - began)
    return min(least)


@pytest.mark.slow
def test_a_session_costs_the_same_in_an_archive_of_any_size(tmp_path, socket_enabled):
    world = World()
    with Chat(START, world, more=160).served() as servers:
        costs = []
        for posts in (POSTS, MANY):
            folder = tmp_path / str(posts)
            folder.mkdir()
            import_path(open_archive(folder), generated(tmp_path, posts=posts))
            costs.append(cost(folder, servers, world))
    assert costs[1] < 1.5 * costs[0], costs
