"""Pictures are legible, the same every time, and cannot be made to do anything by a name."""

import random
import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcripts.build import build_transcript
from transcripts.model import Person, PersonAccount
from transcripts.persons import Persons
from transcripts.pictures import regulars, session, svg, ties, waits, years
from transcripts.pictures.gathering import Gathered, gather
from transcripts.pictures.regulars import Attendance
from transcripts.writers.activity import Activity, Bar, Mark

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>", '"><a href="https://evil.example">x</a>', "]]>", "&amp;", "--> <!--", "\x00\x1b[31m\u202eevil",
    "</title></style></svg>", "}*{fill:url(https://evil.example)}", "{{ 7*7 }}", "a" * 10_000, "שלום", "小雨", "\ud800",
]  # fmt: skip
NAME = st.sampled_from(HOSTILE) | st.text(max_size=30)


def community(people, seed=4):
    """A chat as they are: a few at the heart, small circles, many who answer once."""
    chance = random.Random(seed)
    names = {f"x:{number}": f"Person Number{number}" for number in range(people)}
    weights = [1 / (number + 1) for number in range(people)]
    found = {}
    for _ in range(people * 10):
        one, other = chance.choices(range(people), weights, k=2)
        if chance.random() < 0.6:
            other = min(one // 8 * 8 + chance.randrange(8), people - 1)
        if one != other:
            found[f"x:{one}", f"x:{other}"] = found.get((f"x:{one}", f"x:{other}"), 0) + 1
    for number in range(1, people):
        found.setdefault((f"x:{number}", f"x:{chance.randrange(min(number, 5))}"), 1)
    return found, names


def evenings(number):
    start = date(2012, 1, 3)
    return [(start + timedelta(weeks=week), 20 + week * 37 % 300) for week in range(number)]


def some_of_each(name="Somebody"):
    activity = Activity(
        (Bar(1, 2, 3, 4),), (Mark(5, name),), (Mark(6, name, 1, "end"),), 10, 50, 5, f"Said by {name}.", name
    )
    return [
        years.draw(evenings(60), title=f"Of {name}"),
        ties.draw({("x:1", "x:2"): 3, (name, "x:2"): 1}, {"x:1": name, "x:2": name}, title=f"Of {name}"),
        regulars.draw([Attendance(name, 1, 2, 3)], title=f"Of {name}"),
        waits.draw([(name, 1.5), (name, None)], title=f"Of {name}"),
        waits.draw([(name, float(number)) for number in range(60)], title=f"Of {name}"),
        session.draw(activity, title=f"Of {name}"),
    ]


def check(picture):
    """A picture is XML, says what it is, stays in its frame, and asks for nothing."""
    alone, embedded = ET.fromstring(picture.file), ET.fromstring(picture.element)
    for root in (alone, embedded):
        assert root.get("role") == "img"
        named = {one.get("id"): one for one in root if one.tag in {f"{SVG}title", f"{SVG}desc"}}
        assert list(named) == root.get("aria-labelledby").split()
        assert all(one.text for one in named.values())
        assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
            "svg", "title", "desc", "style", "rect", "line", "text", "circle", "path",
        }  # fmt: skip
        for one in root.iter():
            assert not {name for name in one.attrib if "href" in name or name.startswith("on") or name == "style"}
    assert [one.tag for one in embedded.iter()].count(f"{SVG}style") == 0
    style = alone.find(f"{SVG}style").text
    assert "prefers-color-scheme:dark" in style
    assert "url(" not in style + svg.STYLE
    assert "@import" not in style + svg.STYLE
    assert "prefers-color-scheme" not in picture.printed
    ET.fromstring(picture.printed)
    return alone


def test_every_picture_says_what_it_is_and_asks_for_nothing():
    for picture in some_of_each():
        check(picture)


@settings(max_examples=60, deadline=None)
@given(NAME)
def test_a_name_stays_text_in_every_picture(name):
    for picture in some_of_each(name):
        check(picture)
        picture.file.encode()


def test_without_anything_to_show_a_picture_says_so():
    for picture in (years.draw([]), ties.draw({}, {}), regulars.draw([]), waits.draw([])):
        check(picture)
        assert picture.words.startswith(("No ", "Nobody "))


def test_the_same_values_in_another_order_give_the_same_picture():
    found, names = community(60)
    shuffled = dict(sorted(found.items(), reverse=True))
    assert ties.draw(found, names).file == ties.draw(shuffled, dict(reversed(names.items()))).file
    held = evenings(30)
    assert years.draw(held).file == years.draw(reversed(held)).file


@pytest.mark.parametrize(("people", "named"), [(5, 5), (30, 27), (300, 45)])
def test_who_answers_whom_is_legible(people, named):
    root = check(ties.draw(*community(people)))
    wide, high = map(float, root.get("viewBox").split()[2:])
    dots = [(float(one.get("cx")), float(one.get("cy")), float(one.get("r"))) for one in root.iter(f"{SVG}circle")]
    assert len(dots) == people
    assert all(r <= x <= wide - r and r <= y <= high - r for x, y, r in dots)
    assert all(
        (x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2 * 0.8
        for place, (x, y, r) in enumerate(dots)
        for u, v, s in dots[:place]
    )
    boxes = []
    for one in root.iter(f"{SVG}text"):
        long = svg.LETTER * len(one.text)
        x = float(one.get("x")) - {"start": 0, "middle": long / 2, "end": long}[one.get("text-anchor", "start")]
        boxes.append((x, float(one.get("y")) - 9, x + long, float(one.get("y")) + 1))
    assert len(boxes) >= named
    assert all(left >= 0 and right <= wide and top >= 0 and bottom <= high for left, top, right, bottom in boxes)
    assert not [
        (a, b)
        for place, a in enumerate(boxes)
        for b in boxes[:place]
        if a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]
    ]
    strokes = list(root.iter(f"{SVG}path"))
    assert people - 1 <= len(strokes) + 5 <= 3 * people + 5


def test_the_most_connected_stand_in_the_middle_and_are_named():
    found, names = community(300)
    picture = ties.draw(found, names)
    root = ET.fromstring(picture.file)
    strength = {}
    for pair, weight in found.items():
        for key in pair:
            strength[key] = strength.get(key, 0) + weight
    best = [names[key] for key in sorted(strength, key=lambda key: -strength[key])[:8]]
    shown = {one.text for one in root.iter(f"{SVG}text")}
    assert set(best) <= shown
    for name in best[:5]:
        assert name in picture.words


def test_more_people_than_fit_are_the_most_connected_and_it_is_said():
    found, names = community(900)
    picture = ties.draw(found, names)
    assert picture.file.count("<circle") == 320
    assert "900 people" in picture.words
    assert "The 320 most connected are shown." in picture.words


def test_whoever_answers_themselves_is_left_out():
    assert "Nobody" in ties.draw({("x:1", "x:1"): 5}, {}).words


def test_ten_years_of_sessions_stay_small_and_whole():
    held = evenings(500)
    picture = years.draw(held)
    assert picture.file.count('class="bar"') == 500
    assert len(picture.file) < 100_000
    assert f"2013: 53 sessions, {sum(posts for day, posts in held if day.year == 2013):,} posts" in picture.words
    many = regulars.draw([Attendance(str(day), 3, 5, 7) for day, _ in held])
    assert "A bar stands for 5 sessions." in many.words
    assert many.file.count("<rect") < 400


def test_questions_that_nobody_answered_are_counted_as_such():
    few = waits.draw([("Q1", 0.5), ("Q2", None), ("Q3", 75.0)])
    assert "1 without an answer" in few.words
    for shown in ("30 s", "no answer", "75 min"):
        assert shown in few.file
    many = waits.draw([(f"Q{number}", number % 7 or None) for number in range(70)])
    rows = re.findall(r'class="ink"[^>]*>([^<]*)<', many.file)
    counts = [int(count) for count in re.findall(r'class="quiet"[^>]*>(\d+)<', many.file)]
    assert dict(zip(rows, counts, strict=True)) == {
        "under a minute": 0, "1 to 2 minutes": 10, "2 to 5 minutes": 30, "5 to 10 minutes": 20,
        "10 to 30": 0, "30 to 60": 0, "over an hour": 0, "no answer": 10,
    }  # fmt: skip


# Gathering


def test_ties_are_replies_and_quotes_and_waits_are_for_others_answers(say, hold):
    asked = say(4, "mod", "Q1: What sings? #birdlore")
    own = say(5, "mod", "A1: I will begin. #birdlore", reply_to=asked)
    answer = say(7, "ann", "A1: The kettle. #birdlore", reply_to=asked)
    say(8, "bob", "Ha! #birdlore", quote_of=answer.uid)
    posts = [asked, own, answer, say(9, "bob", "Also A1: the stairs #birdlore", reply_to=asked)]
    evening = gather(build_transcript(hold(*posts, say(20, "mod", "Q2: And who listens? #birdlore"))))
    assert evening.ties == {("x:u-ann", "x:u-mod"): 1, ("x:u-bob", "x:u-mod"): 1}
    assert evening.waits == (("Q1", 3.0), ("Q2", None))
    assert evening.people == {"x:u-mod", "x:u-ann", "x:u-bob"}


def test_newcomers_become_regulars(say, hold):
    gathered = Gathered()
    for week in range(5):
        posts = [say(4, "ann", "Hello #birdlore"), say(5, f"guest{week}", "Hi #birdlore")]
        gathered.add(build_transcript(hold(*posts, *([say(6, "bob", "Hey #birdlore")] if week in {0, 4} else []))))
    assert [(one.newcomers, one.returning, one.regulars) for one in gathered.attendance()] == [
        (3, 0, 0), (1, 1, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1),
    ]  # fmt: skip


def test_one_person_is_one_whatever_each_session_knew_of_them():
    persons = Persons()
    persons.join(Person("x:@ann", "Ann", None, None))
    persons.join(Person("x:7", "ann", None, None))
    persons.join(Person("bluesky:did:plc:ann", "ann.example", None, None, accounts=(
        PersonAccount("bluesky:did:plc:ann", "ann.example", None), PersonAccount("x:7", "ann", None),
    )))  # fmt: skip
    assert len({persons.of(key) for key in ("x:@ann", "x:7", "bluesky:did:plc:ann")}) == 1
    persons.join(Person("x:8", "ann", None, None))  # the handle has had two holders: nobody can tell
    assert persons.of("x:@ann") == "x:@ann"
    assert persons.of("x:7") != persons.of("x:8")
