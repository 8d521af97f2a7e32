"""What one person said once is one entry, on however many networks; what was said twice stays two."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowarchive.config import Identity
from knowarchive.model import Link
from tests.growth import grows_fairly
from tests.transcripts.networks import (
    START,
    WREN,
    bluesky,
    bridged_to_bluesky,
    bridged_to_mastodon,
    evening,
    mastodon,
    post,
    session,
    x,
)
from transcripts.build import build_transcript
from transcripts.corrections import Corrections, GivenQuestion
from transcripts.crossposts import find_copies, fold
from transcripts.identities import join_accounts
from transcripts.writers import FORMATS, render

LONG = "The wren is small and loud and lives in every story that I was told"


def copies(*posts, configured=(WREN,)):
    return find_copies(
        sorted(posts, key=lambda one: (one.created_at, one.uid)), join_accounts(posts, (), {}, configured)
    )


def are_one(one, other, *, minutes=1, **fields):
    """Whether two texts of one person on two networks are one entry."""
    posts = post(x("wren", 1), 0, one, **fields), post(mastodon("wren", 1), minutes, other)
    return len(copies(*posts)) == 1


SAME = [
    (LONG, LONG),
    (f"{LONG}! #birdlore", f"#birdlore {LONG} #birds #stories"),
    (f"@rook_tweets {LONG}", f"@rook@birds.example {LONG}"),
    (f"A1: {LONG}", f"A1. {LONG.upper()}"),
    (f"A1: {LONG}", LONG),
    (f"{LONG} https://t.example/a1b2", f"{LONG} https://birds.example/wrens"),
    ("The wren is small and loud and li… #birdlore", LONG),
    ("The wren is small and loud and lives [...]", LONG),
    (f"{LONG} (1/2)", LONG),
    (f"{LONG}.", f"{LONG}. And once I saw one sing in the rain."),
    ("Hello!", "hello #birdlore"),
    ("I don't think that it is", "I don’t think that it is"),
    ("鳥は物語の中に住んでいると祖母が言っていた", "鳥は物語の中に住んでいると祖母が言っていた #birdlore"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_words_are_one_entry(one, other):
    assert are_one(one, other)
    assert are_one(other, one)


DIFFERENT = [
    ("I agree that wrens are neutral in all things", "I disagree that wrens are neutral in all things"),
    ("I do not think that wrens sing at night", "I do think that wrens sing at night"),
    ("A1: I think the wren is the best of them", "A2: I think the wren is the best of them"),
    ("Chapter 3 was the one that I read twice", "Chapter 4 was the one that I read twice"),
    ("Yes", "Yes and here is why I think so, at length"),
    (LONG, f"{LONG} by my grandmother, and never believed"),  # goes on in mid-sentence, and nothing says so
    ("😂", "😂😂"),
    ("", ""),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_words_are_other_entries(one, other):
    assert not are_one(one, other)
    assert not are_one(other, one)


def test_only_what_came_within_minutes_is_one():
    assert are_one(LONG, LONG, minutes=10)
    assert not are_one(LONG, LONG, minutes=10.1)


def test_links_to_other_pages_make_another_entry():
    geese, swans = Link("https://birds.example/geese"), Link("https://birds.example/swans")
    one = post(x("wren", 1), 0, LONG, links=(geese,))
    assert copies(one, post(mastodon("wren", 1), 1, LONG, links=(swans,))) == {}
    assert copies(one, post(mastodon("wren", 1), 1, LONG, links=(geese, swans))) != {}
    assert copies(one, post(mastodon("wren", 1), 1, LONG)) != {}


def test_two_people_who_say_the_same_say_it_twice():
    assert copies(post(x("wren", 1), 0, LONG), post(mastodon("rook", 1), 1, LONG)) == {}


def test_one_network_never_has_two_posts_in_an_entry():
    posts = [post(x("wren", number), number, LONG) for number in (1, 2)]
    assert copies(*posts) == {}
    both = copies(*posts, *[post(mastodon("wren", number), number + 0.1, LONG) for number in (1, 2)])
    assert both == {"x:1": (mastodon("wren", 1)["uid"],), "x:2": (mastodon("wren", 2)["uid"],)}


def test_three_networks_are_one_group_and_the_one_that_says_most_is_its_main_post():
    cut, full = post(x("wren", 1), 0, "The wren is small and loud and…"), post(mastodon("wren", 1), 4, LONG)
    other = post(bluesky("wren", 1), 2, "The wren is small and loud and lives in…")
    assert copies(cut, full, other) == {full.uid: (cut.uid, other.uid)}


def test_a_group_spans_no_more_than_minutes_either():
    posts = [post(where, minute, LONG) for minute, where in ((0, x("wren", 1)), (8, bluesky("wren", 1)))]
    assert copies(*posts, post(mastodon("wren", 1), 16, LONG)) == {"x:1": (posts[1].uid,)}


def test_an_entry_hides_no_words():
    short = post(x("wren", 1), 0, f"{LONG}.")
    one, other = post(mastodon("wren", 1), 1, f"{LONG}. At dawn."), post(bluesky("wren", 1), 2, f"{LONG}. At dusk.")
    assert copies(short, one, other) == {one.uid: (short.uid,)}


def test_a_chain_of_posts_is_one_with_the_post_that_says_it_whole():
    one = post(x("wren", 1), 0, "A1: The wren is small and loud. It lives in every 1/3")
    two = post(x("wren", 2), 0.5, "story that I was told, and in one that 2/3", reply_to=one)
    three = post(x("wren", 3), 1, "I made up myself when nobody listened. 3/3", reply_to=two)
    more = post(x("wren", 4), 2, "Oh, and they are brown.", reply_to=three)
    whole = post(
        mastodon("wren", 1),
        2,
        "The wren is small and loud. It lives in every story that I was told, and in one that I made up myself when "
        "nobody listened.",
    )
    assert copies(one, two, three, more, whole) == {whole.uid: (one.uid, two.uid, three.uid)}


def test_a_short_word_to_two_people_is_said_twice():
    asked_x, asked_m = post(x("rook", 1), 0, "Do they sing?"), post(mastodon("owl", 1), 0, "Are they brown?")
    yes_x, yes_m = (
        post(x("wren", 1), 1, "Yes!", reply_to=asked_x),
        post(mastodon("wren", 1), 1, "Yes!", reply_to=asked_m),
    )
    assert copies(asked_x, asked_m, yes_x, yes_m) == {}


def test_the_same_word_to_copies_of_one_question_is_said_once():
    asked = [post(where, 0, LONG) for where in (x("wren", 1), mastodon("wren", 1))]
    yes = [
        post(where, minute, "Me too!", reply_to=above)
        for minute, where, above in zip((1, 2), (x("tern", 1), mastodon("tern", 2)), asked, strict=True)
    ]
    tern = Identity(name="Tern", accounts=("x:tern_tweets", "mastodon:tern@birds.example"))
    assert copies(*asked, *yes, configured=(WREN, tern))[yes[0].uid] == (yes[1].uid,)


def test_a_bridges_copy_is_one_with_its_original_whatever_became_of_the_text():
    original, copy = post(bluesky("kite", 1), 0, LONG), post(bridged_to_mastodon("kite", 1), 25, "changed since")
    assert copies(original, copy, configured=()) == {original.uid: (copy.uid,)}


def test_a_bridges_copy_never_stands_before_an_original_and_stands_for_one_that_is_not_there():
    original = post(mastodon("tern", 1), 1, LONG)
    copy = post(bridged_to_bluesky("tern", 1), 0, f"{LONG}. And more that the bridge added to it.")
    assert copies(original, copy, configured=()) == {original.uid: (copy.uid,)}
    assert copies(copy, configured=()) == {}
    (entry,) = build_transcript(session(copy)).entries
    assert entry.post == copy


def test_somebody_who_cross_posts_and_is_bridged_says_it_once():
    everywhere = [
        post(where, minute, LONG)
        for minute, where in enumerate(
            (x("wren", 1), bluesky("wren", 1), mastodon("wren", 1), bridged_to_bluesky("wren", 1))
        )
    ]
    assert copies(*everywhere) == {"x:1": tuple(one.uid for one in everywhere[1:])}


def test_what_its_author_deleted_is_never_shown_as_a_copy():
    gone = post(x("wren", 1), 0, LONG, deleted_at=post(x("wren", 1), 9, "").created_at)
    assert copies(gone, post(mastodon("wren", 1), 0, LONG)) == {}


def test_a_bridges_copy_is_not_shown_once_its_original_is_deleted():
    original = post(bluesky("kite", 1), 0, None, deleted_at=START)
    copy = post(bridged_to_mastodon("kite", 1), 0, "what I should not have said")
    (entry,) = (transcript := build_transcript(session(original, copy))).entries
    assert entry.post.uid == original.uid
    for name in FORMATS:
        assert "should not have said" not in render(transcript, name), name


# The whole session


@pytest.fixture(scope="module")
def transcript():
    return build_transcript(evening())


def test_a_chat_on_three_networks_is_one_transcript_with_nobody_missing(transcript):
    everybody = evening()
    shown = [one.uid for entry in transcript.entries for one in entry.posts]
    assert sorted(shown) == sorted(one.uid for one in everybody.posts)
    assert (len(everybody.posts), len(transcript.entries), transcript.stats["copies"]) == (27, 15, 12)
    accounts = {account.key for person in transcript.participants for account in person.accounts}
    assert accounts == {one.author_uid for one in everybody.posts}
    assert transcript.stats["people"] == len(transcript.participants) == 7


def test_questions_posed_everywhere_are_asked_once_and_answered_from_everywhere(transcript):
    assert [(one.label, one.uid, one.parts) for one in transcript.questions] == [
        ("Q1", "x:1", ("x:1",)),
        ("Q2", "x:2", ("x:2",)),
    ]
    assert [one.name for one in transcript.moderators] == ["Wren Alder"]
    topics = {entry.post.uid: entry.filing.topic for entry in transcript.entries}
    for where in (mastodon("tern", 1), bluesky("kite", 1), x("rook", 1), mastodon("owl", 1), bluesky("owl", 1)):
        assert topics[where["uid"]] == "Q1"
    assert topics[mastodon("finch", 1)["uid"]] == "Q2"


def test_replies_to_any_copy_stand_under_the_one_entry(transcript):
    replies = {entry.post.uid: entry.post.reply_to for entry in transcript.entries}
    told = mastodon("finch", 1)["uid"]
    assert replies[x("rook", 2)["uid"]] == replies[mastodon("tern", 2)["uid"]] == told
    assert replies[bluesky("owl", 1)["uid"]] == bluesky("kite", 1)["uid"]
    assert replies[mastodon("owl", 1)["uid"]] == "x:1"


def test_the_same_word_to_two_people_and_two_links_stay_apart(transcript):
    main = {entry.post.uid for entry in transcript.entries}
    assert {x("wren", 3)["uid"], mastodon("wren", 3)["uid"], x("wren", 4)["uid"], bluesky("wren", 4)["uid"]} <= main


def test_a_claim_is_not_believed(transcript):
    rook = next(one for one in transcript.participants if one.key == "x:9rook")
    assert [account.key for account in rook.accounts] == ["x:9rook"]


def test_reposts_on_all_networks_are_counted_together(transcript):
    question = next(entry for entry in transcript.entries if entry.post.uid == "x:1")
    assert (question.repost_count, question.all_reposts) == (2, 7)
    assert transcript.stats["reposts"] == 7


def test_json_keeps_every_post_as_its_network_has_it(transcript):
    document = json.loads(render(transcript, "json"))
    posts = {one["uid"]: one for one in document["posts"]}
    for one in evening().posts:
        assert posts[one.uid]["text"] == one.text
        assert posts[one.uid]["reply_to"] == one.reply_to
        assert posts[one.uid]["author"]["uid"] == one.author_uid
    copy = posts[bluesky("wren", 1)["uid"]]
    assert (copy["copy_of"], copy["topic"], copy["role"], copy["also"]) == ("x:1", "Q1", "question", [])
    assert [one["uid"] for one in posts["x:1"]["also"]] == [bluesky("wren", 1)["uid"], mastodon("wren", 1)["uid"]]
    assert posts["x:1"]["copy_of"] is None
    assert document["stats"]["posts"] == len(document["posts"])
    wren = document["participants"][0]
    assert (wren["name"], [one["platform"] for one in wren["accounts"]]) == ("Wren Alder", ["x", "bluesky", "mastodon"])
    assert [one["created_at"] for one in document["posts"]] == sorted(one["created_at"] for one in document["posts"])


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"json"}))
def test_what_is_said_once_is_shown_once_with_a_way_to_each_original(transcript, name):
    text = render(transcript, name)
    assert text.count("have not been near that pond" if name != "txt" else "near that pond since") == 1
    for one in (mastodon("finch", 1)["uid"].partition(":")[2], "x.com/finch_tweets/status/201", "plc:finch/post/1"):
        assert one in text
    assert "@wren@birds.example" in text
    assert "@wren.example" in text


def test_a_correction_of_a_copy_holds_for_its_entry():
    def filed(**given):
        transcript = build_transcript(evening(), Corrections(**given))
        assert transcript.notes == ()
        return {entry.post.uid: entry.filing for entry in transcript.entries}

    goose, copy = mastodon("tern", 1)["uid"], bridged_to_bluesky("tern", 1)["uid"]
    assert filed(topics={copy: "Q2"}, roles={copy: "chatter"})[goose].topic == "Q2"
    assert filed(topics={copy: "Q2", goose: "Q1"})[goose].topic == "Q1", "the main post's own comes first"
    given = (GivenQuestion("Q1", mastodon("wren", 1)["uid"]), GivenQuestion("Q2", bluesky("wren", 2)["uid"]))
    assert filed(questions=given)["x:1"].role == "question"


def test_a_configured_moderator_moderates_with_every_account():
    said = [
        post(mastodon("wren", 1), 1, "Q1: Which bird do you fear? #birdlore"),
        post(mastodon("owl", 1), 2, "A1 geese"),
    ]
    transcript = build_transcript(session(*said, moderators=("x:wren_tweets",), people=(WREN,)))
    assert [one.handle for one in transcript.moderators] == ["wren@birds.example"]


def test_the_order_of_posts_does_not_matter(transcript):
    whole = evening()
    assert build_transcript(replace(whole, posts=whole.posts[::-1], reposts=whole.reposts[::-1])) == transcript


WORDS = st.lists(st.sampled_from(["wren", "tern", "A1:", "sings.", "not", "…", "#birdlore", "1/2", LONG]), max_size=5)
SAID = st.lists(
    st.tuples(st.sampled_from("xbmcd"), st.integers(0, 12), WORDS, st.none() | st.integers(0, 9)), max_size=10
)


@settings(max_examples=60)
@given(SAID)
def test_folding_loses_no_post_and_never_joins_two_of_a_network(rows):
    where = {"x": x, "b": bluesky, "m": mastodon, "c": bridged_to_bluesky, "d": bridged_to_mastodon}
    posts = []
    for number, (place, minute, words, above) in enumerate(rows):
        parent = posts[above].uid if above is not None and above < len(posts) else None
        posts.append(post(where[place]("wren", number), minute, " ".join(words), reply_to=parent))
    folded = fold(session(*posts, people=(WREN,)))
    kept = [one.uid for one in folded.session.posts]
    assert sorted(one.uid for one in posts) == sorted([*kept, *folded.main])
    for main, others in folded.copies.items():
        group = [folded.posts[uid] for uid in (main, *others)]
        accounts = [one.author_uid for one in group]
        chained = [one for one in group if one.reply_to in {each.uid for each in group}]
        assert len(accounts) - len(set(accounts)) <= len(chained)
    assert {one.reply_to for one in folded.session.posts}.isdisjoint(folded.main)


def test_somebody_who_floods_two_networks_is_folded_in_time():
    def flood(size):
        posts = [post(where("wren", number), number / 500, LONG) for number in range(size) for where in (x, mastodon)]
        assert len(copies(*posts)) > size // 3

    assert grows_fairly(flood, 3_000)


@pytest.mark.parametrize("unit", ["#a ", ".", "1/2 ", "@a ", "… ", "\u3000#", "[(1/"])
def test_hostile_text_is_compared_in_proportion_to_its_length(unit):
    def compare(size):
        copies(*(post(where("wren", 1), 0, (unit * size)[:size] + "x") for where in (x, mastodon)))

    assert grows_fairly(compare, 10_000)
