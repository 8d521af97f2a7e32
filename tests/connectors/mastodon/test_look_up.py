"""Looking posts up again: what a server does not show us any more is not deleted, and stops nothing."""

import pytest

from connectors import map_payload
from connectors.base import CredentialsError
from connectors.mastodon.client import MastodonConnector
from tests.connectors.mastodon.instance import QUERY, SOURCE, Instance, surroundings


class Closed(Instance):
    """Some posts are for members alone since yesterday."""

    def __init__(self):
        super().__init__()
        self.closed = set()

    def route(self, path, params, lists, request):
        if path == "/api/v1/statuses":
            return 404, {"error": "Not Found"}, None  # a server that cannot be asked for many at once
        if path.rpartition("/")[2] in self.closed:
            return 401, {"error": "This method requires an authenticated user"}, None
        return super().route(path, params, lists, request)


@pytest.fixture
def server():
    server = Closed()
    server.own = [server.post("ada", text, minute) for minute, text in enumerate(("one", "two", "three"))]
    return server


def look_up(server, tmp_path):
    posts = [post for page in MastodonConnector(SOURCE, surroundings(tmp_path), sender=server).search(QUERY)
             for post in map_payload(page).posts]  # fmt: skip
    posts.sort(key=lambda post: post.created_at)
    connector = MastodonConnector(SOURCE, surroundings(tmp_path), sender=server)
    yield connector
    yield [post for page in connector.look_up(posts) for post in map_payload(page).posts]


def test_a_post_that_is_closed_to_strangers_is_kept_and_the_others_come(server, tmp_path):
    steps = look_up(server, tmp_path)
    connector = next(steps)
    server.closed.add(server.own[1])
    found = next(steps)
    assert {post.uid for post in found} == {server.uid(server.own[0]), server.uid(server.own[2])}
    assert not [post for post in found if post.deleted_at]
    assert (connector.report.gaps, len(connector.report.notes)) == ([], 1)
    assert "not shown to us any more" in connector.report.notes[0]


def test_a_server_that_shows_nothing_wants_credentials(server, tmp_path):
    steps = look_up(server, tmp_path)
    next(steps)
    server.closed.update(server.own)
    with pytest.raises(CredentialsError):
        next(steps)
