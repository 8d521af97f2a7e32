"""Looking posts up again: what a server does not show us any more is not deleted, and stops nothing."""

import pytest

from connectors import map_payload
from connectors.base import CredentialsError
from connectors.mastodon.client import MastodonConnector
from connectors.mastodon.pages import next_id
from connectors.requests_transport import Answer
from knowarchive.model import Post
from tests.connectors.mastodon.instance import QUERY, SOURCE, START, Instance, surroundings


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


def test_an_address_that_is_none_stops_nothing(server, tmp_path):
    good = server.uid(server.own[0])
    posts = [Post(uid=uid, created_at=START) for uid in ("mastodon:https://[harbour.example/statuses/1", good)]
    connector = MastodonConnector(SOURCE, surroundings(tmp_path), sender=server)
    found = [post.uid for page in connector.look_up(posts) for post in map_payload(page).posts]
    assert found == [good]
    list(connector.complete(posts, QUERY))


def test_a_link_to_the_next_page_that_leads_nowhere_is_none():
    link = {"link": '<https://[harbour.example/?max_id=1>; rel="next"'}
    assert next_id(Answer("/api/v1/timelines/tag/x", 200, b"[]", link, START)) is None


def test_of_posts_that_are_gone_no_conversation_is_asked_for(server, tmp_path):
    connector = MastodonConnector(SOURCE, surroundings(tmp_path), sender=server)
    gone = [Post(uid=server.uid(own), created_at=START, deleted_at=START, reposts=2) for own in server.own]
    assert list(connector.complete(gone, QUERY)) == []
    assert connector.report.requests == 1  # what the server is


def test_a_server_whose_own_address_is_none_is_asked_all_the_same(server, tmp_path, monkeypatch):
    answer = {"version": "4.3.0", "uri": "https://[harbour.example"}
    asked = server.route
    monkeypatch.setattr(
        server,
        "route",
        lambda path, *rest: (200, answer, None) if path.endswith("/instance") else asked(path, *rest),
    )
    assert len(list(MastodonConnector(SOURCE, surroundings(tmp_path), sender=server).search(QUERY))) > 0
