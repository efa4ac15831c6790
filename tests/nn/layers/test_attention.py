"""Causal self-attention against PyTorch's numbers, and what it refuses."""

import random

import pytest

from engine import Value, sum
from nn import CausalSelfAttention
from tests.torch_layers import cases, check

ROWS = [[0.5, -1.0, 2.0, 0.0], [1.0, 1.0, -0.5, 0.3], [-2.0, 0.1, 0.2, 0.7]]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases("Attention"))
def test_rows_and_gradients_are_pytorchs(name, compiled):
    check(name, compiled)


def test_no_row_sees_those_after_it():
    attention = CausalSelfAttention(4, 2, rng=random.Random(0))
    rows = [[Value(x) for x in row] for row in ROWS]
    sum(attention(rows)[1]).backward()
    assert [any(x.grad for x in row) for row in rows] == [True, True, False]
    first = [[x.data for x in row] for row in attention(ROWS[:2])]
    assert first == [[x.data for x in row] for row in attention(ROWS)[:2]]


def test_each_head_fills_its_own_part_of_the_row():
    attention = CausalSelfAttention(4, 2, rng=random.Random(0))
    for i, row in enumerate(attention.project.weight):
        for j, p in enumerate(row):
            p.data = float(i == j)
    before = [x.data for x in attention(ROWS)[2]]
    for p in attention.query.weight[3]:  # the query of the second head
        p.data += 1.0
    after = [x.data for x in attention(ROWS)[2]]
    assert [x == y for x, y in zip(before, after)] == [True, True, False, False]


def test_weights_come_from_the_rng_and_are_labelled():
    first, second = (CausalSelfAttention(2, 1, rng=random.Random(0), label="look").parameters() for _ in range(2))
    assert [p.data for p in first] == [p.data for p in second]
    assert {p.label.rsplit(".", 2)[0] for p in first} == {"look.query", "look.key", "look.value", "look.project"}
    assert len(first) == 16
    assert len(CausalSelfAttention(2, 1, bias=True).parameters()) == 24


@pytest.mark.parametrize("wrong", [[1.0, 2.0], 1.0])
def test_what_is_no_list_of_rows_is_refused(wrong):
    with pytest.raises(ValueError, match=r"CausalSelfAttention\(2, heads=1\) expects a list of rows, got numbers"):
        CausalSelfAttention(2, 1)(wrong)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match="expects 2 inputs, got 3"):
        CausalSelfAttention(2, 1)([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 1), "width must be a whole number of at least 1, got 0"),
        ((4, 0), "heads must be a whole number of at least 1, got 0"),
        ((4, 3), "heads must divide the width, got width=4 and heads=3"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        CausalSelfAttention(*sizes)
