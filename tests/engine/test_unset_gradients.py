"""Before any backward pass a gradient counts as 0 and shows as a dash, and what scripts do with that."""

import copy
import json
import math
import pickle
import random
from itertools import pairwise

import numpy as np
import pytest

from engine import Value, gradients
from tests.bench.microgpt import EagerValue


def test_a_gradient_counts_as_0_and_shows_as_a_dash():
    p = Value(2.0, "p")
    assert (repr(p), str(p.grad), f"{p.grad}") == ("Value(data=2.0, grad=—, label='p')", "—", "—")
    assert "%.4f" % p.grad == f"{p.grad:.4f}" == "0.0000"  # noqa: UP031
    assert (p.grad == 0.0, p.grad * 3, 1 - p.grad, math.sqrt(p.grad)) == (True, 0.0, 1.0, 0.0)
    assert isinstance(p.grad, float)
    assert json.dumps(p.grad) == "0.0"
    p.data -= 0.1 * p.grad
    assert p.data == 2.0
    p.grad += 1
    assert (p.grad, p.has_grad) == (1.0, True)


def test_whether_a_pass_has_reached_a_node_can_be_asked():
    a, b, c = Value(2.0), Value(3.0), Value(4.0)
    y = a * b
    assert not any(node.has_grad for node in (a, b, c, y))
    y.backward()
    assert [node.has_grad for node in (a, b, c, y)] == [True, True, False, True]
    a.grad = None  # as in PyTorch
    assert not a.has_grad
    assert repr(a) == "Value(data=2.0, grad=—)"
    (a * b).backward()
    assert (a.grad, b.grad) == (3.0, 4.0)


def test_copies_and_pickles_know_it_too():
    p = Value(2.0, "p", role="parameter")
    for twin in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert not twin.has_grad
        assert twin.grad is p.grad
        assert (twin.data, twin.label, twin.role) == (2.0, "p", "parameter")


@pytest.mark.parametrize("grad", [np.float32(0.1), np.float64(0.1), 1, True])
def test_a_gradient_that_was_set_adds_up_as_a_float(grad):
    x = Value(2.0)
    x.grad = grad
    (x * 3).backward()
    assert (type(x.grad), x.grad) == (float, 3.0 + float(grad))


def test_a_seed_scales_every_gradient():
    x = Value(3.0)
    y = x * x
    y.backward(0.5)
    assert (x.grad, y.grad) == (3.0, 0.5)
    y.backward(np.float32(2.0))
    assert (x.grad, type(x.grad)) == (15.0, float)
    with pytest.raises(TypeError, match="expected a plain number"):
        y.backward(Value(1.0))


def test_a_gradient_by_hand_in_an_order_of_ones_own():
    a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
    e = a * b
    d = e + c
    o = d.tanh()
    for node in (a, b, c, e, d, o):
        assert "grad %.4f" % node.grad == "grad 0.0000"  # noqa: UP031
    o.grad = 1.0
    for node in (o, d, e, c, b, a):
        node._backward()
    assert [node.grad for node in (a, b, c, e, d)] == gradients(o, [a, b, c, e, d])
    a._backward()  # a leaf passes nothing on


def adam(parameters, memory, lr, step, b1=0.85, b2=0.99, eps=1e-8):
    """Adam as such scripts write it: over all parameters, those that nothing has reached among them."""
    for i, p in enumerate(parameters):
        m, v = memory.get(i, (0.0, 0.0))
        m = b1 * m + (1 - b1) * p.grad
        v = b2 * v + (1 - b2) * p.grad**2
        memory[i] = m, v
        p.data -= lr * (m / (1 - b1**step)) / ((v / (1 - b2**step)) ** 0.5 + eps)
        p.grad = 0


def losses(number, steps=20):
    """A little language model: a row of embeddings for each letter, of which each document touches a few."""
    rng = random.Random(42)
    rows = [[number(rng.gauss(0, 0.3)) for _ in range(4)] for _ in range(9)]
    out = [[number(rng.gauss(0, 0.3)) for _ in range(4)] for _ in range(9)]
    parameters = [p for matrix in (rows, out) for row in matrix for p in row]
    found, memory = [], {}
    for step in range(steps):
        document = [rng.randrange(9) for _ in range(3)]
        total = number(0.0)
        for x, y in pairwise(document):
            logits = [sum((w * v for w, v in zip(row, rows[x])), number(0.0)) for row in out]
            powers = [logit.exp() for logit in logits]
            total = total + (powers[y] * sum(powers, number(0.0)) ** -1).log() * -1
        loss = total * 0.5
        loss.backward()
        adam(parameters, memory, 0.01, step + 1)
        found.append(loss.data)
    return found


def test_a_script_that_does_not_ask_whether_there_is_a_gradient_trains_to_the_same_losses():
    assert losses(Value) == pytest.approx(losses(EagerValue), rel=1e-12)
