from datetime import timedelta
from itertools import cycle

from knowarchive.model import Account, Link, Repost
from tests.growth import grows_fairly
from transcripts.build import build_transcript
from transcripts.sessions import select


def repeat(post, handle, minutes=1, **fields):
    fields.setdefault("account_uid", f"x:u-{handle}")
    return Repost(
        post_uid=post.uid,
        post_at=post.created_at,
        account_handle=handle,
        at=post.created_at + timedelta(minutes=minutes),
        **fields,
    )


def test_reposts_are_folded_into_what_they_repeat(say, hold):
    post = say(1, "wren", "geese bite", reposts=1)
    reposts = (
        repeat(post, "tern", 5),
        repeat(post, "kite", 2),
        repeat(post, "kite", 9),
        repeat(post, "Kite", 9, account_uid=None),
        repeat(say(1, "other", "elsewhere"), "rook"),
    )
    (entry,) = build_transcript(hold(post, reposts=reposts)).entries
    assert (entry.repost_count, entry.reposted_by) == (2, ("kite", "tern"))


def test_the_networks_count_stands_where_more_reposted_than_are_known(say, hold):
    counted, uncounted = say(1, "wren", "geese bite", reposts=40), say(2, "wren", "swans too")
    entries = build_transcript(hold(counted, uncounted, reposts=(repeat(counted, "kite"),))).entries
    assert [entry.repost_count for entry in entries] == [40, None]


def test_moderators_are_listed_first_and_then_who_said_most(say, hold):
    posts = [
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(2, "tern", "A1 geese"),
        say(3, "kite", "A1 swans"),
        say(4, "kite", "and ducks"),
    ]
    transcript = build_transcript(hold(*posts, reposts=(repeat(posts[0], "rook"),)))
    assert [(one.handle, one.posts, one.reposts) for one in transcript.participants] == [
        ("wren", 1, 0),
        ("kite", 2, 0),
        ("tern", 1, 0),
        ("rook", 0, 1),
    ]
    assert [one.handle for one in transcript.moderators] == ["wren"]
    assert transcript.stats["people"] == 3


def test_everybodys_page_is_linked(say, hold):
    posts = [say(number, "wren", "geese", uid=f"{platform}:{number}") for number, platform in enumerate("xxxx")]
    owners = [
        ("x", "x:9", "wren", "https://x.com/wren"),
        ("bluesky", "bluesky:did:plc:wren", "wren.example", "https://bsky.app/profile/did:plc:wren"),
        ("mastodon", "mastodon:https://birds.example/users/wren", "wren", "https://birds.example/users/wren"),
        ("mastodon", None, "robin@birds.example", "https://birds.example/@robin"),
    ]
    owned = [
        type(post)(
            uid=f"{platform}:{index}",
            created_at=post.created_at,
            author_uid=uid,
            author_handle=handle,
        )
        for index, (post, (platform, uid, handle, _)) in enumerate(zip(posts, owners, strict=True))
    ]
    people = build_transcript(hold(*owned)).participants
    assert sorted(url for *_, url in owners) == sorted(one.url for one in people)


def test_somebody_known_only_by_account_has_the_accounts_name(say, hold):
    post = say(1, "wren", "geese")
    account = Account(uid="x:5", handle="rook", name="Rook")
    repost = Repost(post_uid=post.uid, post_at=post.created_at, account_uid="x:5")
    transcript = build_transcript(hold(post, reposts=(repost,), accounts={"x:5": account}))
    assert next((one.handle, one.name) for one in transcript.participants if one.key == "x:5") == ("rook", "Rook")
    assert transcript.entries[0].reposted_by == ("rook",)


def test_a_page_shared_twice_is_listed_once_with_who_shared_it_first(say, hold):
    posts = [
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(2, "tern", "A1 geese", links=(Link("https://www.birds.example/geese/?utm_source=x"),)),
        say(3, "kite", "A1 geese", links=(Link("http://birds.example/geese", "Geese"), Link("javascript:alert(1)"))),
        say(4, "kite", "A1 see that", links=(Link("https://x.com/tern/status/2"),)),
    ]
    (link,) = build_transcript(hold(*posts)).links
    assert (link.title, link.shared_by, link.topics) == ("Geese", ("tern", "kite"), ("Q1",))
    assert link.uids == (posts[1].uid, posts[2].uid)


def test_a_broken_address_breaks_nothing(say, hold):
    assert build_transcript(hold(say(1, "wren", "x", links=(Link("https://[::1"), Link("https://a:b/"))))).links == ()


def test_answers_are_counted(say, hold):
    posts = [
        say(1, "wren", "Q1: Which bird do you fear?"),
        say(3.5, "tern", "A1 the goose bites"),
        say(4, "kite", "A1 the swan hisses"),
        say(5, "kite", "@tern yes!", reply_to=None),
    ]
    transcript = build_transcript(hold(*posts))
    assert transcript.questions[0].answers == 2
    assert transcript.stats == {
        "posts": 4,
        "people": 3,
        "reposts": 0,
        "questions": 1,
        "answers": 2,
        "links": 0,
        "minutes_to_first_answer": 2,
    }


def test_a_session_without_posts_is_an_empty_transcript(hold):
    transcript = build_transcript(hold())
    assert (transcript.entries, transcript.questions, transcript.stats["posts"]) == ((), (), 0)


def test_context_holds_only_what_is_not_in_the_session(say, hold):
    post, above = say(1, "wren", "geese"), say(-600, "tern", "ducks")
    assert build_transcript(hold(post, context=(above, post))).context == {above.uid: above}


def test_a_post_without_author_or_text_is_kept(say, hold):
    post = say(1, "wren", None)
    bare = type(post)(uid="x:bare", created_at=post.created_at)
    assert len(build_transcript(hold(post, bare)).entries) == 2


def test_posts_of_another_chat_change_nothing(say, hold):
    mine = [say(1, "wren", "Q1: Which bird do you fear?"), say(2, "tern", "A1 geese"), say(3, "kite", "A1 swans")]
    others = [
        say(minute, handle, f"Q{minute}: What of the fish?", hashtags=("fishlore",), chats=("fishlore",))
        for minute, handle in ((1, "cod"), (2, "wren"), (3, "eel"))
    ]
    window = hold().window
    alone = build_transcript(hold(*select(mine, window, ["birdlore"], "birdlore")))
    assert alone == build_transcript(hold(*select([*others, *mine], window, ["birdlore"], "birdlore")))


def make_crowd(say, size):
    handles = cycle(["wren", "tern", "kite", "rook", "owl", "swift", "duck"])
    posts = []
    for number in range(size):
        asked, place = divmod(number, size // 6)
        handle, text = next(handles), f"A{asked + 1} number {number}: the goose and the duck of my childhood"
        if place == 0:
            handle, text = "host", f"Q{asked + 1}: Which bird of your childhood do you fear most?"
        above = posts[-3] if number % 3 == 0 and number > 3 else None
        posts.append(say(number * 60 / size, handle, f"{text} #birdlore", reply_to=None if place == 0 else above))
    return posts


def test_a_large_session_is_built_in_proportion_to_its_posts(say, hold):
    sessions = {size: hold(*make_crowd(say, size)) for size in (10_200, 1_020)}

    def build(size):
        transcript = build_transcript(sessions[size])
        assert len(transcript.entries) == size
        assert len(transcript.questions) == 6

    assert grows_fairly(build, 10_200)


def test_ten_thousand_people_who_answer_one_question_are_read_in_proportion(say, hold):
    def answer(size):
        posts = [say(number / 200, f"wren{number}", "Q1: Which bird do you fear?") for number in range(size)]
        assert len(build_transcript(hold(*posts)).questions) == 1

    assert grows_fairly(answer, 10_000)


def test_a_post_that_is_known_only_by_its_answers_is_no_post_in_the_figures(say, hold):
    gone = say(3, "tern", None, visibility="not-found")
    transcript = build_transcript(
        hold(say(1, "wren", "Q1: Which bird?"), gone, say(4, "kite", "A1 the goose, it bites", reply_to=gone))
    )
    assert (transcript.stats["posts"], len(transcript.entries)) == (2, 3)


def test_guests_are_the_people_who_took_part_or_else_their_handles(say, hold):
    posts = [say(1, "wren", "Q1: Which bird do you fear?"), say(2, "tern", "A1 geese")]
    guests = ("x:@Tern", "mastodon:rook@nest.example", "x:tern")
    transcript = build_transcript(hold(*posts, topic="Geese", guests=guests))
    assert transcript.topic == "Geese"
    assert [(one.key, one.name, one.posts) for one in transcript.guests] == [
        ("x:u-tern", "Tern", 1),
        ("mastodon:@rook@nest.example", None, 0),
    ]
    assert transcript.guests[1].url == "https://nest.example/@rook"
