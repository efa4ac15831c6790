"""The gated recurrent unit against PyTorch's numbers, and what it refuses."""

import random

import pytest

from nn import GRUCell
from tests.torch_layers import cases, check


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases("GRUCell"))
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
