"""What people declared is heeded in what others read, whether they wrote or only repeated."""

from datetime import UTC, datetime, timedelta

from knowarchive.model import Account, Post, Repost
from knowarchive.web.wishes import heeded
from transcripts.model import SessionPosts, Window

NOON = datetime(2015, 3, 10, 12, tzinfo=UTC)
WINDOW = Window("lampchat", "2015-03-10", NOON, NOON + timedelta(hours=1), NOON, NOON + timedelta(hours=1), "UTC")


def test_who_does_not_want_to_be_shown_is_not_named_as_one_who_repeated():
    posts = (
        Post(uid="x:1", created_at=NOON, text="a", author_uid="x:101", author_handle="ada"),
        Post(uid="x:2", created_at=NOON, text="b", author_uid="x:104", author_handle="Dora", consent="noarchive"),
    )
    accounts = {
        "x:105": Account(uid="x:105", handle="echo", consent="no-unauthenticated"),
        "x:106": Account(uid="x:106", handle="fox", consent="noindex"),
    }
    reposts = [
        Repost(post_uid="x:1", post_at=NOON, account_uid=uid, account_handle=handle)
        for uid, handle in (("x:104", "Dora"), (None, "dora"), ("x:105", None), ("x:106", "fox"), (None, "gil"))
    ]
    session = SessionPosts(window=WINDOW, title="", hashtags=(), posts=posts, reposts=tuple(reposts), accounts=accounts)
    shown = heeded(session)
    assert [(one.account_uid, one.account_handle) for one in shown.reposts] == [("x:106", "fox"), (None, "gil")]
    assert set(shown.accounts) == {"x:106"}
    assert [post.author_handle for post in shown.posts] == ["ada", None]
