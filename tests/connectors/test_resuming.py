"""What an interrupted run stored stands in for asking again: once each, in order, and only what still holds."""

from datetime import UTC, datetime, timedelta

from connectors.base import Exchange
from connectors.resuming import Stored
from knowarchive.model import Payload

NOW = datetime(2026, 3, 10, 22, tzinfo=UTC)


def page(request, body=b"{}", minutes=0, head=None):
    exchange = Exchange(request=request, server="https://a.example")
    return Payload(
        format="x-api", origin="x", body=body, items=1, head=exchange.encode() if head is None else head,
        fetched_at=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def taken(stored, request):
    found = stored.take(request)
    return found and found[0]


def test_each_answer_is_given_once_in_the_order_in_which_they_came():
    first, second, other = page("/a?b=1", b"[1]"), page("/a?b=1", b"[2]", 1), page("/a?b=2")
    stored = Stored([first, other, second])
    assert [taken(stored, "/a?b=1") for _ in range(3)] == [first, second, None]
    assert taken(stored, "/a?b=2") == other
    assert taken(stored, "/a") is None


def test_what_holds_no_answer_any_more_is_asked_again():
    stored = Stored([page("/a", b""), page("/a", head=b"{"), page("/b", minutes=-1)], not_before=NOW)
    assert taken(stored, "/a") is None
    assert taken(stored, "/b") is None


def test_a_key_says_what_makes_a_request_the_same():
    stored = Stored([page("/a?size=100")], key=lambda request: request.partition("?")[0])
    assert taken(stored, "/a?size=10") is not None
