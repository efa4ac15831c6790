"""Parts of speech: what its exercises ask for, and the hints for wrong answers."""

from collections import Counter
from collections.abc import Sequence

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

_Pairs = Sequence[tuple[str, str]]


def _window(words: Sequence[str], i: int) -> list[str]:
    padded = ["<edge>", *words, "<edge>"]
    return padded[i : i + 3]


def _without_edges(words: Sequence[str], i: int) -> list[str]:
    return list(words[max(0, i - 1) : i + 2])


def _wrapped(words: Sequence[str], i: int) -> list[str]:
    return [words[i - 1], words[i], words[(i + 1) % len(words)]]


def _from_one(words: Sequence[str], i: int) -> list[str]:
    return (["<edge>", "<edge>", *words])[i : i + 3]


def _reversed(words: Sequence[str], i: int) -> list[str]:
    return _window(words, i)[::-1]


def _neighbours(words: Sequence[str], i: int) -> list[str]:
    before, _, after = _window(words, i)
    return [before, after]


def _commonest(pairs: _Pairs) -> dict[str, str]:
    counts: dict[str, Counter[str]] = {}
    for word, tag in pairs:
        counts.setdefault(word, Counter())[tag] += 1
    return {word: count.most_common(1)[0][0] for word, count in counts.items()}


def _last(pairs: _Pairs) -> dict[str, str]:
    return dict(pairs)


def _first(pairs: _Pairs) -> dict[str, str]:
    return dict(reversed(pairs))


def _of_all(pairs: _Pairs) -> dict[str, str]:
    common = Counter(tag for _, tag in pairs).most_common(1)[0][0]
    return dict.fromkeys((word for word, _ in pairs), common)


def _counts(pairs: _Pairs) -> dict[str, int]:
    return {word: max(Counter(tag for each, tag in pairs if each == word).values()) for word, _ in pairs}


EXERCISES = {
    "part_of_speech.1": Exercise(
        right=_window,
        mistakes=(
            Mistake(_without_edges, "At the edge a word is missing: put the text for the edge in its place."),
            Mistake(_wrapped, "words[-1] is the last word: before the first one comes the edge."),
            Mistake(_from_one, "This is one word too early: i counts from 0."),
            Mistake(_reversed, "The right words in the wrong order: first comes the one before."),
            Mistake(_neighbours, "The word itself belongs in the middle."),
        ),
        measure=outputs_at((["a", "b", "c", "d"], 0), (["a", "b", "c", "d"], 2), (["a", "b", "c", "d"], 3), (["a"], 0)),
        advice="Put an edge before the list and one after it; then take three in a row. From where?",
    ),
    "part_of_speech.2": Exercise(
        right=4364,
        mistakes=(
            Mistake(4000, "These are the rows of the words alone."),
            Mistake(4010, "The network that decides has parameters as well."),
            Mistake(354, "The rows have parameters, too: they are learned."),
            Mistake(4350, "Every neuron has a bias."),
            Mistake(4354, "The kinds of script have rows, too."),
            Mistake(12384, "The three places of the window share the rows of one table."),
            Mistake(364, "The words have rows, too, and there are many of them."),
        ),
        advice="Add the two tables, then for each layer a weight for each input and neuron, and the biases.",
        rtol=1e-6,
    ),
    "part_of_speech.3": Exercise(
        right=_commonest,
        mistakes=(
            Mistake(_last, "This keeps the last tag of each word, and not the commonest."),
            Mistake(_first, "This keeps the first tag of each word, and not the commonest."),
            Mistake(_of_all, "Count the tags of each word apart: this is the commonest of all."),
            Mistake(_counts, "This is how often the commonest tag occurs; return the tag."),
        ),
        measure=outputs_at(
            ([("watch", "verb"), ("watch", "noun"), ("the", "article"), ("watch", "noun"), ("watch", "verb"),
              ("watch", "noun"), ("watch", "verb"), ("watch", "noun"), ("watch", "verb"), ("watch", "noun"),
              ("watch", "verb"), ("watch", "noun"), ("watch", "verb"), ("the", "article")],),
            ([("run", "noun"), ("run", "verb"), ("run", "verb"), ("run", "noun"), ("run", "verb"), ("run", "adverb"),
              ("red", "noun"), ("red", "adjective"), ("red", "adjective"), ("red", "noun"), ("red", "adjective")],),
        ),
        advice="Keep a count of tags for each word, such as a Counter, and take the largest of each in the end.",
    ),
}  # fmt: skip
