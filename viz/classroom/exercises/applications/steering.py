"""Steering a car: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Callable, Sequence

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Function = Callable[[list[float]], float]


def _first_square(dots: Sequence[float]) -> float:
    return dots[0] ** 2 + dots[1]


def _mixed(dots: Sequence[float]) -> float:
    return 3 * dots[0] - dots[0] * dots[1] + 1


def _negative(dots: Sequence[float]) -> list[float]:
    return [-dot for dot in dots]


def _mean(f: _Function, dots: list[float]) -> float:
    return (f(dots) + f(_negative(dots))) / 2


def _sum(f: _Function, dots: list[float]) -> float:
    return f(dots) + f(_negative(dots))


def _odd(f: _Function, dots: list[float]) -> float:
    return (f(dots) - f(_negative(dots))) / 2


def _unchanged(f: _Function, dots: list[float]) -> float:
    return f(dots)


def _of_sizes(f: _Function, dots: list[float]) -> float:
    return f([abs(dot) for dot in dots])


def _negated_answer(f: _Function, dots: list[float]) -> float:
    return -f(_negative(dots))


EXERCISES = {
    "steering.1": Exercise(
        right=[0.0, 0.5],
        mistakes=(
            Mistake([0.5, 0.0], "By day this is right; what does it say in the tunnel?"),
            Mistake([0.5, 0.5], "By day this gives 1, which is too much."),
            Mistake([0.0, 0.0], "The weight can do nothing for both; the bias can."),
            Mistake([0.5, 0.25], "Put the two dots in: both answers should be the right steering."),
            Mistake([-0.5, 0.0], "In the tunnel this is right; what does it say by day?"),
            Mistake([0.25, 0.25], "By day this is right; in the tunnel it says nothing. A better pair fits both."),
        ),
        advice="Put both dots into w · dot + b, and find numbers that make both errors as small as possible.",
    ),
    "steering.2": Exercise(
        right=2790,
        mistakes=(
            Mistake(1200, "These are the expert's own; the examples of the rounds are added to them."),
            Mistake(1590, "These are from the rounds alone; the expert's are kept."),
            Mistake(2400, "The examples of the first two rounds are kept, too."),
            Mistake(1730, "In each round it drives on three roads."),
            Mistake(930, "Everything happens on three roads."),
            Mistake(1590 / 3, "In each round it drives on three roads, and the expert's examples are kept."),
            Mistake(2790 - 90, "The first round counts as well, though it was a poor drive."),
        ),
        advice="Nothing is thrown away: add the expert's examples and those of all three rounds, on three roads each.",
        rtol=1e-6,
    ),
    "steering.3": Exercise(
        right=_mean,
        mistakes=(
            Mistake(_sum, "This is the sum of the two answers; take their mean."),
            Mistake(_odd, "This is half the difference: it changes its sign with the picture."),
            Mistake(_unchanged, "This asks f about the picture alone, and not about its negative."),
            Mistake(
                _of_sizes, "It is the same for both, but a picture may have bright and dark dots: ask f about each."
            ),
            Mistake(_negated_answer, "The dots are to be negated, and not the answer."),
        ),
        measure=outputs_at(
            *((f, dots) for f in (_first_square, _mixed) for dots in ([1.0, 2.0], [-1.0, -2.0], [0.5, -3.0]))
        ),
        advice="Ask f about the dots, and about the list of their negatives, and return the mean of the two answers.",
    ),
}
