"""Decoding against a search through all sequences."""

import random
from itertools import product

import pytest

from engine import Value, log_softmax
from nn import GRUCell, Linear, beam_decode, greedy_decode

END, START = 0, 2
RNG = random.Random(3)
CELL, HEAD = GRUCell(3, 4, rng=RNG), Linear(4, 3, rng=RNG)


def step(token, state):
    state = CELL([3.0 * (token == i) for i in range(3)], state)
    return [3 * score for score in HEAD(state)], state


def log_probability(tokens):
    total, state, before = 0.0, None, START
    for token in tokens:
        scores, state = step(before, state)
        total, before = total + log_softmax(scores)[token].data, token
    return total


def test_a_wide_beam_finds_the_likeliest_of_all_sequences():
    ended = [(*body, END) for n in range(4) for body in product((1, 2), repeat=n)]
    everything = [*ended, *product((1, 2), repeat=4)]
    best = max(everything, key=log_probability)
    found = beam_decode(step, START, END, length=4, beams=50)
    assert found[0].tokens == [t for t in best if t != END]
    assert found[0].log_probability == pytest.approx(log_probability(best), rel=1e-12)
    assert [each.log_probability for each in found] == sorted((each.log_probability for each in found), reverse=True)
    assert len(found) == len(everything)


def test_greedy_takes_the_highest_score_at_each_step():
    tokens, state, before = [], None, START
    for _ in range(6):
        scores, state = step(before, state)
        before = max(range(3), key=lambda i: scores[i].data)
        if before == END:
            break
        tokens.append(before)
    assert greedy_decode(step, START, END, length=6) == tokens


def test_a_beam_finds_what_greed_misses():
    tree = {(): [-9.0, 0.6, 0.4], (1,): [-9.0, 0.1, 0.0], (2,): [-9.0, 9.0, 0.0]}

    def step(token, before):
        here = () if before is None else (*before, token)
        return tree.get(here, [9.0, 0.0, 0.0]), here

    assert greedy_decode(step, 9, 0) == [1, 1]
    assert beam_decode(step, 9, 0, beams=2)[0].tokens == [2, 1]


def test_a_length_penalty_prefers_longer_ones():
    def step(token, count):
        return ([0.02, 0.0] if count == 0 else [3.0, 0.0]), count + 1

    short = beam_decode(step, 1, 0, 0, beams=3)
    long = beam_decode(step, 1, 0, 0, beams=3, length_penalty=1.0)
    assert short[0].tokens == []
    assert long[0].tokens == [1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: greedy_decode(lambda token, state: [0.0], 0), TypeError, "step.* must return a score for each token"),
        (lambda: greedy_decode(step, 0, length=0), ValueError, "length must be a whole number of at least 1, got 0"),
        (lambda: beam_decode(step, 0, beams=0), ValueError, "beams must be a whole number of at least 1, got 0"),
        (lambda: beam_decode(step, 0, length_penalty=-1), ValueError, "length_penalty must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_decoded_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_is_recorded():
    seen = []

    def spy(token, state):
        scores, state = step(token, state)
        seen.append(scores[0])
        return scores, state

    greedy_decode(spy, START, END, length=2)
    assert isinstance(seen[0], Value)
    assert seen[0].rule is None or not seen[0].parents
