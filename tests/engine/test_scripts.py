"""Scripts that others wrote for numbers of their own train to the same losses with ours.

Each is stated here in our words, small but whole, for any number that knows + - * / **, exp, log, tanh and relu: a
language model as in Andrej Karpathy's microgpt (2026), and a classifier of points as in the micrograd of Eureka Labs
(2024). Theirs is `EagerValue`, microgpt's own number, which has a backward pass of its own.
"""

import math
import random
import time
from itertools import cycle, islice

import pytest

from engine import Value
from tests.bench.microgpt import BOUNDARY, GPT, EagerValue


class Theirs(EagerValue):
    """A parameter as microgpt has it, with attributes of a user's own."""


def language_model(number, steps):
    """Adam over all parameters, with its memory beside them: rows of letters that a document lacks have no gradient."""
    model = GPT(number)
    parameters = model.parameters()
    m, v = [0.0] * len(parameters), [0.0] * len(parameters)
    names = ["mary", "anna", "lea"]
    losses = []
    for step, name in enumerate(islice(cycle(names), steps)):
        loss = model.loss([BOUNDARY, *(ord(letter) - ord("a") for letter in name), BOUNDARY])
        loss.backward()
        for i, p in enumerate(parameters):
            m[i] = 0.85 * m[i] + (1 - 0.85) * p.grad
            v[i] = 0.99 * v[i] + (1 - 0.99) * p.grad**2
            m_hat = m[i] / (1 - 0.85 ** (step + 1))
            v_hat = v[i] / (1 - 0.99 ** (step + 1))
            p.data -= 0.01 * m_hat / (v_hat**0.5 + 1e-8)
            p.grad = 0
        losses.append(loss.data)
    return losses


class AdamW:
    """Adam with decoupled weight decay, its memory in attributes of the parameters."""

    def __init__(self, parameters, lr=0.1, betas=(0.9, 0.95), weight_decay=1e-4):
        self.parameters, self.lr, self.betas, self.weight_decay = parameters, lr, betas, weight_decay
        self.t = 0
        for p in parameters:
            p.m = 0
            p.v = 0

    def step(self):
        self.t += 1
        b1, b2 = self.betas
        for p in self.parameters:
            p.m = b1 * p.m + (1 - b1) * p.grad
            p.v = b2 * p.v + (1 - b2) * p.grad**2
            m_hat, v_hat = p.m / (1 - b1**self.t), p.v / (1 - b2**self.t)
            p.data -= self.lr * (m_hat / (v_hat**0.5 + 1e-8) + self.weight_decay * p.data)

    def zero_grad(self):
        for p in self.parameters:
            p.grad = 0


def neuron(weights, bias, xs):
    return sum((w * x for w, x in zip(weights, xs)), bias)


def points_in_a_plane(number, steps):
    """A network of 2, 8 and 3 neurons learns to which of three sectors a point belongs."""
    rng = random.Random(42)
    points = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(30)]
    classes = [int((math.atan2(y, x) + math.pi) / (2 * math.pi) * 2.999) for x, y in points]
    layers = [
        [([number(rng.uniform(-1, 1) * nin**-0.5) for _ in range(nin)], number(0)) for _ in range(nout)]
        for nin, nout in ((2, 8), (8, 3))
    ]
    parameters = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]
    for p in parameters:
        setattr(p, "_vis_color", "lightgreen")  # noqa: B010  as the script does
    optimizer = AdamW(parameters)
    losses = []
    for _ in range(steps):
        total = number(0.0)
        for point, target in zip(points, classes):
            hidden = [neuron(weights, bias, point).tanh() for weights, bias in layers[0]]
            exps = [neuron(weights, bias, hidden).exp() for weights, bias in layers[1]]
            total = total + -(exps[target] / sum(exps)).log()
        loss = total * (1.0 / len(points))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.data)
    assert all(p._vis_color == "lightgreen" for p in parameters)
    return losses


@pytest.mark.parametrize(
    ("script", "steps"),
    [
        (language_model, 4),
        (points_in_a_plane, 10),
        pytest.param(language_model, 8, marks=pytest.mark.slow),
        pytest.param(points_in_a_plane, 60, marks=pytest.mark.slow),
    ],
)
def test_a_script_trains_to_the_same_losses(script, steps):
    begin = time.process_time()
    theirs = script(Theirs, steps)
    between = time.process_time()
    ours = script(Value, steps)
    print(f"{script.__name__}: {between - begin:.2f} s theirs, {time.process_time() - between:.2f} s ours")
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert ours[-1] < ours[0]
