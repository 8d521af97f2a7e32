from transcripts.questions import find_questions


def found(session):
    moderators, questions = find_questions(session)
    return [key.removeprefix("x:u-") for key in moderators], {question.label: question for question in questions}


def answer(say, number, minute, *handles):
    return [say(minute + index / 10, handle, f"A{number} wrens and owls") for index, handle in enumerate(handles)]


def test_whoever_opens_the_numbers_and_is_answered_moderates(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(3, "owl", "Q1: the cuckoo, it steals nests"),
        *answer(say, 1, 4, "rook", "kite"),
        say(20, "wren", "Q2: Which bird do you trust?"),
        say(22, "owl", "Q2 none of them, ever?"),
        *answer(say, 2, 23, "rook", "kite"),
    )
    moderators, questions = found(session)
    assert moderators == ["wren"]
    assert [question.text for question in questions.values()] == ["Which bird do you fear?", "Which bird do you trust?"]


def test_a_jokers_number_is_no_question(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        *answer(say, 1, 3, "owl", "rook", "kite"),
        say(10, "wren", "Q2: Which bird do you trust?"),
        *answer(say, 2, 12, "owl", "rook", "kite"),
        say(15, "owl", "Q7: who let the birds out?"),
        say(16, "rook", "A7 haha it was me"),
    )
    moderators, questions = found(session)
    assert (moderators, list(questions)) == (["wren"], ["Q1", "Q2"])


def test_several_moderators_who_each_pose_one_are_all_found(say, hold):
    session = hold(
        say(0, "wren", "Hello, I'm moderating, and so are @owl and @rook"),
        say(1, "wren", "Q1 Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern", "swift"),
        say(15, "owl", "Q2. Name the bird in your family's tales"),
        *answer(say, 2, 17, "kite", "tern", "swift"),
        say(30, "rook", "Q3: What comes after the birds?"),
        *answer(say, 3, 32, "kite", "tern", "swift"),
        say(59, "kite", "Thanks for moderating @wren @owl @rook!"),
        say(60, "tern", "Thanks to the mods @wren @owl and @rook!"),
    )
    moderators, questions = found(session)
    assert moderators == ["wren", "owl", "rook"]
    assert list(questions) == ["Q1", "Q2", "Q3"]


def test_a_co_moderator_is_known_by_one_question_that_many_take_up(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern", "swift", "rook"),
        say(15, "owl", "Q2: Which bird do you trust?"),
        *answer(say, 2, 17, "kite", "tern", "swift", "rook"),
        say(30, "owl", "Q3: Which bird do you miss?"),
        *answer(say, 3, 32, "kite", "tern", "swift", "rook"),
    )
    moderators, questions = found(session)
    assert (moderators, len(questions)) == (["wren", "owl"], 3)


def test_moderators_who_all_pose_the_same_questions_pose_one_list(say, hold):
    session = hold(
        *[
            say(
                number * 10 + delay,
                handle,
                f"Q{number}: {text}",
                uid=f"{platform}:{handle}-{number}",
            )
            for number, text in enumerate(
                ["Which bird of the forest do you fear?", "Which bird of the sea do you trust?"]
            )
            for platform, handle, delay in (("x", "wren", 0), ("mastodon", "wren@birds.example", 0.5))
        ],
        *answer(say, 0, 3, "kite", "tern"),
        *answer(say, 1, 13, "kite", "tern"),
    )
    moderators, questions = found(session)
    assert len(moderators) == 2
    assert [len(question.parts) for question in questions.values()] == [2, 2]
    assert questions["Q0"].text == "Which bird of the forest do you fear?"


def test_a_question_comes_in_parts(say, hold):
    first = say(1, "wren", "Q1 (1/2): Storks bring children.")
    session = hold(
        first,
        say(1.5, "wren", "(2/2) What do owls bring? #birdlore", reply_to=first),
        *answer(say, 1, 3, "kite", "tern"),
        say(20, "wren", "Q2: Ravens bring news,"),
        say(20.5, "wren", "Q2 cont: but whose?"),
        *answer(say, 2, 23, "kite", "tern"),
    )
    questions = found(session)[1]
    assert [len(question.parts) for question in questions.values()] == [2, 2]
    assert questions["Q1"].text == "Storks bring children. What do owls bring?"


def test_a_question_restated_later_is_one_question(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which forest birds frightened your grandparents most?"),
        *answer(say, 1, 3, "kite", "tern"),
        say(9, "wren", "Again, Q1: Which forest birds frightened your grandparents most? #birdlore"),
        say(15, "wren", "Q2: Which ones still do?"),
        *answer(say, 2, 17, "kite", "tern"),
    )
    questions = found(session)[1]
    assert list(questions) == ["Q1", "Q2"]
    assert len(questions["Q1"].parts) == 2
    assert questions["Q1"].text == "Which forest birds frightened your grandparents most?"


def test_a_moderators_own_answers_are_no_questions(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(6, "wren", "Q1: for me it is the goose"),
        say(9, "wren", "A1 and the swan"),
        *answer(say, 1, 10, "kite", "tern"),
    )
    assert [len(question.parts) for question in found(session)[1].values()] == [1]


def test_what_announces_a_question_is_not_it(say, hold):
    session = hold(
        say(1, "wren", "Q1 Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern"),
        say(19, "wren", "Soon it is time for Q2 - sharpen your beaks!"),
        say(20, "wren", "The geese fly on to: Q2 Which bird do you trust?"),
        *answer(say, 2, 22, "kite", "tern"),
    )
    assert found(session)[1]["Q2"].text == "Which bird do you trust?"


def test_questions_in_spanish_and_german_are_found(say, hold):
    for script, text in (("P", "¿Qué pájaro temes?"), ("F", "Welchen Vogel fürchtest du?")):
        session = hold(
            *[say(number * 10, "wren", f"{script}{number}: {text}") for number in (1, 2, 3)],
            *[
                say(number * 10 + 2, handle, f"R{number}: gansos")
                for number in (1, 2, 3)
                for handle in ("kite", "tern")
            ],
        )
        assert list(found(session)[1]) == ["Q1", "Q2", "Q3"]


def test_a_configured_moderator_and_a_guest_who_hosts_are_both_found(say, hold):
    session = hold(
        say(0, "wren", "Good evening!"),
        say(1, "owl", "Q1: Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern", "rook"),
        moderators=("x:Wren", "x:absent"),
    )
    assert found(session)[0] == ["owl", "wren"]


def test_a_session_without_questions_has_none(say, hold):
    assert found(hold()) == ([], {})
    assert found(hold(say(1, "wren", "what a day, is it not?"))) == ([], {})


def test_somebody_who_quotes_the_question_does_not_pose_it(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(2, "owl", "RT @wren: Q1: Which bird do you fear? the goose"),
        *answer(say, 1, 3, "kite", "tern"),
    )
    moderators, questions = found(session)
    assert (moderators, len(questions["Q1"].parts)) == (["wren"], 1)


def test_a_post_that_closes_one_question_and_asks_the_next_poses_the_next(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern"),
        say(20, "wren", "Great answers to Q1! Now Q2: which bird do you trust?"),
        *answer(say, 2, 22, "kite", "tern"),
    )
    questions = found(session)[1]
    assert questions["Q2"].text == "which bird do you trust?"
    assert len(questions["Q1"].parts) == 1


def test_a_chat_that_numbers_its_topics_is_not_misled_by_one_that_says_question(say, hold):
    session = hold(
        *[say(number * 10, "wren", f"T{number}: Which birds of the north?") for number in (1, 2, 3)],
        *[say(number * 10 + 2, handle, f"A{number}: geese") for number in (1, 2, 3) for handle in ("kite", "tern")],
        say(33, "kite", "Question 1: who brought the cat?"),
    )
    moderators, questions = found(session)
    assert (moderators, list(questions)) == (["wren"], ["Q1", "Q2", "Q3"])


def test_questions_that_open_with_a_bare_number_are_found(say, hold):
    session = hold(
        say(1, "wren", "1. Which bird do you fear?"),
        say(3, "kite", "1) the goose"),
        say(4, "tern", "A1 the goose"),
        say(10, "wren", "2. Which bird do you trust?"),
        say(12, "kite", "2) the hen"),
        say(13, "tern", "A2 the owl"),
    )
    moderators, questions = found(session)
    assert (moderators, list(questions)) == (["wren"], ["Q1", "Q2"])
    assert questions["Q1"].text == "Which bird do you fear?"


def test_one_post_may_pose_two_questions(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear? Q2: And which one do you trust?"),
        *answer(say, 1, 3, "kite", "tern", "rook"),
        *answer(say, 2, 5, "kite", "tern", "rook"),
    )
    questions = found(session)[1]
    assert [questions[label].text for label in ("Q1", "Q2")] == [
        "Which bird do you fear?",
        "And which one do you trust?",
    ]


def test_a_question_in_two_parts_after_a_sentence_is_found(say, hold):
    first = say(20, "wren", "The lantern is back. Q2 (1/2): We always ask about those who fly away. Turn it round.")
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern"),
        first,
        say(20.5, "wren", "Q2 (2/2): What becomes of those who stay?", reply_to=first),
        *answer(say, 2, 22, "kite", "tern"),
    )
    questions = found(session)[1]
    assert len(questions["Q2"].parts) == 2
    assert questions["Q2"].text.endswith("What becomes of those who stay?")


def test_questions_are_found_however_they_are_numbered(say, hold):
    for labels in (
        ("Q0", "Q1"),
        ("Q9", "Q10"),
        ("Ｑ１", "Ｑ２"),
        ("Pregunta 1", "Pregunta 2"),
        ("F1", "F2"),
        ("Q2", "Q1"),
    ):
        numbers = [int(label.replace("Ｑ１", "Q1").replace("Ｑ２", "Q2").lstrip("QPreguntaF ")) for label in labels]
        session = hold(
            *[
                post
                for place, (label, number) in enumerate(zip(labels, numbers, strict=True))
                for post in (
                    say(1 + 20 * place, "wren", f"{label}: Which bird, once more?"),
                    *answer(say, number, 3 + 20 * place, "kite", "tern", "rook"),
                )
            ]
        )
        assert list(found(session)[1]) == [f"Q{number}" for number in sorted(numbers)]


def test_a_number_between_two_and_a_number_posed_twice_make_no_question_of_their_own(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which birds of the forest do you fear?"),
        *answer(say, 1, 2, "kite", "tern", "rook"),
        say(8, "wren", "Q1.5: And which birds of the sea?"),
        say(12, "wren", "Q1: Which birds of the forest do you fear?"),
        say(20, "wren", "Q2: Which do you trust?"),
        *answer(say, 2, 22, "kite", "tern", "rook"),
    )
    assert list(found(session)[1]) == ["Q1", "Q2"]


def test_a_moderator_who_leaves_is_followed_by_another(say, hold):
    session = hold(
        say(1, "wren", "Q1: Which bird do you fear?"),
        *answer(say, 1, 3, "kite", "tern", "rook", "swift"),
        say(15, "wren", "I have to go, @owl takes over"),
        say(20, "owl", "Q2: Which bird do you trust?"),
        *answer(say, 2, 22, "kite", "tern", "rook", "swift"),
    )
    moderators, questions = found(session)
    assert (moderators, list(questions)) == (["wren", "owl"], ["Q1", "Q2"])
