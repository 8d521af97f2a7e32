"""Ids and times as X writes them, and as spreadsheets leave them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.x.ids import FIRST_SNOWFLAKE, first_time, is_id, snowflake_time, true_time, v1_time
from connectors.x.spreadsheet import Known, read_id

MADE = datetime(2015, 3, 23, 13, 35, 50, tzinfo=UTC)  # of 580000000000000000


def test_a_snowflake_tells_its_time():
    assert snowflake_time("580000000000000000") == MADE
    assert snowflake_time(str(FIRST_SNOWFLAKE - 1)) is None


@given(st.datetimes(min_value=datetime(2006, 3, 21), max_value=datetime(2106, 1, 1)))  # noqa: DTZ001 - made aware below
def test_every_date_of_the_old_api_is_read(time):
    time = time.replace(microsecond=0, tzinfo=UTC)
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    text = f"{days[time.weekday()]} {months[time.month - 1]} {time.day:02} {time:%H:%M:%S} +0000 {time.year}"
    assert v1_time(text) == time


def test_an_offset_is_taken_into_account():
    assert v1_time("Wed Mar 11 02:38:57 +0200 2015") == datetime(2015, 3, 11, 0, 38, 57, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "Wed", "2015-03-11", "Wed Foo 11 02:38:57 +0000 2015", "Wed Feb 30 02:38:57 +0000 2015",
     "Wed Mar 11 24:38:57 +0000 2015", "Wed Mar 11 02:38:57 +0000 0000", "Wed Mar 11 02:38:57 +9900 2015"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="not a date"):
        v1_time(text)


def test_a_false_midnight_is_corrected_and_a_true_one_kept():
    midnight = MADE.replace(hour=0, minute=0, second=0)
    assert true_time(midnight, "580000000000000000") == MADE
    assert true_time(midnight, "12") == midnight
    assert true_time(midnight.replace(day=22), "580000000000000000") == midnight.replace(day=22)
    noon = MADE.replace(hour=12)
    assert true_time(noon, "580000000000000000") == noon


def test_an_edited_post_was_made_when_its_first_id_says():
    later = MADE.replace(hour=14)
    assert first_time("580000000000000000", later) == MADE
    assert first_time("980000000000000000", later) == later
    assert first_time("12", later) == later


@pytest.mark.parametrize("text", ["", "0", "01", "1.5", "-1", "x", "٣", "1" * 20, " 1"])
def test_what_is_no_id_is_refused(text):
    assert not text or not is_id(text)


@pytest.mark.parametrize(
    ("cell", "whole"),
    [("580930786603339776", "580930786603339776"), ("'580930786603339776", "580930786603339776"),
     ('="580930786603339776"', "580930786603339776"), ("7001.0", "7001"), ("123456789012345", "123456789012345"),
     ("7.003E+3", "7003")],
)  # fmt: skip
def test_a_whole_id_is_read(cell, whole):
    assert read_id(cell).whole == whole


@pytest.mark.parametrize("cell", ["580930786603340000", "1.22587E+18", "1,22587E+18", "5.8093078660334e17"])
def test_a_rounded_id_is_never_whole(cell):
    assert read_id(cell).whole is None


@pytest.mark.parametrize("cell", [None, "", "abc", "nan", "1.5", "1E400", "1.23E+1", "E+18", "٣"])
def test_a_cell_without_an_id_holds_none(cell):
    assert read_id(cell) is None


@given(st.integers(10**15, 2**62))
def test_an_id_that_a_spreadsheet_rounded_fits_what_it_was(number):
    post_id = str(number)
    for rounded in (str(number // 10 ** (len(post_id) - 15) * 10 ** (len(post_id) - 15)), f"{number:.5E}"):
        read = read_id(rounded)
        assert read.fits(post_id) or read.whole == post_id


def test_a_rounded_id_is_recognised_among_those_of_the_table():
    known = Known([("580930786603339776", "ada"), ("580930786603340111", "Bo"), ("590000000000000001", "ada")])
    assert known.whole("580930786603340000", "bo") == ("580930786603340111", False)
    assert known.whole("580930786603340000", "ada") == ("580930786603339776", False)
    assert known.whole("580930786603340000", None) == (None, True)  # either could be meant
    assert known.whole("580930786603340000", "cy") == (None, True)
    assert known.whole("5.9E+17", "ada") == (None, True)  # too many posts round to this
    assert known.whole("590000000000000001", None) == ("590000000000000001", False)
    assert known.whole(None, "ada") == (None, False)
