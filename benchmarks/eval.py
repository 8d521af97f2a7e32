"""Score the filing against hand-made labels: `make eval`.

Each labelled chat of `../shared/data/gold` is filed with weights that were tuned without it, on the other labelled chats
and on the demo, whose script says what belongs to which question. Nothing is given: moderators and questions are found.
Three simple ways to file are scored beside it in the same run, and they are given the question posts.
"""

import argparse
import csv
import json
import re
import sys
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from math import exp, log
from pathlib import Path
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors import map_payload
from connectors.files.reader import find_files, read_file
from knowarchive.config import Chat
from knowarchive.model import Payload, Post, Repost
from transcripts.corrections import Corrections
from transcripts.filing import Prepared, file_again, infer, prepare
from transcripts.labels import Place
from transcripts.model import INTRO, SessionPosts
from transcripts.reading import Reading
from transcripts.sessions import find_window, select
from transcripts.teaching import most_instructive
from transcripts.weights import FIRST_GUESS, TUNED, Weights

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
BREADTH = 0.3  # of the prior around the first guesses: how far a weight may move, as a factor's logarithm
DEMO_COUNTS = 0.4  # what a post of the demo counts in tuning, where a real one counts 1
DOUBT = 0.02  # the share of labels that may be wrong
ROUNDS = 6
SIZES = (5, 10, 20)
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
PULLS = {"2015-03-10": "mar102015.jsonl.gz", "2015-05-19": "may192015.jsonl.gz", "2015-05-05": "may062015.csv.gz"}
Labels = Mapping[str, tuple[str, str]]  # topic and role by uid


@dataclass(frozen=True)
class Case:
    """A session with its labels. `counts` is its share in tuning."""

    name: str
    session: SessionPosts
    labels: Labels
    counts: float = 1.0

    def scored(self, uid: str) -> bool:
        return self.labels.get(uid, ("?", ""))[0] != "?"


def main() -> None:
    """Tune, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--tune", action="store_true", help="print the weights that all labelled chats give, and stop")
    parser.add_argument(
        "--quick", action="store_true", help="score with the weights as released: no tuning, flattering"
    )
    parser.add_argument("--gold", type=Path, default=DATA / "gold", help="the folder with the labels")
    options = parser.parse_args()
    labelled = list(load_labelled(options.gold))
    if not labelled:
        print(f"eval: skipped, since there are no labels in {options.gold}", file=sys.stderr)
        return
    demo = list(load_demo())
    if options.tune:
        weights = tune([*labelled, *demo])
        print(", ".join(f"{one.name}={getattr(weights, one.name):.3g}" for one in fields(Weights)))
        return
    with ProcessPoolExecutor() as pool:
        others = [[case for case in labelled if case is not held] + demo for held in labelled]
        tuned = [TUNED] * len(labelled) if options.quick else list(pool.map(tune, others))
    rows = [score(case, weights) for case, weights in zip(labelled, tuned, strict=True)]
    if options.json:
        print(
            json.dumps({"tuned": "released" if options.quick else "without the chat scored", "chats": rows}, indent=2)
        )
    else:
        for row in rows:
            print_row(row)


# What is scored


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
        yield Case(f"demo-{script.stem}", session, labels, DEMO_COUNTS)


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


# Tuning


def tune(cases: Sequence[Case]) -> Weights:
    """Find the most probable weights: coordinate by coordinate, in the logarithm, given a prior around first guesses."""
    read_cases = [(case, prepare(case.session)) for case in cases]
    names = [one.name for one in fields(Weights)]
    start = [log(getattr(FIRST_GUESS, name)) for name in names]
    place, step = list(start), [BREADTH] * len(names)

    def loss(point: Sequence[float]) -> float:
        weights = Weights(**{name: exp(value) for name, value in zip(names, point, strict=True)})
        prior = sum((one - other) ** 2 for one, other in zip(point, start, strict=True)) / (2 * BREADTH**2)
        return prior + sum(case.counts * surprise(case, prepared, weights) for case, prepared in read_cases)

    best = loss(place)
    for _ in range(ROUNDS):
        before = best
        for index in range(len(names)):
            for sign in (1.0, -1.0):
                tried = [*place[:index], place[index] + sign * step[index], *place[index + 1 :]]
                value = loss(tried)
                if value < best - 0.001:
                    best, place = value, tried
                    step[index] *= 1.4 * sign
                    break
            else:
                step[index] *= 0.4
        if before - best < 0.3:
            break
    return Weights(**{name: exp(value) for name, value in zip(names, place, strict=True)})


def surprise(case: Case, prepared: Prepared, weights: Weights) -> float:
    """How improbable the labels are, in nats, but for the question posts."""
    inference = infer(case.session, prepared.questions, prepared.moderators, prepared.readings, weights=weights)
    evidence, total = inference.evidence, 0.0
    for index, reading in enumerate(prepared.readings):
        topic = evidence.number.get(case.labels.get(reading.uid, ("?", ""))[0])
        if topic is not None and reading.uid not in evidence.parts:
            belief = inference.graph.beliefs[index]
            total -= log((1 - DOUBT) * belief[topic] / sum(belief) + DOUBT / len(belief))
    return total


# Scoring


def score(case: Case, weights: Weights) -> dict[str, Any]:
    """All figures of one chat."""
    prepare(case.session, weights=weights)  # so that no one pays for what is done once
    start = process_time()
    prepared = prepare(case.session, weights=weights)
    seconds = process_time() - start
    filings = {uid: filing for uid, filing in prepared.filings.items() if case.scored(uid)}
    right = {uid: filing.topic == case.labels[uid][0] for uid, filing in filings.items()}
    official: dict[str, set[str]] = {}
    for uid, (topic, role) in case.labels.items():
        if role == "question":
            official.setdefault(topic, set()).add(uid)
    found = {question.label: set(question.parts) for question in prepared.questions}
    sure = [uid for uid, filing in filings.items() if filing.confidence >= 0.9]
    reasons = sorted({filing.reason for filing in filings.values()})
    kinds = {"questions": lambda topic: topic.startswith("Q"), **{t: t.__eq__ for t in (INTRO, "wrapup", "none")}}
    return {
        "chat": case.name,
        "posts": len(filings),
        "question_share": _share(right[uid] for uid in filings if case.labels[uid][0].startswith("Q")),
        "all": _share(right.values()),
        "by_topic": {
            kind: [
                _share(right[uid] for uid in filings if belongs(case.labels[uid][0])),
                sum(belongs(case.labels[uid][0]) for uid in filings),
            ]
            for kind, belongs in kinds.items()
        },
        "by_reason": {
            reason: [
                _share(right[uid] for uid, one in filings.items() if one.reason == reason),
                sum(one.reason == reason for one in filings.values()),
            ]
            for reason in reasons
        },
        "role": _share(filing.role == case.labels[uid][1] for uid, filing in filings.items()),
        "questions": {
            "found": sorted(label for label, uids in official.items() if uids & found.get(label, set())),
            "missed": sorted(label for label, uids in official.items() if not uids & found.get(label, set())),
            "invented": sorted(found.keys() - official.keys()),
        },
        "moderators": len(prepared.moderators),
        "sure": [round(len(sure) / len(filings), 3), _share(right[uid] for uid in sure)],
        "calibration": calibrate([(filing.confidence, right[uid]) for uid, filing in filings.items()]),
        "corrections": {
            "asked_again": correct(case, prepared, weights, again=True),
            "one_list": correct(case, prepared, weights, again=False),
        },
        "baselines": baselines(case, prepared.readings, official),
        "milliseconds": round(1000 * seconds),
    }


def calibrate(pairs: Sequence[tuple[float, bool]]) -> list[dict[str, float | None]]:
    """How often filings of a confidence are right."""
    rows: list[dict[str, float | None]] = []
    for low, high in ((0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01)):
        inside = [pair for pair in pairs if low <= pair[0] < high]
        if inside:
            said = sum(confidence for confidence, _ in inside) / len(inside)
            rows.append(
                {"from": low, "posts": len(inside), "said": round(said, 3), "right": _share(one for _, one in inside)}
            )
    return rows


def correct(case: Case, prepared: Prepared, weights: Weights, *, again: bool) -> dict[str, float | None]:
    """The share right of all posts that were not answered, after so many answers taken from the labels.

    Args:
        case: with the labels.
        prepared: filed without corrections.
        weights: with which it was.
        again: whether what to ask is thought over after each answer, or the first list is followed.
    """
    answers: dict[str, str] = {}
    passed: set[str] = set()
    shares: dict[str, float | None] = {}
    now, listed = prepared, iter(())  # type: Prepared, Iterator[str]
    if not again and prepared.inference:
        listed = iter(most_instructive(prepared.inference, number=2 * max(SIZES)))
    while len(answers) < max(SIZES):
        assert now.inference is not None
        asked = (
            most_instructive(now.inference, number=1, known=frozenset(answers) | passed)
            if again
            else [one for one in [next(listed, None)] if one]
        )
        if not asked:
            break
        uid = asked[0]
        if not case.scored(uid):
            passed.add(uid)  # two readers do not agree either
            continue
        answers[uid] = case.labels[uid][0]
        now = file_again(case.session, Corrections(answers), now.readings, now.moderators, prepared.questions, weights)
        if len(answers) in SIZES:
            shares[str(len(answers))] = _share(
                filing.topic == case.labels[one][0]
                for one, filing in now.filings.items()
                if case.scored(one) and one not in answers
            )
    return shares


def baselines(
    case: Case, readings: Sequence[Reading], official: Mapping[str, set[str]]
) -> dict[str, list[float | None]]:
    """Question share and share of all, of three simple ways to file that are given the question posts."""
    posed = sorted(
        (min(reading.at for reading in readings if reading.uid in uids), label)
        for label, uids in official.items()
        if any(reading.uid in uids for reading in readings)
    )
    parts = {uid: label for label, uids in official.items() for uid in uids}
    labels = [label for _, label in posed]

    def by_time(reading: Reading, _: Mapping[str, str]) -> str | None:
        index = bisect_right([moment for moment, _ in posed], reading.at)
        return labels[index - 1] if index else INTRO

    def by_label(reading: Reading, _: Mapping[str, str]) -> str | None:
        named = [f"Q{one.number}" for one in reading.labels if one.place is not Place.MIDDLE]
        return next((one for one in named if one in labels), None)

    def by_reply(reading: Reading, filed: Mapping[str, str]) -> str | None:
        return filed.get(reading.post.reply_to or "")

    ways: dict[str, Sequence[Callable[[Reading, Mapping[str, str]], str | None]]] = {
        "time": (by_time,),
        "label, time": (by_label, by_time),
        "label, reply, time": (by_label, by_reply, by_time),
    }
    scores: dict[str, list[float | None]] = {}
    for name, steps in ways.items():
        filed: dict[str, str] = {}
        for reading in readings:
            filed[reading.uid] = parts.get(reading.uid) or next(
                topic for step in steps if (topic := step(reading, filed)) is not None
            )
        pairs = [(filed[reading.uid], case.labels[reading.uid][0]) for reading in readings if case.scored(reading.uid)]
        scores[name] = [
            _share(one == topic for one, topic in pairs if topic.startswith("Q")),
            _share(one == topic for one, topic in pairs),
        ]
    return scores


def _share(of: Any) -> float | None:
    values = list(of)
    return round(sum(values) / len(values), 3) if values else None


def print_row(row: Mapping[str, Any]) -> None:
    """Print one chat's figures as a table for people."""
    print(f"\n{row['chat']}: {row['posts']} posts scored, filed in {row['milliseconds']} ms of processor time")
    line("question share", row["question_share"])
    line("all posts", row["all"])
    for kind, (share, count) in row["by_topic"].items():
        line(f"  labelled {kind}", share, count)
    for reason, (share, count) in row["by_reason"].items():
        line(f"  filed by {reason}", share, count)
    line("role", row["role"])
    line("confidence 0.9 or more", row["sure"][1], f"{row['sure'][0]:.1%} of posts")
    for one in row["calibration"]:
        line(f"  said {one['said']:.2f}", one["right"], one["posts"])
    for name, shares in row["corrections"].items():
        for count, share in shares.items():
            line(f"after {count} answers, {name.replace('_', ' ')}", share)
    questions = row["questions"]
    for kind in ("found", "missed", "invented"):
        print(f"  questions {kind:<29}{len(questions[kind])}  {' '.join(questions[kind])}")
    for name, (share, everything) in row["baselines"].items():
        line(f"baseline given the questions: {name}", share, f"all posts {everything:.3f}")


def line(name: str, share: float | None, rest: object = "") -> None:
    """Print one figure."""
    print(f"  {name:<50}{'-' if share is None else f'{share:.3f}'}  {rest}")


if __name__ == "__main__":
    main()
