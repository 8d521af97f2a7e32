"""Forget a person: find who is meant, take them out of everything, and see that nothing brings them back.

The order makes it safe to be killed anywhere, and to be run again. First their digests are noted, so that nothing on its
way into the archive brings them back; then payloads lose them, and the tables and files that no payload brings about;
what payloads say is derived anew, and so is what was derived from that; then every file that had them is deleted; then
it is noted that it is done. Until the tables are derived anew they tell who was meant, and afterwards nobody needs to know.
"""

import contextlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from connectors.forgetting import (
    Person,
    Pseudonyms,
    Scrubber,
    handle_key,
    is_composed,
    is_pseudonym,
    is_telling,
    sentences_of,
)
from connectors.forgetting_payloads import forget as forget_payload
from knowarchive import __version__
from knowarchive.config import Config
from knowarchive.errors import ConflictError, StorageError, UsageError
from pipelines.exporting import Last, exports_since
from pipelines.keys import make_key_file
from pipelines.overrides import rewrite_overrides
from pipelines.remembering import (
    CHECK,
    NETWORKS,
    Memory,
    account_identity,
    handle_identity,
    key_file,
    open_memory,
    post_identity,
    read_key,
    shared_identity,
    take_out,
)
from pipelines.replaying import derive
from storage.archive import Archive, Run
from storage.erasure import redact_payloads
from storage.forgetting import (
    Sight,
    count_mentions,
    note,
    purge,
    records_of,
    remembered,
    scrub_naming,
    sights,
    texts,
    unfinished,
)

TRIES = 3  # where somebody on another machine writes at the same time
SQLITE = b"SQLite format 3\0"
LARGEST = 256 << 20  # bytes of a file of the state folder that is looked into
#: What in the state folder is derived, and built anew when it is next needed; and what is dealt with by itself.
DERIVED = ("search", "site", "served")
_APART = (*DERIVED, "scratch", "locks")


@dataclass(frozen=True, slots=True)
class Found:
    """Who is meant, and what the archive holds of them: counts of posts, reposts, mentions by others and payloads."""

    person: Person
    accounts: tuple[str, ...]  # as a person reads them
    posts: int = 0
    reposts: int = 0
    mentions: int = 0
    payloads: int = 0
    first: datetime | None = None  # when anything of theirs was first collected
    shared: tuple[str, ...] = ()  # handles that others have or had too, which are left where they name nobody surely
    copied: frozenset[str] = field(default_factory=frozenset)  # posts of others that hold a sentence of theirs


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting changed, and what only the operator can: exports made since, places out of reach."""

    payloads: int
    rewritten: int
    exports: tuple[Last, ...]
    elsewhere: tuple[str, ...]


def find(archive: Archive, config: Config, asked: str) -> Found:
    """Find who is meant by `platform:handle`, a uid, a handle alone, or the name of a `[[person]]`: by exact match.

    Raises:
        UsageError: nobody is, or several people may be.
        StorageError: the archive cannot be read.
    """
    seen = sights(archive)
    person = Person()
    for one in _configured(config, asked):
        person = person.joined(_resolve(seen, one))
    return _look(archive, seen, person)


def _configured(config: Config, asked: str) -> Sequence[str]:
    """All accounts of a configured person, by their name or by one of them; else what was asked for alone."""
    wanted = asked.strip()
    for person in config.person:
        names = {account.partition(":")[0] + ":" + account.partition(":")[2].lstrip("@") for account in person.accounts}
        if wanted.casefold() == person.name.strip().casefold() or wanted.casefold() in {n.casefold() for n in names}:
            return person.accounts
    return [wanted]


def _resolve(seen: Sequence[Sight], asked: str) -> Person:
    platform, _, own = asked.partition(":")
    is_named = platform in NETWORKS and bool(own)
    if not asked.strip("@ "):
        raise UsageError("name an account, as in: knowarchive forget x:handle")
    if is_named and any(sight.uid == asked for sight in seen):
        return _of_account(seen, asked)
    networks = (platform,) if is_named else NETWORKS
    handle = own if is_named else asked
    found = [one for network in networks for one in _owners(seen, handle_key(network, handle))]
    if len(found) > 1:
        listed = "; ".join(sorted(" ".join((*sorted(one.handles), *sorted(one.accounts))) for one in found))
        raise UsageError(f"{asked!r} may be several: {listed}; name one by its uid, or as platform:handle")
    if found:
        return found[0]
    if is_named and (platform != "mastodon" or "@" in own.lstrip("@")) and not own.startswith(("did:", "http")):
        name = handle_key(platform, handle)
        return Person(handles=frozenset({name}), alone=frozenset({name}))  # nothing of theirs is here; nothing shall be
    if is_named and own.startswith(("did:", "http")):
        return Person(accounts=frozenset({asked}))
    folded = handle.lstrip("@").casefold()
    near = sorted(
        {f"{one.platform}:{one.handle}" for one in seen if one.handle and one.handle.casefold().startswith(folded)}
    )
    hint = f"is it {', '.join(near[:5])}?" if near else "name it as platform:handle"
    raise UsageError(f"no account {asked!r} in the archive; {hint}")


def _owners(seen: Sequence[Sight], name: str) -> list[Person]:
    """Everybody who has or had a handle, given as `platform:handle`."""
    same = [one for one in seen if one.handle and handle_key(one.platform, one.handle) == name]
    uids = sorted({one.uid for one in same if one.uid and not is_pseudonym(one.uid)})
    if uids:
        return [_of_account(seen, uid) for uid in uids]
    return [Person(handles=frozenset({name}), alone=frozenset({name}))] if same else []


def _of_account(seen: Sequence[Sight], uid: str) -> Person:
    """Somebody by their account's uid, with every handle that it had and nobody else has."""
    if is_pseudonym(uid):
        raise UsageError(f"{uid} stands for somebody who was forgotten already")
    owners: dict[str, set[str]] = {}
    for one in seen:
        if one.handle and one.uid:
            owners.setdefault(handle_key(one.platform, one.handle), set()).add(one.uid)
    handles = {name for name, uids in owners.items() if uid in uids}
    return Person(accounts=frozenset({uid}), handles=frozenset(name for name in handles if owners[name] == {uid}))


def _look(archive: Archive, seen: Sequence[Sight], person: Person) -> Found:
    """All that is stored of a person."""
    posts: set[str] = set()
    ids: set[str] = set()
    reposts: set[str] = set()
    names: set[str] = set()
    addresses: set[str] = set()
    payloads: set[str] = set()
    sentences: set[tuple[str, ...]] = set()
    first: datetime | None = None
    by_handle = person.alone | person.handles
    written = {
        f"{one.platform}:{one.handle}"
        for one in seen
        if one.handle and handle_key(one.platform, one.handle) in by_handle
    }
    for row in records_of(archive, person.accounts, written):
        first = min(first or row["collected_at"], row["collected_at"])
        payloads.add(row["payload_id"])
        names.update([row["name"]] if row.get("name") else [])
        addresses.update(row[name] for name in ("url", "avatar", "site") if row.get(name))
        if row["table"] == "posts":
            posts.add(row["uid"])
            ids.update([f"x:{row['id']}"] if row["id"] and row["uid"].startswith("x:") else [])
            for said in (row["text"], row["warning"], *(row["alts"] or ()), *(row["options"] or ())):
                sentences.update(sentences_of(said or ""))
        elif row["table"] == "reposts":
            reposts.add(row["key"])
            if " " not in row["key"]:
                ids.add(row["key"])
        else:
            sentences.update(sentences_of(row["bio"] or ""))
    all_handles = {handle_key(one.platform, one.handle) for one in seen if one.handle and one.uid in person.accounts}
    person = person.joined(
        Person(shared=frozenset(all_handles - person.handles), posts=frozenset(posts), ids=frozenset(ids), addresses=frozenset(addresses), sentences=frozenset(sentences),
               composed=frozenset(handle_key(*one.split(":", 1)) for one in written if is_composed(one.partition(":")[2])),
               names=frozenset(name for name in names if is_telling(name)))
    )  # fmt: skip
    return Found(
        person=person,
        accounts=tuple(sorted(person.accounts | person.alone | all_handles)),
        posts=len(posts),
        reposts=len(reposts),
        mentions=count_mentions(archive, person.accounts, written),
        payloads=len(payloads),
        first=first,
        shared=tuple(sorted(person.shared)),
        copied=_copies(archive, person),
    )


def _copies(archive: Archive, person: Person) -> frozenset[str]:
    """The posts of others that hold a whole sentence of a person."""
    if not person.sentences:
        return frozenset()
    scrub = Scrubber(Person(sentences=person.sentences), Pseudonyms(b""))
    return frozenset(uid for uid, text in texts(archive) if uid not in person.posts and scrub.holds_sentence(text))


# The act


def make_key(state: Path, environ: Mapping[str, str]) -> bytes:
    """The key by which people are forgotten; made, and on the disk, where there is none yet.

    Raises:
        ConfigError: what is there is no key.
        StorageError: it cannot be written.
    """
    known = read_key(state, environ)
    if known is not None:
        return known
    path, advice = key_file(state), "set archive.state to a folder"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}; {advice}") from error
    return make_key_file(path, advice)


def forget_person(
    archive: Archive, config: Config, found: Found, *, environ: Mapping[str, str], now: Callable[[], datetime]
) -> Forgotten:
    """Forget somebody; gone from every file when this returns.

    Args:
        archive: from where.
        config: whose state folder, and whose overrides file beside it.
        found: who, see `find`.
        environ: the environment, which may hold the key.
        now: the clock; aware.

    Raises:
        ConfigError: people were forgotten here before, and the key is missing.
        StorageError: the archive cannot be written; run it again.
    """
    started = now()
    memory = open_memory(archive, environ)
    pseudonyms = memory.pseudonyms if memory else Pseudonyms(make_key(archive.state, environ))
    if (
        memory
        and not found.payloads
        and all(memory.knows(handle_identity(one, alone=False)) for one in found.person.alone)
    ):
        # Their records are gone, and with them what their accounts are called: the digests know
        return Forgotten(finish_forgetting(archive, config, environ=environ, now=started), 0, (), ())
    exports = tuple(exports_since(archive, found.first)) if found.first else ()
    with archive.gate.alone():
        digests = _identities(found.person, pseudonyms)
        note(archive, digests - remembered(archive), asked_at=started, done_at=None)
        changed, rewritten = redact_payloads(
            archive, lambda payload: forget_payload(payload, found.person, pseudonyms, found.copied)
        )
        scrub = Scrubber(found.person, pseudonyms)
        was_published = any((archive.state / "site").glob("*"))
        left = _finish(archive, config, scrub, digests, now=now)
    if unfinished(archive):  # of others, or of the same person, whom a process that was stopped did not finish
        changed += finish_forgetting(archive, config, environ=environ, now=now())
    archive.record(_line(started, now(), found.posts + found.reposts, changed))
    return Forgotten(changed, rewritten, exports, (*_elsewhere(config, scrub, was_published=was_published), *left))


def forget_meanwhile(archive: Archive, memory: Memory | None, *, now: datetime) -> None:
    """Forget again whom others forgot while a run was storing what it brought: it may have brought them back."""
    before = memory.digests if memory else frozenset()
    if remembered(archive) - before:
        finish_forgetting(archive, now=now)


def finish_forgetting(
    archive: Archive, config: Config | None = None, *, environ: Mapping[str, str] | None = None, now: datetime
) -> int:
    """Take whoever is noted as forgotten out of all that the archive holds, known by their digests alone.

    For what was stored while they were being forgotten, what a backup brought back, and what a process that was stopped
    did not finish.

    Returns:
        How many payloads changed.

    Raises:
        ConfigError: the key is missing.
        StorageError: the archive cannot be written.
    """
    memory = open_memory(archive, environ)
    if memory is None:
        return 0
    with archive.gate.alone():
        changed, _ = redact_payloads(archive, lambda payload: take_out(payload, memory))
        more, _ = redact_payloads(archive, lambda payload: take_out(payload, memory))  # what only later ones told
        _finish(archive, config, Scrubber(memory.person, memory.pseudonyms), unfinished(archive), now=lambda: now)
    return changed + more


def _finish(
    archive: Archive, config: Config | None, scrub: Scrubber, digests: Iterable[str], *, now: Callable[[], datetime]
) -> list[str]:
    """The steps after payloads have lost somebody. Returns the files in which they still are."""
    scrub_naming(archive, scrub)
    if config is not None:
        rewrite_overrides(config.overrides_path, scrub)
    left = scrub_folder(archive.state, scrub)
    for attempt in range(1, TRIES + 1):
        try:
            derive(archive, now=now())
        except ConflictError:
            if attempt == TRIES:
                raise
        else:
            break
    for name in DERIVED:
        shutil.rmtree(archive.state / name, ignore_errors=True)
    purge(archive)
    note(archive, digests, asked_at=now(), done_at=now())
    return left


def _identities(person: Person, pseudonyms: Pseudonyms) -> frozenset[str]:
    """The digests of all by which a person can be known again."""
    named = [account_identity(uid) for uid in person.accounts]
    named += [handle_identity(name, alone=False) for name in person.handles]
    named += [handle_identity(name, alone=True) for name in person.alone]
    named += [shared_identity(name) for name in person.shared]
    named += [post_identity(uid) for uid in person.posts]
    return frozenset(map(pseudonyms.digest, [*named, CHECK]))


def _line(started: datetime, finished: datetime, seen: int, changed: int) -> Run:
    return Run(
        run_id=secrets.token_hex(16), kind="forget", source="payloads", status="done", started_at=started,
        finished_at=finished, pages=changed, seen=seen, new=0, changed=seen, quarantined=0, version=__version__,
    )  # fmt: skip


# Beside the archive


def scrub_folder(folder: Path, scrub: Callable[[str], str]) -> list[str]:
    """Scrub every file of the state folder. Returns a line for each in which somebody stays."""
    left = []
    for path in sorted(folder.rglob("*")):
        if path.relative_to(folder).parts[0] in _APART or path == key_file(folder) or not path.is_file():
            continue
        try:
            trouble = _scrub_file(path, scrub)
        except (OSError, sqlite3.Error) as error:
            trouble = f"cannot be rewritten ({getattr(error, 'strerror', None) or error}), and may name them"
        if trouble:
            left.append(f"{path}: {trouble}")
    return left


def _scrub_file(path: Path, scrub: Callable[[str], str]) -> str | None:
    if path.stat().st_size > LARGEST:
        return "is too large to be looked through; delete it if it may name them"
    content = path.read_bytes()
    if content.startswith(SQLITE):
        return _scrub_database(path, scrub)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("utf-8", "ignore")
        return "names them, and is no text; delete it" if scrub(text) != text else None
    clean = scrub(text)
    if clean != text:
        draft = path.with_name(f".{path.name}.part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(clean)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return None


def _scrub_database(path: Path, scrub: Callable[[str], str]) -> str | None:
    """Scrub every text of an SQLite database, such as Prefect's, and leave no page of it behind."""
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as con:
        con.execute("PRAGMA secure_delete = ON")
        tables = [name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        changed = 0
        for table in tables:
            if table.startswith("sqlite_"):
                continue
            quoted = '"' + table.replace('"', '""') + '"'
            columns = ['"' + row[1].replace('"', '""') + '"' for row in con.execute(f"PRAGMA table_info({quoted})")]
            for column in columns:
                query = f"SELECT DISTINCT {column} FROM {quoted} WHERE typeof({column}) = 'text'"  # noqa: S608 - quoted
                for (text,) in list(con.execute(query)):
                    if (clean := scrub(text)) != text:
                        con.execute(f"UPDATE {quoted} SET {column} = ? WHERE {column} = ?", (clean, text))  # noqa: S608
                        changed += 1
        con.commit()
        if changed:
            con.execute("VACUUM")
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return None


def _elsewhere(config: Config, scrub: Callable[[str], str], *, was_published: bool) -> Iterator[str]:
    """Places that only the operator can clean."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = config.path.read_text(encoding="utf-8")
        if scrub(text) != text:
            yield f"{config.path}: the configuration names them; take them out of it"
    if was_published:
        yield "a site was published from here: publish it again"
    yield "backups of the archive and of its state folder, and what was published or handed on: replace or delete them"
