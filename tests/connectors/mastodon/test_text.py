"""HTML as servers send it, and as nobody should."""

import time
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mastodon.text import fold_tag, read_html, tags_as_written

LINK = (
    '<a href="https://example.org/a/very/long/path?q=1"><span class="invisible">https://</span>'
    '<span class="ellipsis">example.org/a/very</span><span class="invisible">/long/path?q=1</span></a>'
)
MENTION = '<span class="h-card"><a href="https://a.example/@ada" class="u-url mention">@<span>ada</span></a></span>'
HASHTAG = '<a href="https://a.example/tags/lanternkm" class="mention hashtag" rel="tag">#<span>LanternKM</span></a>'
QUOTE = '<p class="quote-inline">RE: <a href="https://a.example/users/bo/statuses/1">https://a.example/@bo/1</a></p>'


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two<br>three<br />four</p>", "one\n\ntwo\nthree\nfour"),
        ("<p>Tom &amp; Jerry &lt;3 &#39;&nbsp;&quot;</p>", "Tom & Jerry <3 '\xa0\""),
        (f"<p>{MENTION} see {LINK} {HASHTAG}</p>", "@ada see https://example.org/a/very/long/path?q=1 #LanternKM"),
        ('<p><a href="https://a.example/x">click here</a> now</p>', "click here (https://a.example/x) now"),
        ('<p><a href="javascript:alert(1)">bad</a></p>', "bad"),
        ('<p>a <a href="https://a.example/">a.example</a></p>', "a https://a.example/"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<p>do</p><ol><li>one</li><li><p>two</p></li></ol><p>end</p>", "do\n\n1. one\n2. two\n\nend"),
        ("<blockquote><p>said</p></blockquote><p>yes</p>", "> said\n\nyes"),
        ("<pre><code>a\n  b</code></pre>", "a\n  b"),
        ("<p>code <code>x &lt; y</code></p>", "code x < y"),
        ("one\ntwo", "one\ntwo"),
        ("<b>one</b>\n  two", "one two"),
        ("a<br/>b", "a\nb"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("<p>x<script>alert(1)</script>y</p>", "xy"),
        ("<p>:blobcat: <img class='emoji' alt=':cat:' src='x'></p>", ":blobcat: :cat:"),
        ('<p>#<span class="invisible">hidden</span></p>', "#hidden"),
        ("1 < 2", "1 < 2"),
        ("<p>un<b>closed", "unclosed"),
        ("", ""),
    ],
)
def test_html_becomes_the_text_that_a_reader_sees(html, text):
    assert read_html(html).text == text


def test_links_are_listed_and_names_are_not():
    assert read_html(f"<p>{MENTION} {LINK} {HASHTAG} {LINK}</p>").links == ("https://example.org/a/very/long/path?q=1",)


def test_the_line_that_stands_for_a_quote_is_told_apart():
    found = read_html(f"{QUOTE}<p>indeed</p>")
    assert (found.text, found.links, found.quote) == ("indeed", (), "https://a.example/users/bo/statuses/1")
    kept = read_html(f"{QUOTE}<p>indeed</p>", keep_quote=True)
    assert (
        kept.text == "RE: https://a.example/users/bo/statuses/1 (https://a.example/@bo/1)\n\nindeed"
        or "RE: " in kept.text
    )
    misskey = read_html('<p>indeed<br><br>RE: <a href="https://m.example/notes/9">https://m.example/notes/9</a></p>')
    assert (misskey.text, misskey.quote) == ("indeed", "https://m.example/notes/9")


def test_hashtags_are_named_as_written():
    assert tags_as_written("on #LanternKM and #Café", ["lanternkm", "cafe", "elsewhere"]) == (
        "LanternKM",
        "Café",
        "elsewhere",
    )
    assert tags_as_written("＃ＬａｎｔｅｒｎＫＭ", ["lanternkm"]) == ("ＬａｎｔｅｒｎＫＭ",)
    assert fold_tag("Ärger") == fold_tag("arger")


@given(st.text(max_size=300))
def test_escaped_text_comes_back_as_text(text):
    shown = read_html(f"<pre>{escape(text)}</pre>").text
    expected = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip("\n ")
    assert "".join(shown.split()) == "".join(expected.split())


PIECES = st.sampled_from(
    ["<p>", "</p>", "<a href='https://a.example/x'>", "</a>", "<br", ">", "<", "&", "&#", "&#x110000;", "<!--", "-->", "<![CDATA[",
     "]]>", "<script>", "</script>", "<ul>", "<li>", "</ul>", "<pre>", "text", "\n", "#tag", "@ada", '"', "'", "<span class=invisible>",
     "</span>", "<p class='quote-inline'>", "RE: https://a.example/notes/1", "\x00", "\ud83d".encode("utf-8", "replace").decode()]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_html_raises_and_no_tag_that_we_know_survives(html):
    text = read_html(html).text
    assert "<script>" not in text
    assert "<p>" not in text
    assert "\x00" not in text


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<p>", "&", "<!--", "<![", "<a href='", "</", "<script>", "<li>", "<blockquote>", "\n", "<ul>", " \n "],
)
def test_hostile_html_takes_no_time(piece):
    begun = time.process_time()
    read_html(piece * (400_000 // len(piece)))
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("piece", ["\n", " \n", "\nRE: "])
def test_hostile_text_without_html_takes_no_time(piece):
    begun = time.process_time()
    read_html(f"a{piece * (400_000 // len(piece))}b")
    assert time.process_time() - begun < 3
