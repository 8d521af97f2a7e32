"""What a transcript says of where its posts stand: elsewhere too, late, unsure, asked again, or not at all."""

import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from invented import START, assemble
from page import Page

from knowarchive.model import Post
from transcripts.model import Entry, Filing, Question
from transcripts.writers import render
from transcripts.writers.outline import sections


def say(minute, text="words", topic="Q1", role="answer", *, sure=0.9, fits=(), **more):
    post = Post(
        uid=f"x:{minute}",
        created_at=START + timedelta(minutes=minute),
        text=text,
        **({"author_uid": f"x:{900 + minute}", "author_handle": f"guest{minute}"} | more),
    )
    return Entry(post, Filing(topic, role, sure, "content", fits))


def asked(minute, label, text):
    return say(minute, f"{label} {text}", label, "question", author_uid="x:101", author_handle="rowan_digs")


@pytest.fixture
def hour():
    """Two questions ten minutes apart, the second asked again, then a third that nobody answers."""
    return (
        asked(1, "Q1", "What grows in your clay soil?"),
        asked(11, "Q2", "Which vegetables taste better than shop ones?"),
        asked(14, "Q2", "Which vegetables really taste better than shop ones?"),
        asked(21, "Q3", "Where next?"),
    )


def told(hour, *more):
    questions = (
        Question("Q1", "x:1", ("x:1",), "What grows in your clay soil?"),
        Question("Q2", "x:11", ("x:11", "x:14"), "Which vegetables taste better than shop ones?"),
        Question("Q3", "x:21", ("x:21",), "Where next?"),
    )
    return assemble(sorted([*hour, *more], key=lambda entry: entry.post.created_at), questions)


def rows(transcript):
    return {row.uid: row for section in sections(transcript) for row in section.rows}


def test_what_fits_two_questions_is_named_in_both(hour):
    transcript = told(hour, say(5, fits=(("Q2", 0.31), ("Q3", 0.1))))
    html = render(transcript, "html")
    assert 'Also fits <a href="#q-Q2">Q2</a>' in html
    assert '<p class="see quiet">See also <a href="#p-x-5"><bdi>@guest5, 19:05</bdi></a></p>' in html
    text = render(transcript, "md")
    assert "also fits [Q2](https://x.com/rowan_digs/status/11)" in text
    assert "See also [@guest5, 19:05](https://x.com/guest5/status/5) under Q1" in text
    text = render(transcript, "txt")
    assert "@guest5, 19:05 (also fits Q2)" in text
    assert "See also @guest5, 19:05 (Q1)" in text


@pytest.mark.parametrize("fits", [(("Q2", 0.29),), (("none", 0.4),), (("Q1", 0.4),), (("Q7", 0.4),), ()])
def test_what_hardly_fits_elsewhere_is_not(hour, fits):
    assert rows(told(hour, say(5, fits=fits)))["x:5"].also is None


def test_a_thread_says_once_what_else_it_fits(hour):
    found = rows(told(hour, say(5, fits=(("Q2", 0.4),)), say(6, fits=(("Q2", 0.4),), reply_to="x:5")))
    assert (found["x:5"].also, found["x:6"].also) == ("Q2", None)


def test_json_lists_what_else_a_post_may_be(hour):
    posts = json.loads(render(told(hour, say(5, fits=(("Q2", 0.31), ("none", 0.1)))), "json"))["posts"]
    assert {post["uid"]: post["alternatives"] for post in posts}["x:5"] == [["Q2", 0.31], ["none", 0.1]]


def test_a_latecomers_answer_says_when_it_came(hour):
    transcript = told(hour, say(9), say(12), say(22), say(65), say(66, topic="Q3"))
    found = {uid: row.late for uid, row in rows(transcript).items()}
    assert found == {"x:9": None, "x:12": "during Q2", "x:22": "during Q3", "x:65": "after the hour", "x:66": None}
    assert '<span class="late">during Q2</span>' in render(transcript, "html")
    assert "during Q2" in render(transcript, "md")
    assert "@guest12, 19:12 (during Q2)" in render(transcript, "txt")


def test_only_the_head_of_a_thread_says_when_it_came(hour):
    found = rows(
        told(hour, say(5), say(12), say(13, reply_to="x:5"), say(22, reply_to="x:12"), say(23, reply_to="x:0"))
    )
    assert [found[f"x:{minute}"].late for minute in (5, 12, 13, 22, 23)] == [None, "during Q2", None, None, "during Q3"]


def test_a_question_asked_again_is_shown_once(hour):
    transcript = told(hour)
    page = Page(render(transcript, "html"))
    assert "Asked again at 19:14, on X" in page.text
    assert "Continued by" not in page.text
    assert "p-x-14" in page.ids
    assert "asked again at [19:14 on X]" in render(transcript, "md")
    assert "asked again at 19:14" in render(transcript, "txt")


def test_two_questions_in_one_post_are_two_sections(hour):
    both = say(1, "Q1 What grows? Q2 What does not?", "Q1", "question")
    questions = (Question("Q1", "x:1", ("x:1",), "What grows?"), Question("Q2", "x:1", ("x:1",), "What does not?"))
    page = Page(render(assemble([both, say(2), say(3, topic="Q2")], questions), "html"))
    assert {"q-Q1", "q-Q2", "p-x-1"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.text.count("Asked by") == 2


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"visibility": "not-found"}, "post that is not in the archive"),
        ({"visibility": "blocked"}, "post that its network does not show"),
        ({"deleted_at": START}, "post that its author deleted"),
    ],
)
@pytest.mark.parametrize("place", ["entry", "context", "question"])
def test_a_post_that_cannot_be_shown_is_a_gap(hour, how, words, place):
    gone = say(5, None, author_handle="vanished", author_name="Vanished", **how)
    transcript = told(hour, gone, say(6, reply_to="x:5"))
    if place == "context":
        transcript = replace(
            transcript,
            entries=tuple(one for one in transcript.entries if one is not gone),
            context={"x:5": gone.post},
        )
    elif place == "question":
        entries = [
            replace(one, post=msgspec.structs.replace(gone.post, uid="x:1")) if one.post.uid == "x:1" else one
            for one in transcript.entries
            if one is not gone
        ]
        transcript = replace(transcript, entries=tuple(entries))
    for name in ("html", "md", "txt"):
        text = render(transcript, name)
        assert words in text, name
        assert "vanished" not in text.partition("People")[0].casefold(), name
    page = Page(render(transcript, "html"))
    assert ("p-x-5" in page.ids) == (place == "entry")
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)


def test_an_unsure_filing_names_the_runner_up(hour):
    html = render(told(hour, say(5, sure=0.5, fits=(("Q2", 0.25),)), say(6, sure=0.5, fits=(("none", 0.2),))), "html")
    assert "Filed here by its words, 50% sure; or else Q2, 25%" in html
    assert "Filed here by its words, 50% sure; or else “Other posts”, 20%" in html
