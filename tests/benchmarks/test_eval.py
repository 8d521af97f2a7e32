import pytest

from benchmarks import eval as evaluation
from benchmarks.cases import DATA, load_demo, load_labelled
from benchmarks.crowded import measure
from benchmarks.hiding import DAMAGES, hide, own_labels
from benchmarks.tuning import released, tune
from transcripts.filing import prepare
from transcripts.weights import FIRST_GUESS, TUNED


@pytest.fixture(scope="module")
def demo():
    return list(load_demo())


def test_the_demos_questions_are_all_found_and_nearly_all_posts_filed_right(demo):
    assert len(demo) == 3
    for case in demo:
        prepared = prepare(case.session)
        assert [question.label for question in prepared.questions] == ["Q1", "Q2", "Q3", "Q4", "Q5"]
        right = [filing.topic == case.labels[uid][0] for uid, filing in prepared.filings.items() if case.scored(uid)]
        assert len(right) >= 75
        assert sum(right) / len(right) >= 0.9


def test_every_figure_is_there(demo):
    row = evaluation.score(demo[0], FIRST_GUESS)
    assert row["questions"] == {"found": ["Q1", "Q2", "Q3", "Q4", "Q5"], "missed": [], "invented": []}
    assert set(row["corrections"]) == {"asked_again", "one_list"}
    assert set(row["baselines"]) == {"time", "label, time", "label, reply, time"}
    assert sum(one["posts"] for one in row["calibration"]) == row["posts"]


def test_without_labels_it_says_so_and_stops(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["eval", "--gold", str(tmp_path)])
    evaluation.main()
    assert "skipped, since there are no labels" in capsys.readouterr().err


def test_what_is_hidden_is_gone_and_the_questions_stay(demo):
    prepared = prepare(demo[0].session)
    parts = {uid for question in prepared.questions for uid in question.parts}
    own = own_labels(prepared)
    assert len(own) >= 20
    assert not own.keys() & parts
    for damage in DAMAGES:
        readings, lost = hide(prepared, damage, seed=1)
        assert (readings, lost) == hide(prepared, damage, seed=1)
        assert [one.uid for one in readings] == [one.uid for one in prepared.readings]
        assert not any(one.labels for one in readings if one.uid in lost)
        assert not lost & parts
        if damage.labels == 1:
            assert own.keys() <= lost


def test_most_hidden_labels_of_the_demo_are_found_out_again(demo):
    rows = [row for case in demo for row in evaluation.score_hidden(case, TUNED)]
    assert len(rows) == len(demo) * len(DAMAGES)
    assert all(row["posts"] and row["right"] >= 0.6 for row in rows)


def test_weights_are_printed_as_they_are_released():
    assert eval(released(TUNED).removeprefix("TUNED = "), {"Weights": type(TUNED)}) == TUNED
    assert released(FIRST_GUESS) == "TUNED = Weights(\n)"


@pytest.mark.slow
def test_the_released_weights_are_those_that_the_labels_give():
    labelled = list(load_labelled(DATA / "gold"))
    if not labelled:
        pytest.skip(f"{DATA} is not here")
    assert released(tune(labelled)) == released(TUNED)


def test_the_cost_of_filing_is_told_as_a_ratio():
    row = measure(200)
    assert row["posts"] == 200
    assert all(row[f"{work}_ratio"] > 0 for work in ("file", "correct", "ask"))
