from math import isclose, sqrt

from transcripts.similarity import Middles, overlap, telling, vectors


def test_a_post_is_compared_with_a_topics_other_posts_and_not_with_itself():
    goose, hen, owl = range(3)
    many = [[(goose, 1.0)], [(goose, 0.6), (hen, 0.8)], [(owl, 1.0)]]
    middles = Middles(many, {0: {1: 1.0}, 1: {1: 1.0}, 2: {2: 1.0}}, topics=[0, 1, 2])
    assert middles.of(2) == [0.0, 0.0, 0.0]
    assert isclose(middles.of(0)[1], 0.6 / sqrt(2))  # as if a post of quite other words were there too
    assert isclose(middles.of(1)[1], 0.6 / sqrt(2))


def test_the_more_posts_a_topic_has_the_more_they_tell():
    goose = 0
    alike = []
    for others in range(1, 5):
        shares = {place: {1: 1.0} for place in range(1, others + 1)}
        alike.append(Middles([[(goose, 1.0)]] * (others + 1), shares, topics=[0, 1]).of(0)[1])
    assert alike == sorted(set(alike))
    assert alike[-1] < 1.0


def test_a_post_counts_in_a_topic_as_far_as_it_belongs_there():
    goose, hen = range(2)
    many = [[(goose, 1.0)], [(hen, 1.0)], [(goose, 1.0)]]
    middles = Middles(many, {0: {1: 0.5}, 1: {1: 1.0}}, topics=[0, 1])
    assert isclose(middles.of(2)[1], 0.5 / sqrt(0.5**2 + 1.0 + 1.0))


def test_vectors_have_length_one_or_are_empty():
    made = vectors([["goose", "goose", "hen"], [], ["owl"]])
    assert [isclose(sum(value * value for _, value in vector), 1.0) for vector in made] == [True, False, True]


def test_two_texts_overlap_by_the_shorter_ones_words():
    asked = telling(["which", "birds", "frightened", "your", "grandparents", "most", "of", "all"])
    again = telling(["again", "which", "birds", "frightened", "your", "grandparents"])
    assert overlap(asked, again) == 5 / 6
    assert overlap(asked, telling(["which", "birds"])) == 0.0  # too little to compare
