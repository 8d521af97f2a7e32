"""The real sessions of `../shared/data`, against hand-made labels. Nothing of them is quoted here."""

import random

import pytest

from transcripts.build import build_transcript
from transcripts.corrections import Corrections
from transcripts.filing import file_again, prepare
from transcripts.model import SessionPosts
from transcripts.teaching import most_instructive

LABELLED = ["2015-03-10", "2015-05-19"]


def score(gold, transcript):
    """Pair what was labelled and what was filed, without the posts that two readers could not agree on."""
    filings = {entry.post.uid: entry.filing for entry in transcript.entries}
    return [((topic, role), filings[uid]) for uid, (topic, role) in gold.items() if topic != "?"]


@pytest.mark.parametrize("label", LABELLED)
def test_a_real_session_holds_every_post_that_was_labelled(real, gold, label):
    assert gold(label).keys() <= {post.uid for post in real(label).posts}


@pytest.mark.parametrize("label", LABELLED)
def test_every_question_of_a_real_session_is_found_and_none_invented(real, gold, label):
    transcript = build_transcript(real(label))
    posed = {}
    for uid, (topic, role) in gold(label).items():
        if role == "question":
            posed.setdefault(topic, set()).add(uid)
    assert posed.keys() == {question.label for question in transcript.questions}
    for question in transcript.questions:
        assert set(question.parts) == posed[question.label]
    assert len(transcript.moderators) == 1


@pytest.mark.parametrize("label", LABELLED)
def test_nine_posts_in_ten_or_nearly_are_filed_right(real, gold, label):
    pairs = score(gold(label), build_transcript(real(label)))
    under_questions = [labelled[0] == filing.topic for labelled, filing in pairs if labelled[0].startswith("Q")]
    assert sum(under_questions) / len(under_questions) >= 0.8
    assert sum(labelled[0] == filing.topic for labelled, filing in pairs) / len(pairs) >= 0.8


@pytest.mark.parametrize("label", LABELLED)
def test_twenty_answers_put_nearly_all_of_the_rest_right(real, gold, label):
    labels, answers, passed = gold(label), {}, set()
    prepared = prepare(real(label))
    shares = {}
    while len(answers) < 20:
        known = frozenset(answers) | passed
        (uid,) = most_instructive(prepared.inference, number=1, known=known)
        if labels.get(uid, ("?",))[0] == "?":
            passed.add(uid)
            continue
        answers[uid] = labels[uid][0]
        prepared = file_again(prepared, Corrections(answers))
        left = [
            prepared.filings[one].topic == topic
            for one, (topic, _) in labels.items()
            if topic != "?" and one not in answers
        ]
        shares[len(answers)] = sum(left) / len(left)
    assert shares[10] >= 0.92
    assert shares[20] >= 0.95


@pytest.mark.parametrize("label", LABELLED)
def test_what_is_filed_with_confidence_is_right(real, gold, label):
    pairs = score(gold(label), build_transcript(real(label)))
    sure = [labelled[0] == filing.topic for labelled, filing in pairs if filing.confidence >= 0.9]
    assert len(sure) >= 0.4 * len(pairs)
    assert sum(sure) / len(sure) >= 0.9


@pytest.mark.parametrize("label", LABELLED)
def test_roles_of_a_real_session_are_told(real, gold, label):
    pairs = score(gold(label), build_transcript(real(label)))
    assert sum(labelled[1] == filing.role for labelled, filing in pairs) / len(pairs) >= 0.85


@pytest.mark.parametrize(("label", "moderators", "questions"), [("2015-04-21", 3, 5), ("2015-05-05", 1, 4)])
def test_other_real_sessions_have_their_moderators_and_questions(real, label, moderators, questions):
    transcript = build_transcript(real(label))
    assert (len(transcript.moderators), len(transcript.questions)) == (moderators, questions)
    assert [question.label for question in transcript.questions] == [f"Q{number}" for number in range(1, questions + 1)]


@pytest.mark.parametrize("label", LABELLED)
def test_the_order_of_a_real_sessions_posts_changes_nothing(real, label):
    session = real(label)
    posts, reposts = list(session.posts), list(session.reposts)
    random.Random(label).shuffle(posts)
    random.Random(label).shuffle(reposts)
    shuffled = SessionPosts(session.window, session.title, session.hashtags, tuple(posts), reposts=tuple(reposts))
    assert build_transcript(session) == build_transcript(shuffled)
