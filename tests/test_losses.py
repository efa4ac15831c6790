"""The losses against PyTorch's numbers, and what they refuse."""

import json
from pathlib import Path

import pytest

import nn
from engine import Value
from nn import binary_cross_entropy_with_logits, cross_entropy, hinge_loss, mse_loss

TORCH = json.loads((Path(__file__).parent / "data" / "torch_nn.json").read_text())


@pytest.mark.parametrize("name", TORCH["losses"])
def test_losses_and_their_gradients_are_pytorchs(name):
    expected = TORCH["losses"][name]
    outputs = [Value(x) for x in TORCH["outputs"]]
    loss = getattr(nn, name)(outputs, expected["targets"])
    loss.backward()
    assert loss.data == pytest.approx(expected["loss"], rel=1e-12)
    # PyTorch's sigmoid(40) - 1 is 0 where the slope is -4e-18
    assert [x.grad for x in outputs] == pytest.approx(expected["grad"], rel=1e-12, abs=1e-17)


def test_one_example_needs_no_list():
    assert mse_loss(Value(3.0), 1.0).data == 4.0
    assert hinge_loss(Value(0.5), 1).data == 0.5
    assert cross_entropy([Value(0.0)] * 4, 2).data == pytest.approx(1.3862943611198906)


def test_outputs_may_be_rows():
    assert mse_loss([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]], [[1, 2], [3, 6]]).data == 1.0


def test_cross_entropy_of_far_logits_is_finite():
    logits = [Value(1000.0), Value(-1000.0)]
    loss = cross_entropy(logits, 1)
    loss.backward()
    assert (loss.data, logits[0].grad, logits[1].grad) == (2000.0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: mse_loss([x], [1, 2]), ValueError, "mse_loss takes as many outputs as targets, got 1 outputs and 2"),
        (lambda x: mse_loss([], []), ValueError, "mse_loss takes at least one example, got none"),
        (lambda x: hinge_loss([x], [0]), ValueError, r"targets of -1 or 1, got 0; from 0 or 1, write 2 \* y - 1"),
        (lambda x: binary_cross_entropy_with_logits([x], [-1]), ValueError, r"from 0 to 1, got -1; .*\(y \+ 1\) / 2"),
        (lambda x: cross_entropy([x, x], 2), IndexError, "targets from 0 to 1, one for each logit, got 2"),
        (lambda x: cross_entropy([x, x], -1), IndexError, "got -1"),
        (lambda x: cross_entropy([x, x], 0.5), TypeError, "integer"),
        (lambda x: cross_entropy([x, x], [0, 1]), ValueError, "a row of logits for each of 2 targets, got a single"),
        (lambda x: cross_entropy([[x, x]], [0, 1]), ValueError, "got 1 outputs and 2 targets"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call(Value(1.0))


def test_outputs_and_targets_may_be_anything_to_iterate_over():
    assert hinge_loss(map(Value, [1.0, 2.0]), iter([1, -1])).data == 1.5
    assert mse_loss([Value(0.0), Value(1.0)], range(2)).data == 0.0
