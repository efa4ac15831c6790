"""Sentiment: what its exercises ask for, and the hints for wrong answers."""

from collections.abc import Sequence
from itertools import pairwise

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Words = Sequence[str]


def _pairs(words: _Words) -> list[str]:
    return [f"{one}_{other}" for one, other in pairwise(words)]


def _two_by_two(words: _Words) -> list[str]:
    return [*words, *(f"{one}_{other}" for one, other in zip(words[::2], words[1::2]))]


def _all_pairs(words: _Words) -> list[str]:
    return [*words, *(f"{one}_{other}" for i, one in enumerate(words) for other in words[i + 1 :])]


EXERCISES = {
    "sentiment.1": Exercise(
        right=lambda words, vocabulary: [int(word in words) for word in vocabulary],
        mistakes=(
            Mistake(
                lambda words, vocabulary: [list(words).count(word) for word in vocabulary],
                "A word that occurs twice counts once: it is in the bag, or not.",
            ),
            Mistake(
                lambda words, vocabulary: [int(word in vocabulary) for word in words],
                "The bag has a number for each word of the vocabulary, and not for each word of the sentence.",
            ),
            Mistake(
                lambda words, vocabulary: [int(word in " ".join(words)) for word in vocabulary],
                "A word that is a part of another one is not in the bag: ask the list, and not a text.",
            ),
            Mistake(
                lambda words, vocabulary: [int(word not in words) for word in vocabulary],
                "0 and 1 are the wrong way round.",
            ),
            Mistake(
                lambda words, vocabulary: [word for word in vocabulary if word in words],
                "These are the words themselves; a network wants numbers, 0 or 1 for each known word.",
            ),
            Mistake(
                lambda words, vocabulary: [i for i, word in enumerate(vocabulary) if word in words],
                "These are the places of the words; at these places stands a 1, and at all others a 0.",
            ),
        ),
        measure=outputs_at(
            (["not", "a", "good", "not", "film"], ["good", "bad", "not", "film"]),
            (["bad", "bad"], ["good", "bad"]),
            (["goodness"], ["good"]),
        ),
        advice="Go through the vocabulary, and ask for each of its words whether it is among the words.",
    ),
    "sentiment.2": Exercise(
        right=-2.2,
        mistakes=(
            Mistake(-2.3, "The bias is missing."),
            Mistake(-1.4, "Both words are in the bag, and not only the second."),
            Mistake(2.4, "A negative weight stays negative: the neuron doesn't know that two of them make praise."),
            Mistake(1.3, "The products of weights don't matter: a neuron adds."),
            Mistake(-1.0, "The word good is not in the bag."),
            Mistake(-2.4, "The bias is added, and not subtracted."),
            Mistake(-0.7, "Both words are in the bag, and not only the first."),
        ),
        advice="Add the weights of the words that are in the bag, and the bias.",
    ),
    "sentiment.3": Exercise(
        right=lambda words: [*words, *_pairs(words)],
        mistakes=(
            Mistake(_pairs, "The single words belong to it as well."),
            Mistake(_two_by_two, "Each word but the last begins a pair: the pairs overlap."),
            Mistake(_all_pairs, "Only neighbours make a pair."),
            Mistake(lambda words: [*_pairs(words), *words], "First come the words, and then the pairs."),
            Mistake(
                lambda words: [*words, *(pair.replace("_", " ") for pair in _pairs(words))],
                "Between the two words of a pair stands an underscore.",
            ),
            Mistake(
                lambda words: [*words, *(f"{other}_{one}" for one, other in pairwise(words))],
                "In a pair the words stand in their order.",
            ),
        ),
        measure=outputs_at((["not", "bad", "at", "all"],), (["so", "very", "good"],), (["good"],)),
        advice="pairwise(words) of itertools gives each word with the one after it.",
    ),
}
