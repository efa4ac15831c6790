"""A pole on a cart: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


def _lasted(leans: Sequence[float], limit: float) -> int:
    return next((i for i, lean in enumerate(leans, start=1) if abs(lean) > limit), len(leans))


def _one_sided(leans: Sequence[float], limit: float) -> int:
    return next((i for i, lean in enumerate(leans, start=1) if lean > limit), len(leans))


def _moments_within(leans: Sequence[float], limit: float) -> int:
    return sum(abs(lean) <= limit for lean in leans)


def _before(leans: Sequence[float], limit: float) -> int:
    return next((i for i, lean in enumerate(leans) if abs(lean) > limit), len(leans))


def _last(leans: Sequence[float], limit: float) -> int:
    return max((i for i, lean in enumerate(leans, start=1) if abs(lean) > limit), default=len(leans))


EXERCISES = {
    "robotics.1": Exercise(
        right=[0.11, 0.54],
        mistakes=(
            Mistake([0.1108, 0.54], "You moved the cart with its new speed: both come from the old numbers here."),
            Mistake([0.6, 2.5], "The time is missing: a step takes only a part of a second."),
            Mistake([0.11, 0.5], "The speed changes too: by acceleration times time."),
            Mistake([0.14, 0.54], "The position changes by speed times time, and not by the acceleration."),
            Mistake([0.01, 0.04], "These are the changes; add them to what was there."),
            Mistake([0.54, 0.11], "The right numbers in the wrong order: the position comes first."),
        ),
        advice="The position changes by speed times time, the speed by acceleration times time.",
    ),
    "robotics.2": Exercise(
        right=2.0,
        mistakes=(
            Mistake(0.02, "This is the derivative through one step; the speed acts at each of the hundred."),
            Mistake(100.0, "Each step adds the speed times its time, which is less than a second."),
            Mistake(0.02 * 5050, "The speed does not grow from step to step: it has one path into each of them."),
            Mistake(1.0, "This is the derivative with respect to the first position."),
            Mistake(1.98, "One step is missing: there are a hundred."),
            Mistake(0.0, "A larger speed brings the cart further, so the derivative cannot be zero."),
        ),
        advice="Through each step the speed has a path to the end: add what comes over all of them.",
        rtol=1e-6,
    ),
    "robotics.3": Exercise(
        right=_lasted,
        mistakes=(
            Mistake(_before, "You counted from 0: the first moment is number 1."),
            Mistake(_one_sided, "It may fall to the other side as well: compare the size of the lean."),
            Mistake(_moments_within, "You counted all moments within the limit, also those after the fall."),
            Mistake(
                lambda leans, limit: next((i for i, x in enumerate(leans, start=1) if abs(x) >= limit), len(leans)),
                "At the limit it has not fallen yet: it has to be beyond it.",
            ),
            Mistake(_last, "This is the last moment beyond the limit; the attempt ends at the first."),
            Mistake(
                lambda leans, limit: next((i for i, lean in enumerate(leans, start=1) if abs(lean) > limit), 0),
                "If it never falls, return the number of all moments.",
            ),
        ),
        measure=outputs_at(
            ([0.1, -0.3, 0.1, 0.1, 0.1, 0.5], 0.2), ([0.1, 0.1, 0.1], 0.2), ([0.1, 0.2, 0.3, 0.1, 0.3, 0.1, 0.1], 0.2)
        ),
        advice="Go through the leans with a counter that begins at 1, and return it at the first one beyond the limit.",
    ),
}
