import pytest

from transcripts.belief import Graph


def beliefs(graph):
    graph.settle()
    return [[round(one / sum(row), 3) for one in row] for row in graph.beliefs]


def test_a_node_that_copies_nobody_believes_its_prior_and_its_text():
    assert beliefs(Graph([[1, 1]], [[3, 1]], [[]], {})) == [[0.75, 0.25]]


def test_what_is_known_reaches_whoever_copies_it_by_as_much_as_it_copies():
    _, child = beliefs(Graph([[1, 1], [1, 1]], [[1, 1], [1, 1]], [[], [(0, 3)]], {0: 0}))
    assert child == pytest.approx([0.875, 0.125], abs=0.001)


def test_what_a_child_says_reaches_its_source():
    source, _ = beliefs(Graph([[1, 1], [1, 1]], [[1, 1], [9, 1]], [[], [(0, 9)]], {}))
    assert source[0] > 0.8


def test_a_supposition_changes_nothing():
    graph = Graph([[1, 1]] * 4, [[1, 2], [1, 1], [2, 1], [1, 1]], [[], [(0, 5)], [(1, 5)], [(2, 5), (0, 1)]], {})
    graph.settle()
    before = [list(row) for row in graph.beliefs]
    after = graph.suppose(1, 0)
    assert after[3][0] > before[3][0]
    assert before == graph.beliefs
    assert after == graph.suppose(1, 0)


def test_a_circle_of_sources_comes_to_rest():
    graph = Graph([[1, 1]] * 3, [[5, 1], [1, 1], [1, 1]], [[(2, 9)], [(0, 9)], [(1, 9)]], {})
    assert all(row[0] > 0.5 for row in beliefs(graph))
