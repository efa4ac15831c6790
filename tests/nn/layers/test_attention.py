"""Attention against PyTorch's numbers, and what it refuses."""

import random

import pytest

from engine import Value, compile, dot, sum
from engine.utils.nested import tree_leaves, tree_map
from nn import CausalSelfAttention, MultiheadAttention
from tests.torch_layers import CASES, cases, check, close, layer_of

ROWS = [[0.5, -1.0, 2.0, 0.0], [1.0, 1.0, -0.5, 0.3], [-2.0, 0.1, 0.2, 0.7]]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases("Attention", "MultiheadAttention"))
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


def test_a_compiled_attention_takes_its_padding_as_an_input():
    case = CASES["multihead attention with padding"]
    layer = layer_of(case)
    masks = [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1, 1, 0]]  # one recording for all of them
    rows = [[x] * 3 for x in case["inputs"]]
    outputs = compile(lambda q, k, v, mask: [*layer(q, k, v, key_padding_mask=mask)]).map(*rows, masks)
    close(tree_map(float, outputs[0]), case["output"])
    for mask, output in zip(masks, outputs):
        close(tree_map(float, output), tree_map(lambda y: y.data, layer(*case["inputs"], key_padding_mask=mask)))


def test_padding_that_is_an_input_gives_pytorchs_gradients():
    case = CASES["multihead attention with padding"]
    layer, inputs = layer_of(case), tree_map(Value, case["inputs"])

    def loss(q, k, v, mask):
        return dot(tree_leaves(case["upstream"]), tree_leaves(layer(q, k, v, key_padding_mask=mask)))

    compile(loss)(*inputs, [0.0, 1.0, 0.0]).backward()
    close([tree_map(lambda value: value.grad or 0.0, x) for x in inputs], case["input_gradients"])
    assert not any(x.grad for x in inputs[1][1])  # of the key that is padding


@pytest.mark.parametrize(
    ("inputs", "masks", "message"),
    [
        (([1.0, 2.0], ROWS, ROWS), {}, r"MultiheadAttention\(4, 2\) expects a list of queries, got numbers; write a"),
        ((ROWS, [], []), {}, "expects a list of keys, got none"),
        ((ROWS, ROWS, ROWS[:2]), {}, "expects a value for each of 3 keys, got 2"),
        ((ROWS, ROWS, ROWS), {"key_padding_mask": [True]}, r"expects key_padding_mask of shape \[3\], got \[1\]"),
        (
            (ROWS, ROWS, ROWS),
            {"key_padding_mask": [0.0, 0.5, 0.0]},
            "holds True, False, 1 or 0, got 0.5; scores to add",
        ),
        ((ROWS[:1], ROWS, ROWS), {"attn_mask": [[True]]}, r"expects attn_mask of shape \[1, 3\], got \[1, 1\]"),
        ((ROWS, ROWS, ROWS), {"key_padding_mask": [True] * 3}, "the masks leave query 0 no key to look at"),
    ],
)
def test_what_does_not_fit_an_attention_is_told(inputs, masks, message):
    with pytest.raises(ValueError, match=message):
        MultiheadAttention(4, 2)(*inputs, **masks)


def test_a_mask_of_anything_else_is_refused():
    with pytest.raises(TypeError, match="attn_mask holds True, False or numbers, got None"):
        MultiheadAttention(4, 2)(ROWS, ROWS, ROWS, attn_mask=[[None] * 3] * 3)
    with pytest.raises(ValueError, match="num_heads must divide embed_dim, got embed_dim=4 and num_heads=3"):
        MultiheadAttention(4, 3)
