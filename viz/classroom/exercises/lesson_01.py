"""Slopes and the chain rule: what its exercises ask for, and the hints for wrong answers."""

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

EXERCISES = {
    "01.1": Exercise(
        right=7.0,
        mistakes=(
            Mistake(3.0, "This is the value of y there, and not its slope: how high it is, and not how steep."),
            Mistake(1.0, "A path is missing: x * x uses x twice, and both uses count."),
            Mistake(12.0, "The second term is forgotten: -5 · x has a slope, too."),
            Mistake(17.0, "A minus is forgotten: the larger x is, the more is taken away."),
            Mistake(13.0, "You took the value of 2 · x · x for its slope."),
            Mistake(-3.0, "You took the value of 5 · x for its slope, which is the number in front of x."),
            Mistake(-1.0, "The slope of 2 · x · x depends on x: put x = 3 into it."),
            Mistake(19.0, "The 2 is not squared: it stands in front of x · x and only multiplies its slope."),
        ),
        advice="Find the slope of 2 · x · x (two paths!) and that of 5 · x, and subtract the second from the first.",
    ),
    "01.2": Exercise(
        right=[7.0, -4.0],
        mistakes=(
            Mistake([7.0, 4.0], "A minus is forgotten: the local derivative of a - b with respect to b has one."),
            Mistake([3.0, -4.0], "A path from a is missing: a is also in d."),
            Mistake([4.0, -4.0], "A path from a is missing: a is used in L itself, too."),
            Mistake(
                [7.0, -3.0], "The wrong operand: the local derivative of d * a with respect to d is the other one, a."
            ),
            Mistake([12.0, -4.0], "The two paths from a are multiplied: along a path multiply, over paths add."),
            Mistake([8.0, 3.0], "Along a path the numbers are multiplied; only different paths are added."),
            Mistake(
                [1.0, -1.0],
                "These are the derivatives of d: multiply them by ∂L/∂d, and find all paths.",
            ),
            Mistake(
                [4.0, 4.0], "A path from a is missing, for a is used in L itself, too; and a - b has a minus before b."
            ),
            Mistake([4.0, 1.0], "This is the data of a and b, and not the derivatives of L."),
            Mistake([-4.0, 7.0], "The order is a first, then b."),
        ),
        advice="Two paths lead from a to L and one from b: multiply along each of them, then add those of a.",
    ),
    "01.3": Exercise(
        right=lambda f, x, h: (f(x + h) - f(x)) / h,
        mistakes=(
            Mistake(
                lambda f, x, h: f(x + h) - f(x), "This is how far the result moves: how much is that per unit of h?"
            ),
            Mistake(
                lambda f, x, h: f(x + h) - f(x) / h,
                "Python divides before it subtracts: put the difference in brackets, (...) / h.",
            ),
            Mistake(lambda f, x, h: f(x + h) / h, "Subtract where it started, f(x), to see how far the result moves."),
            Mistake(lambda f, x, h: (f(x) - f(x + h)) / h, "The sign is the wrong way round: after minus before."),
            Mistake(
                lambda f, x, h: (f(x + h) - f(x - h)) / h,
                "From x - h to x + h the step is two times h, so divide by that.",
            ),
            Mistake(lambda f, x, h: (f(x + h) - f(x)) / x, "Divide by the size of the nudge, and not by x."),
            Mistake(lambda f, x, h: (f(h) - f(x)) / h, "Add the nudge to x: f(h) is far away from f(x)."),
            Mistake(
                lambda f, x, h: (f(x + h) - f(x)) * h,
                "Divide by h. And if you wrote / 2 * h: that multiplies by h, so write / (2 * h).",
            ),
            Mistake(
                lambda f, x, h: abs(f(x + h) - f(x)) / h,
                "A slope may be below 0: where the function falls, the minus is part of the answer.",
            ),
            Mistake(lambda f, x, h: f(x), "This is the value of f at x, and not its slope."),
        ),
        measure=outputs_at(
            (lambda x: x**2, 3.0, 1e-5), (lambda x: 1 - 5 * x, 2.0, 1e-5), (lambda x: x**3 - 2 * x, -2.0, 1e-5)
        ),
        advice="How far does the result move from x to x + h, and how much is that per unit of h?",
    ),
}
