"""Whatever a network sends stays text, in every format."""

import json
import re
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented import START, WINDOW
from markdown_it import MarkdownIt
from page import Page

from knowarchive.model import Link, Media, Mention, PollOption, Post
from transcripts.model import Copy, Entry, Filing, Person, PersonAccount, Question, SharedLink, Transcript
from transcripts.writers import FORMATS, render
from transcripts.writers.text import anchor, clean, clean_line, escape_markdown, escape_markdown_start, safe_url

TRICKS = st.sampled_from(
    [
        "<script>alert(1)</script>", "<!-- ", "-->", "]]>", "\"'><img src=x onerror=alert(1)>", "&lt;b&gt;", "&#60;",
        "{{ 7*7 }}", "{% raw %}", "[x](javascript:alert(1))", "![x](https://evil.example/p.png)", "<https://evil.example>",
        "<javascript:alert(1)>", "[^1]: note", "[ref]: https://evil.example", "# heading", "## h", "> quote", "- item", "1. one", "1) x",
        "---", "===", "***", "```", "~~~", "~~gone~~", "| a | b |\n|---|---|", "`code`", "**b**", "_e_", "__s__", "\\", "\\\n", "\\[x](y)", "  \n",
        "\n\n", "\n    code", "\t", "\x1b[31m", "\x1b]8;;https://evil.example\x07x\x1b]8;;\x07", "\x9b1m", "\u202e", "\u2066",
        "\x00", "\x07", "\u2028", "\ufeff", "\ud800", "🌱", "שלום", "小雨", "é" + "\u0301" * 40, "javascript:alert(1)",
        "https://ok.example/a_b_(c)?x=1&y=[2]*'!", "https://a\\@b.example", "http://[::1", "https://[::1]:8/x", "https://x:bad/", "https://ok.example/<b>",
        "https://ok.example/&copy;x", "HTTPS://OK.example", "@rowan_digs", ".@a.b@c.example:99999", "@" + "a" * 300, "#tag", "#1", ": term", "$x$", "+ plus", "=cmd()",
        "style=x", "onload=x", " ", "a", "b c",
    ]
)  # fmt: skip
TEXT = st.lists(st.one_of(TRICKS, st.text(max_size=8)), max_size=6).map("".join)
MAYBE = st.none() | TEXT
POSTS = st.builds(
    Post,
    uid=st.builds("{}:{}".format, st.sampled_from(["x", "bluesky", "mastodon", "mastodon:https", ""]), TEXT),
    created_at=st.integers(-900, 5000).map(lambda seconds: START + timedelta(seconds=seconds)),
    url=MAYBE, author_uid=st.none() | TEXT.map("x:{}".format), author_handle=MAYBE, author_name=MAYBE, text=MAYBE, warning=MAYBE, lang=MAYBE,
    mentions=st.none() | st.tuples(st.builds(Mention, TEXT, MAYBE)),
    links=st.none() | st.tuples(st.builds(Link, TEXT, MAYBE)),
    media=st.none() | st.tuples(st.builds(Media, TEXT, MAYBE, MAYBE)),
    poll=st.none() | st.tuples(st.builds(PollOption, TEXT, st.none() | st.integers(0, 9))),
    reply_to=st.none() | st.sampled_from(["x:1", "x:2"]) | TEXT, quote_of=st.none() | st.sampled_from(["x:1", "x:2"]) | TEXT,
    withheld=st.none() | st.tuples(TEXT),
    deleted_at=st.sampled_from([None, None, None, START]),
    visibility=st.sampled_from([None, "public", "not-found", "blocked"]),
)  # fmt: skip


@st.composite
def transcripts(draw):
    asked = Post(uid="x:1", created_at=START, text=draw(TEXT), author_handle=draw(TEXT))
    labels = draw(st.lists(TEXT, max_size=3))
    topics = st.sampled_from(["Q1", "intro", "wrapup", "none", *labels]) | TEXT
    posts = {asked.uid: asked} | {post.uid: post for post in draw(st.lists(POSTS, max_size=3))}
    context = draw(POSTS)
    accounts = st.lists(st.builds(PersonAccount, TEXT.map("mastodon:{}".format), MAYBE, MAYBE), max_size=2).map(tuple)
    someone = st.builds(Person, TEXT.map("x:{}".format), MAYBE, MAYBE, MAYBE, accounts=accounts)
    people = tuple(draw(st.lists(someone, max_size=2)))
    copies = st.just(()) | st.tuples(st.builds(Copy, POSTS, st.none() | st.integers(0, 9), st.tuples(TEXT)))
    filings = st.builds(
        Filing, topics, st.just("answer"), st.floats(0, 1), TEXT, st.tuples(st.tuples(topics, st.floats(0, 1)))
    )
    return Transcript(
        title=draw(TEXT),
        hashtags=(draw(TEXT),),
        window=WINDOW,
        moderators=people[:1],
        questions=tuple(
            Question(label, uid, (uid,), draw(TEXT))
            for label, uid in zip(labels, ["x:1", "x:1", draw(st.sampled_from([*posts]))], strict=False)
        ),
        entries=tuple(
            Entry(post, draw(filings), draw(st.none() | st.integers(0, 9)), (draw(TEXT),), draw(copies))
            for post in sorted(posts.values(), key=lambda one: one.created_at)
        ),
        context={context.uid: context},
        participants=people,
        links=(SharedLink(draw(TEXT), draw(MAYBE), (draw(TEXT),), tuple(posts), (draw(TEXT),)),),
        stats={"posts": len(posts)},
        coverage=(
            {"source": draw(TEXT), "status": draw(TEXT), "gaps": (draw(TEXT),), "notes": (draw(TEXT),)},
            {"source": f"mastodon:{draw(TEXT)}", "status": "done", "asked": ((START, START),)},
        ),
        notes=(draw(TEXT),),
        topic=draw(MAYBE),
        guests=people[1:],
    )


MANY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@MANY
@given(transcripts())
def test_any_text_leaves_a_page_whole_and_harmless(transcript):
    html = render(transcript, "html")
    page = Page(html)
    assert not CONTROLS.search(html)
    html.encode()
    assert len(page.ids) == len(set(page.ids))
    for href in page.hrefs:
        assert href == "data:," or href.startswith("#") or safe_url(href) == href, href


@MANY
@given(TEXT)
def test_the_words_of_a_post_reach_the_page_as_they_were(text):
    entry = Entry(Post(uid="mastodon:x", created_at=START, text=text), Filing("none", "chatter", 1, "time"))
    from invented import assemble

    shown = Page(render(assemble([entry], ()), "html")).text
    words = [word for word in clean(text).split() if "://" not in word]
    assert [word for word in words if word not in shown] == []


@MANY
@given(transcripts())
def test_any_text_leaves_json_that_reads_back_to_the_letter(transcript):
    text = render(transcript, "json")
    assert not CONTROLS.search(text.replace("\n", ""))
    text.encode()
    mains = [post for post in json.loads(text)["posts"] if post["copy_of"] is None]
    for written, entry in zip(mains, transcript.entries, strict=True):
        wanted = entry.post.text if not entry.post.deleted_at else None
        assert written["text"] == (re.sub("[\ud800-\udfff]", "\ufffd", wanted) if wanted is not None else None)


@MANY
@given(transcripts())
def test_any_text_leaves_plain_text_without_control_characters(transcript):
    text = render(transcript, "txt")
    text.encode()
    assert not CONTROLS.search(text)


def _tokens(markdown):
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


@MANY
@given(transcripts())
def test_any_text_leaves_markdown_with_only_the_markup_that_was_meant(transcript):
    markdown = render(transcript, "md")
    markdown.encode()
    assert not CONTROLS.search(markdown)
    kinds = {token.type for token in _tokens(markdown)}
    assert not kinds & {
        "html_inline",
        "html_block",
        "image",
        "code_inline",
        "code_block",
        "fence",
        "hr",
        "table_open",
        "s_open",
        "em_open",
        "ordered_list_open",
    }
    for token in _tokens(markdown):
        if token.type == "link_open":
            href = token.attrs["href"]
            assert href.startswith(("http://", "https://")), href
        if token.type == "heading_open":
            assert token.tag in {"h1", "h2"}
            assert token.markup in {"#", "##"}


@MANY
@given(TEXT)
def test_escaped_markdown_reads_as_the_words_it_came_from(text):
    line = clean_line(text)
    rendered = [token for token in _tokens(escape_markdown_start(escape_markdown(line))) if token.type != "inline"]
    assert "".join(token.content for token in rendered) == line
    assert {token.type for token in rendered} <= {
        "paragraph_open",
        "paragraph_close",
        "text",
        "text_special",
        "softbreak",
    }


def test_ordinary_words_are_not_littered_with_backslashes():
    line = "It's ~20 people, snake_case & co., 5 < 6 <3 (really!) #chat @who - $5. No. 7 + 1 = 8"
    assert escape_markdown_start(escape_markdown(line)) == line


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_two_posts_never_share_an_anchor(uids):
    first, second = map(anchor, uids)
    assert first != second
    assert re.fullmatch(r"p-[A-Za-z0-9._-]*", first)


def test_every_format_is_named_in_the_table():
    assert list(FORMATS) == ["html", "md", "txt", "json"]
