"""Markdown, plain text and JSON, as people and scripts take them away."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

from markdown_it import MarkdownIt
from page import Page

from transcripts.model import Person
from transcripts.writers import FORMATS, render
from transcripts.writers.as_text import columns
from transcripts.writers.clock import instant


def test_json_keeps_the_contract_and_its_order(transcript):
    document = json.loads(render(transcript, "json"))
    assert list(document)[:8] == ["schema", "chat", "session", "questions", "posts", "participants", "links", "stats"]
    assert document["schema"] == "knowarchive.transcript/1"
    assert document["chat"] == {"name": "bedsandborders", "title": "Beds & Borders", "hashtags": ["bedsandborders"]}
    assert document["session"]["start"] == "2024-03-12T19:00:00Z"
    assert document["session"]["moderators"] == [{"uid": "x:101", "handle": "rowan_digs", "name": "Rowan Ashdown"}]
    assert list(document["questions"][0]) == ["label", "uid", "parts", "text", "answers"]
    assert list(document["posts"][0])[:17] == [
        *("uid", "platform", "url", "created_at", "author", "text", "topic", "role", "confidence", "reason"),
        *("reply_to", "quotes", "repost_count", "reposted_by", "links", "media", "deleted"),
    ]


def test_every_format_says_what_the_session_was_about_and_who_came(transcript):
    guest = Person("bluesky:@wick.example", "wick.example", None, "https://bsky.app/profile/wick.example")
    announced = replace(transcript, topic="Soil *and* <lamps>", guests=(transcript.participants[0], guest))
    session = json.loads(render(announced, "json"))["session"]
    assert session["topic"] == "Soil *and* <lamps>"
    assert [one["uid"] for one in session["guests"]] == ["x:101", None]
    assert "Topic: Soil *and* <lamps>\nWith Rowan Ashdown (@rowan_digs), @wick.example\n" in render(announced, "txt")
    html = MarkdownIt("commonmark").render(render(announced, "md"))
    assert "<p>Topic: Soil *and* &lt;lamps&gt;.</p>" in html
    page = render(announced, "html")
    assert 'Topic: <span dir="auto">Soil *and* &lt;lamps&gt;</span>' in page
    assert "https://bsky.app/profile/wick.example" in page


def test_a_session_of_which_nothing_was_announced_says_nothing_of_it(transcript):
    session = json.loads(render(transcript, "json"))["session"]
    assert (session["topic"], session["guests"]) == (None, [])
    assert not [form for form in ("txt", "md", "html") if "Topic:" in render(transcript, form)]


def test_json_holds_every_post_in_order_of_time(transcript):
    posts = json.loads(render(transcript, "json"))["posts"]
    assert [post["uid"] for post in posts] == [entry.post.uid for entry in transcript.entries]
    assert [post["created_at"] for post in posts] == sorted(post["created_at"] for post in posts)


def test_json_does_not_repeat_what_was_deleted(transcript):
    gone = [post for post in json.loads(render(transcript, "json"))["posts"] if post["deleted"]]
    assert [(post["text"], post["url"], post["author"]) for post in gone] == [
        (None, None, {"uid": None, "handle": None, "name": None})
    ]


def test_moments_have_a_fraction_only_where_there_is_one():
    assert instant(datetime(2024, 3, 12, 19, tzinfo=UTC)) == "2024-03-12T19:00:00Z"
    assert instant(datetime(2024, 3, 12, 19, 0, 0, 5000, tzinfo=UTC)) == "2024-03-12T19:00:00.005000Z"


def test_markdown_has_a_heading_for_each_question_and_quotes_its_words(transcript):
    text = render(transcript, "md")
    assert "## Q1\n\n> What is your soil like, and how did you find out?" in text
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# Beds & Borders, Tuesday 12 March 2024"]


def test_markdown_nests_replies_as_lists(transcript):
    html = MarkdownIt("commonmark").render(render(transcript, "md"))
    assert "<pre>" not in html
    assert html.count("<ul>") > 5
    answer = html.index("The jar test took")
    assert "<ul>" in html[answer : html.index("What is the jar test?")]


def test_markdown_says_who_with_a_way_to_the_original(transcript):
    assert (
        "- **@yael_in_clay** Did anybody else just hear that thunder? "
        "([19:26 on X](https://x.com/yael_in_clay/status/9035))"
    ) in render(transcript, "md")


def test_plain_text_is_eighty_columns_wide_but_for_addresses(transcript):
    lines = render(transcript, "txt").splitlines()
    assert [line for line in lines if columns(line) > 80 and "://" not in line] == []


def test_plain_text_indents_replies(transcript):
    text = render(transcript, "txt")
    assert "\n    @yael_in_clay, 19:07\n        What is the jar test? @beanrows\n" in text


def test_every_format_names_every_person_and_ends_with_one_newline(transcript):
    for name in FORMATS:
        text = render(transcript, name)
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert [each.handle for each in transcript.participants if each.handle not in text] == [], name


def test_what_was_collected_is_told_in_words_and_what_is_missing_apart(transcript):
    page = Page(render(transcript, "html")).text
    for text in (" ".join(render(transcript, "md").split()), " ".join(render(transcript, "txt").split()), page):
        assert "asked for 18:45–20:30, 3 pages, 38 posts seen, 38 new, 2 changed, collected 12 March 2024" in text
        assert "waited 2 minutes, cost $0.19" in text
        assert "two people let only those whom they mention answer" in text
        assert re.search("[Gg]ap:? not asked for 18:45–19:00", text)
        assert re.search("[Gg]ap:? the search stopped at its page limit", text)
        assert "covers 18:52–20:11, 412 posts seen" in text
        assert "Mastodon, plot.example: incomplete" in text


def test_corrections_that_could_not_be_followed_are_told(transcript):
    told = replace(transcript, notes=("topic of x:77: ignored, since this session has no such post",))
    for name in FORMATS:
        assert "x:77: ignored" in render(told, name), name
        assert "could not be followed" not in render(transcript, name), name


def test_a_page_names_an_imported_file_but_not_its_folder(transcript):
    imported = replace(transcript, coverage=({"source": "/home/rowan/private/march.jsonl", "status": "done"},))
    for name in ("html", "md", "txt"):
        assert "march.jsonl" in render(imported, name), name
        assert "private" not in render(imported, name), name


def test_writers_load_only_when_asked_for():
    code = "import sys, transcripts.writers; print([name for name in ('jinja2', 'transcripts.writers.as_html') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
