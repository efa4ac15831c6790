"""Speech: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Numbers = Sequence[float]


def _mask(sound: _Numbers, length: int) -> list[int]:
    return [1] * len(sound) + [0] * (length - len(sound))


def _filled(sound: _Numbers, length: int) -> list[float]:
    return [*sound, *[0.0] * (length - len(sound))]


EXERCISES = {
    "speech.1": Exercise(
        right=0.65,
        mistakes=(
            Mistake(0.35, "The gate says how much of the old number is kept, and not of the suggestion."),
            Mistake(0.6, "The rest comes from the suggestion: add its share."),
            Mistake(0.8, "The old and the new share must make 1 together."),
            Mistake(0.5, "This is the mean of the two; the gate gives the old one more."),
            Mistake(0.05, "The old number has a share as well, and the larger one."),
            Mistake(1.0, "These are both numbers in full; each has only its share."),
        ),
        advice="z times the old number, and 1 - z times the suggestion.",
    ),
    "speech.2": Exercise(
        right=0.9**20,
        mistakes=(
            Mistake(0.9, "This is the derivative through one moment; there are twenty."),
            Mistake(18.0, "Along a path derivatives are multiplied, and not added."),
            Mistake(0.9**19, "One moment is missing: there are twenty."),
            Mistake(1 - 0.9**20, "This is what is lost; the derivative is what is left."),
            Mistake(20 * 0.9**19, "This is the derivative with respect to z; the memory is asked for."),
            Mistake(0.9**21, "That is one moment too many."),
        ),
        advice="One path leads through all moments: multiply the derivatives along it.",
    ),
    "speech.3": Exercise(
        right=lambda sound, length: [_filled(sound, length), _mask(sound, length)],
        mistakes=(
            Mistake(lambda sound, length: [_mask(sound, length), _filled(sound, length)], "First comes the sound."),
            Mistake(
                lambda sound, length: [_filled(sound, length), [1 - there for there in _mask(sound, length)]],
                "1 says that a moment exists, and 0 that it was added.",
            ),
            Mistake(
                lambda sound, length: [_filled(sound, length), [int(x != 0) for x in _filled(sound, length)]],
                "A moment that exists may be zero itself: count, and don't look at the numbers.",
            ),
            Mistake(
                lambda sound, length: [[*[0.0] * (length - len(sound)), *sound], _mask(sound, length)],
                "The zeros belong at the end of the sound.",
            ),
            Mistake(
                lambda sound, length: [_filled(sound, length + len(sound)), _mask(sound, length + len(sound))],
                "That is too long: fill up to the length, and don't add that many.",
            ),
        ),
        measure=outputs_at(([0.5, 0.0, -1.0], 5), ([1.0, 2.0], 2), ([0.0], 3)),
        advice="How many zeros are missing? The mask has a 1 for each number of the sound, a 0 for each zero added.",
    ),
}
