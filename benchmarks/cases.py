"""The sessions that the filing is scored on: real ones labelled by hand, other real ones, and the demo's."""

import csv
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from connectors import map_payload
from connectors.files.reader import find_files, read_file
from knowarchive.config import Chat
from knowarchive.model import Payload, Post, Repost
from transcripts.model import INTRO, SessionPosts
from transcripts.sessions import find_window, select

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
CRITLIB = Chat(
    name="critlib",
    hashtags=("critlib",),
    timezone="America/New_York",
    schedule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0",
)
DEMO = Chat(
    name="lanternkm",
    hashtags=("lanternkm",),
    timezone="America/Toronto",
    schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=21;BYMINUTE=0",
)
PULLS = {
    "2015-03-10": "mar102015.jsonl.gz",
    "2015-04-21": "apr232015.csv.gz",
    "2015-05-05": "may062015.csv.gz",
    "2015-05-19": "may192015.jsonl.gz",
}
Labels = Mapping[str, tuple[str, str]]  # topic and role by uid


@dataclass(frozen=True)
class Case:
    """A session with its labels."""

    name: str
    session: SessionPosts
    labels: Labels

    def scored(self, uid: str) -> bool:
        return self.labels.get(uid, ("?", ""))[0] != "?"


def load_labelled(folder: Path) -> Iterator[Case]:
    """Load every labelled chat whose posts are here."""
    for path in sorted(folder.glob("critlib-*.tsv")):
        label = path.stem.removeprefix("critlib-")
        posts = DATA / "critlib" / PULLS.get(label, "")
        if not posts.is_file():
            print(f"eval: {path.name} skipped, since its posts are not here", file=sys.stderr)
            continue
        with path.open(encoding="utf-8") as lines:
            labels = {row["uid"]: (row["topic"], row["role"]) for row in csv.DictReader(lines, delimiter="\t")}
        yield Case(path.stem, load_session(CRITLIB, label, [posts]), labels)


def load_unlabelled(folder: Path) -> Iterator[Case]:
    """Load the real chats that nobody labelled by hand, where they are."""
    for label, pull in PULLS.items():
        posts = DATA / "critlib" / pull
        if posts.is_file() and not (folder / f"critlib-{label}.tsv").is_file():
            yield Case(f"critlib-{label}", load_session(CRITLIB, label, [posts]), {})


def load_session(chat: Chat, label: str, files: Sequence[Path]) -> SessionPosts:
    """Load a session from archive files, all that is in them being of the chat."""
    posts: dict[str, Post] = {}
    reposts: list[Repost] = []
    for file in files:
        for payload in read_file(file, origin=file.name):
            if not isinstance(payload, Payload):
                continue
            mapped = map_payload(payload)
            posts.update((post.uid, post) for post in mapped.posts)
            reposts += mapped.reposts
    window = find_window(chat, label)
    assert window is not None
    if chat is CRITLIB:  # collected for the chat, also what lost the hashtag
        posts = {uid: msgspec.structs.replace(post, chats=(chat.name,)) for uid, post in posts.items()}
    chosen = select(posts.values(), window, chat.hashtags, chat.name)
    return SessionPosts(window, chat.name, chat.hashtags, chosen, reposts=tuple(reposts))


def load_demo() -> Iterator[Case]:
    """Load the demo's sessions with the labels that their script implies."""
    files = find_files(ROOT / "demo" / "data")
    for script in sorted((ROOT / "demo" / "script").glob("2*.toml")):
        session = load_session(DEMO, script.stem, files)
        labels: dict[str, tuple[str, str]] = {}
        by_time: dict[datetime, list[tuple[str, str]]] = {}
        for at, label in read_script(script):
            by_time.setdefault(at, []).append(label)
        for post in session.posts:
            at = post.created_at.replace(microsecond=0)
            if len(by_time.get(at, [])) == 1:
                labels[post.uid] = by_time[at][0]
        yield Case(f"demo-{script.stem}", session, labels)


def read_script(path: Path) -> Iterator[tuple[datetime, tuple[str, str]]]:
    """Read a script: a comment opens each question's part, a reply belongs to what it answers, a label decides."""
    text = path.read_text(encoding="utf-8")
    document = tomllib.loads(text)
    section, sections = INTRO, []
    for line in text.splitlines():
        heading = re.match(r"#\s*(Q\d)", line)
        section = heading[1] if heading else section
        if line.startswith("{at"):
            sections.append(section)
    by_key: dict[str | None, str] = {}
    last: dict[str | None, str] = {}
    closing = False
    zone = ZoneInfo(DEMO.timezone)
    day: date = document["date"]
    for part, post in zip(sections, document["posts"], strict=True):
        key = post.get("key")
        closing = closing or key == "close" or post["text"].startswith("That is time")
        topic = "wrapup" if closing else part
        above = by_key.get(post.get("re") or post.get("quote")) or last.get(post.get("re_last"))
        label = re.match(r"\W*(?:A\d, no, )?[AQ](\d)\b", post["text"])
        topic = f"Q{label[1]}" if label else above or topic
        last[post["by"]] = topic
        if key:
            by_key[key] = topic
        at = datetime.combine(day, time.fromisoformat(post["at"]), zone) + timedelta(days=post.get("day", 0))
        role = "question" if re.fullmatch(r"q\d[ab]?", key or "") else "answer"
        yield at.astimezone(UTC), (topic, role)
