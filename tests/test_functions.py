"""The functions of several values: what they refuse, and that they are one node each."""

import builtins

import pytest

import engine
from engine import Value, dot, log_softmax, logsumexp, mean, select, softmax
from engine.graph import topological_order


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
    assert (taken.op, values[1].grad, values[0].grad) == ("[1]", 1.0, None)
    for index in (-1, 2):
        with pytest.raises(IndexError, match=f"an index from 0 to 1, got {index}"):
            select(values, index)
    with pytest.raises(TypeError, match="integer"):
        select(values, 1.0)


def test_softmax_is_positive_and_one_together_far_out_too():
    ps = softmax([Value(x) for x in (1000.0, 999.0, -1000.0)])
    assert builtins.sum(p.data for p in ps) == pytest.approx(1.0)
    assert log_softmax([Value(0.0), Value(-800.0)])[1].data == -800.0


def test_star_import_leaves_the_builtins_alone():
    names: dict[str, object] = {}
    exec("from engine import *", names)
    assert not {"sum", "max", "min", "abs", "pow"} & names.keys()
    assert names["Value"] is Value
