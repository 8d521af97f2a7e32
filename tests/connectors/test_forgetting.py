"""Whoever is forgotten is in no payload any more, and everybody else's records are what they were."""

import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import map_payload
from connectors.bluesky.ids import key_time, post_uid
from connectors.forgetting import (
    Concerned,
    Person,
    Pseudonyms,
    Scrubber,
    handle_key,
    is_distinctive,
    is_pseudonym,
    is_telling,
    scrubber_of,
    sentences_of,
)
from connectors.forgetting_payloads import find_person, forget, learn, without
from connectors.mastodon.accounts import is_uri
from connectors.x.ids import is_id, snowflake_time
from knowarchive.model import CONTENT, ERASED, Payload, is_forgotten
from tests.connectors.test_redaction import PAYLOADS

PSEUDONYMS = Pseudonyms(b"k" * 32)
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def people(payload):
    """Everybody whom a payload names, by uid or by handle alone."""
    mapped = map_payload(payload)
    found = {(account.uid, account.handle) for account in mapped.accounts}
    found |= {(post.author_uid, post.author_handle) for post in mapped.posts if post.author_uid or post.author_handle}
    found |= {(one.account_uid, one.account_handle) for one in mapped.reposts}
    handles = {}
    for uid, handle in found:
        if uid:
            handles.setdefault(uid, set()).update({handle} if handle else ())
    platform = payload.format.partition("-")[0]
    by_uid = [
        find_person(
            mapped, Person(accounts=frozenset({uid}), handles=frozenset(handle_key(platform, one) for one in named))
        )
        for uid, named in sorted(handles.items())
    ]
    named = {one for names in handles.values() for one in names}
    alone = {handle for uid, handle in found if uid is None and handle and handle not in named}
    return by_uid + [
        find_person(mapped, Person(handles=frozenset({name}), alone=frozenset({name})))
        for name in sorted(handle_key(platform, one) for one in alone)
    ]


CASES = [(payload, person) for payload in PAYLOADS for person in people(payload)]


def instead(person, uid, kind):
    return getattr(PSEUDONYMS, kind)(uid) if uid in getattr(person, f"{kind}s") else uid


def traces(person):
    found = {uid.partition(":")[2] for uid in person.accounts | person.posts}
    found |= {one.partition(":")[2] for one in person.ids if len(one) > 8} | set(person.names)
    found |= {name.partition(":")[2] for name in person.handles if is_distinctive(name.partition(":")[2])}
    found |= {"@" + name.partition(":")[2] for name in person.handles}
    return {one for one in found if len(one) > 5}


def said(payload):
    text = re.sub(
        rb"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)).encode("utf-8", "replace"), payload.body
    )
    return (text + payload.head + payload.origin.encode()).decode("utf-8", "replace").replace("\\/", "/").casefold()


@pytest.mark.parametrize(
    ("payload", "person"),
    CASES,
    ids=lambda one: one.origin if isinstance(one, Payload) else min(one.accounts | one.handles),
)
def test_each_person_of_a_payload_can_be_forgotten_alone(payload, person):
    rest, count = forget(payload, person, PSEUDONYMS)
    assert count
    assert forget(rest, person, PSEUDONYMS) == (rest, 0)
    left = {one for one in traces(person) if re.search(rf"(?<![\w-]){re.escape(one.casefold())}(?![\w-])", said(rest))}
    assert left == set()
    before, after = map_payload(payload), map_payload(rest)
    assert [(one.position, one.reason) for one in after.quarantined] == [
        (one.position, one.reason) for one in before.quarantined
    ]
    if rest.body == b"[]":  # the versions of a post of theirs
        return
    assert after.seen == before.seen
    assert {one.uid for one in after.posts} == {instead(person, one.uid, "post") for one in before.posts}
    theirs = {PSEUDONYMS.post(uid): uid for uid in person.posts}
    sights = {theirs.get(one.uid, one.uid): one for one in after.posts}  # of theirs all sights are the same now
    others = [one for one in before.posts if one.uid not in person.posts]
    pairs = list(zip(others, [one for one in after.posts if one.uid not in theirs], strict=True))
    for old, new in pairs + [(one, sights[one.uid]) for one in before.posts if one.uid in person.posts]:
        assert new.uid == instead(person, old.uid, "post")
        assert new.reply_to == instead(person, old.reply_to, "post")
        assert new.conversation == instead(person, old.conversation, "post")
        assert new.quote_of == (None if is_forgotten(new) else instead(person, old.quote_of, "post"))
        assert abs(new.created_at - old.created_at) <= timedelta(seconds=is_forgotten(new))
        is_theirs = person.is_account(old.platform, (old.author_uid or "").partition(":")[2] or None, old.author_handle)
        assert is_forgotten(new) == is_theirs
        if is_theirs:
            assert [getattr(new, name) for name in (*CONTENT, "author_name", "author_handle")] == [None] * (
                len(CONTENT) + 2
            )
            assert new.author_uid is None or is_pseudonym(new.author_uid)
            continue
        for name in ("author_uid", "author_handle", "author_name", "likes", "hashtags", "media", "lang", "visibility"):
            assert getattr(new, name) == getattr(old, name), name
        if new.text != old.text:
            assert ERASED in new.text or "erased" in new.text
    others = [one for one in before.accounts if one.uid not in person.accounts]
    assert [one.uid for one in after.accounts] == [one.uid for one in others]
    kept = [
        one
        for one in before.reposts
        if not person.is_account(
            one.post_uid.partition(":")[0], (one.account_uid or "").partition(":")[2] or None, one.account_handle
        )
    ]
    assert [(one.post_uid, one.at, one.id) for one in after.reposts] == [
        (instead(person, one.post_uid, "post"), one.at, one.id) for one in kept
    ]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_several_can_be_forgotten_one_after_the_other_in_any_order(data):
    payload = data.draw(st.sampled_from([payload for payload in PAYLOADS if len(people(payload)) > 1]))
    two = data.draw(st.lists(st.sampled_from(people(payload)), min_size=2, max_size=2, unique=True))
    once = forget(forget(payload, two[0], PSEUDONYMS)[0], two[1], PSEUDONYMS)[0]
    other = forget(forget(payload, two[1], PSEUDONYMS)[0], two[0], PSEUDONYMS)[0]
    assert map_payload(once) == msgspec.structs.replace(map_payload(other))


NUMBERS = st.integers(1, 2**63 - 1).map(str)
KEYS = st.text("234567abcdefghijklmnopqrstuvwxyz", min_size=12, max_size=12).map(lambda rest: "3" + rest)


@given(NUMBERS)
def test_the_pseudonym_of_an_id_of_x_is_one_of_the_same_second(own):
    instead = PSEUDONYMS.number(own)
    assert is_id(instead)
    assert snowflake_time(instead) == snowflake_time(own)
    assert PSEUDONYMS.number(own) == instead != Pseudonyms(b"j" * 32).number(own)


@given(KEYS)
def test_the_pseudonym_of_a_record_of_bluesky_is_one_of_the_same_second(key):
    uid = f"bluesky:did:plc:abcdefghijklmnopqrstuvwx/app.bsky.feed.post/{key}"
    instead = PSEUDONYMS.post(uid)
    assert post_uid("at://" + instead.partition(":")[2]) == instead
    before, after = key_time(uid), key_time(instead)
    assert (before is None) == (after is None)
    assert before is None or before.replace(microsecond=0) == after.replace(microsecond=0)


def test_addresses_that_differ_by_case_are_different_posts():
    one, other = "mastodon:https://s.example/objects/AbC", "mastodon:https://s.example/objects/aBc"
    assert PSEUDONYMS.post(one) != PSEUDONYMS.post(other)
    assert is_uri(PSEUDONYMS.post(one).partition(":")[2])
    scrub = Scrubber(Person(posts=frozenset({one})), PSEUDONYMS)
    assert "objects/aBc" in scrub("see https://s.example/objects/aBc, https://s.example/objects/AbC.")
    assert "AbC" not in scrub("see https://s.example/objects/aBc, https://s.example/objects/AbC.")


@pytest.mark.parametrize("platform", ["x", "bluesky", "mastodon"])
def test_pseudonyms_of_accounts_are_known_as_such(platform):
    uid = {"x": "x:12", "bluesky": "bluesky:did:web:a.example", "mastodon": "mastodon:https://a.example/users/a"}[
        platform
    ]
    assert is_pseudonym(PSEUDONYMS.account(uid))
    assert not is_pseudonym(uid)


NAMES = [
    "Ada Wick",
    "فريد النورس",
    "שרה כהן",
    "山田太郎",
    "Ирина Лис",
    "ศรีสุดา วงษ์",
    "김하늘별",
    "Zoë  d’Ávila",
    "Ada \U0001f98a Wick",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_script_go_from_what_others_say(name):
    assert is_telling(name)
    scrub = Scrubber(Person(names=frozenset({name})), PSEUDONYMS)
    assert scrub(f"as {name} said") == f"as {ERASED} said"
    assert scrub(f"\u200f{name}\u200f!") == f"\u200f{ERASED}\u200f!"
    assert scrub(f"as {name.swapcase()}, said") == f"as {ERASED}, said"


def test_a_single_short_name_is_a_word_and_stays():
    assert [is_telling(name) for name in ("Grace", "Li", "李", "may  ")] == [False] * 4


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@ada, @Ada! .@ADA", f"@{ERASED}, @{ERASED}! .@{ERASED}"),
        ("@ada_m @adam @ada@far.example mail ada@x.example", "@ada_m @adam @ada@far.example mail ada@x.example"),
        ("ada says #ada", "ada says #ada"),  # a word
        ("foureyed_soul, #foureyed_soul", f"{ERASED}, #foureyed_soul"),  # a name, and a tag
        (
            "https://twitter.com/ada_m/status/1 https://ada.example/ada",
            "https://twitter.com/ada_m/status/1 https://ada.example/ada",
        ),
        ("twitter.com/ada", f"twitter.com/{ERASED}"),
    ],
)
def test_handles_are_whole_words(text, left):
    scrub = Scrubber(Person(handles=frozenset({"x:ada", "x:foureyed_soul"})), PSEUDONYMS, "x")
    assert scrub(text) == left


def test_a_whole_sentence_of_theirs_goes_and_no_part_of_one():
    said = "Lamps are for those who come late. Yes."
    scrub = Scrubber(Person(sentences=frozenset(sentences_of(said))), PSEUDONYMS)
    assert scrub("RT “lamps are for those who COME late” so true") == f"RT “{ERASED}” so true"
    assert scrub("Lamps are for those who come early. Yes.") == "Lamps are for those who come early. Yes."


HANDLES = st.text("abcdefghij_0", min_size=2, max_size=15)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), HANDLES, st.text(max_size=30), st.text(max_size=80))
def test_scrubbing_again_changes_nothing(text, handle, name, said):
    person = Person(handles=frozenset({f"x:{handle}", f"mastodon:{handle}@s.example"}), sentences=frozenset(sentences_of(said)),
                    names=frozenset({name} if is_telling(name) else ()), accounts=frozenset({"mastodon:https://s.example/users/a"}))  # fmt: skip
    scrub = Scrubber(person, PSEUDONYMS, "x")
    once = scrub(f"{text} @{handle} {name} {said} https://x.com/{handle} https://s.example/users/a/1")
    assert scrub(once) == once
    assert f"@{handle} " not in once


LISTED = [pytest.param(limit, id=way) for limit, way in ((0, "all numbers are listed"), (100, "each is looked for"))]


@pytest.mark.parametrize("limit", LISTED)
@given(
    ids=st.sets(st.text("0123", min_size=9, max_size=10), max_size=4),
    pieces=st.lists(
        st.text("0123", min_size=1, max_size=11) | st.sampled_from(["a", "x:", "/", '"', " ", "é"]), max_size=12
    ),
)
def test_a_number_is_found_wherever_it_stands_and_nowhere_else(limit, ids, pieces):
    text = "".join(pieces).encode()
    numbers = {one.encode() for one in ids}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.forgetting.FEW", limit)
        concerned = Concerned((), frozenset(numbers))
        found = set(concerned.within(text).needles)
        assert concerned(text) == bool(found)
    assert numbers & set(re.findall(rb"\d+", text)) <= found
    assert all(number in text for number in found)


WORDS = st.sampled_from(["the", "lamp", "Lamp", "burns", "it's", "oil", "straße", "STRASSE", "low", "Σίσυφος", "a_b"])


@given(
    own=st.lists(st.lists(WORDS, min_size=5, max_size=7), min_size=1, max_size=3),
    texts=st.lists(st.lists(WORDS | st.sampled_from([".", "\n", "@ada", "-"]), max_size=14), max_size=5),
    repeats=st.booleans(),
)
def test_whole_sentences_are_found_in_what_others_say(own, texts, repeats):
    said_ = frozenset(one for words in own for one in sentences_of(" ".join(words)))
    scrub = Scrubber(Person(sentences=said_), PSEUDONYMS)
    others = {str(place): " ".join(words) for place, words in enumerate([*texts, *(own if repeats else ())])}
    spoken = {name: [word.casefold() for word in WORD.findall(text)] for name, text in others.items()}
    expected = {
        name
        for name, words in spoken.items()
        if any(tuple(words[at : at + len(one)]) == one for one in said_ for at in range(len(words)))
    }
    assert set(scrub.with_sentences(others)) == expected
    assert {name for name, text in others.items() if scrub.holds_sentence(text)} == expected


@pytest.mark.parametrize(("payload", "person"), CASES[:: max(1, len(CASES) // 60)])
def test_what_is_not_looked_into_would_not_change(payload, person):
    everything = scrubber_of(person, PSEUDONYMS).concerned
    all_of_it = Concerned((b"", *everything.needles, *everything.numbers), frozenset())
    assert forget(payload, person, PSEUDONYMS) == without(
        payload, *learn(payload, person, PSEUDONYMS, all_of_it), PSEUDONYMS
    )
