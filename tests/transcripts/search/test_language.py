from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcripts.search.language import LONGEST, MOST, ask, parse


@pytest.mark.parametrize(
    ("typed", "reading"),
    [
        ("open access", "open access"),
        ('"open access" now', '"open access" now'),
        ("“open access”", '"open access"'),
        ("Open-Access", "Open-Access"),
        ("cats OR dogs fish", "cats OR dogs fish"),
        ("cats | dogs", "cats OR dogs"),
        ("cats AND NOT dogs", "cats -dogs"),
        ("-cats −dogs", "-cats -dogs"),
        ("OR cats OR", "cats"),
        ("knowl*", "knowl*"),
        ("#CritLib @Jane", "#critlib @jane"),
        ("from:@Jane to:bob mentions:x", "from:jane to:bob mentions:x"),
        ('from:"Jane Doe"', 'from:"jane doe"'),
        ("on:twitter platform:Bluesky network:fediverse", "on:x on:bluesky on:mastodon"),
        ("question:2 topic:q3 question:intro", "question:Q2 question:Q3 question:intro"),
        ("link:https://www.Example.org/a/b", "link:example.org"),
        ("has:links has:image is:question", "has:link has:media is:question"),
        ("since:2015 until:2016-03", "since:2015 until:2016-03"),
        ("note:this http://example.org 10:30", "note:this http://example.org 10:30"),
        ("(cats)", "cats"),
        ("", ""),
    ],
)
def test_a_query_is_read_as_it_was_meant(typed, reading):
    assert parse(typed).reading == reading


@pytest.mark.parametrize(
    ("typed", "reading", "note"),
    [
        ('cats "open acc', 'cats "open acc"', "the quotation marks were not closed"),
        ("since:tomorrow cats", "cats", "since:tomorrow is no date"),
        ("since:2015-02-30 cats", "cats", "since:2015-02-30 is no date"),
        ("on:twiter cats", "cats", "did you mean twitter?"),
        ("has:everything cats", "cats", "there are link, quote, media, replies"),
        ("form:jane", "form:jane", "did you mean from:?"),
        ("a*", "a", "without the asterisk"),
        ("?? cats", "cats", "holds no word"),
        ("x" * (LONGEST + 1), "x" * 64, "only the first 1,000 characters"),
        ("cat " * (MOST + 1), " ".join(["cat"] * MOST), "only the first 32 terms"),
    ],
)
def test_what_is_read_otherwise_than_typed_is_said(typed, reading, note):
    query = parse(typed)
    assert query.reading == reading
    assert note in " ".join(query.notes)


@given(st.text(st.characters(), max_size=400))
def test_whatever_is_typed_is_read(typed):
    query = parse(typed)
    assert len(query.terms) <= MOST + 1
    again = parse(query.reading)
    assert len(again.groups) <= len(query.groups) + 1


def test_a_huge_query_is_read_at_once():
    assert len(parse('"(' * 50_000).terms) <= MOST
    assert len(parse("a OR " * 20_000).terms) == 1


def test_days_are_those_of_the_chat():
    [term] = parse("since:2015-03-10", ZoneInfo("America/New_York")).terms
    assert term.value == "2015-03-10T04:00:00+00:00"


def test_a_filter_that_does_not_exist_is_refused_when_it_comes_from_a_form():
    assert ask("on", "myspace")[0] is None
    assert "there are x, bluesky, mastodon" in ask("on", "myspace")[1]
