"""The functions of several values: what they refuse, and that they are one node each."""

import builtins
import math
import warnings

import numpy as np
import pytest

import engine
from engine import (
    Rule,
    Value,
    clamp,
    compile,
    detect_anomaly,
    dot,
    leaky_relu,
    log_softmax,
    logsumexp,
    mean,
    no_grad,
    rules,
    select,
    sign,
    softmax,
)
from engine.graph import topological_order
from tests.rule_samples import SAMPLES

OF_ONE_OR_TWO = [name for name, thing in vars(engine).items() if isinstance(thing, Rule)] + ["leaky_relu", "clamp"]


@pytest.mark.parametrize("function", [engine.sum, mean, engine.max, engine.min, logsumexp])
def test_one_node_for_any_number_of_operands(function):
    values = [Value(float(i)) for i in range(10)]
    assert len(topological_order(function(iter(values)))) == 11


def test_dot_is_one_node_with_or_without_bias():
    ws, xs = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    assert dot(ws, xs).parents == (*ws, *xs)
    assert dot(ws, xs, bias=1).data == 12.0
    assert dot([Value(2.0)], [Value(3.0)]).data == 6.0
    assert dot([], [], Value(3.0)).data == 3.0


@pytest.mark.parametrize("function", [mean, engine.max, engine.min, logsumexp, softmax, log_softmax])
def test_nothing_has_no_mean_and_no_maximum(function):
    with pytest.raises(ValueError, match="takes at least one value, got none"):
        function([])


def test_the_sum_of_nothing_is_zero():
    assert engine.sum([]) == 0.0


def test_dot_refuses_different_lengths():
    with pytest.raises(ValueError, match="got 2 weights and 1 inputs"):
        dot([1.0, 2.0], [Value(1.0)])


def test_select_takes_an_index_that_exists():
    values = [Value(1.0), Value(2.0)]
    taken = select(values, 1)
    taken.backward()
    assert (taken.op, values[1].grad, values[0].has_grad) == ("[1]", 1.0, False)
    for index in (-1, 2):
        with pytest.raises(IndexError, match=f"an index from 0 to 1, got {index}"):
            select(values, index)
    with pytest.raises(TypeError, match="integer"):
        select(values, 1.0)


def test_softmax_is_positive_and_one_together_far_out_too():
    ps = softmax([Value(x) for x in (1000.0, 999.0, -1000.0)])
    assert builtins.sum(p.data for p in ps) == pytest.approx(1.0)
    assert log_softmax([Value(0.0), Value(-800.0)])[1].data == -800.0


@pytest.mark.parametrize("name", OF_ONE_OR_TWO)
def test_a_plain_number_gives_a_plain_number(name):
    function = getattr(engine, name)
    operands = len(SAMPLES[function.name][0].symbols) if isinstance(function, Rule) else 1
    for number in (*{"acosh": (1.5, 2), "atanh": (0.5, False)}.get(name, (0.5, 1, True)), float("nan")):
        plain, node = function(*[number] * operands), function(*[Value(number)] * operands)
        assert (type(plain), type(node)) == (float, Value)
        assert plain == node.data or math.isnan(plain) == math.isnan(node.data) == math.isnan(number)


@pytest.mark.parametrize("function", [leaky_relu, clamp])
def test_a_plain_number_is_one_whatever_is_done_with_values(function):
    assert type(function(np.float64(0.5))) is float
    with no_grad():
        assert (type(function(0.5)), function(Value(0.5)).__class__) == (float, Value)
    with detect_anomaly():
        assert function(float("inf")) == float("inf")

    def scaled(x):
        with no_grad():
            factor = function(0.5)
        return x * factor

    assert [compile(scaled)(number).data for number in (2.0, 4.0)] == [1.0, 2.0]


@pytest.mark.parametrize("function", [leaky_relu, clamp])
def test_what_is_no_number_is_still_told(function):
    with pytest.raises(TypeError, match="a Value holds one real number, got str 'one'"):
        function("one")
    with pytest.raises(ValueError, match=r"clamp takes low <= high, got low=2.0 and high=1.0"):
        clamp(0.5, 2, 1)


def test_star_import_leaves_the_builtins_alone():
    names: dict[str, object] = {}
    exec("from engine import *", names)
    assert not {"sum", "max", "min", "abs", "pow"} & names.keys()
    assert names["Value"] is Value


@pytest.mark.parametrize(
    "xs", [[math.inf, 1.0], [1.0, math.inf, 2.0], [math.inf, math.inf], [-math.inf, -math.inf], [math.inf]]
)
@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_softmax_of_an_infinite_number_is_nan_as_in_pytorch(function, xs):
    compiled = compile(lambda xs: function(xs)[-1])
    for f in (lambda xs: function(xs)[-1], *[compiled] * 3):
        values = [Value(x) for x in xs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            z = f(values)
            z.backward()
        assert math.isnan(z.data)
        assert len(xs) == 1 or all(math.isnan(value.grad) for value in values)
    assert all(map(math.isnan, function(xs)))
    assert all(map(math.isnan, compile(function).map([xs, xs])[0]))
    for last in (-math.inf, 1.0):  # below the others, all is well
        assert function([1.0, -math.inf, last])[1] in (0.0, -math.inf)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_signs_of_numbers_of_numpy(kind):
    assert [sign(kind(x)) for x in (-2, 0, 3)] == [-1.0, 0.0, 1.0]
    assert [rules.above(kind(x), kind(1)) for x in (0, 1, 2)] == [0.0, 0.5, 1.0]
