import pytest

from tests.growth import grows_fairly
from transcripts.labels import Kind, Place, find_labels, plain, words


def read_labels(text):
    return [(label.kind, label.number) for label in find_labels(plain(text))]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Q1 Which bird?", 1),
        ("Q 1 Which bird?", 1),
        ("Q1. Which bird?", 1),
        ("Q1: Which bird?", 1),
        ("Q1) Which bird?", 1),
        ("(Q1) Which bird?", 1),
        ("Q.1 Which bird?", 1),
        ("Q-1 Which bird?", 1),
        (".Q1 Which bird?", 1),
        ("#Q1 Which bird?", 1),
        ("Ｑ１ Which bird?", 1),
        ("Q0: Who are you?", 0),
        ("Q10: Which bird?", 10),
        ("Question 1: Which bird?", 1),
        ("Question two - which bird?", 2),
        ("Pregunta 1: ¿Qué pájaro?", 1),
        ("P1. ¿Qué pájaro?", 1),
        ("Question 3 : quel oiseau ?", 3),
        ("Frage 1: Welcher Vogel?", 1),
        ("F1: Welcher Vogel?", 1),
        ("@guest Next, Q3: which bird?", 3),
        ("Okay: Q1 Which bird?", 1),
        ("Q1/5: Which bird?", 1),
        ("Q2 - 5 birds that you trust?", 2),
        ("質問1:どの鳥?", 1),
        ("🎉 Q4 Which bird?", 4),
    ],
)
def test_a_question_is_labelled_in_many_ways(text, number):
    (label,) = find_labels(plain(text))
    assert (label.kind, label.number, label.place) == (Kind.QUESTION, number, Place.HEAD)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("A1 wrens", 1),
        ("A1: wrens", 1),
        ("A1- wrens", 1),
        ("A1.2 wrens", 1),
        ("a1, p2 - wrens", 1),
        ("#a1 wrens", 1),
        ("A 2 wrens and owls", 2),
        ("A1#birdlore wrens", 1),
        ("Answer 2: wrens", 2),
        ("#birdlore @host A3.A: wrens", 3),
    ],
)
def test_an_answer_is_labelled_in_many_ways(text, number):
    assert read_labels(text) == [(Kind.ANSWER, number)]


@pytest.mark.parametrize(
    "text",
    [
        "a 2 hour walk",
        "our Q4 2015 earnings",
        "my A1C is fine",
        "F1 race on Sunday",
        "T1 line",
        "see https://birds.example/Q1/A2",
        "@Q1 and @a2",
        "Q365 days",
        "IQ1 or FAQ2",
        "P1 priority",
        "",
        None,
    ],
)
def test_what_only_looks_like_a_label_is_none(text):
    assert read_labels(text) == []


def test_two_questions_may_be_answered_at_once():
    assert read_labels("Q1 and Q2 are one to me") == [(Kind.QUESTION, 1), (Kind.QUESTION, 2)]
    assert read_labels("A2 & A3: wrens") == [(Kind.ANSWER, 2), (Kind.ANSWER, 3)]


def test_a_label_is_found_where_words_are_not_separated():
    assert read_labels("次はQ1どの鳥が怖い？") == [(Kind.QUESTION, 1)]


def test_a_label_says_where_it_stands():
    assert find_labels("wrens of course #birdlore A2")[0].place is Place.TAIL
    assert find_labels("that is what I meant with A2 before")[0].place is Place.MIDDLE
    assert find_labels("re Q2: wrens")[0].place is Place.HEAD


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [("", "Q", ""), ("@a", ".", ""), ("", "Q1 ", ""), ("", " ", "Q1"), ("", "#a.-@", ""), ("", "1/", "")],
)
def test_hostile_text_is_read_in_proportion_to_its_length(before, unit, after):
    assert grows_fairly(lambda size: find_labels(plain(before + unit * (size // len(unit)) + after)), 100_000)


def test_words_leave_out_labels_that_share_a_word_and_keep_words_that_hold_a_number():
    text = plain("Q1 and Q2 we had fun, 3 geese")
    assert words(text, find_labels(text)) == ["we", "had", "fun", "3", "geese"]
