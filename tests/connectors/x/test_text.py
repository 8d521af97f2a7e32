"""Texts as their authors meant them."""

import pytest

from connectors.x.text import permalink, unescape, unwrap

LINK, QUOTE = "https://t.co/linkaaaaaa", "https://t.co/quoteaaaaa"


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [("a &amp; b", "a & b"), ("&lt;b&gt;", "<b>"), ("&amp;lt;", "&lt;"), ("&copy; &notit", "&copy; &notit"), ("", "")],
)
def test_only_what_x_escapes_is_unescaped_and_once(escaped, plain):
    assert unescape(escaped) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (f"see {LINK}", "see http://a/"),
        (f"{LINK} {LINK}", "http://a/ http://a/"),
        (f"see {LINK} {QUOTE}", "see http://a/"),
        (f"see {QUOTE} {LINK}", "see http://q/ http://a/"),
        (QUOTE, ""),
        (f"{QUOTE}\n", ""),
        ("https://t.co/unknownaaa", "https://t.co/unknownaaa"),
    ],
)
def test_links_are_unwrapped_and_attachments_cut_from_the_end(text, plain):
    assert unwrap(text, {LINK: "http://a/", QUOTE: "http://q/"}, {QUOTE}) == plain


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://twitter.com/ada/status/12", ("12", False)),
        ("http://www.twitter.com/ada/statuses/12?s=20", ("12", False)),
        ("https://x.com/i/web/status/12", ("12", False)),
        ("https://mobile.twitter.com/#!/ada/status/12/photo/1", ("12", True)),
        ("https://x.com/ada/status/12/video/1", ("12", True)),
        ("https://example.org/ada/status/12", None),
        ("https://netflix.com/ada/status/12", None),
        ("https://twitter.com/ada/status/x", None),
        ("https://twitter.com/ada", None),
    ],
)
def test_addresses_of_posts_are_recognised(url, target):
    assert permalink(url) == target
