"""Nobody is named but by a pseudonym: in texts, addresses and columns, in every script, and words stay words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.pseudonymising import Named, Pseudonymiser, Setting
from tests.growth import grows_fairly

KEY = bytes(range(32))
DID = "did:plc:abcdefghijklmnopqrstuvwx"
NAMES = [
    "Ada Lovelace", "Ada Lovelace 🦉 (she/her)", "Dr. Zoë Ångström", "Анна Каренина", "מרים ירושלמי", "فاطمة الزهراء",
    "山田花子", "김철수", "देवी प्रसाद", "Jean-Luc O’Neil", "สมชาย",
]  # fmt: skip
NAMED = Named(
    handles=frozenset(
        ("x:ada", "x:ada_l", "x:catlady99", "x:covid19", "x:librarianship", "x:reading_ada", "bluesky:ada.example",
         "mastodon:ada@library.example")
    ),
    owners={"ada.example": f"bluesky:{DID}"},
    names=frozenset(NAMES),
    pages=frozenset(("https://ada-reads.example/", "https://www.blog.example/~ada")),
    servers=frozenset(("library.example",)),
    words=frozenset(("covid19", "librarianship")),
)  # fmt: skip
X, FEDI, SKY = Setting("x"), Setting("mastodon", "library.example"), Setting("bluesky")


@pytest.fixture(scope="module")
def by():
    return Pseudonymiser(KEY, NAMED)


@pytest.mark.parametrize(
    "text",
    ["@Ada hi", "(@ADA)", "＠ada", "RT @ada: x", "@ada, @ada.", "@ada’s", "x.com/ada says", "https://twitter.com/Ada?s=20",
     "https://mobile.twitter.com/ada/status/580930786603339776", "https://t.co/AbCdE12345", "mail ada@library.example",
     "@ada@library.example", "https://library.example/@ada/1234", "https://library.example/users/ada/statuses/1234",
     "@ada.example", "at ada.example now", f"see at://{DID}/app.bsky.feed.post/3kabcdefghij2", f"{DID}", "at://ada.example",
     f"https://bsky.app/profile/{DID}/post/3kabcdefghij2", "https://bsky.app/profile/ada.example", "https://ada.example/x",
     "https://web.archive.org/web/2015/https://twitter.com/ada/status/580930786603339776",
     "https://threads.example/thread/580930786603339776.html", "580930786603339776", "catlady99 says", "(CatLady99)",
     "https://linktr.example/catlady99", "https://catlady99.tumblr.example/", "https://ada-reads.example/2015/on-zines",
     "http://blog.example/~ada/x", "https://medium.example/@ada", "https://example.org/share?by=%40ada"],
)  # fmt: skip
def test_nothing_that_leads_to_somebody_is_left(by, text):
    for where in (X, FEDI, SKY):
        found = by.text(text, where).casefold()
        assert not re.search(
            r"(?<![a-z])ada(?![a-z])|catlady99|58093078|did:|3kabc|abcde12345|1234|blog\.example", found
        ), found
        assert "person" in found or "invalid" in found or "post-" in found


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_no_more_to_be_read(by, name):
    bare = name.partition(" 🦉")[0].removeprefix("Dr. ")
    for text in (f"thanks {bare}!", f"“{bare}”", f"{bare}’s idea", bare.upper(), f"by {bare}, and by {bare}"):
        found = by.text(text, X)
        assert bare.casefold() not in found.casefold()
        assert found.count("Person ") == text.casefold().count(bare.casefold())
    assert by.text(f"thanks {bare}", X) == f"thanks {by.name(bare)}"


@pytest.mark.parametrize(
    "text",
    ["reading ada and covid19 in librarianship", "Adage, canada, ada_", "#catlady99 #ada", "ISBN 9780838913277, call 2125550123",
     "https://www.ala.example/about?x=1", "https://twitter.com/hashtag/critlib", "see x.com/", "Q1: 3/4 of 10,000",
     "a@b", "love lace, ada lovelace in small letters", "https://library.example/tags/zines", "www.example.org/status/12"],
)  # fmt: skip
def test_words_tags_numbers_and_other_pages_stay(by, text):
    assert by.text(text, X) == text


def test_handles_that_begin_alike_are_different_people(by):
    found = by.text("@ada @ada_l @adaline @ada", X).split()
    assert found[0] == found[3] == f"@{by.handle('x', 'ada')}"
    assert len(set(found)) == 3
    assert by.text("@ada-l and @ada.Yes", X) == f"@{by.handle('x', 'ada')}-l and @{by.handle('x', 'ada')}.Yes"


def test_the_same_is_called_the_same_wherever_it_stands(by):
    uid = "x:580930786603339776"
    assert by.text("https://x.com/i/web/status/580930786603339776", X).endswith(by.post(uid).partition(":")[2])
    assert by.address("https://twitter.com/ada") == f"https://people.invalid/{by.handle('x', 'Ada')}"
    post = f"bluesky:{DID}/app.bsky.feed.post/3kabcdefghij2"
    assert by.post(post).startswith(by.account(f"bluesky:{DID}") + "/")
    for who in (DID, "ada.example"):
        there = by.address(f"https://bsky.app/profile/{who}/post/3kabcdefghij2")
        assert there == f"https://posts.invalid/{by.post(post).partition(':')[2]}"
    toot = by.post("mastodon:https://library.example/users/ada/statuses/77").partition(":")[2]
    for address in ("https://library.example/@ada/77", "https://library.example/users/ada/statuses/77"):
        assert by.address(address) == f"https://posts.invalid/{toot}"
    full = f"@{by.handle('mastodon', 'ada@library.example')}"
    assert by.text("@ada @ada@library.example", FEDI) == f"{full} {full}"
    called = Setting("mastodon", "other.example", {"ada": "ada@library.example"})
    assert by.text("@Ada", called) == full
    assert by.text("@ada@twitter.com", FEDI) == f"@{by.handle('x', 'ada')}"


def test_another_key_calls_everybody_otherwise(by):
    other = Pseudonymiser(bytes(32), NAMED)
    text = "@ada Ada Lovelace https://x.com/ada"
    same = Pseudonymiser(KEY, NAMED)
    assert same.text(text, X) == by.text(text, X)
    assert set(other.text(text, X).split()) & set(by.text(text, X).split()) == {"Person"}


def test_a_name_that_is_decomposed_is_the_same_name(by):
    import unicodedata

    for form in ("NFC", "NFD"):
        assert by.text(unicodedata.normalize(form, "Zoë Ångström said"), X) == f"{by.name('Zoë Ångström')} said"


@given(st.text(alphabet=st.sampled_from(" @＠.:/#-_ad%4039xé山\n") | st.characters(), max_size=60))
def test_no_text_is_too_odd(text):
    by = Pseudonymiser(KEY, NAMED)
    for where in (X, FEDI, SKY):
        found = by.text(text, where)
        assert not re.search(r"(?<![\w@＠])[@＠](?!person_)\w", found), found
    by.address(text)


@pytest.mark.parametrize(
    "piece", ["a.", "a-", "@", "@a.", "did:a:", "https://", "x.com/", "Ada ", "1", "a@a.", "山田花"]
)
def test_a_hostile_text_takes_no_longer_than_its_length_says(by, piece):
    assert grows_fairly(lambda times: by.text(piece * times + "@", X), 8_000)
