"""Learning, not memorising: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


def _scaled(test: Sequence[float], measured: Sequence[float], less: int = 0) -> list[float]:
    """The test numbers, by the mean and the deviation of others; with `less` than their number as the divisor."""
    mean = sum(measured) / len(measured)
    deviation = sqrt(sum((x - mean) ** 2 for x in measured) / (len(measured) - less))
    return [(x - mean) / deviation for x in test]


def _by_variance(train: Sequence[float], test: Sequence[float]) -> list[float]:
    mean = sum(train) / len(train)
    return [(x - mean) / (sum((each - mean) ** 2 for each in train) / len(train)) for x in test]


def _undivided(train: Sequence[float], test: Sequence[float]) -> list[float]:
    return [x - sum(train) / len(train) for x in test]


def _by_total(train: Sequence[float], test: Sequence[float]) -> list[float]:
    mean = sum(train) / len(train)
    return [(x - mean) / sqrt(sum((each - mean) ** 2 for each in train)) for x in test]


def _by_distance(train: Sequence[float], test: Sequence[float]) -> list[float]:
    mean = sum(train) / len(train)
    return [(x - mean) / (sum(abs(each - mean) for each in train) / len(train)) for x in test]


def _without_brackets(train: Sequence[float], test: Sequence[float]) -> list[float]:
    mean = sum(train) / len(train)
    return [x - mean / sqrt(sum((each - mean) ** 2 for each in train) / len(train)) for x in test]


def _root_of_number(train: Sequence[float], test: Sequence[float]) -> list[float]:
    mean = sum(train) / len(train)
    return [(x - mean) / (sum((each - mean) ** 2 for each in train) / sqrt(len(train))) for x in test]


def _leaking(train: Sequence[float], test: Sequence[float]) -> list[float]:
    return _scaled(test, [*train, *test])


def _outputs(standardized: Any) -> list[Any]:
    return outputs_at(([2.0, 4.0, 6.0], [10.0, 4.0]), ([1.0, 1.0, 4.0, 2.0], [3.0, 0.0]))(standardized)


EXERCISES = {
    "07.1": Exercise(
        right=[7, 5],
        mistakes=(
            Mistake([4, 3], "This stops at the first epoch that is worse: that is a patience of 1."),
            Mistake([5, 3], "Epoch 5 is better than epoch 3: with a better loss the waiting starts again."),
            Mistake(
                [6, 5], "Epoch 4 does not count any more: with epoch 5, which is better, the waiting starts again."
            ),
            Mistake([7, 7], "These are the weights of the last epoch; those of the best one are put back."),
            Mistake([6, 4], "You have counted epochs from 0, but the table counts them from 1."),
            Mistake(
                [8, 8],
                "It never gets to epoch 8: go along the validation losses; while it waits, nobody knows what comes.",
            ),
            Mistake([5, 7], "The right numbers in the wrong order: first comes the epoch after which it stops."),
            Mistake([8, 5], "The patience runs out with the second epoch in a row without a better loss."),
        ),
        advice="Go along the validation losses and keep two numbers: the best so far, and how long ago it was.",
    ),
    "07.2": Exercise(
        right=lambda train, test: _scaled(test, train),
        mistakes=(
            Mistake(_leaking, "This measures mean and deviation on both lists: the test has leaked."),
            Mistake(
                lambda train, test: _scaled(test, test),
                "This measures on the test itself: the same number would mean different things in each part.",
            ),
            Mistake(
                lambda train, test: _scaled(train, train),
                "These are the training numbers standardized; the question asks for the test numbers.",
            ),
            Mistake(_undivided, "The mean is subtracted, but the division by the deviation is missing."),
            Mistake(_without_brackets, "Python divides before it subtracts: put brackets around x - mean."),
            Mistake(_by_total, "Under the root is the sum of the squares; it should be their mean."),
            Mistake(
                _by_distance, "This is the mean distance; the deviation squares first, and takes the root at the end."
            ),
            Mistake(_root_of_number, "Brackets are missing: take the root of the whole mean, not of the number alone."),
            Mistake(_by_variance, "This divides by the variance: the deviation is its root."),
            Mistake(
                lambda train, test: _scaled(test, train, less=1),
                "This divides the squares by one less than their number, as statistics.stdev does: reread the task.",
            ),
        ),
        measure=_outputs,
        advice="Measure the mean and the deviation on train alone, then subtract and divide for each number in test.",
    ),
    "07.3": Exercise(
        right=[-1.98, -2.07],
        mistakes=(
            Mistake([-1.98, -2.13], "The slope of |w| is 1 or -1, and w is below 0 here."),
            Mistake([-2.04, -2.07], "The slope of w² is not w: think of the 2 that comes down."),
            Mistake(
                [-2.04, -2.13],
                "The slopes of both prices are wrong: that of w² is 2w, and that of |w| is the sign of w.",
            ),
            Mistake([-2.22, -2.16], "You have added the prices themselves; a step needs their slopes."),
            Mistake([-2.02, -1.93], "A step goes against the slope: subtract it."),
            Mistake([-2.22, -2.13], "The pull must go toward 0: the slope of each price is below 0 where w is."),
            Mistake([-1.88, -1.97], "These are steps for the prices alone: the loss has a slope of 1 as well."),
            Mistake([-2.07, -1.98], "The right numbers in the wrong order: L2 comes first."),
            Mistake([-2.1, -2.1], "This is the step without a price: add the slope of each price to that of the loss."),
            Mistake([-1.7, -2.0], "The 0.3 is missing: it is a factor in the slope of 0.3 · w², too."),
            Mistake([-1.8, -2.7], "The learning rate is missing: a step is the learning rate times the slope."),
            Mistake([-0.2, 0.7], "These are the slopes; you still have to take the step."),
        ),
        advice="Add the slope of the price to the slope of the loss, then take a step against the sum.",
    ),
}
