import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowarchive.config import Chat, Occasion, Rule
from knowarchive.errors import ConfigError, UsageError
from knowarchive.model import Post
from tests.growth import grows_fairly
from transcripts.model import Window
from transcripts.sessions import cut_by_activity, find_window, fold_tag, overlaps, select, windows

EVENING = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"


def make_chat(schedule=EVENING, **fields):
    fields.setdefault("timezone", "America/New_York")
    return Chat(name="birdlore", hashtags=("birdlore",), schedule=schedule, **fields)


def starts(chat, since, until):
    return [window.start for window in windows(chat, since, until)]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_an_evening_chat_keeps_its_local_date_though_it_falls_on_the_next_utc_day():
    (window,) = windows(make_chat(), utc(2015, 5, 20), utc(2015, 5, 21))
    assert ("2015-05-19", utc(2015, 5, 20, 1), utc(2015, 5, 20, 2)) == (window.label, window.start, window.end)
    assert (utc(2015, 5, 20, 0, 45), utc(2015, 5, 20, 2, 30)) == (window.opens, window.closes)


def test_the_local_hour_holds_when_the_clocks_change():
    found = starts(make_chat(), utc(2015, 3, 1), utc(2015, 3, 15))
    assert [utc(2015, 3, 4, 2), utc(2015, 3, 11, 1)] == found


def test_an_hour_that_the_clocks_skip_moves_forward():
    chat = make_chat("FREQ=DAILY;BYHOUR=2;BYMINUTE=30")
    assert [utc(2015, 3, 7, 7, 30), utc(2015, 3, 8, 7, 30)] == starts(chat, utc(2015, 3, 7), utc(2015, 3, 9))
    assert find_window(chat, "2015-03-08").start.astimezone(chat.zone).hour == 3


def test_an_hour_that_the_clocks_repeat_is_the_first():
    chat = make_chat("FREQ=DAILY;BYHOUR=1;BYMINUTE=30")
    assert [utc(2015, 11, 1, 5, 30)] == starts(chat, utc(2015, 11, 1), utc(2015, 11, 2))


def test_several_sessions_a_day_are_named_by_date_and_then_by_date_and_time():
    found = windows(make_chat("FREQ=WEEKLY;BYDAY=TU;BYHOUR=9,21"), utc(2015, 5, 19), utc(2015, 5, 21))
    assert [window.label for window in found] == ["2015-05-19", "2015-05-19@2100"]


def test_the_name_of_a_session_does_not_depend_on_the_stretch_asked_for():
    found = windows(make_chat("FREQ=WEEKLY;BYDAY=TU;BYHOUR=9,21"), utc(2015, 5, 20), utc(2015, 5, 21))
    assert [window.label for window in found] == ["2015-05-19@2100"]


def test_every_other_week_is_counted_from_the_first_day_of_the_rule():
    rule = f"{EVENING};INTERVAL=2"
    odd = make_chat((Rule(rule=rule, since=date(2015, 3, 3)),))
    even = make_chat((Rule(rule=rule, since=date(2015, 3, 10)),))
    stretch = utc(2024, 1, 1), utc(2024, 3, 1)
    both = starts(odd, *stretch) + starts(even, *stretch)
    assert not set(starts(odd, *stretch)) & set(starts(even, *stretch))
    assert sorted(both) == starts(make_chat(), *stretch)


def test_a_rule_without_a_first_day_is_anchored_all_the_same():
    chat = make_chat(f"{EVENING};INTERVAL=2")
    found = starts(chat, utc(2015, 1, 1), utc(2016, 1, 1))
    assert {timedelta(days=14)} == {
        later.astimezone(chat.zone).replace(tzinfo=None) - earlier.astimezone(chat.zone).replace(tzinfo=None)
        for earlier, later in itertools.pairwise(found)
    }
    assert found[5:] == starts(chat, found[5], utc(2016, 1, 1))


def test_a_chat_that_moved_to_another_day_keeps_its_history():
    chat = make_chat(
        (
            Rule(rule=EVENING, until=date(2015, 3, 31)),
            Rule(rule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=12", since=date(2015, 4, 1), until=date(2015, 4, 8)),
        )
    )
    found = [window.label for window in windows(chat, utc(2015, 3, 20), utc(2015, 5, 1))]
    assert found == ["2015-03-24", "2015-03-31", "2015-04-01", "2015-04-08"]


def test_a_session_that_two_rules_give_is_one():
    chat = make_chat((Rule(rule=EVENING), Rule(rule=f"{EVENING};INTERVAL=1")))
    assert [window.label for window in windows(chat, utc(2015, 5, 18), utc(2015, 5, 22))] == ["2015-05-19"]


def test_the_last_time_of_a_rule_may_be_given_in_utc():
    chat = make_chat(f"{EVENING};UNTIL=20150513T010000Z")
    assert [one.label for one in windows(chat, utc(2015, 5, 1), utc(2015, 6, 1))] == ["2015-05-05", "2015-05-12"]


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY;INTERVAL=3", "FREQ=DAILY;COUNT=20"])
def test_a_rule_that_leaves_the_day_to_its_start_gives_the_same_sessions_for_every_stretch(rule):
    chat = make_chat((Rule(rule=rule, since=date(2007, 5, 15)),))
    whole = starts(chat, utc(2007, 1, 1), utc(2024, 1, 1))
    parts = [start for year in range(2007, 2024) for start in starts(chat, utc(year, 1, 1), utc(year + 1, 1, 1))]
    assert whole == parts
    assert whole


def test_a_session_starts_within_the_stretch_asked_for():
    first, second = utc(2015, 5, 13, 1), utc(2015, 5, 20, 1)
    assert [first] == starts(make_chat(), first, second)
    assert starts(make_chat(), second, first) == []
    assert starts(make_chat(""), first, second) == []


def test_a_post_between_two_sessions_belongs_to_the_nearer():
    chat = make_chat("FREQ=DAILY;BYHOUR=20,22", margin=("2h", "2h"), timezone="UTC")
    first, second = windows(chat, utc(2015, 5, 19), utc(2015, 5, 20))
    assert first.closes == second.opens == utc(2015, 5, 19, 21, 30)
    assert utc(2015, 5, 19, 18) == first.opens


def test_a_margin_that_only_one_session_has_is_not_shared():
    chat = make_chat("FREQ=DAILY;BYHOUR=20,22", margin=("90m", "0m"), timezone="UTC")
    first, second = windows(chat, utc(2015, 5, 19), utc(2015, 5, 20))
    assert first.closes == second.opens == utc(2015, 5, 19, 21)


def test_a_session_that_begins_before_another_ends_takes_over_and_runs_on_to_where_that_would_have_closed():
    noon = Occasion(date=date(2015, 5, 19), start="12:00", duration="1h")
    chat = make_chat("FREQ=DAILY;BYHOUR=9", margin=("15m", "30m"), duration="8h", timezone="UTC", session=(noon,))
    day, extra, _ = windows(chat, utc(2015, 5, 19), utc(2015, 5, 21))
    assert (day.opens, day.closes) == (utc(2015, 5, 19, 8, 45), utc(2015, 5, 19, 12))
    assert (extra.opens, extra.closes) == (utc(2015, 5, 19, 12), utc(2015, 5, 19, 17, 30))
    assert overlaps(chat, utc(2015, 5, 18), utc(2015, 5, 23)) == [(day, extra)]
    assert overlaps(make_chat(), utc(2015, 5, 1), utc(2015, 6, 1)) == []


@given(
    before=st.integers(0, 300), after=st.integers(0, 300), length=st.integers(0, 300), other=st.integers(0, 600),
    begin=st.times(),
)  # fmt: skip
def test_a_moment_is_in_one_session_at_most_and_in_one_if_its_hour_or_margin_is(before, after, length, other, begin):
    begin = f"{begin:%H:%M}"
    extra = Occasion(date=date(2015, 5, 20), start=begin, duration=f"{other}m")
    chat = make_chat(
        "FREQ=DAILY;BYHOUR=8,10,11,20", margin=(f"{before}m", f"{after}m"), duration=f"{length}m", session=(extra,)
    )
    found = windows(chat, utc(2015, 5, 19), utc(2015, 5, 23))
    assert all(one.opens <= one.closes for one in found)
    assert all(earlier.closes <= later.opens for earlier, later in itertools.pairwise(found))
    for one in (
        one for one in found if utc(2015, 5, 20) <= one.start < utc(2015, 5, 22)
    ):  # their neighbours are listed
        for moment in (one.start - timedelta(minutes=before), one.start, one.end, one.end + timedelta(minutes=after)):
            assert any(each.opens <= moment <= each.closes for each in found), moment


def test_sessions_are_listed_in_proportion_to_their_number():
    chat = make_chat("FREQ=DAILY;BYHOUR=21")

    def listed(days):
        opens = utc(2015, 1, 1)
        assert len(windows(chat, opens, opens + timedelta(days=days))) == days

    assert grows_fairly(listed, 3_650)


def test_a_session_is_found_by_its_name():
    chat = make_chat("FREQ=WEEKLY;BYDAY=TU;BYHOUR=9,21")
    for label in ("2015-05-19", "2015-05-19@2100"):
        assert label == find_window(chat, label).label
    assert find_window(chat, "2015-05-19@0900") == find_window(chat, "2015-05-19")
    assert find_window(chat, "2015-05-20") is None
    assert find_window(chat, "0001-01-01") is None


@pytest.mark.parametrize("label", ["", "yesterday", "2015-02-30", "2015-05-19@2500", "2015-05-19@9", "../2015-05-19"])
def test_what_is_no_name_of_a_session_is_a_usage_error(label):
    with pytest.raises(UsageError, match="is not the name of a session") as error:
        find_window(make_chat(), label)
    assert "\n" not in str(error.value)


def test_a_broken_rule_is_a_configuration_error():
    with pytest.raises(ConfigError, match="not an RFC 5545 rule"):
        windows(make_chat("FREQ=SOMETIMES"), utc(2015, 1, 1), utc(2016, 1, 1))
    with pytest.raises(ConfigError, match="every minute or second"):
        windows(make_chat("FREQ=SECONDLY"), utc(2015, 1, 1), utc(2016, 1, 1))


def test_silence_cuts_a_chat_without_a_schedule():
    times = [utc(2015, 5, 19, 20, minute) for minute in range(10)] + [
        utc(2015, 5, 20, 2, minute) for minute in range(9)
    ]
    first, second = cut_by_activity("birdlore", "America/New_York", times)
    assert [first.label, second.label] == ["2015-05-19", "2015-05-19@2200"]
    assert (times[0], times[9] + timedelta(minutes=1)) == (first.opens, first.closes)


def test_a_conference_is_cut_by_days():
    times = [utc(2015, 5, 18, 12) + timedelta(hours=hour) for hour in range(60)]
    found = cut_by_activity("birdlore", "UTC", times)
    assert [window.label for window in found] == ["2015-05-18", "2015-05-19", "2015-05-20"]


def test_a_quiet_burst_joins_the_nearer_session_of_its_day():
    session = [utc(2015, 5, 19, 12, minute) for minute in range(10)]
    found = cut_by_activity("birdlore", "UTC", [*session, utc(2015, 5, 19, 16), utc(2015, 5, 21, 9)])
    assert [window.label for window in found] == ["2015-05-19", "2015-05-21"]


MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2015, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(times=st.lists(MOMENTS, max_size=60), zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]))
def test_every_post_of_a_chat_without_a_schedule_is_in_exactly_one_session(times, zone):
    found = cut_by_activity("birdlore", zone, times)
    assert all(sum(window.opens <= moment < window.closes for window in found) == 1 for moment in times)
    assert len({window.label for window in found}) == len(found)
    assert all(window.start < window.end for window in found)
    assert all(window.label[:10] == f"{window.start.astimezone(ZoneInfo(zone)):%Y-%m-%d}" for window in found)
    assert found == cut_by_activity("birdlore", zone, times[::-1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("#CritLib", "critlib"),
        ("＃critlib", "CRITLIB"),
        ("Café", "cafe"),
        ("ŁÓDŹ", "lodz"),
        ("straße", "STRASSE"),
        ("ＡＢＣ", "abc"),
        ("cafe\u0301", "café"),
    ],
)
def test_hashtags_that_people_take_for_one_are_one(one, other):
    assert fold_tag(one) == fold_tag(other)


@pytest.mark.parametrize(("one", "other"), [("が", "か"), ("й", "и"), ("critlib", "critlibs")])
def test_letters_that_are_not_latin_keep_their_marks(one, other):
    assert fold_tag(one) != fold_tag(other)


WINDOW = Window(
    "birdlore",
    "2026-03-04",
    utc(2026, 3, 4, 2),
    utc(2026, 3, 4, 3),
    utc(2026, 3, 4, 1, 45),
    utc(2026, 3, 4, 3, 30),
    "UTC",
)


def chosen(*posts):
    return [post.uid for post in select(posts, WINDOW, ["birdlore"], "birdlore")]


def make_post(uid, minute=0, **fields):
    return Post(uid=uid, created_at=WINDOW.start + timedelta(minutes=minute), **fields)


def test_a_post_belongs_by_its_hashtag_as_an_entity_or_only_in_its_text():
    tagged = make_post("x:1", hashtags=("BirdLore",))
    written = make_post("x:2", text="look: ＃birdlore!")
    collected = make_post("x:3", chats=("birdlore", "other"))
    other = make_post("x:4", hashtags=("birdlorefans",), text="#birdlorefans", chats=("other",))
    assert chosen(other, collected, written, tagged) == ["x:1", "x:2", "x:3"]


def test_a_reply_without_the_hashtag_is_kept_when_it_belongs_to_the_conversation():
    root = make_post("x:1", 1, hashtags=("birdlore",))
    reply = make_post("x:2", 2, reply_to="x:1")
    deeper = make_post("x:3", 3, reply_to="x:2")
    orphan = make_post("x:4", 4, reply_to="x:99", conversation="x:1")
    assert chosen(orphan, deeper, reply, root) == ["x:1", "x:2", "x:3", "x:4"]


def test_a_tagged_reply_brings_its_answers_and_not_the_foreign_conversation_it_stands_in():
    foreign = make_post("x:1", 1)
    beside = make_post("x:2", 2, reply_to="x:1", conversation="x:1")
    tagged = make_post("x:3", 3, reply_to="x:1", conversation="x:1", hashtags=("birdlore",))
    below = make_post("x:4", 4, reply_to="x:3", conversation="x:1")
    assert chosen(foreign, beside, tagged, below) == ["x:3", "x:4"]


def test_a_post_outside_the_window_is_not_of_the_session_but_carries_its_conversation_in():
    early = make_post("x:1", -20, hashtags=("birdlore",))
    reply = make_post("x:2", 1, reply_to="x:1")
    last = make_post("x:3", 90, hashtags=("birdlore",))
    assert chosen(early, reply, last) == ["x:2"]


def test_replies_in_a_circle_do_not_hang():
    assert chosen(make_post("x:1", 1, reply_to="x:2", hashtags=("birdlore",)), make_post("x:2", 2, reply_to="x:1")) == [
        "x:1",
        "x:2",
    ]


def test_whoever_forgets_the_hashtag_is_not_lost_when_the_chat_answers():
    tagged = make_post("x:1", 1, hashtags=("birdlore",), author_uid="a")
    asked = make_post("x:2", 2, author_uid="a")
    answer = make_post("x:3", 3, reply_to="x:2", hashtags=("birdlore",), author_uid="b")
    beside = make_post("x:4", 4, reply_to="x:2", author_uid="b")
    stranger = make_post("x:5", 5, reply_to="x:2", author_uid="z")
    assert chosen(stranger, beside, answer, asked, tagged) == ["x:1", "x:2", "x:3", "x:4"]
    quote = make_post("x:6", 3, quote_of="x:2", hashtags=("birdlore",), author_uid="b")
    assert chosen(quote, asked, tagged) == ["x:1", "x:2", "x:6"]


def test_a_foreign_conversation_of_somebody_who_is_here_is_left_where_it_is():
    tagged = make_post("x:1", 1, hashtags=("birdlore",), author_uid="a")
    root = make_post("x:2", 2, author_uid="z")
    untagged = make_post("x:3", 3, author_uid="a", reply_to="x:2")
    answer = make_post("x:4", 4, reply_to="x:3", hashtags=("birdlore",), author_uid="b")
    assert chosen(answer, untagged, root, tagged) == ["x:1", "x:4"]
    early = make_post("x:5", -300, author_uid="a")
    reply = make_post("x:6", 4, reply_to="x:5", hashtags=("birdlore",), author_uid="b")
    assert chosen(reply, early, tagged) == ["x:1", "x:6"]
