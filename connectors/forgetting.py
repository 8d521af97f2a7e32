"""Who is to be forgotten, and what stands in their place: names, ids and addresses in any text. Pure.

Names become `[erased]`. Ids and addresses become keyed pseudonyms, so that a thread keeps its shape: of the form that
their network gives to ids, made by HMAC-SHA256, and no use to anybody without the key.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, lru_cache

import msgspec

from connectors.bluesky.ids import is_timed
from connectors.x.ids import FIRST_SNOWFLAKE, SNOWFLAKE_EPOCH, is_id
from knowarchive.model import ERASED, Mapped, Post, without_content

HOST = "erased.invalid"  # a name that nobody can have: RFC 6761
#: From this many digits on, a number in a text is an id and no ordinary number.
SURE_DIGITS = 9
#: A handle of fewer letters, and of letters alone, is an ordinary word where it stands without its sign.
LEAST_DISTINCTIVE = 12
FEW = 32  # numbers that are looked for each by itself, which is quicker than to list all that are there
LEAST_WORDS = 5  # of a sentence that is looked for in what others say

_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"
_PSEUDONYM = re.compile(
    rf"x:90\d{{17}}|bluesky:did:plc:erased[a-z2-7]{{18}}|mastodon:https://{re.escape(HOST)}/people/[0-9a-f]{{32}}"
)
# Addresses within requests are percent-encoded: what follows such a code begins there.
_NUMBER = re.compile(
    rf"(?:(?<![\d%])|(?<=%[0-9A-Fa-f]\d))\d{{{SURE_DIGITS},20}}(?!\d)|(?<![\w:])x:\d{{1,{SURE_DIGITS - 1}}}(?!\w)",
    re.ASCII,
)
_KEY = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%2F)|(?<=%3A))[a-z2-7]{13}(?:[a-z2-7]{11})?(?![A-Za-z0-9])")
_ADDRESS = re.compile(r"https?://[^\s<>\"\\]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}'’”…"
_ANCHOR = re.compile(r"<a\b[^>]*?\bhref=(?:\"([^\"]*)\"|'([^']*)')[^>]*>.*?</a>", re.IGNORECASE | re.DOTALL)
_X_HOST = re.compile(r"https?://(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com/", re.IGNORECASE)
_SEGMENT = re.compile(r"(?<=/)@?[^/?#&=]+")
_DIGITS = b"0123456789"
_ONLY_DIGITS = bytes(byte if byte in _DIGITS else 32 for byte in range(256))
_OTHERS = bytes(byte for byte in range(256) if byte not in _DIGITS)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?:…。！？：؟।\n\r]+|[@#＠＃]\S+")  # labels, names and tags are not part of what is said
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0002ffff]{3,}"
)

Edit = tuple[int, int, str]  # from, to, and what stands there instead


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known to mean a person. Uids and addresses are exact, what people type is case-folded.

    `handles` are `platform:handle`, on Mastodon with the server; `alone` those that belong to whoever has them, as no
    uid is known; `composed` those that their owner writes with a capital within, so that they are no words; `shared`
    handles of theirs that others have or had too, so that they tell nothing. `ids` are further ids of what they made: reposts, versions. `addresses` are pages of theirs.
    """

    accounts: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()
    composed: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    posts: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    sentences: frozenset[tuple[str, ...]] = frozenset()

    def is_account(self, platform: str, own: str | None, handle: str | None) -> bool:
        """Whether an account is theirs: by its id, and by its handle where that is all that is known of either."""
        if own is not None and f"{platform}:{own}" in self.accounts:
            return True
        if not handle:
            return False
        name = handle_key(platform, handle)
        return name in self.alone or (own is None and name in self.handles)

    def is_distinctive(self, name: str) -> bool:
        """Whether a handle, given as `platform:handle`, means them where it stands without its sign."""
        return name in self.composed or is_distinctive(name.partition(":")[2])

    def joined(self, other: "Person") -> "Person":
        """What either knows."""
        return Person(**{name: getattr(self, name) | getattr(other, name) for name in self.__struct_fields__})


class Pseudonyms:
    """What stands for ids, by a key.

    Each has the form that its network's ids have, and those of X and the keys of Bluesky's records tell the same second
    as before, since times are read from them.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, identity: str) -> str:
        """What an archive may keep to know an identity again: 32 hexadecimal digits of keyed BLAKE2b, which is quick."""
        return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()

    def account(self, uid: str) -> str:
        """The pseudonym of an account's uid."""
        platform, _, own = uid.partition(":")
        if platform == "x":
            return f"x:90{self._number('account', uid) % 10**17:017d}"
        if platform == "bluesky":
            return "bluesky:did:plc:erased" + _letters(self._number("account", own), 18)
        return f"mastodon:https://{HOST}/people/{self._hash('account', own)[:32]}"

    def post(self, uid: str) -> str:
        """The pseudonym of a post's uid."""
        platform, _, own = uid.partition(":")
        if platform == "x":
            return f"x:{self.number(own)}"
        if platform == "bluesky":
            owner, _, rest = uid.partition("/")
            collection, _, key = rest.partition("/")
            return f"{self.account(owner)}/{collection}/{self.key(key)}"
        return f"mastodon:https://{HOST}/posts/{self._hash('post', own)[:32]}"

    def number(self, own: str) -> str:
        """The pseudonym of an id of X, of the same second."""
        if not is_id(own):
            return own
        drawn, number = self._number("number", own), int(own)
        if number < FIRST_SNOWFLAKE:
            return str(10**9 + drawn % (FIRST_SNOWFLAKE - 10**9))
        second = ((number >> 22) + SNOWFLAKE_EPOCH) // 1000
        rest = (drawn >> 16) % (1 << 22)
        instead = max(second * 1000 + drawn % 1000 - SNOWFLAKE_EPOCH, 0) << 22 | rest
        return str(instead if instead >= FIRST_SNOWFLAKE else FIRST_SNOWFLAKE + rest)  # in the first second of all

    def key(self, own: str) -> str:
        """The pseudonym of the key of a record on Bluesky, of the same second where it tells a time."""
        drawn = self._number("key", own)
        if not is_timed(own):
            return _letters(drawn, 13)
        number = 0
        for letter in own:
            number = number << 5 | _BASE32.index(letter)
        moment = (number >> 10) // 1_000_000 * 1_000_000 + drawn % 1_000_000
        return _letters(moment << 10 | (drawn >> 24) % (1 << 10), 13)

    def handle(self, name: str) -> str:
        """What stands for a handle, given as `platform:handle`, within an address."""
        drawn = self._hash("handle", name)[:8]
        return f"erased-{drawn}.invalid" if name.startswith("bluesky:") else f"erased_{drawn}"

    def local(self, own: str) -> str:
        """What stands for an id that only one server knows."""
        return "e" + self._hash("local", own)[:16]

    def _hash(self, kind: str, text: str) -> str:
        return hmac.digest(self._key, f"{kind}\n{text}".encode("utf-8", "surrogatepass"), "sha256").hex()

    def _number(self, kind: str, text: str) -> int:
        return int(self._hash(kind, text), 16)


def handle_key(platform: str, handle: str) -> str:
    """A handle as it is compared."""
    return f"{platform}:{handle.strip().lstrip('@＠').casefold()}"


def is_pseudonym(uid: str | None) -> bool:
    """Whether an account is somebody who was forgotten."""
    return uid is not None and _PSEUDONYM.fullmatch(uid) is not None


def sentences_of(text: str) -> Iterator[tuple[str, ...]]:
    """The sentences of a text that are long enough to be somebody's own, as their words, case-folded."""
    for sentence in _SENTENCE.split(_ADDRESS.sub("\n", text)):
        words = tuple(word[0].casefold() for word in _WORD.finditer(sentence))
        if len(words) >= LEAST_WORDS:
            yield words


def is_telling(name: str) -> bool:
    """Whether a name can be looked for in a text: of several words, or in a script that has no spaces."""
    return len(name.split()) > 1 or _UNSPACED.fullmatch(name.strip()) is not None


def is_composed(handle: str) -> bool:
    """Whether a handle is written with a capital after a small letter."""
    return re.search(r"[a-z][A-Z]", handle) is not None


def is_distinctive(handle: str) -> bool:
    """Whether a handle without its sign is no ordinary word."""
    return not handle.isalpha() or len(handle) >= LEAST_DISTINCTIVE


def leave_places(mapped: Mapped) -> Mapped:
    """What a payload says without those who were forgotten: of their posts the place is left, of the rest nothing.

    Such a post is gone since it was made (see `knowarchive.model.is_forgotten`).
    """
    replace = msgspec.structs.replace

    def place(post: Post) -> Post:
        return replace(without_content(post), author_handle=None, author_name=None, consent=None, edited_at=None, id=None,
                       url=None, deleted_at=post.created_at)  # fmt: skip

    def is_gone(uid: str | None, handle: str | None) -> bool:
        return handle == ERASED or is_pseudonym(uid)

    return replace(
        mapped,
        posts=[place(post) if is_gone(post.author_uid, post.author_handle) else post for post in mapped.posts],
        accounts=[account for account in mapped.accounts if not is_gone(account.uid, account.handle)],
        reposts=[one for one in mapped.reposts if not is_gone(one.account_uid, one.account_handle)],
    )


class Scrubber:
    """Takes a person out of texts.

    Args:
        person: whom.
        pseudonyms: what stands in their place.
        platform: of the texts; on X a handle ends where its letters end.
        server: of the texts, on Mastodon: there its own people are called without it.
    """

    def __init__(self, person: Person, pseudonyms: Pseudonyms, platform: str = "", server: str = "") -> None:
        self.person = person
        self.pseudonyms = pseudonyms
        self._numbers, self._keys, self._exact = _replacements(person, pseudonyms)
        self._within = _account_addresses(person, pseudonyms)
        self._patterns = list(_patterns(person, platform, server))
        self._beginnings: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for sentence in sorted(person.sentences, key=len, reverse=True):
            self._beginnings.setdefault(sentence[:LEAST_WORDS], []).append(sentence)
        self._telling: dict[
            str, list[tuple[str, ...]]
        ] = {}  # beginnings by their longest word, likely to be the rarest
        for beginning in self._beginnings:
            self._telling.setdefault(max(beginning, key=len), []).append(beginning)
        self._segments = {name.partition(":")[2]: name for name in person.handles | person.alone}

    def __call__(self, text: str) -> str:
        """The text without the person. Doing it again changes nothing."""
        found = self.edits(text)
        if not found:
            return text
        pieces, done = [], 0
        for start, end, new in found:
            pieces += [text[done:start], new]
            done = end
        return "".join([*pieces, text[done:]])

    def edits(self, text: str) -> list[Edit]:
        """Where the person is in a text, in order, and what is to stand there."""
        found = [*self._anchors(text), *self._addresses(text), *self._sentences(text)]
        for pattern, new in self._patterns:
            found += [(match.start(), match.end(), new(match)) for match in pattern.finditer(text)]
        found += _looked_up(_NUMBER, self._numbers, text)
        found += _looked_up(_KEY, self._keys, text)
        found += self._records(text)
        kept: list[Edit] = []
        for edit in sorted(found, key=lambda one: (one[0], -one[1])):
            if (not kept or edit[0] >= kept[-1][1]) and text[edit[0] : edit[1]] != edit[2]:
                kept.append(edit)
        return kept

    def number(self, own: str, *, is_sure: bool = False) -> str | None:
        """What stands for an id of X; None for anybody else's, and for a short one unless it surely is an id."""
        short = self._numbers.get(f"x:{own}") if is_sure else None
        return short.removeprefix("x:") if short else self._numbers.get(own)

    @cached_property
    def concerned(self) -> "Concerned":
        """What tells cheaply whether bytes may name the person."""
        return Concerned.of(self)

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """In lower case, what a record has one of at least where it names the person other than by a number."""
        texts = {name.partition(":")[2].partition("@")[0] for name in self.person.handles | self.person.alone}
        texts |= {uid.rpartition(":")[2] for uid in self.person.accounts if uid.startswith("bluesky:")}
        mastodon = {uid for uid in self.person.accounts | self.person.posts if uid.startswith("mastodon:")}
        texts |= {address.rstrip("/").rpartition("/")[2] for address in mastodon | self.person.addresses}
        texts |= {uid.rpartition("/")[2] for uid in self.person.posts if uid.startswith("bluesky:")}
        for name in self.person.names:
            texts |= {form for one in (name, name.lower(), name.upper()) for form in _forms(one)}
        found = {text.lower().encode("utf-8", "surrogatepass") for text in texts if text}
        found |= {msgspec.json.encode(text)[1:-1].lower() for text in texts if text}
        found |= {_escaped(text) for text in texts if not text.isascii()}
        return tuple(sorted(found, key=len, reverse=True))

    @cached_property
    def numbers(self) -> frozenset[bytes]:
        """The ids of X by which a record may name the person."""
        return frozenset(one.removeprefix("x:").encode() for one in self._numbers)

    def with_sentences(self, texts: Mapping[str, str]) -> Iterator[str]:
        """Of texts, by whatever names them, those that hold a whole sentence of theirs; quick where few do."""
        folded = {name: text.casefold() for name, text in texts.items()}
        everything = "\n".join(folded.values())
        present = [word for word in self._telling if word in everything]
        for name, text in folded.items():
            if any(
                word in text and any(_holds_all(text, words) for words in self._telling[word]) for word in present
            ) and self.holds_sentence(texts[name]):
                yield name

    def holds_sentence(self, text: str) -> bool:
        """Whether a text holds a whole sentence of theirs."""
        if self._telling.keys().isdisjoint(_WORD.findall(text.casefold())):
            return False
        return next(self._sentences(text), None) is not None

    def _anchors(self, text: str) -> Iterator[Edit]:
        """Mentions in HTML: a link to the person's page, whatever it shows."""
        for match in _ANCHOR.finditer(text) if "</a>" in text else ():
            address = match[1] if match[1] is not None else match[2]
            if any(address in (own, f"{own}/") for own in self._within):
                yield match.start(), match.end(), f"@{ERASED}"

    def _addresses(self, text: str) -> Iterator[Edit]:
        for match in _ADDRESS.finditer(text) if "://" in text else ():
            whole = match[0].rstrip(_TRAILING)
            if (new := self._address(whole)) != whole:
                yield match.start(), match.start() + len(whole), new

    def _address(self, address: str) -> str:
        """An address, with pseudonyms where it names the person."""
        if (known := self._exact.get(address)) is not None:
            return known
        for own, instead in self._within.items():
            if address.startswith(own) and address[len(own) :][:1] in {"", "/", "?", "#"}:
                rest = address[len(own) :].strip("/")
                return f"{instead}/{self.pseudonyms.local(rest)}" if rest else instead
        scheme, _, rest = address.partition("://")
        is_x = _X_HOST.match(address) is not None

        def segment(match: re.Match[str]) -> str:
            name = self._segments.get(match[0].lstrip("@").casefold())
            if name is None or not (self.person.is_distinctive(name) or (is_x and name.startswith("x:"))):
                return match[0]
            return ("@" if match[0].startswith("@") else "") + self.pseudonyms.handle(name)

        rest = _SEGMENT.sub(segment, f"/{rest}")[1:]
        rest = "".join(_applied(rest, [*_looked_up(_NUMBER, self._numbers, rest), *_looked_up(_KEY, self._keys, rest),
                                       *self._records(rest)]))  # fmt: skip
        return f"{scheme}://{rest}"

    def _records(self, text: str) -> Iterator[Edit]:
        """Identities of Bluesky, and the keys of whatever records are theirs."""
        for uid in self.person.accounts:
            did = uid.partition(":")[2]
            if not uid.startswith("bluesky:") or did not in text:
                continue
            instead = self.pseudonyms.account(uid).partition(":")[2]
            pattern = (
                rf"(?<![\w:.]){re.escape(did)}(?![A-Za-z0-9_%-]|[.:][A-Za-z0-9])(/[A-Za-z.]+/)?([A-Za-z0-9._:~-]+)?"
            )
            for match in re.finditer(pattern, text):
                if match[1]:
                    key = match[2] or ""
                    yield match.start(), match.end(), f"{instead}{match[1]}{self.pseudonyms.key(key) if key else ''}"
                else:
                    yield match.start(), match.start() + len(did), instead

    def _sentences(self, text: str) -> Iterator[Edit]:
        if not self._beginnings:
            return
        found = list(_WORD.finditer(text))
        words = [word[0].casefold() for word in found]
        place = 0
        while place + LEAST_WORDS <= len(words):
            for sentence in self._beginnings.get(tuple(words[place : place + LEAST_WORDS]), ()):
                if tuple(words[place : place + len(sentence)]) == sentence:
                    yield found[place].start(), found[place + len(sentence) - 1].end(), ERASED
                    place += len(sentence) - 1
                    break
            place += 1


@lru_cache(maxsize=16)
def scrubber_of(person: Person, pseudonyms: Pseudonyms, platform: str = "", server: str = "") -> Scrubber:
    """A scrubber, made once for many payloads: somebody may have written thousands of posts."""
    return Scrubber(person, pseudonyms, platform, server)


@dataclass(frozen=True, slots=True)
class Concerned:
    """Tells cheaply whether bytes may name a person; it errs on that side.

    `needles`, in small letters, or `numbers` of `SURE_DIGITS` and more are in whatever names them; `also`: see `forget`.
    """

    needles: tuple[bytes, ...]
    numbers: frozenset[bytes]
    also: AbstractSet[str] = frozenset()

    @classmethod
    def of(cls, scrub: Scrubber, also: AbstractSet[str] = frozenset()) -> "Concerned":
        """What is looked for of a scrubber's person."""
        numbers = scrub.numbers | {uid.removeprefix("x:").encode() for uid in also if uid.startswith("x:")}
        others = {uid.rpartition("/")[2].lower().encode() for uid in also if not uid.startswith("x:")}
        short = {number for number in numbers if len(number) < SURE_DIGITS}
        return cls((*scrub.needles, *others, *short), frozenset(numbers - short), also)

    def __call__(self, text: bytes) -> bool:
        low = text.lower()
        return any(needle in low for needle in self.needles) or bool(self._numbers_in(text))

    def within(self, text: bytes) -> "Concerned":
        """The same for parts of a text: what is not in all of it is looked for in none, and little of a person is."""
        if not (text and (self.needles or self.numbers)):
            return Concerned((), frozenset(), self.also)
        low = text.lower()
        found = *(needle for needle in self.needles if needle in low), *self._numbers_in(text)
        return Concerned(found, frozenset(), self.also)

    def joined(self, other: "Concerned") -> "Concerned":
        """What either looks for, all of it one by one."""
        both = dict.fromkeys((*self.needles, *self.numbers, *other.needles, *other.numbers))
        return Concerned(tuple(both), frozenset(), self.also | other.also)

    def without(self, other: "Concerned") -> "Concerned":
        """What this looks for and the other does not."""
        known = {*other.needles, *other.numbers}
        return Concerned(
            tuple(needle for needle in self.needles if needle not in known), self.numbers - known, self.also
        )

    def _numbers_in(self, text: bytes) -> frozenset[bytes]:
        if len(self.numbers) > FEW:
            return self.numbers.intersection(numbers_in(text))
        digits = text.translate(None, _OTHERS) if self.numbers else b""  # a fifth of it, in which more may seem to be
        return frozenset(number for number in self.numbers if number in digits and number in text)


def numbers_in(text: bytes) -> list[bytes]:
    """Every number in a text, a third quicker than by a pattern."""
    return text.translate(_ONLY_DIGITS).split()


def _replacements(person: Person, pseudonyms: Pseudonyms) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """By what they replace: numbers of X (those that are short as `x:123`), keys of Bluesky, whole addresses."""
    numbers: dict[str, str] = {}
    keys: dict[str, str] = {}
    exact: dict[str, str] = {}
    of_accounts = {uid: pseudonyms.account(uid) for uid in person.accounts}
    for uid, instead in [*((uid, pseudonyms.post(uid)) for uid in person.posts | person.ids), *of_accounts.items()]:
        platform, _, own = uid.partition(":")
        if platform == "x":
            sure = len(own) >= SURE_DIGITS
            numbers[own if sure else uid] = instead.removeprefix("x:") if sure else instead
        elif platform == "mastodon":
            exact[own] = instead.partition(":")[2]
        elif "/" in own:
            keys[own.rpartition("/")[2]] = instead.rpartition("/")[2]
        elif len(last := own.rpartition(":")[2]) == 24:
            keys[last] = instead.rpartition(":")[2]
    for address in person.addresses:
        exact.setdefault(address, pseudonyms.post(f"mastodon:{address}").partition(":")[2])
    return numbers, keys, exact


def _account_addresses(person: Person, pseudonyms: Pseudonyms) -> dict[str, str]:
    """Addresses below which all is the person's, on servers of Mastodon's API, by what stands for them."""
    found = {
        uid.partition(":")[2]: pseudonyms.account(uid).partition(":")[2]
        for uid in person.accounts
        if uid.startswith("mastodon:")
    }
    for name in person.handles:
        user, _, server = name.removeprefix("mastodon:").partition("@")
        if name.startswith("mastodon:") and server:
            for path in ("@", "users/"):
                own = f"https://{server}/{path}{user}"
                found.setdefault(own, f"https://{HOST}/people/{pseudonyms.digest(name)}")
    return dict(sorted(found.items(), key=lambda one: -len(one[0])))


def _patterns(person: Person, platform: str, server: str) -> "Iterator[tuple[re.Pattern[str], _New]]":
    """What is looked for in texts: handles with their sign and, where they are no words, without; names."""
    ends = r"(?!\w|@\w)" if platform == "x" else r"(?!\w|@\w|[.-]\w)"
    for name in sorted(person.handles | person.alone):
        network, _, handle = name.partition(":")
        user, _, host = handle.partition("@")
        end = r"(?![\w-]|\.\w|@\w)" if network != "x" else ends
        yield _compiled(rf"(?<![\w@＠])[@＠]{re.escape(handle)}{end}"), _erased_mention
        if person.is_distinctive(name):
            yield _compiled(rf"(?<![\w@＠#＃.-]){re.escape(handle)}(?![\w-]|\.\w|@\w)"), _erased_word
        elif network == "x":  # an address without its scheme
            yield _compiled(rf"(?<=twitter\.com/){re.escape(handle)}(?!\w)"), _erased_word
        if network == "mastodon" and host and host == server.casefold():
            yield _compiled(rf"(?<![\w@＠/])[@＠]{re.escape(user)}(?!\w|@\w|[.-]\w)"), _erased_mention
    for name in sorted(person.names):
        for form in _forms(name):
            words = r"\s+".join(map(re.escape, form.split()))
            yield _compiled(words if _UNSPACED.fullmatch(form) else rf"(?<!\w){words}(?!\w)"), _erased_word


class _New(msgspec.Struct):  # what a match becomes
    text: str

    def __call__(self, _match: "re.Match[str]") -> str:
        return self.text


_erased_mention, _erased_word = _New(f"@{ERASED}"), _New(ERASED)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _looked_up(pattern: re.Pattern[str], table: Mapping[str, str], text: str) -> list[Edit]:
    if not table:
        return []
    return [(match.start(), match.end(), table[match[0]]) for match in pattern.finditer(text) if match[0] in table]


def _holds_all(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def _applied(text: str, edits: Iterable[Edit]) -> Iterator[str]:
    done = 0
    for start, end, new in sorted(edits, key=lambda one: (one[0], -one[1])):
        if start >= done:
            yield from (text[done:start], new)
            done = end
    yield text[done:]


def _forms(name: str) -> set[str]:
    """A name as it may be written: composed or not."""
    return {name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}


def _escaped(text: str) -> bytes:
    import json

    return json.dumps(text)[1:-1].lower().encode()


def _letters(number: int, count: int) -> str:
    return "".join(_BASE32[number >> 5 * place & 31] for place in reversed(range(count)))
