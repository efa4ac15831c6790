"""Faces: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from math import log, log2, log10

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Names = Sequence[str]


def _last_of_each(people: _Names) -> list[int]:
    return sorted({person: i for i, person in enumerate(people)}.values())


def _first_of_each(people: _Names) -> list[int]:
    return sorted({person: i for i, person in reversed([*enumerate(people)])}.values())


def _unsorted(people: _Names) -> list[int]:
    return list({person: i for i, person in enumerate(people)}.values())


def _all_but_last(people: _Names) -> list[int]:
    return [i for i in range(len(people)) if i not in _last_of_each(people)]


def _from_one(people: _Names) -> list[int]:
    return [i + 1 for i in _last_of_each(people)]


def _at_the_end(people: _Names) -> list[int]:
    return list(range(len(people)))[-len(set(people)) :]


EXERCISES = {
    "faces.1": Exercise(
        right=log(40),
        mistakes=(
            Mistake(
                -log(40), "The sign: the logarithm of a probability is negative, and the loss has a minus in front."
            ),
            Mistake(1 / 40, "This is the probability itself; how surprised is a network that gave the truth no more?"),
            Mistake(log2(40), "This is the logarithm to the base 2; the cross-entropy takes the natural one."),
            Mistake(log10(40), "This is the logarithm to the base 10; the cross-entropy takes the natural one."),
            Mistake(-log(39 / 40), "This is the loss for a probability of 39/40; the right person got the rest."),
            Mistake(40 * log(40), "There is one right person for each photograph, and one logarithm."),
        ),
        advice="The loss is minus the logarithm of the probability that the right person got.",
    ),
    "faces.2": Exercise(
        right=2464,
        mistakes=(
            Mistake(154, "These are the numbers of one map; each of the 16 windows makes a map of its own."),
            Mistake(10304, "The pool is missing: it makes both sides half as long."),
            Mistake(5152, "A pool of 2×2 halves both sides, and not one of them."),
            Mistake(2576, "Half a column can't be pooled: the odd one is left out."),
            Mistake(2688, "The odd column is left out, and not filled up."),
            Mistake(2080, "With padding the convolution takes nothing away from the sides."),
            Mistake(644, "These are the dots of the photograph, before any layer."),
        ),
        advice="Halve both sides, without the odd column, and multiply by the number of maps.",
        rtol=1e-6,
    ),
    "faces.3": Exercise(
        right=_last_of_each,
        mistakes=(
            Mistake(_first_of_each, "These are the first ones of each person; the last ones are asked for."),
            Mistake(_unsorted, "The right photographs, but not in order: sort the list."),
            Mistake(_all_but_last, "These are all the others, those to learn from."),
            Mistake(_from_one, "Count from 0, as Python does."),
            Mistake(_at_the_end, "The last ones of the list may all be of one person: go by person."),
        ),
        measure=outputs_at((["Ada", "Bo", "Ada", "Ada", "Bo", "Cy", "Ada"],), (["Bo", "Bo", "Bo", "Ada", "Bo", "Bo"],)),
        advice="Keep, for each person, the number of the last photograph that you have seen; then sort.",
    ),
}
