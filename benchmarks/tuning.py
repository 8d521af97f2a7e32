"""Find the weights of the filing from hand-made labels alone: `python -m benchmarks.eval --tune`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import exp, log

from benchmarks.cases import Case
from benchmarks.hiding import Damage, hide
from transcripts.evidence import Evidence
from transcripts.filing import Prepared, prepare
from transcripts.reading import Reading
from transcripts.weighing import Weighing
from transcripts.weights import FIRST_GUESS, Weights

BREADTH = 0.3  # of the prior around the first guesses: how far a weight may move, as a factor's logarithm
POORER = Damage("tuning", labels=0.5, links=1 / 3)
DOUBT = 0.02  # the share of labels that may be wrong
ROUNDS = 5
FINEST = 0.05  # the least step by which a weight is moved, as a factor's logarithm


@dataclass(frozen=True)
class Trial:
    """A labelled session, whole or with something taken away, as tuning sees it. `counts` is its weight."""

    prepared: Prepared
    readings: tuple[Reading, ...]
    case: Case
    counts: float


def make_trials(case: Case) -> Iterator[Trial]:
    """A chat counts half as it is, and half without many of its labels and links: other chats are not so well labelled."""
    prepared = prepare(case.session)
    yield Trial(prepared, prepared.readings, case, 0.5)
    readings, _ = hide(prepared, POORER, seed=1)
    yield Trial(prepared, readings, case, 0.5)


def tune(cases: Sequence[Case]) -> Weights:
    """Find the most probable weights: coordinate by coordinate, in the logarithm, given a prior around first guesses."""
    trials = [trial for case in cases for trial in make_trials(case)]
    names = [one.name for one in fields(Weights)]
    start = [log(getattr(FIRST_GUESS, name)) for name in names]
    place, step = list(start), [BREADTH] * len(names)

    def loss(point: Sequence[float]) -> float:
        weights = Weights(**{name: exp(value) for name, value in zip(names, point, strict=True)})
        prior = sum((one - other) ** 2 for one, other in zip(point, start, strict=True)) / (2 * BREADTH**2)
        return prior + sum(trial.counts * surprise(trial, weights) for trial in trials)

    best = loss(place)
    for _ in range(ROUNDS):
        before = best
        for index in range(len(names)):
            if abs(step[index]) < FINEST:
                continue
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


def surprise(trial: Trial, weights: Weights) -> float:
    """How improbable the labels are, in nats, but for the question posts."""
    prepared = trial.prepared
    evidence = Evidence(prepared.session, trial.readings, prepared.questions, prepared.moderators, weights)
    graph = Weighing(evidence, {}).graph
    total = 0.0
    for index, reading in enumerate(trial.readings):
        topic = evidence.number.get(trial.case.labels.get(reading.uid, ("?", ""))[0])
        if topic is not None and reading.uid not in evidence.parts:
            belief = graph.beliefs[index]
            total -= log((1 - DOUBT) * belief[topic] / sum(belief) + DOUBT / len(belief))
    return total


def released(weights: Weights) -> str:
    """Write weights as they stand in `transcripts.weights`, three digits, without those that are first guesses."""
    guesses = {one.name: getattr(FIRST_GUESS, one.name) for one in fields(Weights)}
    values = {name: float(f"{getattr(weights, name):.3g}") for name in guesses}
    lines = [f"    {name}={value:g},\n" for name, value in values.items() if value != guesses[name]]
    return f"TUNED = Weights(\n{''.join(lines)})"
