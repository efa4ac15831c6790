"""Handwritten digits: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Rows = Sequence[Sequence[float]]


def _sum(window: _Rows, weights: _Rows) -> float:
    """Each dot times the weight that lies on it."""
    return sum(x * w for xs, ws in zip(window, weights) for x, w in zip(xs, ws))


def _turned(window: _Rows, weights: _Rows, bias: float) -> float:
    return max(0.0, _sum(window, [*zip(*weights)]) + bias)


def _flipped(window: _Rows, weights: _Rows, bias: float) -> float:
    return max(0.0, _sum(window, [row[::-1] for row in weights[::-1]]) + bias)


EXERCISES = {
    "digits.1": Exercise(
        right=1370,
        mistakes=(
            Mistake(1362, "The filters have a bias too, one each."),
            Mistake(1360, "Both layers lack something: the dense one has biases, too."),
            Mistake(1352, "The biases are missing, in both layers."),
            Mistake(1298, "You gave the 8 filters the weights of one: each of them has its own nine."),
            Mistake(1290, "This is the dense layer alone; the filters have parameters as well."),
            Mistake(80, "These are the filters alone; the dense layer has a weight for each number and each digit."),
            Mistake(5210, "You pooled nothing: after MaxPool2d the maps are 4×4, and 8 of them make 128 numbers."),
            Mistake(5898, "A filter uses the same nine weights at all 64 places."),
        ),
        advice="A filter has 3·3 weights and a bias; a dense layer has a weight for each input and output, and biases.",
        rtol=1e-6,
    ),
    "digits.2": Exercise(
        right=lambda window, weights, bias: max(0.0, _sum(window, weights) + bias),
        mistakes=(
            Mistake(lambda window, weights, bias: _sum(window, weights) + bias, "The relu is missing."),
            Mistake(
                lambda window, weights, bias: max(0.0, _sum(window, weights)),
                "The bias is missing: add it before relu.",
            ),
            Mistake(
                lambda window, weights, bias: max(0.0, _sum(window, weights)) + bias,
                "The bias comes before relu, not after it.",
            ),
            Mistake(
                lambda window, weights, bias: max(0.0, (_sum(window, weights) + bias) / 9),
                "This is the mean of the nine products; a neuron adds them up.",
            ),
            Mistake(_turned, "Rows and columns of the weights are swapped."),
            Mistake(_flipped, "The weights are turned by half a turn; here they lie on the dots as they stand."),
            Mistake(
                lambda window, weights, bias: max(0.0, sum(map(sum, window)) * sum(map(sum, weights)) + bias),
                "Multiply dot by dot, then add; not the sum of all dots by the sum of all weights.",
            ),
        ),
        measure=outputs_at(
            (
                [[0.0, 1.0, 0.5], [0.0, 1.0, 0.0], [0.2, 1.0, 0.0]],
                [[-1.0, 2.0, 0.5], [1.0, 2.0, -1.0], [-1.0, 1.0, 0.0]],
                0.5,
            ),
            (
                [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.5]],
                [[-1.0, 2.0, 0.5], [-2.0, 2.0, -1.0], [-1.0, 1.0, 0.0]],
                -0.5,
            ),
        ),
        advice="Go over rows and columns, add up dot times weight, add the bias, and return 0 if that is below 0.",
    ),
    "digits.3": Exercise(
        right=[[0.0, 5.0], [0.0, 0.0]],
        mistakes=(
            Mistake([[1.25, 1.25], [1.25, 1.25]], "A mean would share it out; the output is the largest alone."),
            Mistake([[5.0, 5.0], [5.0, 5.0]], "If the smallest dot gets a little larger, does the output change?"),
            Mistake([[0.0, 1.0], [0.0, 0.0]], "These are the local derivatives: multiply by what arrives from above."),
            Mistake([[0.0, 3.5], [0.0, 0.0]], "The local derivative is not the dot itself, but 1."),
            Mistake(
                [[0.5, 3.5], [2.0, 1.0]], "A maximum does not multiply its dots: one of them goes through as it is."
            ),
            Mistake([[0.0, 0.0], [5.0, 0.0]], "That is not where the largest dot stands: check the order of the rows."),
        ),
        advice="Which of the four dots can change the output, and by how much?",
    ),
}
