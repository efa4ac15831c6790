"""Activations as modules: the functions of the table, on numbers, rows and what is nested."""

from math import erf, exp, log, sqrt, tanh

import numpy as np
import pytest

import nn
from engine import Value, check_gradients
from nn import ACTIVATIONS, ELU, GELU, LeakyReLU, Neuron, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from nn.layers.activations import Activation

POINTS = [-3.0, -0.5, 0.25, 2.0]
FORMULAS = [
    (ReLU(), lambda x: max(0.0, x)),
    (LeakyReLU(), lambda x: x if x > 0 else 0.01 * x),
    (LeakyReLU(0.2), lambda x: x if x > 0 else 0.2 * x),
    (ELU(), lambda x: x if x > 0 else exp(x) - 1),
    (ELU(alpha=0.7), lambda x: x if x > 0 else 0.7 * (exp(x) - 1)),
    (GELU(), lambda x: x * (1 + erf(x / sqrt(2))) / 2),
    (SiLU(), lambda x: x / (1 + exp(-x))),
    (Softplus(), lambda x: log(1 + exp(x))),
    (Sigmoid(), lambda x: 1 / (1 + exp(-x))),
    (Tanh(), tanh),
]


@pytest.mark.parametrize(("activation", "formula"), FORMULAS, ids=[repr(activation) for activation, _ in FORMULAS])
def test_every_activation_is_its_formula(activation, formula):
    assert [y.data for y in activation(POINTS)] == pytest.approx(list(map(formula, POINTS)), rel=1e-12)
    for x in POINTS:
        assert check_gradients(activation, x).ok


def test_at_zero_the_slopes_are_pytorchs():
    slopes = []
    for activation in (ReLU(), LeakyReLU(0.2), ELU(0.7), ELU(2.0)):
        x = Value(0.0)
        activation(x).backward()
        slopes.append(x.grad)
    assert slopes == pytest.approx([0.0, 0.2, 0.7, 2.0])


def test_every_name_in_the_table_but_linear_has_a_module():
    kinds = [kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, Activation)]
    assert {kind.name for kind in kinds} == set(ACTIVATIONS) - {"linear"}
    for kind in kinds:
        assert [kind()(x).data for x in POINTS] == [ACTIVATIONS[kind.name](Value(x)).data for x in POINTS]
        neuron = Neuron(1, kind.name)
        neuron.w[0].data = 1.0
        assert [neuron([x]).data for x in POINTS] == [kind()(x).data for x in POINTS]


@pytest.mark.parametrize(
    "given", [[[1.0, -2.0], [-3.0, 4.0]], ((1, -2), (-3, 4)), np.array([[1.0, -2.0], [-3.0, 4.0]])]
)
def test_what_is_nested_keeps_its_shape(given):
    assert [[y.data for y in row] for row in ReLU()(given)] == [[1.0, 0.0], [0.0, 4.0]]


def test_values_stay_in_the_graph():
    x = Value(2.0)
    y = Tanh()([[x]])[0][0]
    assert y.parents == (x,)
    assert isinstance(ReLU()(1), Value)


def test_softmax_is_of_each_row():
    rows = [[0.0, 1.0, 2.0], [5.0, 5.0, -1.0]]
    expected = [np.exp(row) / np.exp(row).sum() for row in rows]
    for i in range(2):
        assert [p.data for p in Softmax()(rows[i])] == pytest.approx(expected[i])
        assert [p.data for p in Softmax()([rows])[0][i]] == pytest.approx(expected[i])
    values = [Value(x) for x in rows[0]]
    Softmax()(values)[1].backward()
    p = expected[0]
    assert [v.grad for v in values] == pytest.approx([-p[0] * p[1], p[1] * (1 - p[1]), -p[2] * p[1]])


def test_softmax_of_what_is_no_row_is_refused():
    with pytest.raises(ValueError, match=r"takes a row of numbers, got 1\.0; the softmax of a single number is"):
        Softmax()(1.0)
    with pytest.raises(ValueError, match="at least one value, got none"):
        Softmax()([])


def test_they_say_what_they_are():
    shown = [repr(activation) for activation in (ReLU(), LeakyReLU(), ELU(0.7), Softmax(), SiLU())]
    assert shown == ["ReLU()", "LeakyReLU(0.01)", "ELU(0.7)", "Softmax()", "SiLU()"]
