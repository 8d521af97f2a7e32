import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowarchive.model import Link
from transcripts.build import build_transcript
from transcripts.corrections import NO_CORRECTIONS, Corrections
from transcripts.filing import file_again, file_posts, prepare
from transcripts.questions import find_questions


@pytest.fixture
def opening(say):
    return [
        say(-5, "wren", "Starting soon"),
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(3, "kite", "A1 the goose, it bites"),
        say(4, "tern", "Q1: geese, always geese"),
        say(20, "wren", "Q2: Which bird do you trust?"),
        say(22, "kite", "A2 the hen, it lays eggs"),
        say(23, "tern", "A2 the owl knows everything"),
    ]


def file(session):
    moderators, questions = find_questions(session)
    return file_posts(session, questions, moderators)


def filed(hold, opening, *posts):
    filings = file(hold(*opening, *posts))
    return filings[posts[-1].uid]


def test_a_label_decides(say, hold, opening):
    filing = filed(hold, opening, say(25, "rook", "A1: the swan hisses at children"))
    assert (filing.topic, filing.role, filing.reason) == ("Q1", "answer", "label")
    assert filing.confidence >= 0.9


def test_a_post_without_the_hashtag_is_filed_with_the_question_it_replies_to(say, hold, opening):
    reply = say(25, "rook", "they hiss at children too", reply_to=opening[2], hashtags=())
    filing = filed(hold, opening, reply)
    assert (filing.topic, filing.reason) == ("Q1", "reply")


def test_a_label_overrides_the_post_replied_to(say, hold, opening):
    assert filed(hold, opening, say(25, "rook", "A2 the raven though", reply_to=opening[2])).topic == "Q2"


def test_a_quote_is_filed_with_what_it_quotes(say, hold, opening):
    filing = filed(hold, opening, say(25, "rook", "this is so right about water fowl", quote_of=opening[3].uid))
    assert (filing.topic, filing.reason) == ("Q1", "quote")


def test_a_link_to_a_post_is_a_quote_of_it(say, hold, opening):
    link = Link(f"https://twitter.com/tern/status/{opening[3].uid[2:]}")
    assert filed(hold, opening, say(25, "rook", "so right about water fowl", links=(link,))).reason == "quote"


def test_an_unlabelled_post_is_filed_with_the_question_current_at_that_time(say, hold, opening):
    filing = filed(hold, opening, say(30, "rook", "nobody mentioned the robin in the churchyard"))
    assert (filing.topic, filing.reason) == ("Q2", "time")
    assert filing.confidence < 0.9


def test_what_comes_before_the_first_question_is_the_introduction(hold, opening):
    assert file(hold(*opening))[opening[0].uid].topic == "intro"


def test_a_latecomers_greeting_is_an_introduction(say, hold, opening):
    assert filed(hold, opening, say(30, "rook", "Hi all! I'm Rook, a teacher from the coast")).topic == "intro"


def test_thanks_at_the_end_close_the_session(say, hold, opening):
    filing = filed(hold, opening, say(61, "rook", "Thanks @wren for moderating, good night everyone!"))
    assert (filing.topic, filing.role) == ("wrapup", "chatter")


def test_the_label_of_a_question_that_nobody_posed_is_ignored(say, hold, opening):
    filing = filed(hold, opening, say(30, "rook", "A9 the robin in the churchyard"))
    assert (filing.topic, filing.reason) == ("Q2", "time")


def test_the_label_of_a_question_still_to_come_is_a_slip(say, hold, opening):
    filing = filed(hold, opening, say(8, "rook", "A2 the swan hisses at children"))
    assert filing.topic == "Q1"
    assert filing.confidence < 0.9


def test_a_reply_to_a_post_that_nobody_has_goes_with_the_conversation_of_the_two(say, hold, opening):
    reply = say(26, "tern", "@kite I never thought of that", reply_to="x:gone", reply_to_author="x:u-kite")
    first = say(24, "kite", "@tern beaks are the point", reply_to=opening[3])
    filing = filed(hold, opening, first, reply)
    assert (filing.topic, filing.reason) == ("Q1", "reply")


def test_moderators_question_parts_have_the_role_question(hold, opening):
    filings = file(hold(*opening))
    assert [uid for uid, filing in filings.items() if filing.role == "question"] == [opening[1].uid, opening[4].uid]


def test_mere_agreement_is_chatter(say, hold, opening):
    assert filed(hold, opening, say(25, "rook", "@kite yes, exactly this!", reply_to=opening[2])).role == "chatter"


def test_a_session_without_questions_is_filed_under_none(say, hold):
    filings = file(hold(say(1, "kite", "what a free conversation"), say(2, "tern", "A1 sauce for the goose")))
    assert {filing.topic for filing in filings.values()} == {"none"}


def test_replies_in_a_circle_are_filed(say, hold, opening):
    one = say(30, "kite", "first", uid="x:a", reply_to="x:b")
    other = say(31, "tern", "second", uid="x:b", reply_to="x:a")
    assert {"x:a", "x:b"} <= file(hold(*opening, one, other)).keys()


TEXTS = st.sampled_from(
    [
        "Q1: Which bird?",
        "Q2 What now?",
        "A1 wren",
        "Q1: owl",
        "Hi, I'm new here",
        "Thanks for hosting!",
        "robin",
        "",
        "Q7 joke?",
    ]
)
ROWS = st.lists(
    st.tuples(st.integers(-15, 85), st.sampled_from("abcd"), TEXTS, st.none() | st.integers(0, 20)), max_size=20
)


@given(rows=ROWS, random=st.randoms(use_true_random=False))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_post_has_one_topic_and_the_order_of_input_changes_nothing(say, hold, rows, random):
    posts = [
        say(minute, handle, text, uid=f"x:{index}", reply_to=None if above is None else f"x:{above}")
        for index, (minute, handle, text, above) in enumerate(rows)
    ]
    transcript = build_transcript(hold(*posts))
    topics = {"intro", "wrapup", "none"} | {question.label for question in transcript.questions}
    assert sorted(post.uid for post in posts) == sorted(entry.post.uid for entry in transcript.entries)
    assert all(entry.filing.topic in topics for entry in transcript.entries)
    assert all(0 < entry.filing.confidence <= 1 for entry in transcript.entries)
    random.shuffle(posts)
    assert transcript == build_transcript(hold(*posts))


def test_a_slip_that_its_author_repeats_is_one_slip(say, hold, opening):
    posts = [say(8 + number, "rook", f"A2 the swan hisses, part {number}") for number in range(3)]
    filings = file(hold(*opening, *posts))
    assert {filings[post.uid].topic for post in posts} == {"Q1"}


def test_a_moderators_announcement_belongs_to_the_question_announced(say, hold, opening):
    assert filed(hold, opening, say(19.5, "wren", "Here comes Q2 in a moment, sharpen your beaks")).topic == "Q2"


def test_whoever_leaves_early_says_goodbye(say, hold, opening):
    filing = filed(hold, opening, say(30, "rook", "Gotta run, good night everyone!"))
    assert (filing.topic, filing.role) == ("wrapup", "chatter")


def test_a_side_conversation_goes_on_when_the_next_question_is_posed(say, hold, opening):
    first = say(18, "rook", "@tern but what of the A1 gander?", reply_to=opening[3])
    answers = [first]
    for minute in range(19, 26):
        handle, other = ("tern", "rook") if minute % 2 else ("rook", "tern")
        answers.append(say(minute, handle, f"@{other} what of it", reply_to=answers[-1]))
    filings = file(hold(*opening, *answers))
    assert {filings[post.uid].topic for post in answers} == {"Q1"}


def test_what_two_said_to_each_other_is_joined_over_posts_that_nobody_has(say, hold, opening):
    first = say(18, "rook", "@tern but what of the gander?", reply_to=opening[3])
    later = say(24, "rook", "@tern so it was him", reply_to="x:missing", reply_to_author="x:u-tern")
    assert filed(hold, opening, first, later).topic == "Q1"


def test_an_uncertain_filing_says_what_else_it_may_be(say, hold, opening):
    filing = filed(hold, opening, say(20.5, "rook", "nobody mentioned the robin in the churchyard"))
    assert filing.confidence < 0.9
    assert filing.alternatives[0][0] in {"Q1", "Q2"}


def test_filing_again_is_filing_afresh_whatever_was_corrected_before(say, hold, opening):
    unsure = say(20.5, "rook", "nobody mentioned the robin in the churchyard")
    session = hold(*opening, unsure, say(21, "rook", "robins in churchyards", reply_to=unsure))
    prepared = prepare(session)
    corrections = Corrections({unsure.uid: "Q1"})
    again = file_again(prepared, corrections)
    assert again.filings != prepared.filings
    assert again.filings == prepare(session, corrections).filings
    assert file_again(again, NO_CORRECTIONS).filings == prepared.filings
