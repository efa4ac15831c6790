"""Topics of questions: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from math import exp

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Words = Sequence[str]
_TOTAL = exp(2) + exp(1) + 1

EXERCISES = {
    "topics.1": Exercise(
        right=lambda words: [word.lower()[:5] for word in words],
        mistakes=(
            Mistake(lambda words: "".join(word.lower()[:5] for word in words), "Keep them apart: return a list."),
            Mistake(lambda words: [word.lower()[:4] for word in words], "That is one letter too few."),
            Mistake(lambda words: [word.lower()[:6] for word in words], "That is one letter too many."),
            Mistake(lambda words: [word[:5] for word in words], "The words are not in small letters yet."),
            Mistake(lambda words: [word.lower() for word in words], "The words are not cut yet."),
            Mistake(lambda words: [word.lower()[-5:] for word in words], "These are the last letters; keep the first."),
            Mistake(lambda words: [word.lower() for word in words[:5]], "This cuts the list, and not its words."),
        ),
        measure=outputs_at(
            (["Computers", "are", "Computing"],), (["A", "Sentence", "with", "MORE", "than", "five", "WORDS"],)
        ),
        advice="Go through the words, and take a slice of each of them.",
    ),
    "topics.2": Exercise(
        right=exp(2) / _TOTAL,
        mistakes=(
            Mistake(2 / 3, "You divided the scores themselves; first comes the exponential function."),
            Mistake(exp(1) / _TOTAL, "This is the probability of the second."),
            Mistake(1 / _TOTAL, "This is the probability of the third."),
            Mistake(exp(2), "Divide by the sum, so that all of them add up to one."),
            Mistake(exp(2) / (exp(1) + 1), "The first one belongs into the sum, too."),
            Mistake(exp(2) / (exp(2) + exp(1)), "A score of 0 has a share, too: its exponential is not 0."),
            Mistake(1 / (1 + exp(-2)), "This is the sigmoid, for a yes or no; here are three topics."),
        ),
        advice="Take the exponential of each score, and divide the first by the sum of the three.",
        rtol=2e-3,
    ),
    "topics.3": Exercise(
        right=0.5,
        mistakes=(
            Mistake(3 / 36, "The length of a row is a root: that of the sum of its squares."),
            Mistake(3.0, "This is the dot product; divide by the lengths of both rows."),
            Mistake(3 / 13, "Multiply the two lengths, and don't add the numbers of words."),
            Mistake(0.3, "This divides by the words of both together; the cosine divides by two lengths."),
            Mistake(0.75, "This is the share of the first sentence alone."),
            Mistake(1 / 3, "This is the share of the second sentence alone."),
            Mistake(0.6, "Multiply the two lengths, and don't add them."),
        ),
        advice="The dot product counts the shared words; the length of a row of ones is the root of their number.",
    ),
}
