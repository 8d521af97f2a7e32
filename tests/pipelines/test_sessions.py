"""Sessions are found by their window, whatever the day is in UTC, and say what is known of their coverage."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from knowarchive.config import Archive as ArchiveSettings
from knowarchive.config import Chat, Config, Identity, Occasion
from knowarchive.errors import UsageError
from knowarchive.model import Account, Post, Repost
from pipelines import sessions
from pipelines.overrides import save_corrections
from pipelines.reviewing import Review
from pipelines.sessions import find_session, list_sessions, load_session, make_transcript
from storage.archive import Run
from tests.archives import generated, import_path, store
from tests.transcripts import networks
from transcripts.build import build_transcript
from transcripts.writers import render

EVENING = datetime(2015, 3, 11, 1, tzinfo=UTC)  # Tuesday 10 March, 21:00 in New York
WEEKLY = Chat(
    name="critlib",
    hashtags=("#CritLib",),
    timezone="America/New_York",
    schedule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0",
    margin=("15m", "30m"),
)
UNPLANNED = Chat(name="loose", hashtags=("loose",), timezone="America/New_York")


def said(number, at, text="words", *, tag="critlib", **fields):
    values = {
        "uid": f"x:{number}",
        "created_at": at,
        "observed_at": at + timedelta(days=1),
        "author_uid": f"x:{number % 3}",
        "author_handle": f"person{number % 3}",
        "text": text,
        "hashtags": (tag,) if tag else (),
        **fields,
    }
    return Post(**values)


def minutes(count):
    return timedelta(minutes=count)


def record(archive, status="done", *, since=EVENING, until=EVENING, chat=None, source="pull", days=1):
    moment = EVENING + timedelta(days=days)
    archive.record(
        Run(
            run_id=f"{source}-{days}-{status}",
            kind="import",
            source=source,
            status=status,
            started_at=moment,
            finished_at=moment,
            since=since,
            until=until,
            chat=chat,
            seen=4,
            gaps=("page 3",) if status == "incomplete" else (),
        )
    )


def test_an_evening_chat_is_listed_under_its_local_date(archive):
    store(
        archive, [said(1, EVENING + minutes(2)), said(2, EVENING + minutes(50)), said(3, EVENING + timedelta(days=7))]
    )
    first, second = list_sessions(archive, WEEKLY)
    assert (first.chat, first.date, first.start, first.end) == ("critlib", "2015-03-10", EVENING, EVENING + minutes(60))
    assert (first.posts, first.people, first.coverage) == (2, 2, "unknown")
    assert (second.date, second.posts) == ("2015-03-17", 1)


def test_a_session_that_stays_at_nine_when_the_clocks_change_moves_in_utc(archive):
    winter, summer = datetime(2015, 3, 4, 2, tzinfo=UTC), datetime(2015, 3, 11, 1, tzinfo=UTC)
    store(archive, [said(1, winter), said(2, summer)])
    assert [(row.date, row.start) for row in list_sessions(archive, WEEKLY)] == [
        ("2015-03-03", winter),
        ("2015-03-10", summer),
    ]


def test_a_session_reaches_as_far_as_its_margins_and_no_further(archive):
    times = {1: -16, 2: -15, 3: 0, 4: 60, 5: 89, 6: 90}
    store(archive, [said(number, EVENING + minutes(offset)) for number, offset in times.items()])
    [row] = list_sessions(archive, WEEKLY)
    session = load_session(archive, WEEKLY, find_session(archive, WEEKLY, "2015-03-10"))
    assert [one.uid for one in session.posts] == ["x:2", "x:3", "x:4", "x:5"]
    assert row.posts == 4


def test_what_belongs_to_another_chat_is_left_out_and_what_answers_is_kept(archive):
    store(
        archive,
        [
            said(1, EVENING, "Q1: what? #critlib"),
            said(2, EVENING + minutes(1), "an answer", tag=None, reply_to="x:1"),
            said(3, EVENING + minutes(2), "elsewhere", tag="knitting"),
            said(4, EVENING + minutes(3), "only in the #CRITLIB text", tag=None),
        ],
    )
    store(archive, [said(5, EVENING + minutes(4), "collected for it", tag=None)], chat="critlib")
    session = load_session(archive, WEEKLY, find_session(archive, WEEKLY, "2015-03-10"))
    assert [one.uid for one in session.posts] == ["x:1", "x:2", "x:4", "x:5"]


def test_what_a_session_answers_or_quotes_comes_with_it(archive):
    store(
        archive,
        [
            said(1, EVENING - timedelta(days=9), "long before", tag=None),
            said(2, EVENING - timedelta(days=400), "too long before", tag=None),
            said(3, EVENING, reply_to="x:1", quote_of="x:2"),
            said(4, EVENING + minutes(1), reply_to="x:3"),
        ],
        reposts=[
            Repost(post_uid="x:3", post_at=EVENING, account_uid="x:8", at=EVENING + minutes(5), observed_at=EVENING),
            Repost(post_uid="x:1", post_at=EVENING - timedelta(days=9), account_uid="x:8", observed_at=EVENING),
        ],
    )
    session = load_session(archive, WEEKLY, find_session(archive, WEEKLY, "2015-03-10"))
    assert [one.uid for one in session.context] == ["x:1"], "within a month"
    assert [(one.post_uid, one.account_uid) for one in session.reposts] == [("x:3", "x:8")]


@pytest.mark.parametrize(
    ("statuses", "coverage"),
    [((), "unknown"), (("done",), "complete"), (("done", "incomplete"), "incomplete"), (("failed",), "incomplete")],
)
def test_coverage_is_what_the_runs_of_the_window_say(archive, statuses, coverage):
    store(archive, [said(1, EVENING)])
    for status in statuses:
        record(archive, status)
    [row] = list_sessions(archive, WEEKLY)
    assert row.coverage == coverage


def test_a_later_run_heals_what_failed_before(archive):
    store(archive, [said(1, EVENING)])
    record(archive, "failed")
    record(archive, "incomplete", since=EVENING - minutes(20), until=EVENING + minutes(100), days=2)
    [row] = list_sessions(archive, WEEKLY)
    assert row.coverage == "incomplete"
    record(archive, "done", days=3)
    [row] = list_sessions(archive, WEEKLY)
    [source] = row.sources
    assert (row.coverage, source.gaps, source.runs) == ("complete", (), 3)


ON_MASTODON = {
    "uid": "mastodon:https://birds.example/users/wren/statuses/1",
    "author_uid": "mastodon:https://birds.example/users/wren",
    "author_handle": "wren@birds.example",
}
WORDS = "Q1: which of them do you fear, and how did it earn that? #critlib"


def test_somebody_on_two_networks_is_one_person_in_listing_and_transcript(archive):
    both = [said(1, EVENING, WORDS), said(9, EVENING + minutes(1), WORDS, **ON_MASTODON)]
    store(archive, both)
    [row] = list_sessions(archive, WEEKLY)
    assert (row.posts, row.people) == (2, 2), "nobody says that they are one"
    people = (Identity(name="Wren", accounts=("x:person1", "mastodon:wren@birds.example")),)
    [row] = list_sessions(archive, WEEKLY, people=people)
    assert (row.posts, row.people) == (2, 1)
    transcript = make_transcript(archive, WEEKLY, "2015-03-10", people=people)
    assert [len(entry.copies) for entry in transcript.entries] == [1]
    assert transcript.stats["posts"] == row.posts


def test_profiles_that_name_each_other_are_read_from_the_archive(archive):
    store(
        archive,
        [said(1, EVENING, WORDS), said(9, EVENING + minutes(1), WORDS, **ON_MASTODON)],
        accounts=[
            Account(uid="x:1", handle="person1", url="https://birds.example/@wren", observed_at=EVENING),
            Account(
                uid=ON_MASTODON["author_uid"],
                handle="wren@birds.example",
                bio="x.com/person1",
                observed_at=EVENING + timedelta(days=2),
            ),
        ],
    )
    [row] = list_sessions(archive, WEEKLY)
    assert row.people == 1
    [person] = make_transcript(archive, WEEKLY, "2015-03-10").participants
    assert [account.platform for account in person.accounts] == ["mastodon", "x"]


def test_a_chat_on_three_networks_comes_out_of_the_archive_as_one_transcript_with_nobody_missing(archive):
    whole = networks.evening()
    seen = EVENING.replace(year=2026) + timedelta(days=1)
    observed = [structs.replace(post, observed_at=seen) for post in whole.posts]
    profiles = [structs.replace(account, observed_at=seen) for account in whole.accounts.values()]
    reposts = [structs.replace(repost, observed_at=seen) for repost in whole.reposts]
    for platform in ("x", "bluesky", "mastodon"):
        store(archive, [post for post in observed if post.platform == platform], chat=networks.CHAT.name)
    store(archive, accounts=profiles, reposts=reposts)
    [row] = list_sessions(archive, networks.CHAT, people=whole.people)
    transcript = make_transcript(archive, networks.CHAT, "2026-03-04", people=whole.people)
    wanted = build_transcript(whole)
    assert (row.posts, row.people, row.questions) == (len(whole.posts), 7, 2)
    assert {one.uid for entry in transcript.entries for one in entry.posts} == {post.uid for post in whole.posts}
    assert [(one.post.uid, one.filing.topic, len(one.copies)) for one in transcript.entries] == [
        (one.post.uid, one.filing.topic, len(one.copies)) for one in wanted.entries
    ]
    assert [one.accounts for one in transcript.participants] == [one.accounts for one in wanted.participants]
    assert "Wren Alder" in render(transcript, "html")


def test_a_review_asks_once_about_what_was_cross_posted_and_heeds_what_was_said_of_a_copy(archive, tmp_path):
    whole = networks.evening()
    store(archive, [structs.replace(post, observed_at=post.created_at) for post in whole.posts])
    config = Config(
        archive=ArchiveSettings(url=archive.url),
        chat=(networks.CHAT,),
        person=whole.people,
        path=tmp_path / "knowarchive.toml",
    )
    main, copy = networks.mastodon("tern", 1)["uid"], networks.bridged_to_bluesky("tern", 1)["uid"]
    save_corrections(config.overrides_path, networks.CHAT.name, "2026-03-04", [(copy, "Q2")])
    review = Review(archive, config, networks.CHAT, "2026-03-04")
    assert (review.filings[main].topic, review.filings[main].reason) == ("Q2", "review")
    assert copy not in review.filings
    with pytest.raises(UsageError, match="says the same as"):
        review.check(copy, "Q1")
    review.correct([(main, "Q1")])
    assert review.filings[main].topic == "Q1"


def test_runs_of_other_windows_and_other_chats_say_nothing_of_a_session(archive):
    store(archive, [said(1, EVENING)])
    record(archive, "failed", since=EVENING + timedelta(days=7), until=EVENING + timedelta(days=8), source="later")
    record(archive, "failed", since=EVENING - timedelta(days=8), until=EVENING - timedelta(days=7), source="earlier")
    record(archive, "failed", chat="knitting", source="other")
    record(archive, "done", chat="critlib", source="own")
    [row] = list_sessions(archive, WEEKLY)
    assert row.coverage == "complete"
    session = load_session(archive, WEEKLY, find_session(archive, WEEKLY, "2015-03-10"))
    assert [line["source"] for line in session.coverage] == ["own"]
    assert session.coverage[0]["collected_at"] == EVENING + timedelta(days=1)


def test_a_transcript_carries_its_coverage_with_its_gaps(archive):
    store(archive, [said(1, EVENING)])
    record(archive, "incomplete")
    session = load_session(archive, WEEKLY, find_session(archive, WEEKLY, "2015-03-10"))
    [line] = session.coverage
    assert (line["status"], line["gaps"], line["since"], line["seen"]) == ("incomplete", ("page 3",), EVENING, 4)
    assert make_transcript(archive, WEEKLY, "2015-03-10").coverage == session.coverage


def test_a_chat_without_a_schedule_is_cut_where_it_falls_silent(archive):
    first, second = EVENING, EVENING + timedelta(days=3, hours=14)
    store(
        archive,
        [said(number, first + minutes(number), tag="loose") for number in range(6)]
        + [said(10 + number, second + minutes(number), tag="loose") for number in range(7)]
        + [said(30, first + timedelta(days=1), tag="knitting")],
    )
    found = list(list_sessions(archive, UNPLANNED))
    assert [(row.date, row.posts) for row in found] == [("2015-03-10", 6), ("2015-03-14", 7)]
    window = find_session(archive, UNPLANNED, "2015-03-14")
    assert len(load_session(archive, UNPLANNED, window).posts) == 7
    with pytest.raises(UsageError, match="no session"):
        find_session(archive, UNPLANNED, "2015-03-12")


def test_two_sessions_of_a_day_are_told_apart(archive):
    chat = Chat(name="twice", hashtags=("twice",), schedule="FREQ=DAILY;BYHOUR=10,18;BYMINUTE=0")
    day = datetime(2015, 3, 10, tzinfo=UTC)
    store(archive, [said(1, day.replace(hour=10), tag="twice"), said(2, day.replace(hour=18), tag="twice")])
    assert [row.date for row in list_sessions(archive, chat)] == ["2015-03-10", "2015-03-10@1800"]
    for label, uid in (("2015-03-10", "x:1"), ("2015-03-10@1800", "x:2"), ("2015-03-10@1000", "x:1")):
        session = load_session(archive, chat, find_session(archive, chat, label))
        assert [one.uid for one in session.posts] == [uid]


def test_a_listing_reads_a_few_sessions_at_a_time_and_misses_none(archive, tmp_path, monkeypatch):
    import_path(archive, generated(tmp_path, "v2", posts=1500))
    chats = [
        Chat(name="c", hashtags=(tag,), schedule="FREQ=DAILY;BYHOUR=12,16;BYMINUTE=0")
        for tag in ("benchchat", "ropechat")
    ]
    at_once = [list(list_sessions(archive, chat)) for chat in chats]
    monkeypatch.setattr(sessions, "POSTS_AT_ONCE", 1)
    assert [list(list_sessions(archive, chat)) for chat in chats] == at_once
    assert sum(row.posts for rows in at_once for row in rows) == len(archive.times())
    assert all(row.questions > 3 for rows in at_once for row in rows)
    assert {row.coverage for rows in at_once for row in rows} == {"complete"}


@pytest.mark.parametrize("chat", [WEEKLY, UNPLANNED])
def test_an_empty_archive_has_no_sessions(archive, chat):
    assert list(list_sessions(archive, chat)) == []
    with pytest.raises(UsageError, match=chat.name):
        make_transcript(archive, chat, "2015-03-10")


@pytest.mark.parametrize("label", ["yesterday", "2015-13-01", "../../x", "2015-03-10@99", ""])
def test_a_name_that_is_none_is_a_mistake_of_the_asker(archive, label):
    store(archive, [said(1, EVENING)])
    with pytest.raises(UsageError):
        make_transcript(archive, WEEKLY, label)


def test_a_day_without_a_session_and_a_session_without_posts_are_said_apart(archive):
    store(archive, [said(1, EVENING)])
    with pytest.raises(UsageError, match="no session"):
        make_transcript(archive, WEEKLY, "2015-03-11")
    with pytest.raises(UsageError, match="no posts"):
        make_transcript(archive, WEEKLY, "2015-03-24")


def test_an_unknown_chat_is_answered_with_those_there_are():
    config = Config(archive=ArchiveSettings(url="archive"), chat=(WEEKLY, UNPLANNED))
    assert config.require_chat("loose") is UNPLANNED
    with pytest.raises(UsageError, match="critlib, loose"):
        config.require_chat("critlip")


def test_what_the_configuration_announces_of_a_session_is_in_its_transcript(archive):
    store(archive, [said(1, EVENING)])
    about = Occasion(date=EVENING.astimezone(WEEKLY.zone).date(), topic="Shelving", guests=("x:person1",))
    announced = structs.replace(WEEKLY, session=(about,))
    transcript = make_transcript(archive, announced, "2015-03-10")
    assert transcript.topic == "Shelving"
    assert [guest.handle for guest in transcript.guests] == ["person1"]
    assert make_transcript(archive, WEEKLY, "2015-03-10").topic is None
