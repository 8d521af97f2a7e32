"""The overrides file: corrections that a person made, kept beside the configuration in a form to read and version."""

import fcntl
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from knowarchive.errors import ConfigError, KnowarchiveError
from transcripts.corrections import ROLES, Corrections, GivenQuestion

TWICE = re.compile(r"Cannot overwrite a value.*\(at line (\d+), column \d+\)")
HEADER = """\
# Corrections of the filing, obeyed by every build. Written by `knowarchive review`, and yours to edit:
#   [chat.2015-05-19.topics]      "x:123" = "Q2"       a post's topic: Q1, Q2, ..., intro, wrapup or none
#   [chat.2015-05-19.roles]       "x:123" = "chatter"  its role: question, answer or chatter
#   [[chat.2015-05-19.question]]  label = "Q1"         the whole list of questions, where it must be given:
#                                 uid = "x:123"        a table for each part of each question
"""


def load_corrections(path: Path | None, chat: str, label: str) -> tuple[Corrections, tuple[str, ...]]:
    """Read what the overrides file says of one session.

    Returns:
        The corrections (none where there is no file), and a line for each entry that was ignored.

    Raises:
        ConfigError: the file is not TOML, or not a file that can be read.
    """
    text = _read(path)
    if path is None or text is None:
        return Corrections(), ()
    notes: list[str] = []
    session = _table(_table(_parse(text, path, notes), chat, path, notes), label, path, notes)
    topics = _strings(session, "topics", path, notes)
    roles = _strings(session, "roles", path, notes)
    questions: list[GivenQuestion] = []
    listed = session.get("question", [])
    for one in listed if isinstance(listed, list) else [listed]:
        fields = one if isinstance(one, dict) else {}
        given, uid, said = fields.get("label"), fields.get("uid"), fields.get("text")
        if not isinstance(given, str) or not isinstance(uid, str) or not isinstance(said, str | None):
            notes.append(f"{path.name}: a question of {label} ignored, since it needs label and uid, both in quotes")
            continue
        questions.append(GivenQuestion(given.strip().upper(), uid, said))
    notes += [
        f"{path.name}: unknown key {key!r} of {label} ignored; there are topics, roles and question"
        for key in session
        if key not in {"topics", "roles", "question"}
    ]
    return Corrections({uid: tidy_topic(value) for uid, value in topics.items()}, roles, tuple(questions)), tuple(notes)


def save_corrections(path: Path, chat: str, label: str, changes: Sequence[tuple[str, str | None]]) -> None:
    """Write topics and roles of one session into the overrides file, keeping all else in it as it stands.

    The file is read again under a lock, so that what another process wrote is kept, and replaced in one step.

    Args:
        path: the overrides file; made where there is none.
        chat: the chat's name.
        label: the session's.
        changes: uids, each with a topic or a role, or None to take back both.

    Raises:
        ConfigError: the file is not TOML.
        KnowarchiveError: it cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        with _locked(path):
            text = path.read_text(encoding="utf-8-sig") if path.exists() else HEADER
            _parse(text, path, [])
            try:
                document = tomlkit.parse(text)
                session = _grow(_grow(document, chat), label)
                for uid, value in changes:
                    _change(session, uid, value)
                written = tomlkit.dumps(document)
            except (TOMLKitError, TypeError, AttributeError) as error:
                raise ConfigError(f"{path}: cannot be changed: {' '.join(str(error).split())}; mend it") from error
            tomllib.loads(written)
            _replace(path, written)
    except OSError as error:
        raise KnowarchiveError(f"{path}: cannot be written: {error.strerror or error}") from error


def rewrite_overrides(path: Path, change: Callable[[str], str]) -> bool:
    """Change the text of the overrides file, if there is one; under its lock and in one step. Returns whether it changed.

    Raises:
        KnowarchiveError: it cannot be read or written.
    """
    if not path.exists():
        return False
    try:
        with _locked(path):
            text = path.read_text(encoding="utf-8-sig")
            changed = change(text)
            if changed != text:
                _replace(path, changed)
            return changed != text
    except (OSError, UnicodeDecodeError) as error:
        raise KnowarchiveError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def list_unused(path: Path | None, chats: Collection[str], is_session: Callable[[str, str], bool]) -> tuple[str, ...]:
    """Say which entries of the overrides file no build will ever use, a line each.

    Args:
        path: the overrides file, if there is one.
        chats: the names of the configured chats.
        is_session: whether a chat, given by its name, has a session of a name.

    Raises:
        ConfigError: the file is not TOML, or not a file that can be read.
    """
    text = _read(path)
    if path is None or text is None:
        return ()
    notes: list[str] = []
    for chat, sessions in _parse(text, path, []).items():
        if chat not in chats:
            notes.append(f"{path.name}: {chat!r} is not used, since no chat has that name")
        elif isinstance(sessions, dict):
            notes += [
                f"{path.name}: {label!r} of {chat} is not used, since it has no such session; "
                f"list them with: knowarchive sessions {chat}"
                for label in sessions
                if not is_session(chat, label)
            ]
    return tuple(notes)


def tidy_topic(text: str) -> str:
    """Bring a topic to its form: `q2` is Q2, `Intro` is intro."""
    text = text.strip()
    return text.upper() if re.fullmatch(r"[qQ]\d+", text) else text.casefold() if text.isalpha() else text


def _read(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig") if path else None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; mend it or move it away") from error


def _parse(text: str, path: Path, notes: list[str]) -> dict[str, Any]:
    """Read TOML; of two lines for one key the first counts, as after a merge that kept both. Read it only."""
    try:
        document, ignored = _parsed(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}; mend it") from error
    notes += [f"{path.name}: line {line} ignored, since it contradicts an earlier one" for line in ignored]
    return document


@lru_cache(maxsize=1)  # every session is looked up in the same file
def _parsed(text: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """A document, and the numbers of its lines that were left out."""
    lines = text.split("\n")
    ignored: list[int] = []
    while True:
        try:
            return tomllib.loads("\n".join(lines)), tuple(ignored)
        except tomllib.TOMLDecodeError as error:
            twice = TWICE.search(str(error))
            if twice is None or not lines[int(twice[1]) - 1].strip():
                raise
            ignored.append(int(twice[1]))
            lines[ignored[-1] - 1] = ""


def _table(parent: Mapping[str, Any], key: str, path: Path, notes: list[str]) -> dict[str, Any]:
    value = parent.get(key, {})
    if isinstance(value, dict):
        return value
    notes.append(f"{path.name}: {key} ignored, since it is no table")
    return {}


def _strings(session: Mapping[str, Any], key: str, path: Path, notes: list[str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for uid, value in _table(session, key, path, notes).items():
        if isinstance(value, str):
            kept[uid] = value
        else:
            notes.append(f"{path.name}: {key} of {uid} ignored, since its value is not in quotes")
    return kept


def _grow(parent: Any, key: str) -> Any:
    import tomlkit

    if key not in parent:
        parent[key] = tomlkit.table(is_super_table=True)
    return parent[key]


def _change(session: Any, uid: str, value: str | None) -> None:
    import tomlkit

    for key in ("topics", "roles"):
        mine = value is not None and (value in ROLES) == (key == "roles")
        if mine:
            if key not in session:
                session[key] = tomlkit.table()
            session[key][uid] = value
        elif value is None and key in session and uid in session[key]:
            del session[key][uid]


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder of a file for this process alone; the file itself is replaced, so it cannot be the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
