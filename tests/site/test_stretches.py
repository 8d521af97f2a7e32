"""Stretches of time say the same as looking at every second would."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from knowarchive.site.stretches import bounds, joined, overlapping, touches, widened
from transcripts.model import Window

BEGIN = datetime(2015, 3, 31, 23, 59, 30, tzinfo=UTC)


def moment(second):
    return BEGIN + timedelta(seconds=second)


pieces = st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda one: (moment(one[0]), moment(one[0] + one[1])))
stretches = st.lists(pieces, max_size=6)
sessions = st.lists(pieces, max_size=6).map(
    lambda found: {
        ("c", str(place)): Window("c", str(place), *one, *one, "UTC") for place, one in enumerate(found)
    }
)  # fmt: skip


def within(found):
    """The seconds of stretches."""
    return {second for second in range(80) if any(since <= moment(second) < until for since, until in found)}


@given(stretches)
def test_joined_stretches_hold_the_same_and_do_not_touch(given_):
    found = joined(given_)
    assert within(found) == within(given_)
    assert all(left[1] < right[0] for left, right in pairwise(found))


@given(stretches, sessions)
def test_sessions_overlap_that_share_a_second(given_, windows):
    shared = {key for key, one in windows.items() if within(given_) & within([(one.opens, one.closes)])}
    assert overlapping(given_, windows) == shared


@given(stretches, sessions)
def test_widened_stretches_cut_no_session_and_hold_no_more_than_that(given_, windows):
    found = within(widened(given_, windows))
    expected = within(given_)
    while True:
        more = expected.union(
            *(there for one in windows.values() if (there := within([(one.opens, one.closes)])) & expected)
        )
        if more == expected:
            break
        expected = more
    assert found == expected


@given(stretches)
def test_a_month_is_touched_in_which_there_is_a_second(given_):
    for month in ("2015-03", "2015-04"):
        since, until = bounds(month)
        assert touches(month, given_) == any(since <= moment(second) < until for second in within(given_))


def test_a_year_is_twelve_months():
    assert bounds("2015") == (bounds("2015-01")[0], bounds("2015-12")[1])


def test_parts_of_seconds_belong_to_whole_ones():
    half = timedelta(microseconds=500_000)
    assert joined([(moment(1) + half, moment(2) + half), (moment(3), moment(3) + half)]) == [(moment(1), moment(4))]
