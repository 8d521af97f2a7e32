"""What a moderator gets to publish."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from invented import EARLIER, START, assemble
from page import Page

from knowarchive.model import Link, Post
from tests.growth import grows_fairly
from transcripts.model import Entry, Filing, Question
from transcripts.writers.as_html import render
from transcripts.writers.outline import sections
from transcripts.writers.text import anchor


@pytest.fixture(scope="module")
def html(transcript):
    return render(transcript)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def entry(number, text="words", topic="Q1", role="answer", confidence=0.9, **more):
    values = {"author_uid": "x:7", "author_handle": "rowan_digs", "created_at": START + timedelta(seconds=number)}
    return Entry(Post(uid=f"x:{number}", text=text, **(values | more)), Filing(topic, role, confidence, "time"))


def one(*entries):
    return assemble(list(entries), (Question("Q1", "x:1", ("x:1",), "Why?"),))


def test_every_post_of_the_session_has_its_anchor_once(transcript, page):
    wanted = {anchor(each.post.uid) for each in transcript.entries}
    assert wanted <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_link_within_the_page_leads_somewhere(page):
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)


def test_every_post_leads_to_its_original(transcript, page):
    assert "https://x.com/rowan_digs/status/9005" in page.hrefs
    assert "https://bsky.app/profile/did:plc:imke/post/3k9004" in page.hrefs
    assert "https://plot.example/users/tomas/statuses/9003" in page.hrefs


def test_headings_are_in_order_with_one_at_the_top(page):
    assert page.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))


def test_the_page_allows_itself_only_its_own_style_sheet(html, page):
    css = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = next(values["content"] for tag, values in page.tags if values.get("http-equiv"))
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_nothing_is_loaded_from_elsewhere(html, page):
    assert not [tag for tag, values in page.tags if "src" in values]
    assert "url(" not in html
    assert "@import" not in html


def test_outward_links_say_nothing_about_the_reader(page):
    outward = [values for tag, values in page.tags if tag == "a" and (values["href"] or "").startswith("http")]
    assert outward
    assert {values.get("rel") for values in outward} == {"noopener noreferrer nofollow ugc"}
    assert {values.get("referrerpolicy") for values in outward} == {"no-referrer"}


def test_a_reply_stands_inside_the_list_under_what_it_answers(html):
    question, reply = html.index("The jar test took"), html.index("What is the jar test?")
    between = html[question:reply]
    assert between.count("<ol>") == 1
    assert "</li>" not in between


def test_replies_beyond_the_fourth_level_say_whom_they_answer(page):
    assert "In reply to @tomas@plot.example" in page.text


def test_a_missing_parent_is_a_placeholder_with_a_way_to_the_original(page):
    assert "A post that is not in the archive" in page.text
    assert "https://x.com/i/status/8999" in page.hrefs


def test_a_parent_from_outside_the_session_is_shown_above_its_reply_without_an_anchor(page):
    assert page.text.index("Reminder to self") < page.text.index("Loam, and yes")
    assert anchor(EARLIER) not in page.ids


def test_quoting_the_question_is_said_rather_than_repeated(page):
    assert page.text.count("What is your soil like, and how did you find out?") == 2  # contents and heading
    assert re.search(r"Quoting\s+Q1", page.text)


def test_a_deleted_post_keeps_its_place_but_not_its_author_or_words():
    gone = entry(2, "regretted", author_name="Regretful", deleted_at=START)
    text = Page(render(one(entry(1, "Q1 Why?", role="question"), gone))).text
    assert "A post that its author deleted" in text
    assert "regretted" not in text
    assert "Regretful" not in text.partition("People")[0]


def test_what_carries_a_warning_is_folded(html):
    folded = re.search(r'<details class="warning">(.*?)</details>', html, re.DOTALL)[1]
    assert "ugly vegetables" in folded
    assert "carrots" in folded


def test_an_unsure_filing_is_marked_at_the_head_of_a_thread_only():
    head = entry(2, confidence=0.4)
    reply = entry(3, confidence=0.4, reply_to="x:2")
    html = render(one(entry(1, role="question"), head, reply))
    assert html.count('class="unsure"') == 1
    assert "Filed here by its time, 40% sure" in html


def test_languages_are_marked_where_they_differ_from_the_page(page):
    marked = {values["lang"] for tag, values in page.tags if tag == "div" and "lang" in values}
    assert marked == {"de", "he", "zh"}


def test_anchors_and_bytes_do_not_change_between_builds(transcript, html):
    assert render(transcript) == html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "https://a\\@b.example/", "//x.example", "HTTP://"]
)
def test_only_web_addresses_become_links(url):
    page = Page(render(one(entry(1), entry(2, f"look {url}", url=url, links=(Link(url, "title"),)))))
    assert not [href for href in page.hrefs if not href.startswith(("#", "https://x.com/")) and href != "data:,"]


def test_a_link_shows_the_host_that_it_leads_to():
    page = Page(render(one(entry(1), entry(2, "https://bank.example@thief.example/login"))))
    assert "thief.example/login" in page.text
    assert "bank.example" not in page.text


def test_direction_overrides_do_not_reach_the_page():
    html = render(one(entry(1), entry(2, "abc\u202edcb\u2066x\x1b[31mred\x00", author_name="\u202eevil")))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f]", html)
    assert "abcdcbxred" in html


def test_a_chat_without_questions_is_told_by_the_clock(transcript):
    bare = replace(transcript, questions=())
    page = Page(render(bare))
    assert [each.title for each in sections(bare)] == ["18:54–19:23", "19:24–19:36", "19:55–20:11"]
    assert "Other posts" not in page.text
    assert {anchor(each.post.uid) for each in bare.entries} <= set(page.ids)
    contents = [href for href in page.hrefs if href.startswith("#s-at-")]
    assert len(contents) == 3


def test_a_short_chat_without_questions_is_one_conversation():
    assert [each.title for each in sections(assemble([entry(1), entry(2)], ()))] == ["The conversation"]


def test_a_reply_after_a_silence_stays_with_its_conversation():
    told = sections(assemble([entry(1), entry(1800), entry(3000, reply_to="x:1")], ()))
    assert [[row.uid for row in each.rows] for each in told] == [["x:1", "x:3000"], ["x:1800"]]


def test_an_empty_session_is_a_page_too(transcript):
    empty = replace(
        transcript, questions=(), entries=(), participants=(), moderators=(), links=(), stats={}, coverage=()
    )
    assert "No posts were collected" in Page(render(empty)).text


def test_a_chain_of_five_thousand_replies_is_written_flat():
    chain = [entry(1, role="question")]
    chain += [entry(n, reply_to=f"x:{n - 1}") for n in range(2, 5002)]
    page = Page(render(one(*chain)))
    assert len([tag for tag, _ in page.tags if tag == "article"]) == 5000


def test_replies_in_a_circle_are_all_written():
    page = Page(render(one(entry(1), entry(2, reply_to="x:3"), entry(3, reply_to="x:2"))))
    assert {"p-x-2", "p-x-3"} <= set(page.ids)


def test_a_page_costs_in_proportion_to_its_posts(transcript):
    def write(size):
        many = []
        for number in range(size):
            source = transcript.entries[number % len(transcript.entries)]
            moved = msgspec.structs.replace(
                source.post, uid=f"x:{10_000 + number}", created_at=START + timedelta(seconds=number)
            )
            many.append(replace(source, post=moved))
        render(replace(transcript, entries=tuple(many)))

    assert grows_fairly(write, 1_000)
