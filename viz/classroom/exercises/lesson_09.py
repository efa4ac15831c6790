"""Under the hood and beyond: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Callable
from typing import Any

from engine import grad
from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


def _newton(f: Callable[[Any], Any], x: float) -> Any:
    return x - grad(f)(x) / grad(grad(f))(x)


EXERCISES = {
    "09.1": Exercise(
        right=_newton,
        mistakes=(
            Mistake(
                lambda f, x: x - f(x) / grad(f)(x),
                "This goes to where the function itself is 0; the bottom of a valley is where its slope is 0.",
            ),
            Mistake(
                lambda f, x: x + grad(f)(x) / grad(grad(f))(x),
                "The length is right, but the sign is not: where a valley rises, its bottom is behind you.",
            ),
            Mistake(
                lambda f, x: x - grad(f)(x) * grad(grad(f))(x),
                "You multiply by the second derivative: the faster the slope falls, the longer your step, when it "
                "should be shorter.",
            ),
            Mistake(
                lambda f, x: x - grad(f)(x) / grad(f)(grad(f)(x)),
                "`grad(f)(grad(f)(x))` is the slope of f at another place; take the slope of the function grad(f).",
            ),
            Mistake(
                lambda f, x: x - 0.1 * grad(f)(x),
                "This is gradient descent with a learning rate of 0.1; here the second derivative sets the step.",
            ),
            Mistake(
                lambda f, x: x - grad(f)(x),
                "This is gradient descent with a learning rate of 1: the second derivative is missing.",
            ),
            Mistake(
                lambda f, x: x - grad(grad(f))(x) / grad(f)(x),
                "The fraction is upside down: how often does the change of the slope fit into the slope?",
            ),
            Mistake(
                lambda f, x: -grad(f)(x) / grad(grad(f))(x),
                "This is how far to go; the question asks for the next x.",
            ),
            Mistake(
                lambda f, x: grad(f)(x) / grad(grad(f))(x),
                "This is how far to go; the next x is asked for. And which way: with the slope, or against it?",
            ),
        ),
        measure=outputs_at((lambda x: x**4 / 8 - x**2 + x / 4, 3.0), (lambda x: x**3 - 6 * x, 4.0)),
        advice="How far must you go, if the slope is grad(f)(x) and changes by grad(grad(f))(x) for each unit you go?",
    ),
    "09.2": Exercise(
        right=[3, 200],
        mistakes=(
            Mistake(
                [200, 3],
                "The two are swapped: a forward pass starts at one input, and a backward pass at one result.",
            ),
            Mistake([1, 1], "One pass is not enough: a forward pass moves one input, a backward pass asks one result."),
            Mistake([3, 1], "Unlike a loss, this is not a single result: each temperature needs a pass of its own."),
            Mistake(
                [1, 200], "If all inputs move at once, their derivatives come out added up, and can't be told apart."
            ),
            Mistake([600, 600], "A pass gives more than one derivative: a whole column of the 600, or a whole row."),
        ),
        advice="Which derivatives does one forward pass give? Which does one backward pass give?",
    ),
    "09.3": Exercise(
        right=1.0,
        mistakes=(
            Mistake(
                -1.0,
                "With this sign the step raises the preference: a disappointment would be made more likely. The reward "
                "is below the baseline, so what is the sign of -(reward - baseline) before the logarithm?",
            ),
            Mistake(
                -0.5,
                "Here the logarithm has -1 in front of it, as if there were no baseline. What is -(reward - baseline)?",
            ),
            Mistake(0.5, "This is 1 - p; the number before the logarithm is still missing."),
            Mistake(2.0, "The derivative of log p with respect to its preference is forgotten: it is 1 - p, not 1."),
            Mistake(
                4.0,
                "This is the derivative with respect to the chance, 2 / p; the preference is one step further back.",
            ),
            Mistake(
                -1.3863, "This is the loss itself. The question asks for its derivative with respect to the preference."
            ),
            Mistake(
                -2.0,
                "The sign is wrong, and the derivative of log p with respect to its preference, 1 - p, is missing.",
            ),
        ),
        advice="First the number before the logarithm, -(reward - baseline); then times 1 - p.",
    ),
}
