import pytest

from benchmarks import eval as evaluation
from transcripts.filing import prepare
from transcripts.weights import FIRST_GUESS


@pytest.fixture(scope="module")
def demo():
    return list(evaluation.load_demo())


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
