"""A diagnosis: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Numbers = Sequence[float]


def _found(probabilities: _Numbers, malignant: Sequence[int], line: float) -> int:
    """Malignant tumours with an alarm."""
    return sum(p > line for p, truth in zip(probabilities, malignant) if truth)


EXERCISES = {
    "diagnosis.1": Exercise(
        right=[1, 1],
        mistakes=(
            Mistake([2, 1], "At which line did you count the missed ones? It is not at one half here."),
            Mistake([0, 1], "One malignant tumour has a probability below the line."),
            Mistake([1, 0], "One harmless tumour has a probability above the line."),
            Mistake([2, 3], "These are the right answers; count the errors."),
            Mistake([1, 2], "Only an alarm for a harmless tumour is false."),
            Mistake([1, 3], "These are all the alarms; count those that are false."),
            Mistake([0.2, 0.2], "These are shares of all five; the question asks for how many."),
        ),
        advice="Go along the five: is it above the line, and is it malignant? An error is one without the other.",
    ),
    "diagnosis.2": Exercise(
        right=lambda probabilities, malignant, line: _found(probabilities, malignant, line) / sum(malignant),
        mistakes=(
            Mistake(
                lambda probabilities, malignant, line: 1 - _found(probabilities, malignant, line) / sum(malignant),
                "This is the share of those that are missed.",
            ),
            Mistake(
                lambda probabilities, malignant, line: _found(probabilities, malignant, line) / len(malignant),
                "You divided by all patients; divide by those who are ill.",
            ),
            Mistake(
                lambda probabilities, malignant, line: (
                    _found(probabilities, malignant, line) / sum(p > line for p in probabilities)
                ),
                "This is the share of alarms that are right, which is called the precision.",
            ),
            Mistake(
                lambda probabilities, malignant, line: (
                    sum((p > line) == bool(truth) for p, truth in zip(probabilities, malignant)) / len(malignant)
                ),
                "This is the share of right answers, for the ill and the healthy together.",
            ),
            Mistake(
                lambda probabilities, malignant, line: (
                    sum(p <= line for p, truth in zip(probabilities, malignant) if not truth)
                    / (len(malignant) - sum(malignant))
                ),
                "This is about the healthy ones: of them, the share without an alarm, called the specificity.",
            ),
            Mistake(
                lambda probabilities, malignant, line: (
                    sum(p >= line for p, truth in zip(probabilities, malignant) if truth) / sum(malignant)
                ),
                "There is an alarm above the line, and none on it.",
            ),
            Mistake(
                lambda probabilities, malignant, line: (
                    sum(p < line for p, truth in zip(probabilities, malignant) if truth) / sum(malignant)
                ),
                "You counted the malignant ones below the line; those above it are found.",
            ),
            Mistake(
                lambda probabilities, malignant, line: _found(probabilities, malignant, line),
                "This is how many are found; the question asks for the share.",
            ),
        ),
        measure=outputs_at(
            ([0.9, 0.4, 0.2, 0.6, 0.7, 0.05, 0.1], [1, 1, 1, 0, 0, 0, 0], 0.3),
            ([0.9, 0.8, 0.8, 0.4, 0.6, 0.3], [1, 1, 1, 1, 0, 0], 0.5),
            ([0.5, 0.7, 0.1, 0.5], [1, 1, 1, 0], 0.5),
        ),
        advice="Count the malignant tumours with a probability above the line, and divide by all malignant ones.",
    ),
    "diagnosis.3": Exercise(
        right=0.24,
        mistakes=(
            Mistake(1.5, "This is the derivative of the logit; on the way to the probability lies the sigmoid."),
            Mistake(0.16, "This is the local derivative of the sigmoid; along a path derivatives are multiplied."),
            Mistake(1.2, "The derivative of the sigmoid is p · (1 - p), and not p."),
            Mistake(0.3, "The derivative of the sigmoid is p · (1 - p), and not 1 - p."),
            Mistake(1.66, "Along a path derivatives are multiplied, and not added."),
            Mistake(0.54, "The derivative of tanh is 1 - t²; that of the sigmoid is another one."),
        ),
        advice="Along the path measurement, logit, probability: multiply the two local derivatives.",
    ),
}
