"""Score the filing against hand-made labels: `make eval`.

Each labelled chat of `../shared/data/gold` is filed with weights that were tuned without it, on the other labelled chats
alone. Nothing is given: moderators and questions are found. Three simple ways to file are scored beside it in the same
run, and they are given the question posts. Chats that nobody labelled are filed too, where people wrote `A2`: the label is
hidden from the filing, which has to find it out again. `--tune` prints the weights to release, as they stand in
`transcripts/weights.py`.
"""

import argparse
import json
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.cases import DATA, Case, load_labelled, load_unlabelled
from benchmarks.crowded import measure
from benchmarks.hiding import DAMAGES, hide, infer_damaged, own_labels
from benchmarks.tuning import released, tune
from transcripts.corrections import Corrections
from transcripts.filing import Prepared, file_again, prepare
from transcripts.labels import Place
from transcripts.model import INTRO
from transcripts.reading import Reading
from transcripts.teaching import most_instructive
from transcripts.weights import TUNED, Weights

SIZES = (5, 10, 20)
SEEDS = 5  # draws of what is hidden


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
    if options.tune:
        print(released(tune(labelled)))
        return
    with ProcessPoolExecutor() as pool:
        others = [[case for case in labelled if case is not held] for held in labelled]
        *tuned, of_all = [TUNED] * (len(labelled) + 1) if options.quick else list(pool.map(tune, [*others, labelled]))
    rows = [score(case, weights) for case, weights in zip(labelled, tuned, strict=True)]
    hidden = [
        row
        for case, weights in [
            *zip(labelled, tuned, strict=True),
            *((case, of_all) for case in load_unlabelled(options.gold)),
        ]
        for row in score_hidden(case, weights)
    ]
    if options.json:
        how = "released" if options.quick else "without the chat scored"
        print(json.dumps({"tuned": how, "chats": rows, "hidden": hidden, "cost": measure()}, indent=2))
        return
    for row in rows:
        print_row(row)
    print_hidden(hidden)
    print_cost(measure())


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
            "asked_again": correct(case, prepared, again=True),
            "one_list": correct(case, prepared, again=False),
        },
        "baselines": baselines(case, prepared.readings, official),
        "milliseconds": round(1000 * seconds),
    }


def score_hidden(case: Case, weights: Weights) -> list[dict[str, Any]]:
    """What is found out of the posts that lost their label; for whoever labelled them by hand, else by themselves."""
    prepared = prepare(case.session, weights=weights)
    truth = {uid: topic for uid, (topic, _) in case.labels.items()} or own_labels(prepared)
    rows: list[dict[str, Any]] = []
    for damage in DAMAGES:
        right: list[bool] = []
        for seed in range(SEEDS if damage.draws else 1):
            readings, lost = hide(prepared, damage, seed)
            filings = infer_damaged(prepared, readings).filings
            right += [filings[uid].topic == truth[uid] for uid in sorted(lost) if truth.get(uid, "?") != "?"]
        rows.append(
            {
                "chat": case.name,
                "hidden": damage.name,
                "by_hand": bool(case.labels),
                "posts": len(right),
                "right": _share(right),
            }
        )
    return rows


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


def correct(case: Case, prepared: Prepared, *, again: bool) -> dict[str, float | None]:
    """The share right of all posts that were not answered, after so many answers taken from the labels.

    Args:
        case: with the labels.
        prepared: filed without corrections.
        again: whether what to ask is thought over after each answer, or the first list is followed.
    """
    answers: dict[str, str] = {}
    passed: set[str] = set()
    shares: dict[str, float | None] = {}
    now = prepared
    listed: Iterator[str] = iter(())
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
        now = file_again(now, Corrections(answers))
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
        print(f"  questions {kind:<56}{len(questions[kind])}  {' '.join(questions[kind])}")
    for name, (share, everything) in row["baselines"].items():
        line(f"baseline given the questions: {name}", share, f"all posts {everything:.3f}")


def print_hidden(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what was found out of hidden labels, and what was used for it."""
    print("\nlabels that posts gave themselves, hidden and found out again (weights tuned without the chat)")
    for row in rows:
        line(
            f"{row['chat']}: {row['hidden']}",
            row["right"],
            f"{row['posts']} posts, {'labelled by hand' if row['by_hand'] else 'by their own labels'}",
        )


def print_cost(row: Mapping[str, float]) -> None:
    """Print how long a large session takes."""
    print(f"\na session of {row['posts']} posts, processor time, and times as long as decoding its posts")
    for name, work in (("read and file", "file"), ("file again after a correction", "correct"), ("what to ask", "ask")):
        print(f"  {name:<50}{row[f'{work}_ms']} ms  {row[f'{work}_ratio']}")


def line(name: str, share: float | None, rest: object = "") -> None:
    """Print one figure."""
    print(f"  {name:<66}{'-' if share is None else f'{share:.3f}'}  {rest}")


if __name__ == "__main__":
    main()
