"""Translation: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from math import exp

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Words = Sequence[str]


def _shares(scores: Sequence[float]) -> list[float]:
    exponentials = [exp(score) for score in scores]
    return [x / sum(exponentials) for x in exponentials]


EXERCISES = {
    "translation.1": Exercise(
        right=_shares([1, 2, 3]),
        mistakes=(
            Mistake([1.0, 2.0, 3.0], "These are the dot products; softmax makes shares of them."),
            Mistake(
                [1 / 6, 2 / 6, 3 / 6], "You divided the dot products themselves; softmax takes exponentials first."
            ),
            Mistake([exp(1), exp(2), exp(3)], "Divide by the sum, so that the shares add up to one."),
            Mistake(_shares([3, 2, 1]), "The right numbers in the wrong order."),
            Mistake(_shares([1, 1, 2]), "The question's second number counts twice in its dot products."),
            Mistake([0.0, 0.0, 1.0], "Softmax is softer: the best one gets most, and the others get something, too."),
            Mistake(_shares([1, 2, 2]), "Work out the third dot product again: both numbers of the key count."),
        ),
        advice="Three dot products of the question with the keys; their exponentials; each divided by the sum.",
        rtol=5e-3,
    ),
    "translation.2": Exercise(
        right=lambda target: ["<start>", *target[:-1]],
        mistakes=(
            Mistake(
                lambda target: ["<start>", *target], "The last word is written, and not given: that is one too many."
            ),
            Mistake(lambda target: list(target), "It would be given the very word that it should write."),
            Mistake(lambda target: [*target[1:], "<start>"], "This is shifted to the wrong side: it sees the future."),
            Mistake(lambda target: list(target[:-1]), "Before the first word it is given the start."),
            Mistake(lambda target: ["<start>", *target[1:]], "The first right word is given when the second is due."),
        ),
        measure=outputs_at((["May", "1", ",", "1", "9"],), (["Monday"],), (["a", "b"],)),
        advice="As many words as the target has: the start, and then all of the target but its last.",
    ),
    "translation.3": Exercise(
        right=0.95**9,
        mistakes=(
            Mistake(0.95, "This is for one word; all nine have to be right."),
            Mistake(1 - 9 * 0.05, "Errors don't simply add: multiply the probabilities of being right."),
            Mistake(1 - 0.95**9, "This is the probability of at least one error."),
            Mistake(0.05**9, "This is the probability that every word is wrong."),
            Mistake(0.95**8, "There are nine words."),
            Mistake(9 * 0.95, "A probability is never above 1: multiply them with one another."),
        ),
        advice="All of them must be right, and they are independent: multiply.",
    ),
}
