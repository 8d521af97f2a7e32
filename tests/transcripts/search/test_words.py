import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcripts.search import words as _words
from transcripts.search.words import LONGEST, STEMMERS, exact, find, places, plain, stem, stemmer_of, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't PANIC, it’s fine", ["dont", "panic", "its", "fine"]),
        ("L'école n'est qu’un", ["l", "ecole", "n", "est", "qu", "un"]),
        ("Crème brûlée, Ålesund, Straße, Łódź", ["creme", "brulee", "alesund", "strasse", "lodz"]),
        ("cafe\u0301 ＡＢＣ ﬁne", ["cafe", "abc", "fine"]),
        ("Καλημέρα ΟΔΟΣ", ["καλημερα", "οδοσ"]),
        ("ёлка, йод", ["елка", "йод"]),
        ("図書館で", ["図", "書", "館", "で"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("مُحَمَّد", ["محمد"]),
        ("👍🏽 ok 🇫🇷🇩🇪 👩‍🚀", ["👍", "ok", "🇫🇷", "🇩🇪", "👩", "🚀"]),
        ("#know_ledge @jane!", ["know_ledge", "jane"]),
        ("", []),
        ("?!…", []),
        ("x" * 100, ["x" * LONGEST]),
    ],
)
def test_text_is_cut_into_words_as_readers_of_its_script_see_them(text, found):
    assert words(text) == found


@given(st.text(max_size=200))
def test_every_word_that_is_indexed_has_its_place_in_the_text(text):
    found, spans = places(text)
    for word, (start, end) in zip(found, spans, strict=True):
        assert 0 <= start < end <= len(text)
        assert word == plain(word)
    assert spans == sorted(spans)


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x24F), max_size=200))
def test_words_and_their_places_agree(text):
    assert places(text)[0] == words(text)


def test_whole_values_are_compared_without_case_accents_and_width():
    assert exact(" Café＿Club ") == "cafe_club"
    assert exact("did:plc:" + "a" * 80) == "did:plc:" + "a" * 80


@pytest.mark.parametrize(
    ("lang", "language"), [("de-AT", "de"), ("EN", "en"), (None, "en"), ("und", "en"), ("tl", "en"), ("nb", "nb")]
)
def test_a_language_without_a_stemmer_falls_back(lang, language):
    assert stemmer_of(lang) == language


@pytest.mark.parametrize("language", STEMMERS)
def test_every_stemmer_is_there(language):
    assert stem("a", language)


def test_forms_of_a_word_share_their_stem():
    assert stem("teaching", "en") == stem("teaches", "en") == "teach"
    assert stem("bibliotheken", "de") == stem("bibliothek", "de")


@given(st.one_of(st.text(max_size=80), st.text(st.characters(max_codepoint=127), max_size=200)))
def test_the_quick_ways_through_plain_text_find_what_the_thorough_one_does(text):
    found, spans = places(text)
    assert found == words(text)
    if text.isascii():
        thorough = list(re.finditer(r"\w+(?:'(?:[dmst]|ll|re|ve)(?!\w))?", text.lower(), re.ASCII))
        assert spans == [match.span() for match in thorough]
        assert found == [plain(match[0]) for match in thorough]


@given(st.text(st.sampled_from("ab1_ 'ʼ’…\u0301\u0660\u093f\u0e01漢🎉\U0001f1e6-ts"), max_size=40))
def test_a_word_begins_with_a_letter_and_goes_on_with_letters_and_marks(text):
    letter, mark = _words._LETTERS, f"[{_words._MARKS}]"
    slowly = re.compile(
        f"[{_words._UNSPACED}]|[\U0001f1e6-\U0001f1ff]{{2}}|[{_words._EMOJI}]|{letter}(?:{letter}|{mark})*{_words._ENDING}"
    )
    assert re.findall(_words._ANY_WORD, text) == slowly.findall(text)


def test_words_stand_where_they_were_written_though_folding_moves_others():
    text = "İ… Straße ﬁne don't"
    assert [text[start:end] for start, end in places(text)[1]] == ["İ", "Straße", "ﬁne", "don't"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["ab", "ab ab", "Ab,ab", "ab's", "abc", "é", "…", "a" * LONGEST, "a" * 70]),
            st.text(max_size=4),
        )
    ).map(" ".join),
    st.sets(st.sampled_from(["ab", "abs", "abc", "e", "a" * LONGEST, "none"])),
)
def test_words_that_are_looked_for_are_found_where_the_text_has_them(text, wanted):
    expected = [place for word, place in zip(*places(text), strict=True) if word in wanted]
    assert sorted(find(text, wanted)) == expected
