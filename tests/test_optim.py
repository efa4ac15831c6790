"""The optimizers against PyTorch, step by step, and what they refuse."""

import json
from pathlib import Path

import pytest

from engine import Value
from nn import MLP, SGD, Adam, AdamW, Optimizer, cross_entropy

TORCH = json.loads((Path(__file__).parent / "data" / "torch_nn.json").read_text())
KINDS = {"sgd": SGD, "momentum": SGD, "nesterov": SGD, "adam": Adam, "adamw": AdamW}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", TORCH["runs"])
def test_ten_steps_from_the_same_weights_give_pytorchs_losses(name, fused):
    sizes, run = TORCH["sizes"], TORCH["runs"][name]
    model = MLP(sizes[0], sizes[1:], activation="tanh", fused=fused)
    for layer, (weights, biases) in zip(model.layers, TORCH["weights"]):
        for neuron, row, bias in zip(layer.neurons, weights, biases):
            neuron.b.data = bias
            for weight, number in zip(neuron.w, row):
                weight.data = number
    optimizer = KINDS[name](model.parameters(), **run["options"])
    losses = []
    for _ in range(10):
        loss = cross_entropy([model(row) for row in TORCH["rows"]], TORCH["classes"])
        losses.append(loss.data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses == pytest.approx(run["losses"], rel=1e-9)


def test_a_step_without_a_backward_pass_is_told():
    with pytest.raises(RuntimeError, match=r"no parameter has a gradient; call loss.backward\(\) before"):
        SGD([Value(1.0)]).step()


def test_a_parameter_out_of_reach_has_the_gradient_zero():
    used, unused = Value(1.0), Value(1.0)
    (used * 2).backward()
    SGD([used, unused], lr=0.1, weight_decay=0.5).step()
    assert (used.data, unused.data) == (pytest.approx(0.75), pytest.approx(0.95))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD([]), ValueError, r"at least one parameter, got none; write model.parameters\(\)"),
        (lambda p: SGD([1.0]), TypeError, r"takes Values, got 1.0; write model.parameters\(\)"),
        (lambda p: SGD(p + p), ValueError, "each parameter once, got one of them twice"),
        (lambda p: Adam(p, eps=0), ValueError, "eps must be above 0, got 0"),
        (lambda p: SGD(p, lr=0), ValueError, "lr must be above 0, got 0"),
        (lambda p: Adam(p, lr=-1.0), ValueError, "lr must be above 0, got -1.0"),
        (lambda p: SGD(p, momentum=1.5), ValueError, "momentum must be from 0 up to 1, got 1.5"),
        (lambda p: SGD(p, nesterov=True), ValueError, "write momentum=0.9"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), ValueError, "betas must be two numbers from 0 up to 1"),
        (lambda p: AdamW(p, weight_decay=-1), ValueError, "weight_decay must be at least 0, got -1"),
        (lambda p: Optimizer(p, 0.1).update(1.0, 1.0), TypeError, "Optimizer has no update rule"),
    ],
)
def test_impossible_settings_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make([Value(1.0)])


def test_a_step_that_fails_changes_nothing():
    class Broken(SGD):
        def update(self, p, g, *memory):
            if p == 2.0:
                raise ZeroDivisionError
            return super().update(p, g, *memory)

    first, second = Value(1.0), Value(2.0)
    (first * second).backward()
    with pytest.raises(ZeroDivisionError):
        Broken([first, second], lr=0.1).step()
    assert (first.data, second.data) == (1.0, 2.0)
