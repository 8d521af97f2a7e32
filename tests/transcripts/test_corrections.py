import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.growth import grows_fairly
from transcripts.build import build_transcript
from transcripts.corrections import Corrections, GivenQuestion
from transcripts.filing import prepare
from transcripts.sessions import select
from transcripts.teaching import most_instructive

WORDS = [
    "goose",
    "swan",
    "hen",
    "owl",
    "wren",
    "raven",
    "robin",
    "nest",
    "egg",
    "beak",
    "wing",
    "feather",
    "pond",
    "forest",
    "barn",
    "night",
]


@pytest.fixture
def evening(say):
    """A session of two questions, with a side conversation that nothing labels."""
    posts = [
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(3, "kite", "A1 the goose, it bites"),
        say(4, "tern", "A1 geese, always geese"),
        say(20, "wren", "Q2: Which bird do you trust?"),
        say(22, "kite", "A2 the hen, it lays eggs"),
    ]
    root = say(24, "rook", "nobody mentioned the pond behind the mill")
    chain = [root]
    for minute in range(25, 31):
        chain.append(say(minute, "owl" if minute % 2 else "rook", "there is more to say of it", reply_to=chain[-1]))
    return [*posts, *chain]


def filed(session, corrections):
    return {entry.post.uid: entry.filing for entry in build_transcript(session, corrections).entries}


def test_a_correction_is_obeyed_and_moves_what_hangs_on_it(hold, evening):
    session, root = hold(*evening), evening[5]
    before, after = filed(session, Corrections()), filed(session, Corrections({root.uid: "Q1"}))
    assert {before[post.uid].topic for post in evening[5:]} == {"Q2"}
    assert (after[root.uid].topic, after[root.uid].confidence, after[root.uid].reason) == ("Q1", 1.0, "review")
    assert {after[post.uid].topic for post in evening[5:]} == {"Q1"}


def test_a_role_is_corrected_and_the_topic_stays(hold, evening):
    filing = filed(hold(*evening), Corrections(roles={evening[1].uid: "chatter"}))[evening[1].uid]
    assert (filing.topic, filing.role, filing.reason) == ("Q1", "chatter", "label")


def test_what_was_found_to_be_a_question_and_is_none_is_no_question(hold, evening):
    transcript = build_transcript(hold(*evening), Corrections({evening[3].uid: "none"}))
    assert [question.label for question in transcript.questions] == ["Q1"]


def test_a_list_of_questions_that_was_given_is_the_list(hold, evening):
    given = (GivenQuestion("Q1", evening[0].uid), GivenQuestion("Q2", evening[5].uid, "What of the pond?"))
    transcript = build_transcript(hold(*evening), Corrections(questions=given))
    assert [(question.label, question.uid) for question in transcript.questions] == [
        ("Q1", evening[0].uid),
        ("Q2", evening[5].uid),
    ]
    assert transcript.questions[1].text == "What of the pond?"


def test_a_free_conversation_gets_questions_when_they_are_given(say, hold):
    posts = [say(1, "wren", "which bird do you fear?"), say(2, "kite", "the goose, it bites")]
    assert {filing.topic for filing in filed(hold(*posts), Corrections()).values()} == {"none"}
    given = Corrections(questions=(GivenQuestion("Q1", posts[0].uid),))
    assert filed(hold(*posts), given)[posts[1].uid].topic == "Q1"


@pytest.mark.parametrize(
    ("corrections", "note"),
    [
        (Corrections({"x:99": "Q1"}), "topic of x:99: ignored, since this session has no such post"),
        (Corrections({"x:2": "Q9"}), "topic 'Q9' of x:2: ignored, since the topics are intro, Q1, Q2, wrapup, none"),
        (Corrections(roles={"x:2": "joker"}), "role 'joker' of x:2: ignored"),
        (Corrections(questions=(GivenQuestion("Q1", "x:99"),)), "question Q1: x:99 ignored, since this session has no"),
        (Corrections(questions=(GivenQuestion("Frage", "x:1"),)), "question 'Frage': ignored"),
        (
            Corrections(questions=(GivenQuestion("Q1", "x:1"), GivenQuestion("Q2", "x:1"))),
            "question Q2: x:1 ignored, since it is given as Q1 already",
        ),
        (
            Corrections({"x:1": "Q2"}, questions=(GivenQuestion("Q1", "x:1"), GivenQuestion("Q2", "x:4"))),
            "topic Q2 of x:1: ignored, since the question list gives it as Q1",
        ),
    ],
)
def test_what_cannot_be_obeyed_is_ignored_with_one_line(hold, evening, corrections, note):
    transcript = build_transcript(hold(*evening), corrections)
    assert len(transcript.notes) == 1
    assert transcript.notes[0].startswith(note)
    assert len(transcript.entries) == len(evening)


def test_the_post_that_most_hangs_on_is_asked_about_first(hold, evening):
    prepared = prepare(hold(*evening))
    first = most_instructive(prepared.inference, number=1)[0]
    assert first in {post.uid for post in evening[5:]}


def test_questions_and_answered_posts_are_not_asked_about(hold, evening):
    known = frozenset(post.uid for post in evening[5:8])
    asked = most_instructive(prepare(hold(*evening)).inference, number=99, known=known)
    assert not {evening[0].uid, evening[3].uid, *known} & set(asked)
    assert len(asked) == len(set(asked)) == len(evening) - 5


TEXT = st.one_of(
    st.sampled_from(["Q1: Which bird?", "Q2 What now?", "A1 wren", "Q1: owl", "Hi, I'm new", "Thanks all, bye!", ""]),
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join),
)
ROWS = st.lists(
    st.tuples(st.integers(-15, 85), st.sampled_from("abcd"), TEXT, st.none() | st.integers(0, 20)),
    min_size=1,
    max_size=20,
)
TOPICS = st.sampled_from(["Q1", "Q2", "intro", "wrapup", "none"])
QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def make(say, rows):
    return [
        say(minute, handle, text, uid=f"x:{index}", reply_to=None if above is None else f"x:{above}")
        for index, (minute, handle, text, above) in enumerate(rows)
    ]


@given(rows=ROWS, which=st.integers(0, 19), topic=TOPICS)
@QUICK
def test_a_correction_never_lowers_the_confidence_of_the_post_corrected(say, hold, rows, which, topic):
    posts = make(say, rows)
    uid = posts[which % len(posts)].uid
    session = hold(*posts)
    before, after = filed(session, Corrections()), filed(session, Corrections({uid: topic}))
    known = {"intro", "wrapup", "none", *(f.topic for f in before.values())}
    assert after[uid].confidence >= before[uid].confidence or topic not in known
    assert after.keys() == before.keys() == {post.uid for post in posts}


@given(rows=ROWS, random=st.randoms(use_true_random=False), which=st.integers(0, 19), topic=TOPICS)
@QUICK
def test_the_order_of_input_changes_nothing_with_corrections(say, hold, rows, random, which, topic):
    posts = make(say, rows)
    corrections = Corrections({f"x:{which}": topic})
    whole = build_transcript(hold(*posts), corrections)
    random.shuffle(posts)
    assert whole == build_transcript(hold(*posts), corrections)


@given(rows=ROWS, others=ROWS)
@QUICK
def test_posts_of_another_chat_change_nothing(say, hold, rows, others):
    mine = make(say, rows)
    foreign = [
        say(minute, f"z{handle}", text, uid=f"x:9{index}", hashtags=("fishlore",), chats=("fishlore",))
        for index, (minute, handle, text, _) in enumerate(others)
    ]
    window = hold().window
    alone, together = (select(posts, window, ["birdlore"], "birdlore") for posts in (mine, [*foreign, *mine]))
    assert build_transcript(hold(*alone)) == build_transcript(hold(*together))


@given(rows=ROWS)
@QUICK
def test_every_post_has_one_topic_and_what_else_it_may_be_is_another(say, hold, rows):
    for filing in filed(hold(*make(say, rows)), Corrections()).values():
        assert 0 < filing.confidence <= 1
        assert filing.topic not in dict(filing.alternatives)
        assert filing.confidence + sum(share for _, share in filing.alternatives) <= 1.01
        assert [share for _, share in filing.alternatives] == sorted(dict(filing.alternatives).values(), reverse=True)


def test_a_session_of_one_post_and_of_none_is_filed_and_reviewed(say, hold):
    assert prepare(hold()).inference is None
    alone = prepare(hold(say(1, "wren", "Q1: Which bird do you fear?")))
    assert alone.inference is None or most_instructive(alone.inference, number=3) == []


def make_session(say, size):
    posts = [say(0, "wren", "Q1: Which bird do you fear?")]
    for number in range(1, size):
        minute, text = number * 60 / size, " ".join(WORDS[(number * step) % len(WORDS)] for step in (1, 3, 5, 7))
        if number % (size // 5) == 0:
            posts.append(say(minute, "wren", f"Q{number // (size // 5) + 1}: What of the {text}?"))
        else:
            above = posts[-1 - number % 7] if number % 2 and number > 9 else None
            label = f"A{number // (size // 5) + 1} " if number % 4 == 0 else ""
            posts.append(say(minute, f"bird{number % 60}", label + text, reply_to=above))
    return posts


def test_filing_again_costs_in_proportion_to_the_posts(say, hold):
    prepared = {size: prepare(hold(*make_session(say, size))) for size in (1_000, 100)}
    uids = {size: most_instructive(one.inference, number=1)[0] for size, one in prepared.items()}

    def file_again(size):
        prepare(prepared[size].session, Corrections({uids[size]: "Q1"}))

    assert grows_fairly(file_again, 1_000)
