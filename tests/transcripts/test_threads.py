from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from knowarchive.model import Link, Post
from transcripts.threads import build_forest, own_thread, quoted, walk

START = datetime(2026, 3, 4, tzinfo=UTC)


def make_post(number, reply_to=None, minute=None, author="a", **fields):
    return Post(
        uid=f"x:{number}",
        created_at=START + timedelta(minutes=number if minute is None else minute),
        author_uid=author,
        reply_to=None if reply_to is None else f"x:{reply_to}",
        **fields,
    )


def outline(forest):
    return [(depth, node.uid) for depth, node in walk(forest)]


def test_replies_hang_under_what_they_answer_in_order_of_time():
    posts = [make_post(3, 1), make_post(2, 1), make_post(1), make_post(4, 2), make_post(5)]
    assert outline(build_forest(posts)) == [(0, "x:1"), (1, "x:2"), (2, "x:4"), (1, "x:3"), (0, "x:5")]


def test_replies_to_one_missing_post_are_siblings_under_one_placeholder():
    (placeholder,) = build_forest([make_post(2, 1), make_post(3, 1)])
    assert (placeholder.post, placeholder.outside) == (None, True)
    assert [child.uid for child in placeholder.children] == ["x:2", "x:3"]


def test_a_parent_from_the_context_stands_where_its_placeholder_would():
    above, unused = make_post(1, 0), make_post(9)
    (root,) = build_forest([make_post(2, 1)], {"x:1": above, "x:9": unused})
    assert (above, True) == (root.post, root.outside)


def test_a_circle_of_replies_is_opened_at_its_earliest_post():
    posts = [make_post(1, 3), make_post(2, 1), make_post(3, 2), make_post(4, 4)]
    assert outline(build_forest(posts)) == [(0, "x:1"), (1, "x:2"), (2, "x:3"), (0, "x:4")]


def test_a_conversation_ten_thousand_replies_deep_is_a_tree_like_any_other():
    posts = [make_post(number, number - 1) for number in range(10_000)]
    forest = build_forest(posts)
    assert max(depth for depth, _ in walk(forest)) == 10_000
    assert len(own_thread(forest[0].children[0])) == 10_000


def test_an_authors_own_replies_are_a_thread():
    posts = [make_post(1), make_post(2, 1, author="b"), make_post(3, 1), make_post(4, 3), make_post(5, 4, author="b")]
    (root,) = build_forest(posts)
    assert [node.uid for node in own_thread(root)] == ["x:1", "x:3", "x:4"]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 40), st.integers(0, 5)), max_size=40),
    st.randoms(use_true_random=False),
)
def test_threading_loses_no_post_and_shows_none_twice(rows, random):
    posts = list({number: make_post(number, above, minute) for number, above, minute in rows}.values())
    forest = build_forest(posts)
    seen = [node.uid for _, node in walk(forest)]
    assert sorted(post.uid for post in posts) == sorted(node.uid for _, node in walk(forest) if not node.outside)
    assert len(seen) == len(set(seen))
    random.shuffle(posts)
    assert outline(forest) == outline(build_forest(posts))


def test_a_link_to_a_post_is_a_quote():
    linked = make_post(1, links=(Link("https://news.example/a"), Link("https://twitter.com/wren/status/77?s=20")))
    assert quoted(linked) == "x:77"
    assert (
        quoted(make_post(2, links=(Link("https://bsky.app/profile/did:plc:wren/post/3k"),)))
        == "bluesky:did:plc:wren/app.bsky.feed.post/3k"
    )
    address = "https://birds.example/@wren/5"
    assert quoted(make_post(3, links=(Link(address),)), {address: "mastodon:5"}) == "mastodon:5"
    assert quoted(make_post(4, quote_of="x:8", links=(Link("https://x.com/wren/status/9"),))) == "x:8"
    assert quoted(make_post(5, links=(Link("https://x.com/wren/status/5"),))) is None
