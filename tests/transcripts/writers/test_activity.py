"""The small picture of a session over time."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from invented import START, assemble

from knowarchive.model import Post
from transcripts.model import Entry, Filing, Question
from transcripts.writers.activity import draw
from transcripts.writers.clock import Clock


def drawn(minutes):
    """The picture of a session with a question at each of these minutes, and a post twelve hours on."""
    entries = [
        Entry(
            Post(uid=f"x:{number}", text="words", created_at=START + timedelta(minutes=minute)),
            Filing(f"Q{number}", "question", 0.9, "label"),
        )
        for number, minute in enumerate([*minutes, 720], 1)
    ]
    questions = tuple(
        Question(f"Q{number}", f"x:{number}", (f"x:{number}",), "Why?") for number in range(1, len(entries))
    )
    transcript = assemble(entries, questions)
    return draw(transcript, Clock.of(transcript.window))


@given(st.lists(st.integers(0, 700), min_size=1, max_size=12))
def test_no_label_stands_on_another_and_every_question_is_marked_and_said(minutes):
    picture = drawn(minutes)
    assert len(picture.questions) == len(minutes)
    shown = [mark for mark in picture.questions if mark.label]
    assert all(
        abs(one.x - other.x) >= 7 for one in shown for other in shown if one is not other and one.row == other.row
    )
    assert all(f"Q{number} at " in picture.details for number in range(1, len(minutes) + 1))


def test_labels_that_are_close_take_turns_in_two_rows():
    picture = drawn([0, 30, 120, 125, 130])
    assert [(mark.label, mark.row) for mark in picture.questions] == [
        ("Q1", 0),
        ("Q2", 1),
        ("Q3", 0),
        ("Q4", 1),
        ("", 1),
    ]
