"""Chats held in other ways than with `Q1:` and `A1:`, filed as a careful reader would. Each post says where it belongs."""

import pytest

from transcripts.build import build_transcript
from transcripts.corrections import Corrections, GivenQuestion


@pytest.fixture
def tell(hold):
    """Build the transcript of posts that are given with their topics; return what was filed elsewhere."""

    def make(*pairs, corrections=None, **fields):
        posts = [post for post, _ in pairs]
        transcript = build_transcript(hold(*posts, **fields), corrections or Corrections())
        filed = {entry.post.uid: entry.filing.topic for entry in transcript.entries}
        return [(post.text, topic, filed[post.uid]) for post, topic in pairs if filed[post.uid] != topic]

    return make


def test_a_chat_in_full_width_letters(say, tell):
    assert not tell(
        (say(0, "wren", "こんばんは、今夜の司会です"), "intro"),
        (say(1, "wren", "Ｑ１：どの鳥が怖いですか？"), "Q1"),
        (say(3, "kite", "Ａ１：ガチョウ、噛むから"), "Q1"),
        (say(4, "tern", "Ａ１　白鳥も怖い"), "Q1"),
        (say(20, "wren", "Ｑ２：どの鳥を信じますか？"), "Q2"),
        (say(22, "kite", "Ａ２：めんどり"), "Q2"),
        (say(23, "tern", "Ａ１：やっぱりガチョウ"), "Q1"),
    )


@pytest.mark.parametrize(
    ("question", "answer"),
    [("Pregunta", "Respuesta "), ("Pregunta", "R"), ("Question", "R"), ("Frage", "A"), ("F", "A"), ("P", "R")],
)
def test_a_chat_that_writes_its_labels_out(say, tell, question, answer):
    def pose(number):
        return f"{question} {number}: ¿Y entonces?" if len(question) > 1 else f"{question}{number}: ¿Y entonces?"

    assert not tell(
        (say(1, "wren", pose(1)), "Q1"),
        (say(3, "kite", f"{answer}1: gansos"), "Q1"),
        (say(4, "tern", f"{answer}1: cisnes"), "Q1"),
        (say(20, "wren", pose(2)), "Q2"),
        (say(22, "kite", f"{answer}2: gallinas"), "Q2"),
        (say(24, "tern", f"{answer}1: todavía los cisnes"), "Q1"),
        (say(40, "wren", pose(3)), "Q3"),
        (say(42, "kite", f"{answer}3: ninguno"), "Q3"),
        (say(43, "tern", f"{answer}3: todos"), "Q3"),
    )


def test_threads_below_the_question_posts_and_no_label_in_any_answer(say, tell):
    first = say(1, "wren", "Q1: Which bird do you fear?", uid="mastodon:https://a.example/1")
    second = say(20, "wren", "Q2: Which bird do you trust?", uid="mastodon:https://a.example/2")
    goose = say(3, "kite", "the goose, it bites", reply_to=first, hashtags=())
    owl = say(22, "tern", "the owl, it listens", reply_to=second, hashtags=())
    assert not tell(
        (first, "Q1"),
        (goose, "Q1"),
        (say(4, "tern", "mine did too", reply_to=goose, hashtags=()), "Q1"),
        (second, "Q2"),
        (owl, "Q2"),
        (say(25, "rook", "still the swan for me", reply_to=first, hashtags=()), "Q1"),
        (say(26, "kite", "does it?", reply_to=owl, hashtags=()), "Q2"),
        (say(50, "swift", "catching up: swans, always", reply_to=goose, hashtags=()), "Q1"),
    )


def test_answers_that_nobody_labels_follow_the_question_of_the_hour(say, tell):
    assert not tell(
        (say(-3, "kite", "Hello everyone, Kite from the coast here"), "intro"),
        (say(1, "wren", "Q1: Which songs did your grandparents sing about the cuckoo?"), "Q1"),
        (say(5, "kite", "one about the cuckoo who counts the years left"), "Q1"),
        (say(8, "tern", "songs where it calls from the far bank"), "Q1"),
        (say(20, "wren", "Q2: Which feather would you carry as a charm, and why?"), "Q2"),
        (say(25, "kite", "a feather of the jay, against the evil eye"), "Q2"),
        (say(28, "tern", "an owl feather as a charm for reading at night"), "Q2"),
        (say(62, "rook", "Thanks @wren for hosting, great chat, good night all"), "wrapup"),
    )


def test_a_moderator_who_comes_late(say, tell):
    assert not tell(
        (say(0, "kite", "Hi all, Kite here, a teacher"), "intro"),
        (say(4, "tern", "Hello! I'm Tern, librarian by the sea"), "intro"),
        (say(8, "rook", "is anybody leading tonight?"), "intro"),
        (say(15, "wren", "So sorry, the train! I'm your moderator tonight"), "intro"),
        (say(16, "wren", "Q1: Which bird do you fear?"), "Q1"),
        (say(18, "kite", "A1 the goose, it bites"), "Q1"),
        (say(19, "tern", "A1 the swan hisses"), "Q1"),
        (say(40, "wren", "Q2: Which bird do you trust?"), "Q2"),
        (say(42, "kite", "A2 the hen"), "Q2"),
    )


def test_questions_out_of_order_with_a_number_above_nine_and_one_between(say, tell):
    assert not tell(
        (say(1, "wren", "Q0: Who are you and where do you watch?"), "Q0"),
        (say(2, "kite", "A0 Kite, from the harbour wall"), "Q0"),
        (say(3, "tern", "A0 Tern, from a kitchen window"), "Q0"),
        (say(10, "wren", "Q10: Which bird do you fear?"), "Q10"),
        (say(12, "kite", "A10 the goose"), "Q10"),
        (say(13, "tern", "A10 the swan"), "Q10"),
        (say(25, "wren", "Q2: Which bird do you trust?"), "Q2"),
        (say(27, "kite", "A2 the hen"), "Q2"),
        (say(28, "tern", "A2 the owl"), "Q2"),
        (say(29, "rook", "A10 late to this one: geese"), "Q10"),
        (say(30, "wren", "Q2.5: And which of them would you follow?"), "Q2"),
        (say(31, "kite", "A2.5 the crane"), "Q2"),
    )


def test_two_moderators_who_pose_the_same_questions_on_two_networks(say, tell):
    ours = say(1, "wren", "Q1: Which birds of the forest do you fear most?")
    theirs = say(
        1.5, "wren@birds.example", "Q1: Which birds of the forest do you fear most?", uid="mastodon:https://b/1"
    )
    after = say(20, "wren", "Q2: Which birds of the harbour do you trust most?")
    there = say(
        21, "wren@birds.example", "Q2: Which birds of the harbour do you trust most?", uid="mastodon:https://b/2"
    )
    assert not tell(
        (ours, "Q1"),
        (theirs, "Q1"),
        (say(3, "kite", "A1 geese"), "Q1"),
        (say(4, "tern@sea.example", "swans", reply_to=theirs, uid="mastodon:https://c/1"), "Q1"),
        (after, "Q2"),
        (there, "Q2"),
        (say(23, "kite", "A2 gulls"), "Q2"),
        (say(24, "rook@sea.example", "ducks", reply_to=there, uid="mastodon:https://c/2"), "Q2"),
        (say(26, "swift@sea.example", "crows, for me", reply_to=theirs, uid="mastodon:https://c/3"), "Q1"),
    )


def test_a_jokers_question_and_its_answers_stay_with_the_talk_of_the_hour(say, tell):
    joke = say(12, "rook", "Q7: who let the birds out? haha")
    assert not tell(
        (say(1, "wren", "Q1: Which bird do you fear?"), "Q1"),
        (say(3, "kite", "A1 the goose"), "Q1"),
        (say(4, "tern", "A1 the swan"), "Q1"),
        (say(5, "swift", "A1 the cuckoo"), "Q1"),
        (joke, "Q1"),
        (say(13, "kite", "A7 haha it was me", reply_to=joke), "Q1"),
        (say(30, "wren", "Q2: Which bird do you trust?"), "Q2"),
        (say(32, "kite", "A2 the hen"), "Q2"),
        (say(33, "tern", "A2 the owl"), "Q2"),
    )


def test_long_threads_of_one_person_stay_with_the_question_that_they_open_with(say, tell):
    pairs = [
        (say(1, "wren", "Q1: Which bird do you fear?"), "Q1"),
        (say(3, "kite", "A1 the goose"), "Q1"),
        (say(4, "tern", "A1 swans"), "Q1"),
    ]
    thread = say(16, "rook", "A1 a thread, since one post will not do 1/")
    pairs.append((thread, "Q1"))
    pairs.append((say(20, "wren", "Q2: Which bird do you trust?"), "Q2"))
    pairs.append((say(21, "tern", "A2 owls"), "Q2"))
    for part in range(2, 9):
        thread = say(15 + part, "rook", f"and there is more of it to tell {part}/", reply_to=thread)
        pairs.append((thread, "Q1"))
    assert not tell(*pairs)


def test_questions_without_a_number_are_used_once_somebody_points_them_out(say, tell):
    first, second = say(1, "wren", "Which bird do you fear?"), say(20, "wren", "And which one do you trust?")
    pairs = [
        (first, "Q1"),
        (say(3, "kite", "the goose", reply_to=first), "Q1"),
        (say(6, "tern", "swans, they hiss"), "Q1"),
        (second, "Q2"),
        (say(23, "kite", "the hen", reply_to=second), "Q2"),
        (say(26, "tern", "owls, they listen"), "Q2"),
    ]
    given = Corrections(questions=(GivenQuestion("Q1", first.uid), GivenQuestion("Q2", second.uid)))
    assert not tell(*pairs, corrections=given)
    assert not tell(*[(post, "none") for post, _ in pairs])


def test_what_another_chat_said_in_the_same_hour_changes_nothing(say, hold):
    ours = [
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(3, "kite", "A1 the goose"),
        say(4, "tern", "A1 the swan"),
        say(20, "wren", "Q2: Which bird do you trust?"),
        say(22, "kite", "the hen, it lays eggs"),
    ]
    others = tuple(say(2 + minute, "carp", f"Q{minute}: Which fish?", hashtags=("fishlore",)) for minute in range(1, 9))
    alone, beside = (build_transcript(hold(*ours, context=context)) for context in ((), others))
    assert [entry.filing for entry in alone.entries] == [entry.filing for entry in beside.entries]
    assert alone.questions == beside.questions
