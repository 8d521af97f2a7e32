"""Facets are ranges of bytes, hashtags need none, and shortened links are read in full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bluesky.text import bare_hashtags, is_shortened, read_text


def facet(text, shown, feature, kind):
    start = text.encode().index(shown.encode())
    return {
        "index": {"byteStart": start, "byteEnd": start + len(shown.encode())},
        "features": [{"$type": f"app.bsky.richtext.facet#{kind}", **feature}],
    }


def test_ranges_count_bytes_whatever_stands_before_them():
    text = "🏮👩‍👩‍👧 é @ada.example.org at example.org/a-lo… #chat"
    read = read_text(
        text,
        [
            facet(text, "#chat", {"tag": "chat"}, "tag"),
            facet(text, "@ada.example.org", {"did": "did:plc:ada"}, "mention"),
            facet(text, "example.org/a-lo…", {"uri": "https://example.org/a-long-way"}, "link"),
        ],
        None,
    )
    assert read.text == "🏮👩‍👩‍👧 é @ada.example.org at https://example.org/a-long-way #chat"
    assert [mention.handle for mention in read.mentions] == ["ada.example.org"]
    assert [mention.uid for mention in read.mentions] == ["bluesky:did:plc:ada"]
    assert [link.url for link in read.links] == ["https://example.org/a-long-way"]
    assert read.hashtags == ("chat",)


@pytest.mark.parametrize(
    "index",
    [{}, {"byteStart": 1, "byteEnd": 4}, {"byteStart": 0, "byteEnd": 99}, {"byteStart": 4, "byteEnd": 4}, 5, None],
)
def test_a_range_that_makes_no_sense_is_passed_over(index):
    tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "chat"}
    assert read_text("🏮 words", [{"index": index, "features": [tag]}, None, 7], None).hashtags == ()


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#one two#three (#four) #five-six", ["one", "four", "five"]),
        ("＃全角 #ไทย #हिन्दी", ["全角", "ไทย", "हिन्दी"]),
        ("#1 #2024 #2nd", ["2nd"]),
        ("example.org/#top ?q=#no ##no &#39; # alone", []),
        ("", []),
    ],
)
def test_hashtags_are_found_without_facets(text, tags):
    assert [tag for _, tag in bare_hashtags(text)] == tags


def test_the_same_hashtag_is_named_once_as_first_written():
    assert read_text("#Chat #chat", None, ["CHAT", "#quiet", 5, " "]).hashtags == ("Chat", "quiet")


def test_a_tag_in_a_link_is_not_one_of_the_post():
    text = "see #top here"
    link = facet(text, "#top", {"uri": "https://example.org/#top"}, "link")
    assert read_text(text, [link], None).hashtags == ()


@pytest.mark.parametrize(
    ("shown", "url", "expected"),
    [
        ("example.org/a-lo…", "https://example.org/a-long-way", True),
        ("example.org/a-lo...", "https://www.example.org/a-long-way", True),
        ("https://Example.org/a…", "https://example.org/a/b", True),
        ("example.org/a", "https://example.org/a", False),
        ("my page…", "https://example.org/", False),
        ("example.net/a…", "https://example.org/a/b", False),
        ("…", "https://example.org/", False),
    ],
)
def test_only_a_cut_address_is_replaced(shown, url, expected):
    assert is_shortened(shown, url) is expected


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "//example.org", 5, None, ""])
def test_what_is_no_web_address_is_no_link(uri):
    text = "click"
    assert read_text(text, [facet(text, "click", {"uri": uri}, "link")], None).links == ()


@given(text=st.text(max_size=60), start=st.integers(-3, 80), end=st.integers(-3, 80))
def test_any_range_of_any_text_never_raises_and_loses_no_word(text, start, end):
    marks = [{"index": {"byteStart": start, "byteEnd": end}, "features": [{"$type": "x"}]}]
    assert read_text(text, marks, None).text == text
