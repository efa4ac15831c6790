"""Deep networks: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from math import hypot

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


def _clipped(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = hypot(*gradients)
    return [g * max_norm / norm for g in gradients] if norm > max_norm else list(gradients)


def _always(gradients: Sequence[float], max_norm: float) -> list[float]:
    return [g * max_norm / hypot(*gradients) for g in gradients]


def _each(gradients: Sequence[float], max_norm: float) -> list[float]:
    return [min(max(g, -max_norm), max_norm) for g in gradients]


def _by_sum(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = sum(map(abs, gradients))
    return [g * max_norm / norm for g in gradients] if norm > max_norm else list(gradients)


def _by_signed_sum(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = sum(gradients)
    return [g * max_norm / norm for g in gradients] if norm > max_norm else list(gradients)


def _by_largest(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = max(map(abs, gradients))
    return [g * max_norm / norm for g in gradients] if norm > max_norm else list(gradients)


def _upside_down(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = hypot(*gradients)
    return [g * norm / max_norm for g in gradients] if norm > max_norm else list(gradients)


def _to_one(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = hypot(*gradients)
    return [g / norm for g in gradients] if norm > max_norm else list(gradients)


def _by_square(gradients: Sequence[float], max_norm: float) -> list[float]:
    norm = sum(g * g for g in gradients)
    return [g * max_norm / norm for g in gradients] if norm > max_norm else list(gradients)


EXERCISES = {
    "08.1": Exercise(
        right=(2 * 0.2) ** 5,
        mistakes=(
            Mistake(0.2**5, "Only the slopes are in it: the weights are on the path, too."),
            Mistake(2.0**5, "Only the weights are in it: each sigmoid has its slope as well."),
            Mistake(5 * 2 * 0.2, "You have added the layers: along a path the factors are multiplied."),
            Mistake((2 * 0.2) ** 4, "This is the product of one layer too few: count the neurons."),
            Mistake(2**4 * 0.2**5, "One weight is missing: the input of the first neuron goes through a weight, too."),
            Mistake(0.01, "Rounded too far: give three digits that are not 0."),
            Mistake(2 * 0.2**5, "There is a weight in front of each sigmoid, not just one for all."),
            Mistake(
                (2 * 0.25) ** 5, "A quarter is the steepest slope of a sigmoid; look up the slope that these have."
            ),
            Mistake(2 * 0.2, "This is what one neuron does, but there are five in a row."),
        ),
        advice="Go along the path from the output to the input, and write down every factor you meet.",
        rtol=5e-3,  # 0.0102 will do
    ),
    "08.2": Exercise(
        right=0.2,
        mistakes=(
            Mistake(0.04, "This is the variance; the deviation is its root."),
            Mistake((1 / 50) ** 0.5, "A relu lets only half of it through, and something must make up for that."),
            Mistake(0.5, "That was right for 8 inputs: more inputs make a larger sum."),
            Mistake(5.0, "This is the root of n/2, the factor by which the layer makes its numbers larger; undo it."),
            Mistake(2**0.5 / 50, "Take the root of the whole fraction, not of the 2 alone."),
            Mistake(0.02, "One over n is too small: a sum of random numbers grows only as the root of n."),
        ),
        advice="One layer multiplies the size by s · √(n/2). Which s makes that 1?",
        rtol=5e-3,
    ),
    "08.3": Exercise(
        right=_clipped,
        mistakes=(
            Mistake(_always, "This lengthens short gradients, too: those should stay as they are."),
            Mistake(_each, "This cuts each number separately, which changes the direction: shorten all alike."),
            Mistake(
                lambda gradients, max_norm: [min(g, max_norm) for g in gradients],
                "This cuts each number separately, and a large one below 0 not at all: shorten all alike.",
            ),
            Mistake(
                lambda gradients, max_norm: (
                    [g / max_norm for g in gradients] if hypot(*gradients) > max_norm else list(gradients)
                ),
                "Dividing by max_norm does not make a list that long: divide by its own length first.",
            ),
            Mistake(_by_sum, "The length is not the sum of the sizes: think of Pythagoras."),
            Mistake(
                _by_signed_sum, "In a sum, 3 and -4 nearly cancel out, yet the arrow is long: think of Pythagoras."
            ),
            Mistake(
                lambda gradients, max_norm: _always(gradients, max_norm) if hypot(*gradients) > max_norm else None,
                "For a short gradient this returns nothing: return it as it is.",
            ),
            Mistake(_by_largest, "The length is not just the largest number: all of them count, as in Pythagoras."),
            Mistake(_upside_down, "The fraction is upside down: this makes a long gradient longer."),
            Mistake(_to_one, "This shortens to the length 1, whatever max_norm says."),
            Mistake(_by_square, "The root is missing: the length is the root of the sum of the squares."),
            Mistake(
                lambda gradients, max_norm: (
                    list(gradients) if hypot(*gradients) <= max_norm else [0.0] * len(gradients)
                ),
                "This throws a long gradient away: its direction is still good.",
            ),
            Mistake(lambda gradients, max_norm: list(gradients), "Long gradients are still as long as they were."),
            Mistake(
                lambda gradients, max_norm: min(hypot(*gradients), max_norm),
                "This gives the length; the question asks for the list of gradients.",
            ),
        ),
        measure=outputs_at(([3.0, -4.0], 2.0), ([0.3, 0.4], 2.0), ([4.0, 2.0, -4.0], 1.5)),
        advice="Find the length first; if it is more than max_norm, multiply every number by max_norm / length.",
    ),
}
