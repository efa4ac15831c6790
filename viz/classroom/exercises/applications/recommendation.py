"""Recommending films: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from math import sqrt

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Numbers = Sequence[float]


def _squares(guesses: _Numbers, stars: _Numbers, low: float = 1.0, high: float = 5.0) -> list[float]:
    return [(min(max(guess, low), high) - star) ** 2 for guess, star in zip(guesses, stars)]


def _rmse(guesses: _Numbers, stars: _Numbers) -> float:
    return sqrt(sum(_squares(guesses, stars)) / len(stars))


EXERCISES = {
    "recommendation.1": Exercise(
        right=3.8,
        mistakes=(
            Mistake(3.3, "The dot product of the two rows is missing: that is the taste."),
            Mistake(0.5, "This is the dot product alone; mean and tendencies come on top."),
            Mistake(4.4, "Watch the sign of the second product: one of its factors is negative."),
            Mistake(4.6, "The film gets fewer stars than others: subtract."),
            Mistake(4.0, "Both tendencies are missing, the person's and the film's."),
            Mistake(4.2, "How good the film is has been left out."),
            Mistake(3.6, "How generous the person is has been left out."),
        ),
        advice="Add the mean, the two tendencies, and the dot product of the two rows.",
    ),
    "recommendation.2": Exercise(
        right=[1.28, 0.96],
        mistakes=(
            Mistake([0.64, 0.48], "The 2 that comes down from the square is missing."),
            Mistake([1.6, -0.8], "This is the gradient for the film's row: with respect to one row it is the other."),
            Mistake([0.8, 0.6], "This is the derivative of the guess; on the way lies the squared error."),
            Mistake([-1.28, -0.96], "The sign: the guess is too high, and a larger number would make it higher still."),
            Mistake([1.6, 1.6], "This is the derivative of the loss with respect to the guess; go on to the row."),
            Mistake([0.96, 1.28], "The right numbers in the wrong order."),
        ),
        advice="Along the path row, guess, loss: first the film's number, then 2 · (guess - 3).",
    ),
    "recommendation.3": Exercise(
        right=_rmse,
        mistakes=(
            Mistake(lambda guesses, stars: _rmse(guesses, stars) ** 2, "The root is missing."),
            Mistake(lambda guesses, stars: sqrt(sum(_squares(guesses, stars))), "The mean is missing: divide first."),
            Mistake(
                lambda guesses, stars: sqrt(sum(_squares(guesses, stars, -99, 99)) / len(stars)),
                "A guess below 1 or above 5 was not brought back first.",
            ),
            Mistake(
                lambda guesses, stars: sum(map(sqrt, _squares(guesses, stars))) / len(stars),
                "This is the mean of the distances; first square, take the mean, and then the root.",
            ),
            Mistake(
                lambda guesses, stars: sqrt(sum(_squares(guesses, stars))) / len(stars),
                "The root comes last: it belongs around the mean.",
            ),
            Mistake(
                lambda guesses, stars: sqrt(sum(_squares(guesses, stars, 1, 99)) / len(stars)),
                "A guess above 5 was not brought back.",
            ),
        ),
        measure=outputs_at(([5.6, 3.0, 0.2, 2.0], [4.0, 3.0, 1.0, 4.0]), ([4.0, 7.0], [3.0, 5.0])),
        advice="For each pair bring the guess to 1 to 5, square the difference; then the mean, and its root.",
    ),
}
