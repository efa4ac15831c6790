"""Recurrent cells and sequences against PyTorch's numbers, and what it refuses."""

import random

import pytest

from engine import compile
from engine.utils.nested import tree_leaves, tree_map
from nn import GRU, LSTM, GRUCell, LSTMCell
from tests.torch_layers import CASES, cases, check, close, layer_of


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases("GRUCell", "LSTMCell", "GRU", "LSTM"))
def test_the_next_state_and_gradients_are_pytorchs(name, compiled):
    check(name, compiled)


def test_the_gradient_reaches_the_first_of_many_inputs():
    cell, state = GRUCell(1, 2, rng=random.Random(0)), None
    for _ in range(50):
        state = cell([0.1], state)
    state[0].backward()
    assert all(p.grad for p in cell.parameters())


def test_parameters_start_evenly_over_the_range_of_pytorch():
    numbers = [p.data for p in GRUCell(2, 16, rng=random.Random(0)).parameters()]
    assert len(numbers) == 48 * (2 + 16 + 1 + 1)
    assert 0.248 < max(numbers) <= 0.25
    assert -0.248 > min(numbers) >= -0.25
    assert numbers == [p.data for p in GRUCell(2, 16, rng=random.Random(0)).parameters()]


def test_parameters_are_labelled():
    labels = [p.label for p in GRUCell(1, 1, label="memory").parameters()]
    assert labels[:3] == ["memory.weight_ih0_0", "memory.weight_ih1_0", "memory.weight_ih2_0"]
    assert labels[-1] == "memory.bias_hh2"


def test_a_cell_says_what_it_is():
    assert [repr(GRUCell(1, 2)), repr(GRUCell(1, 2, bias=False))] == ["GRUCell(1, 2)", "GRUCell(1, 2, bias=False)"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (([1.0, 2.0],), r"GRUCell\(3, 2\) expects 3 inputs, got 2"),
        (([1.0, 2.0, 3.0], [0.0]), r"GRUCell\(3, 2\) expects a hidden state of 2 numbers, got 1"),
        (([1.0, 2.0, 3.0], 0.0), r"GRUCell\(3, 2\) expects a hidden state of 2 numbers, got 1"),
    ],
)
def test_wrong_sizes_are_told_with_the_cell(inputs, message):
    with pytest.raises(ValueError, match=message):
        GRUCell(3, 2)(*inputs)


@pytest.mark.parametrize(("sizes", "message"), [((0, 2), "input_size"), ((2, -1), "hidden_size")])
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=f"{message} must be a whole number of at least 1"):
        GRUCell(*sizes)


@pytest.mark.parametrize("kind", [GRU, LSTM])
def test_a_sequence_is_its_cell_row_by_row(kind):
    cell = {GRU: GRUCell, LSTM: LSTMCell}[kind](2, 3, rng=random.Random(0))
    layer = kind(2, 3, rng=random.Random(0))
    layer.load_state_dict({f"{name}_l0": numbers for name, numbers in cell.state_dict().items()})
    rows, state = [[1.0, -2.0], [0.5, 0.0], [0.3, 3.0]], None
    outputs = []
    for row in rows:
        state = cell(row, state)
        outputs.append(state if kind is GRU else state[0])
    given, last = layer(rows)
    assert [y.data for y in tree_leaves(given)] == [y.data for y in tree_leaves(outputs)]
    assert [y.data for y in tree_leaves(last)] == [y.data for y in tree_leaves(state)]


@pytest.mark.parametrize("name", ["GRU with padding", "LSTM with padding"])
def test_a_compiled_sequence_takes_its_length_as_an_input(name):
    case = CASES[name]
    layer = layer_of(case)
    given = compile(lambda x, length: layer(x, length=length))
    lengths = [4, 2, 3.0, 1]  # one recording for all of them
    for length, outputs in zip(lengths, given.map([case["inputs"][0]] * 4, lengths)):
        plain = layer(case["inputs"][0], length=length)
        close([float(y) for y in tree_leaves(outputs)], [y.data for y in tree_leaves(plain)])
        if length == 2:
            close(tree_map(float, outputs), case["output"])


def test_what_stands_in_the_padding_changes_nothing():
    layer = LSTM(1, 2, bidirectional=True, rng=random.Random(0))
    ways = [layer([[1.0], [2.0], [x]], length=2) for x in (0.0, 1e9)]
    assert [y.data for y in tree_leaves(ways[0])] == [y.data for y in tree_leaves(ways[1])]
    assert [y.data for y in ways[0][0][2]] == [0.0] * 4


def test_a_sequence_says_what_it_is():
    assert repr(LSTM(3, 2, num_layers=2, bias=False)) == "LSTM(3, 2, num_layers=2, bias=False)"
    assert repr(GRU(3, 2, bidirectional=True)) == "GRU(3, 2, bidirectional=True)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GRU(2, 3)([1.0, 2.0]), r"GRU\(2, 3\) expects a sequence of at least one row, got numbers; write a"),
        (lambda: GRU(2, 3)([]), "expects a sequence of at least one row, got none"),
        (lambda: LSTM(2, 3)([[1.0]]), r"LSTM\(2, 3\) expects 2 inputs, got 1"),
        (lambda: GRU(1, 1, num_layers=2)([[1.0]], [[0.0]]), "expects a state of 2 rows, one for each layer and way"),
        (lambda: LSTM(1, 1)([[1.0]], [[0.0], [0.0], [0.0]]), r"LSTM\(1, 1\) expects a state \(h, c\), got"),
        (lambda: LSTMCell(1, 1)([1.0], 0.5), r"LSTMCell\(1, 1\) expects a state \(h, c\), got 0.5"),
        (lambda: GRU(1, 1)([[1.0]], length=2), "length must be a whole number from 1 to 1, the number of rows, got 2"),
    ],
)
def test_what_a_sequence_does_not_fit_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
