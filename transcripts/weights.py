"""What each kind of evidence is worth: few numbers, the same for every chat.

`TUNED` are the most probable ones on the chats labelled by hand, each taken as it is and once more without half of its
labels and a third of its replies, given a prior around round first guesses, so that nothing that only one chat does
moves them far. `python -m benchmarks.eval --tune` prints them as they stand here, and `make eval` scores each chat with
weights found without it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """Odds are factors on a topic, pulls are relative to the pull of the moment (1), times are minutes."""

    # The post's own text, as odds for the topic that it speaks for.
    label: float = 150.0  # at the head or tail
    two_labels: float = 20.0  # for each of two or more
    passing: float = 12.0  # a label in mid-sentence
    slip: float = 0.05  # the label of a question still to come, where the current one has 1
    announced: float = 4.0  # the same, of a moderator
    greets: float = 60.0  # and says who it is, or comes early
    parts: float = 60.0  # thanks and says farewell, when the session closes
    thanks: float = 8.0  # or does one of them
    chairs: float = 4.0  # a moderator who says something of no question when it is over
    stranger: float = 0.3  # the weight of `none` in the moment of a post by somebody who is not there
    outsider: float = 6.0  # for `none`: it speaks to somebody who is not there
    like_question: float = 8.0  # as similar as can be to the words of a question
    like_answers: float = 100.0  # or to the middle of what is filed there

    # The moment: how much each topic is talked about.
    ramp: float = 1.0  # until a new question is taken up
    fade: float = 6.0  # until the last one is left
    floor: float = 0.05  # what remains of an old one
    arrivals: float = 4.0  # for how long people still arrive after the first question
    closing: float = 0.5  # wrapup, when it is over
    nothing: float = 0.05  # none, at any time
    crowd: float = 0.3  # what each labelled post nearby adds
    nearby: float = 3.0

    # How strongly a post takes up the topic of another.
    reply: float = 40.0
    reply_to_question: float = 15.0
    own_reply: float = 25.0
    quote: float = 4.0
    quote_of_question: float = 10.0
    continued: float = 15.0  # (2/2)
    conversation: float = 3.0  # only its first post is known
    circle: float = 4.0  # the same people spoke to each other just before
    circle_fade: float = 10.0
    author: float = 0.8  # the same person spoke just before
    author_fade: float = 6.0
    moderator: float = 0.4  # the same, of a moderator
    mention: float = 1.5
    mention_fade: float = 6.0
    similar: float = 10.0  # at a similarity of 1, and falling with its square
    similar_own: float = 2.0  # times as much, where both are of one person
    similar_fade: float = 25.0


FIRST_GUESS = Weights()

TUNED = Weights(
    passing=13.5,
    stranger=0.316,
    outsider=6.85,
    fade=2.92,
    floor=0.0675,
    closing=0.564,
    nothing=0.0564,
    crowd=0.185,
    nearby=1.46,
    quote=3.79,
    circle=5.4,
    circle_fade=11.4,
    author=0.593,
    author_fade=4.44,
    mention=1.11,
    similar=13.5,
    similar_own=2.28,
)
