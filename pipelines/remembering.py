"""Who was forgotten, by keyed digests alone: known again in what comes in, and taken out of it before it is stored.

Each process learns the names behind the digests from what it reads, and looks for them in the bytes of what follows.
"""

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import connectors
from connectors.forgetting import Person, Pseudonyms, handle_key, scrubber_of
from connectors.forgetting_payloads import find_person, learn, names_in, without
from knowarchive.errors import ConfigError
from knowarchive.model import Mapped, Payload
from pipelines.keys import parse_key, read_key_file
from storage.forgetting import remembered

if TYPE_CHECKING:
    import pyarrow as pa

    from storage.archive import Archive
    from storage.preparing import Prepared

KEY = "KNOWARCHIVE_FORGET_KEY"
KEY_FILE = "forget.key"
NETWORKS = ("x", "bluesky", "mastodon")
#: What is noted besides, so that a key can be told from another.
CHECK = "key"
_NAME = re.compile(r"[\w.-]+(?:@[\w.-]+)?")
#: Hosts below which people have pages.
_WITH_PROFILES = frozenset(("twitter.com", "www.twitter.com", "mobile.twitter.com", "x.com", "bsky.app"))


def account_identity(uid: str) -> str:
    """What is noted of an account."""
    return f"account {uid}"


def handle_identity(name: str, *, alone: bool) -> str:
    """What is noted of a handle, given as `platform:handle`; `alone` where no uid of its owner is known."""
    return f"{'alone' if alone else 'handle'} {name}"


def shared_identity(name: str) -> str:
    """What is noted of a handle that tells nothing, since others have it too."""
    return f"shared {name}"


def post_identity(uid: str) -> str:
    """What is noted of a post."""
    return f"post {uid}"


def key_file(state: Path) -> Path:
    """Where the key lies, unless the environment has it."""
    return state / KEY_FILE


def read_key(state: Path, environ: Mapping[str, str]) -> bytes | None:
    """The key by which people are forgotten; None where there is none yet.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    given = environ.get(KEY)
    return parse_key(given, KEY) if given else read_key_file(key_file(state))


def open_memory(archive: "Archive", environ: Mapping[str, str] | None = None) -> "Memory | None":
    """Who was forgotten in this archive; None where nobody was.

    Raises:
        ConfigError: somebody was, and the key is missing, or is another.
    """
    digests = remembered(archive)
    if not digests:
        return None
    key = read_key(archive.state, os.environ if environ is None else environ)
    trouble = "is missing" if key is None else "is another"
    if key is None or Pseudonyms(key).digest(CHECK) not in digests:
        raise ConfigError(
            f"{archive.url}: people were forgotten here, and the key that keeps them from coming back {trouble}; "
            f"put it back as {key_file(archive.state)}, or into ${KEY}"
        )
    return Memory(key, digests)


class Memory:
    """Knows again who was forgotten. It can be sent to another process, which keeps what it learns there."""

    def __init__(self, key: bytes, digests: frozenset[str]) -> None:
        self.pseudonyms = Pseudonyms(key)
        self.digests = digests
        self.person = Person()  # whoever of them was met in clear
        self._key = key
        self._passed: dict[str, set[str]] = {"accounts": set(), "handles": set(), "posts": set()}  # nobody's of them

    def __reduce__(self) -> tuple[object, tuple[bytes, frozenset[str]]]:
        return _same_memory, (self._key, self.digests)

    def knows(self, identity: str) -> bool:
        """Whether an identity is one of those that were noted."""
        return self.pseudonyms.digest(identity) in self.digests

    def redact(self, payload: Payload) -> tuple[Payload, int]:
        """Take out of a payload whoever was met before."""
        here = names_in(payload, self.person, self.pseudonyms)
        if not here.needles:
            return payload, 0
        self.person, here = learn(payload, self.person, self.pseudonyms, here)
        return without(payload, self.person, here, self.pseudonyms)

    def meets(self, mapped: Mapped, prepared: "Prepared") -> bool:
        """Whether a payload names anybody who was forgotten and was not met before; then they are known from now on."""
        platform = prepared.payload.format.partition("-")[0] if prepared.payload else ""
        networks = (platform,) if platform in NETWORKS else NETWORKS
        accounts = self._of_these("account", self._fresh("accounts", _accounts(prepared)))
        named = self._fresh("handles", _handles(prepared))
        handles = self._of_these("handle", {handle_key(one, handle) for handle in named for one in networks})
        alone = self._of_these("alone", handles)
        referred = self._fresh("posts", _posts(prepared))
        owners = {uid.partition("/")[0] for uid in referred} if platform not in {"x", "mastodon"} else set()
        theirs = self._of_these("account", owners)
        posts = self._of_these("post", referred) | {uid for uid in referred if uid.partition("/")[0] in theirs}
        if accounts | handles | posts:  # they are looked at again wherever they stand
            self._passed["accounts"] -= accounts
            self._passed["handles"] -= {one for one in named if any(handle_key(n, one) in handles for n in networks)}
            self._passed["posts"] -= posts
        if not accounts | handles | posts:
            return False
        shared = self._of_these(
            "shared", {handle_key(one, handle) for handle in _handles(prepared) for one in networks}
        )
        known = Person(accounts=frozenset(accounts), handles=frozenset(handles), alone=frozenset(alone),
                       posts=frozenset(posts), shared=frozenset(shared))  # fmt: skip
        found = find_person(mapped, known)
        before, self.person = self.person, self.person.joined(found)
        return self.person != before

    def copies(self, mapped: Mapped) -> frozenset[str]:
        """The posts of a payload, of whomever, that hold a sentence of somebody who was met."""
        if not self.person.sentences:
            return frozenset()
        scrub = scrubber_of(Person(sentences=self.person.sentences), self.pseudonyms)
        return frozenset(scrub.with_sentences({post.uid: post.text for post in mapped.posts if post.text}))

    def _of_these(self, kind: str, values: set[str]) -> set[str]:
        """Those that were noted."""
        known, digest = self.digests, self.pseudonyms.digest
        return {value for value in values if digest(f"{kind} {value}") in known}

    def _fresh(self, kind: str, values: set[str]) -> set[str]:
        """Those that this process has not asked about before."""
        fresh = values - self._passed[kind]
        self._passed[kind] |= fresh
        return fresh


@lru_cache(maxsize=4)
def _same_memory(key: bytes, digests: frozenset[str]) -> Memory:
    """A process has one memory of the same people."""
    return Memory(key, digests)


def take_out(payload: Payload, memory: Memory) -> tuple[Payload, int]:
    """Take out of a payload whoever was forgotten; the payload itself where it names none of them."""
    from storage.preparing import prepare

    rest, count = memory.redact(payload)
    for _ in range(3):  # what is met names more of the same people
        mapped = connectors.map_payload(rest)
        if not memory.meets(mapped, prepare(rest, mapped, 0, payload_id="")):
            break
        rest, more = memory.redact(rest)
        count += more
    if copies := memory.copies(mapped):
        here = names_in(rest, memory.person, memory.pseudonyms, copies)
        rest, more = without(rest, memory.person, here, memory.pseudonyms)
        count += more
    return rest, count


def _accounts(prepared: "Prepared") -> set[str]:
    """Every account that columns name by its uid."""
    return _unique(prepared.posts["author_uid"], prepared.posts["reply_to_author"], prepared.accounts["uid"],
                   prepared.reposts["account_uid"], _mentioned(prepared.posts, "uid"))  # fmt: skip


def _handles(prepared: "Prepared") -> set[str]:
    """Every handle that columns, texts and addresses name."""
    posts = prepared.posts
    found = _unique(posts["author_handle"], prepared.accounts["handle"], prepared.reposts["account_handle"],
                    _mentioned(posts, "handle"))  # fmt: skip
    said = "\n".join(text for text in posts["text"].to_pylist() if text)
    for name in {match[0] for piece in said.replace("＠", "@").split("@")[1:] if (match := _NAME.match(piece))}:
        found.update((name, name.rstrip(".-_"), name.partition("@")[0]))
    for address in _unique(_flattened(posts["links"], "url")):
        parts = address.partition("://")[2].split("/")
        found.add(parts[0])  # a handle of Bluesky is a host
        if parts[0] in _WITH_PROFILES or "/@" in address or "/users/" in address:
            found.update(part.lstrip("@").partition("?")[0] for part in parts[1:])
    return found


def _posts(prepared: "Prepared") -> set[str]:
    """Every post that others refer to, but for those that are there themselves: their authors tell whose they are."""
    posts = prepared.posts
    named = _unique(posts["reply_to"], posts["conversation"], posts["quote_of"], prepared.reposts["post_uid"])
    return named - _unique(posts["uid"].filter(posts["author_uid"].is_valid()))


def _mentioned(posts: "pa.Table", field: str) -> "pa.ChunkedArray":
    return _flattened(posts["mentions"], field)


def _flattened(column: "pa.ChunkedArray", field: str) -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    return pc.struct_field(pc.list_flatten(column), field)


def _unique(*columns: "pa.ChunkedArray | pa.Array") -> set[str]:
    import pyarrow.compute as pc

    return {value for column in columns for value in pc.unique(column).to_pylist() if value}
