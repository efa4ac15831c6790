"""Training in five steps: what its exercises ask for, and the hints for wrong answers."""

from functools import partial

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


def learned(km: float, price: float, steps: int, rate: float, mistake: str = "") -> float:
    """What the neuron charges for a ride after learning from it, with both gradients worked out by hand.

    Args:
        km: how long the ride was.
        price: what it cost.
        steps: how often the neuron adjusts.
        rate: the learning rate.
        mistake: one that is made in the loop.

    >>> learned(2, 7, 1, 0.05), learned(2, 7, 2, 0.05)
    (5.0, 6.0)
    """
    w = b = 1.0
    w_grad = b_grad = 0.0
    if mistake == "the last adjustment does not count":
        steps -= 1
    seen, paid = (2, 7) if mistake == "always the ride of 2 km" else (km, price)
    for _ in range(steps):
        slope = 1.0 if mistake == "back from the output" else 2 * (w * seen + b - paid)
        kept = mistake == "no zero_grad"
        w_grad, b_grad = slope * seen + w_grad * kept, slope + b_grad * kept
        way = rate * {"uphill": -1, "no rate": 1 / rate}.get(mistake, 1)
        w, b = w - way * w_grad, b - way * b_grad * (mistake != "w alone")
        if mistake == "one round":
            break
    if mistake == "the loss returned":
        return slope**2 / 4
    return 1.0 * km + 1.0 if mistake == "nothing adjusted" else w * km + b


EXERCISES = {
    "00.1": Exercise(
        right=9.0,
        mistakes=(
            Mistake(-3.0, "This is the error, and not yet its square."),
            Mistake(3.0, "This is the error without its sign: it is still to be squared."),
            Mistake(17.0, "This is the output: how far is it from the price, and what is the square of that?"),
            Mistake(-9.0, "A square is never negative: Python reads -3**2 as -(3**2), so write (-3)**2."),
            Mistake(-6.0, "To square is to multiply a number by itself, and not by 2."),
            Mistake(6.0, "To square is to multiply a number by itself, and not by 2; think of the sign, too."),
            Mistake(25.0, "The bias is forgotten, or added too early: first w times the input, then plus b."),
            Mistake(49.0, "The weight and the bias are swapped: w is multiplied by the input, and b is added."),
            Mistake(100.0, "The input is multiplied by w; only the bias is added."),
            Mistake(1.0, "The bias is added after the multiplication, and is not multiplied by anything."),
        ),
        advice="Three moves: the output w · km + b, then output minus price, then the square of that.",
    ),
    "00.2": Exercise(
        right=[3.3, 2.06],
        mistakes=(
            Mistake([2.7, 1.94], "This climbs: the step goes against the gradient. What is minus a negative number?"),
            Mistake([33.0, 8.0], "The learning rate is forgotten: only that fraction of the gradient is subtracted."),
            Mistake([-27.0, -4.0], "The learning rate is forgotten, and the step goes uphill: subtract."),
            Mistake([0.3, 0.06], "This is the change in each parameter. What is the parameter after the change?"),
            Mistake([-0.3, -0.06], "This is the learning rate times the gradient: subtract it from the old parameter."),
            Mistake([3.3, 2.0], "Both parameters are adjusted: the bias learns too, with its own gradient."),
            Mistake([3.06, 2.3], "The gradients are swapped: each parameter moves by its own."),
            Mistake([3.3, 2.3], "Each parameter moves by its own gradient, and so does the bias."),
            Mistake([2.06, 3.3], "The order is w first, then b."),
        ),
        advice="For each parameter on its own: new = old - learning rate · gradient, and mind the two minuses.",
    ),
    "00.3": Exercise(
        right=learned,
        mistakes=(
            Mistake(partial(learned, mistake="uphill"), "The loss grows: the step must go against the gradient (-=)."),
            Mistake(
                partial(learned, mistake="no zero_grad"),
                "The gradients of earlier rounds are still in it: backward() adds, so wipe the board in each round.",
            ),
            Mistake(partial(learned, mistake="w alone"), "Only w is adjusted: the bias has a gradient too."),
            Mistake(
                partial(learned, mistake="one round"),
                "It learns in one round only: w and b are made before the loop, adjusted in it, and used after it.",
            ),
            Mistake(
                partial(learned, mistake="nothing adjusted"),
                "The parameters never change: each round should wipe the board, go back, and then subtract.",
            ),
            Mistake(
                partial(learned, mistake="the last adjustment does not count"),
                "One adjustment is missing: go round `steps` times, and compute the output again after the loop.",
            ),
            Mistake(
                partial(learned, mistake="back from the output"),
                "It does not know when to stop: call backward() on the loss, and not on the output or the error.",
            ),
            Mistake(
                partial(learned, mistake="the loss returned"),
                "This is the last loss, but the question asks for the price: w.data * km + b.data, after the loop.",
            ),
            Mistake(
                partial(learned, mistake="always the ride of 2 km"),
                "It always learns the ride of 2 km for 7 €: use the km and the price that it is given.",
            ),
            Mistake(
                partial(learned, mistake="no rate"),
                "The learning rate is not used: subtract rate · gradient, not the whole gradient.",
            ),
        ),
        measure=outputs_at((2.0, 7.0, 1, 0.05), (2.0, 7.0, 3, 0.05), (3.0, 8.0, 4, 0.02)),
        advice="Try learn(2, 7, 1, 0.05) yourself: the lesson's first step by hand led to an output of 5.",
    ),
}
