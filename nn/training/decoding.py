"""Decoding: a sequence, token by token, from a model that scores what comes next.

The model is a function of one step: from the last token and a state, of any kind, to a score for each token that may
follow, and the next state. Here the state is the number of tokens so far:

>>> def step(token, count):
...     return ([0.0, 3.0, 1.0] if count < 2 else [5.0, 0.0, 0.0]), count + 1
>>> greedy_decode(step, start=2, end=0, state=0)
[1, 1]
>>> beam_decode(step, start=2, end=0, state=0, beams=2)[0].tokens
[1, 1]
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from engine import Value, no_grad
from engine.ieee import log_softmax
from nn.checks import check_integer, check_number

Step = Callable[[int, Any], tuple[Sequence[Any], Any]]


@dataclass(frozen=True)
class Decoded:
    """A sequence that `beam_decode` found.

    Attributes:
        tokens: without those of the start and the end.
        log_probability: the sum of ``log softmax(scores)[token]`` over its steps.
        ended: whether it came to its end, rather than to the greatest length.
    """

    tokens: list[int]
    log_probability: float
    ended: bool


def greedy_decode(step: Step, start: int, end: int | None = None, state: Any = None, length: int = 50) -> list[int]:
    """The sequence in which each token is the one of the highest score.

    Args:
        step: ``step(token, state)`` returns the scores of all tokens, numbers or Values, and the next state.
        start: the token to begin with.
        end: the token that ends a sequence; None if none does.
        state: what the first step is given.
        length: at most how many tokens.

    Returns:
        The tokens, without `start` and `end`.

    Raises:
        TypeError: if `step` does not return scores and a state.
        ValueError: if `length` is not a positive whole number.
    """
    return beam_decode(step, start, end, state, length, beams=1)[0].tokens


def beam_decode(
    step: Step,
    start: int,
    end: int | None = None,
    state: Any = None,
    length: int = 50,
    beams: int = 4,
    length_penalty: float = 0.0,
) -> list[Decoded]:
    """The likeliest sequences that a beam search finds: at each step it goes on with the `beams` likeliest ones.

    With one beam it is `greedy_decode`. A longer sequence has a smaller probability, because more factors below 1 are
    multiplied; a length penalty makes up for that.

    Args:
        step, start, end, state, length: as in `greedy_decode`. A state must not be changed in place.
        beams: how many sequences go on at a time.
        length_penalty: the log probability is divided by the number of steps to this power, to compare sequences; 1
            compares means.

    Returns:
        At most `beams` sequences, the best first.

    Raises:
        TypeError: as in `greedy_decode`.
        ValueError: if `length` or `beams` is not a positive whole number, or the penalty is below 0.
    """
    length, beams = check_integer("length", length), check_integer("beams", beams)
    check_number("length_penalty", length_penalty, lambda x: x >= 0, "at least 0")

    def rank(found: Decoded) -> float:
        return found.log_probability / float((len(found.tokens) + found.ended) ** length_penalty)

    open_ones, done = [(Decoded([], 0.0, False), state)], list[Decoded]()
    with no_grad():
        for _ in range(length):
            longer = []
            for found, before in open_ones:
                scores, after = _scored(step, found.tokens[-1] if found.tokens else start, before)
                for token in nlargest(beams, range(len(scores)), key=scores.__getitem__):
                    log_probability = found.log_probability + log_softmax(token, scores)
                    tokens = found.tokens if token == end else [*found.tokens, token]
                    longer.append((Decoded(tokens, log_probability, token == end), after))
            best = nlargest(beams, longer, key=lambda each: rank(each[0]))
            done += [found for found, _ in best if found.ended]
            open_ones = [each for each in best if not each[0].ended]
            if not open_ones or len(done) >= beams:
                break
    finished = done if len(done) >= beams else [*done, *(found for found, _ in open_ones)]
    return nlargest(beams, finished, key=rank)


def _scored(step: Step, token: int, state: Any) -> tuple[list[float], Any]:
    try:
        scores, after = step(token, state)
        return [float(x.data if isinstance(x, Value) else x) for x in scores], after
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"step(token, state) must return a score for each token, and the next state ({error}); write "
            "return scores, state"
        ) from error
