"""A session's report for Prefect: coverage and activity, in numbers, and nobody's words, names or handles."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from markdown_it import MarkdownIt

from knowarchive.config import Chat
from knowarchive.model import Post
from pipelines.reports import MOST_BARS, report_key, write_report
from transcripts.build import build_transcript
from transcripts.model import SessionPosts
from transcripts.sessions import find_window

CHAT = Chat(name="lantern_km", hashtags=("lanternkm",), schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0")
WINDOW = find_window(CHAT, "2026-03-04")
WORDS, NAME, HANDLE, ERROR = "wicked words", "Ottoline Marsh", "ottoline", "server said: wicked error"
COVERAGE = ({"source": "x", "status": "incomplete", "pages": 3, "seen": 40, "new": 38, "changed": 0, "quarantined": 0,
             "requests": 5, "gaps": (ERROR,)},)  # fmt: skip


def transcript(minutes):
    posts = tuple(
        Post(
            uid=f"x:{number}", created_at=datetime(2026, 3, 4, 20, tzinfo=UTC) + timedelta(minutes=minute), text=WORDS,
            author_uid="x:1", author_handle=HANDLE, author_name=NAME, hashtags=("lanternkm",),
        )
        for number, minute in enumerate(minutes, 1)
    )  # fmt: skip
    return build_transcript(SessionPosts(WINDOW, NAME, CHAT.hashtags, posts, coverage=COVERAGE))


def test_it_has_the_coverage_of_each_source_and_the_session_in_numbers():
    html = MarkdownIt("commonmark").enable("table").render(write_report(transcript([1, 2, 30])))
    assert "<p>3 posts, 1 person, 0 questions, 0 links.</p>" in html
    assert re.findall("<td>(.*?)</td>", html) == ["x", "incomplete", "3", "40", "38", "0", "0", "5", "1"]


def test_it_holds_nobodys_words_names_or_handles():
    text = write_report(transcript([1, 2, 30]))
    assert not [secret for secret in (WORDS, NAME, HANDLE, "wicked") if secret in text]


def test_its_picture_is_as_high_as_the_session_was_lively():
    text = write_report(transcript([*[0] * 8, 10, *[20] * 4]))
    [drawn] = re.findall("│(.*)", text)
    assert drawn.strip() == "█    ▁    ▄"  # bars of two minutes
    assert len(drawn) <= MOST_BARS
    assert "at most 8" in text


def test_a_session_without_posts_has_no_picture():
    assert "│" not in write_report(replace(transcript([1]), entries=()))


@pytest.mark.parametrize("label", ["2026-03-04", "2026-03-04@2130"])
def test_its_name_is_one_that_prefect_takes(label):
    assert re.fullmatch("[a-z0-9-]+", report_key("lantern_km", label))
