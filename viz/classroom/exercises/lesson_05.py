"""Loss and gradient descent: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Callable
from math import exp, log, log2, log10
from typing import Any

from engine import Value
from nn import SGD
from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


def _slope(w: float) -> float:
    """The slope of (w - 3)²."""
    return 2 * (w - 3)


def _walking(step: Callable[[float, float], float]) -> Callable[[float, float, int], float]:
    """A walk of so many steps, each from `w` with `lr` to what `step` gives."""

    def walk(w: float, lr: float, steps: int) -> float:
        for _ in range(steps):
            w = step(w, lr)
        return w

    return walk


def _piling_up(w: float, lr: float, steps: int) -> float:
    """A walk with the sum of all slopes so far."""
    total = 0.0
    for _ in range(steps):
        total += _slope(w)
        w -= lr * total
    return w


def _one_slope(w: float, lr: float, steps: int) -> float:
    """A walk with the slope of the start at every step."""
    return w - lr * steps * _slope(w)


def _one_step(w: float, lr: float, steps: int) -> float:
    """A walk whose return stands inside the loop."""
    return w - lr * _slope(w) if steps else w


def _steps_off(by: int) -> Callable[[float, float, int], float]:
    """A walk of one step too many, or too few."""
    walk = _walking(lambda w, lr: w - lr * _slope(w))
    return lambda w, lr, steps: walk(w, lr, steps + by)


def _what_becomes_of(lr: Any) -> str:
    """In a word, 40 steps on a² + 10 · b² with a learning rate."""
    lr = lr.data if isinstance(lr, Value) else float(lr)
    if lr <= 0:
        return "no way down"
    a, b = Value(5.0), Value(1.0)
    optimizer = SGD([a, b], lr)
    for _ in range(40):
        loss = optimizer.minimize(lambda: a * a + 10 * b * b)
        if not loss < 1e6:
            return "diverges"
    end = a.data**2 + 10 * b.data**2
    if end < 0.01:
        return "right"
    if abs(b.data) > 1 + 1e-9:
        return "diverges"
    return "swings" if abs(b.data) > abs(a.data) else "too small"


EXERCISES = {
    "05.1": Exercise(
        right=-log(0.2),
        mistakes=(
            Mistake(-log(0.7), "This would be the loss if it were a cat: take the probability of the right class."),
            Mistake(
                log(0.2), "The sign: the logarithm of a number below 1 is negative, and the loss has a minus in front."
            ),
            Mistake(
                -log10(0.2), "This is the logarithm to the base 10; the cross-entropy takes the natural one, `log`."
            ),
            Mistake(-log2(0.2), "This is the logarithm to the base 2; the cross-entropy takes the natural one, `log`."),
            Mistake(1.6, "Rounded too far: give two digits after the point."),
            Mistake(-log(0.8), "This is -log(1 - p), the loss for a photo without a dog; this one has a dog."),
            Mistake(0.2, "This is p itself. How surprised is a network that gave the truth no more than p?"),
            Mistake(-log(0.2) / 3, "You divided the loss by the three classes. But there is one photo, and one loss."),
            Mistake(-0.2 * log(0.2), "You multiplied the logarithm by p: the loss is just -log p."),
            Mistake(
                -log(exp(0.2) / (exp(0.7) + exp(0.2) + exp(0.1))),
                "You took softmax once more: these are already probabilities, not scores.",
            ),
            Mistake(
                -log(0.3) - log(0.2) - log(0.9),
                "You added the other classes, as if each were a yes or no of its own. Only the right class counts.",
            ),
            Mistake((0.2 - 1) ** 2, "This is the squared error of the probability, and not the cross-entropy."),
            Mistake(1 - 0.2, "This is how far the probability is off, which is the slope; the loss is a logarithm."),
        ),
        advice="The loss is -log p. Which of the three probabilities is p, if the photo shows a dog?",
    ),
    "05.2": Exercise(
        right=_walking(lambda w, lr: w - lr * _slope(w)),
        mistakes=(
            Mistake(_walking(lambda w, lr: w + lr * _slope(w)), "This walks uphill: a step goes against the slope."),
            Mistake(_one_step, "There was only one step: is the return inside the loop?"),
            Mistake(
                _one_slope,
                "Each step used the slope at the start; the slope must be worked out again where w is now.",
            ),
            Mistake(
                _walking(lambda w, lr: w - lr * (w - 3)),
                "The slope lacks a factor: the exponent of a square comes down in front.",
            ),
            Mistake(
                _walking(lambda w, lr: w - lr * (2 * w - 3)),
                "The factor 2 belongs to the whole bracket: 2 · (w - 3) is 2w - 6.",
            ),
            Mistake(
                _walking(lambda w, lr: w - lr * 2 * w - 3),
                "Brackets are missing: lr times the whole slope, 2 · (w - 3).",
            ),
            Mistake(
                _walking(lambda w, lr: w - (lr * 2 * w - 3)),
                "Brackets are missing around w - 3: the 3 is multiplied by neither the 2 nor lr.",
            ),
            Mistake(
                _walking(lambda w, lr: w - lr * 2 * w - 6), "Brackets are missing: lr times the whole slope, 2w - 6."
            ),
            Mistake(
                _walking(lambda w, lr: w - (lr * 2 * w - 6)),
                "Brackets are missing around 2w - 6: the 6 is not multiplied by lr.",
            ),
            Mistake(_steps_off(-1), "This is one step too few: `range(steps)` takes as many as `steps` says."),
            Mistake(_steps_off(1), "This is one step too many: `range(steps)` takes as many as `steps` says."),
            Mistake(
                lambda w, lr, steps: (_walking(lambda w, lr: w - lr * _slope(w))(w, lr, steps) - 3) ** 2,
                "This is the loss after the steps; return w, the place where you end up.",
            ),
            Mistake(
                _walking(lambda w, lr: w - lr * 2 * w),
                "This is the slope of w²; the bottom of this valley is not at 0.",
            ),
            Mistake(_walking(lambda w, lr: w - lr * (w - 3) ** 2), "This steps by the loss, and not by its slope."),
            Mistake(
                _piling_up, "The slopes pile up from step to step: this is what happens when zero_grad is forgotten."
            ),
            Mistake(_walking(lambda w, lr: w - _slope(w)), "You took the whole slope: a step is lr times the slope."),
        ),
        measure=outputs_at((0.0, 0.1, 3), (5.0, 0.3, 2), (4.0, 0.1, 1)),
        advice="A step is w = w - lr * slope, with the slope of (w - 3)² where w is now; after the last one, return w.",
    ),
    "05.3": Exercise(
        right=0.08,
        mistakes=(
            Mistake(
                0.3,
                "It diverges: a step multiplies b by 1 - 20 · lr, and that must lie between -1 and 1.",
            ),
            Mistake(0.01, "Too small: a step multiplies a by 1 - 2 · lr, and 40 steps leave too much of it."),
            Mistake(0.1, "This is near the border: b jumps back and forth, and 40 steps do not bring it near enough."),
            Mistake(0.0, "A learning rate is above 0: at 0 nothing moves, and below 0 the steps go uphill."),
        ),
        measure=_what_becomes_of,
    ),
}
