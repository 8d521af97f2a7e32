"""What a word is, and when two are the same: one definition for the index, the query and the highlighting.

Text is brought to NFKC and case folded, then cut. A word is a run of letters, digits and the marks on them; in scripts
without spaces every character is one, so that any part of such a text is found as a phrase; an emoji is one too, its
skin tone left aside. Apostrophes are left out as people do who type in haste. Accents are taken off where a reader would leave them off when typing.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import cache, lru_cache

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff\u1ab0-\u1aff"
    "\u200c\u200d"
)
_EMOJI = "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
_LETTERS = rf"[^\W{_UNSPACED}]"
_ENDING = r"(?:['’](?:[dmst]|ll|re|ve)(?!\w))?"  # don't is one word, l'école are two
_ANY_WORD = f"{_LETTERS}+(?:[{_MARKS}]+{_LETTERS}*)*{_ENDING}|[{_UNSPACED}]|[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}]"
_ASCII_WORD = re.compile(rf"\w+{_ENDING}", re.ASCII)
_CLUSTER = re.compile(f"[\x00-\x7f]+(?![{_MARKS}])|.[{_MARKS}]*", re.DOTALL)  # what folds by itself
_SPACED = bytes(code if chr(code).isalnum() or chr(code) == "_" else 0x20 for code in range(128)).ljust(256, b" ")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)

# Letters that Unicode does not decompose and that people without such a keyboard write otherwise
_UNDECOMPOSED = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n",
     "\u200c": "", "\u200d": "", "’": ""}
)  # fmt: skip
_LAST_GREEK = "\u03ff"  # in Latin and Greek every mark is left off
_LEFT_OFF = re.compile("[\u0301\u0308\u0591-\u05c7\u064b-\u0652\u0670]")  # stress and ё; points of Hebrew and Arabic

LONGEST = 64  # characters of a word; what is longer is no word that anybody types

STEMMERS = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
FALLBACK = "en"  # for posts whose language the network could not tell, or whose words have no stemmer


def fold(text: str) -> str:
    """Bring text to NFKC, case folded."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """The words of a text as the index holds them."""
    folded = fold(text)
    if folded.isascii():
        if "'" not in folded:
            return [word[:LONGEST] for word in _ascii_words(folded)]
        return list(map(plain, _ASCII_WORD.findall(folded)))
    return list(map(plain, _any_word().findall(folded)))


def _ascii_words(folded: str) -> list[str]:
    return folded.encode().translate(_SPACED).decode().split()  # bytes are translated three times as fast as characters


def without_links(text: str) -> str:
    """A text without its addresses, whose words are held apart."""
    return _URL.sub(" ", text) if "://" in text else text


def places(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The words of a text as the index holds them, and where each stands in the text as it was written."""
    text = text.replace("…", " ")  # what folds to three characters; it is in no word, and in many posts
    whole = fold(text)
    if whole.isascii() and text.isascii() and "'" not in whole:
        spaced = _ascii_words(whole)
        spans = []
        end = 0
        for word in spaced:
            start = whole.index(word, end)  # between two words stands nothing that is in any
            end = start + len(word)
            spans.append((start, end))
        return [word[:LONGEST] for word in spaced], spans
    if len(whole) == len(text) and unicodedata.is_normalized("NFKC", text):  # folded character by character
        found = list((_ASCII_WORD if whole.isascii() else _any_word()).finditer(whole))
        return [plain(one[0]) for one in found], [one.span() for one in found]
    folded: list[str] = []
    origins: list[int] = []  # of each folded character, where what it came from starts
    for cluster in _CLUSTER.finditer(text):
        part = fold(cluster[0])
        folded.append(part)
        start, end = cluster.span()
        origins += range(start, end) if cluster[0].isascii() else [start] * len(part)
    ends = _ends(origins, len(text))
    found = list(_any_word().finditer("".join(folded)))
    return [plain(one[0]) for one in found], [(origins[one.start()], ends[one.end() - 1]) for one in found]


def find(text: str, wanted: Collection[str]) -> list[tuple[int, int]]:
    """Where any of some words stand in a text, as `places` has it, in no order."""
    if text.isascii() and "'" not in text and max(map(len, wanted), default=0) < LONGEST:
        spaced = f" {text.lower().encode().translate(_SPACED).decode()} "  # one character longer at each end
        spans = []
        for word in wanted:
            alone = f" {word} "
            start = spaced.find(alone)
            while start >= 0:
                end = start + len(word)
                spans.append((start, end))
                start = spaced.find(alone, end + 1)
        return spans
    return [place for word, place in zip(*places(text), strict=True) if word in wanted]


@cache
def _any_word() -> re.Pattern[str]:
    """What cuts text that is not all ASCII; compiled when it is met, which takes as long as many searches."""
    return re.compile(_ANY_WORD)


@lru_cache(maxsize=1 << 18)
def plain(word: str) -> str:
    """A folded word as it is compared: without accents and apostrophes, and no longer than `LONGEST`."""
    return _without_accents(word[:LONGEST].replace("'", ""))[:LONGEST]


@lru_cache(maxsize=1 << 14)
def exact(text: str) -> str:
    """A name, handle, hashtag or other value that is compared whole: as `plain`, but of any characters and length."""
    return _without_accents(fold(text.strip()))


def stemmer_of(lang: str | None) -> str:
    """The language by whose rules the words of a post are stemmed.

    Args:
        lang: BCP 47, as the network says; None or unknown ones are given `FALLBACK`.
    """
    primary = (lang or "").partition("-")[0].casefold()
    return primary if primary in STEMMERS else FALLBACK


@lru_cache(maxsize=1 << 18)
def stem(word: str, language: str) -> str:
    """The stem of a word, as the index holds words, by the rules of a language (a key of `STEMMERS`)."""
    found = _stemmer(STEMMERS[language])(word)
    return found[0] if found else word


@cache
def _stemmer(name: str) -> Callable[[str], list[str]]:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    analyse: Callable[[str], list[str]] = (
        TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer(name)).build().analyze
    )
    return analyse


def _ends(origins: list[int], length: int) -> list[int]:
    """Of each folded character, where what it came from ends."""
    ends = [length] * len(origins)
    for index in range(len(origins) - 2, -1, -1):
        ends[index] = ends[index + 1] if origins[index] == origins[index + 1] else origins[index + 1]
    return ends


def _without_accents(folded: str) -> str:
    if folded.isascii():
        return folded
    kept: list[str] = []
    base = ""
    for character in unicodedata.normalize("NFD", folded.translate(_UNDECOMPOSED)):
        if not unicodedata.combining(character):
            base = character
        elif base <= _LAST_GREEK or _LEFT_OFF.match(character):
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))
