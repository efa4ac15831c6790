"""`compile`: the same numbers as the plain function, whatever is done with it, or a refusal that says what to write."""

import copy
import gc
import math
import os
import pickle
import random
import subprocess
import sys
import threading
import warnings
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import (
    Rule,
    TraceError,
    Value,
    compile,
    detect_anomaly,
    dot,
    grad,
    gradients,
    hessian,
    jvp,
    log_softmax,
    mean,
    no_grad,
    rules,
    select,
    softmax,
)
from engine import sum as total
from engine.graph import topological_order
from nn import MLP, SGD, binary_cross_entropy_with_logits, cross_entropy, hinge_loss, mse_loss
from tests.agreement import agrees, check, check_lanes, expected, quietly
from tests.programs import programs
from tests.rule_samples import AWKWARD, FAMILY_SAMPLES, NAMED, SAMPLED, SAMPLES
from viz import draw_dot

pytest.importorskip("numba", reason="without numba there is no machine code; what then runs is tested below by asking")


def count_calls(function):
    """The function, and a list that grows with every call of it in Python."""
    calls = []

    def counted(*args, **options):
        calls.append(args)
        return function(*args, **options)

    return counted, calls


def both(f, *args, **options):
    """A compiled function twice, for the second call is checked."""
    compiled = compile(f)
    return compiled(*args, **options), compiled(*args, **options)


# The same numbers, for random programs over the whole table.


def step_of(name, n):
    if name == "take":  # a choice is a whole number, and never nan
        return lambda x, y, *xs: rules.take(rules.equal(x, y), *xs), n + 1
    return NAMED[name], n


STEPS = [step_of(name, len(sample.symbols)) for name, sample in SAMPLED]
OPERATORS = [NAMED[name] for name in ("add", "sub", "mul", "div")]
TAME_STEPS = [(lambda *xs, f=f: rules.tanh(f(*xs)), n) for f, n in STEPS]  # keeps numbers from -1 to 1
tame = st.floats(-3, 3, width=32)
wild = st.one_of(tame, st.sampled_from(AWKWARD))


def batches(numbers, most=3):
    return st.lists(st.tuples(numbers, numbers), min_size=1, max_size=most)


@pytest.mark.usefixtures("machine_code")
@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(programs(TAME_STEPS), batches(tame))
def test_random_programs_over_the_whole_table(program, points):
    check(program, points)
    check_lanes(program, points)
    check_lanes(program, [(x, points[0][1]) for x, _ in points], {1})


@pytest.mark.usefixtures("machine_code")
@settings(derandomize=True, database=None, deadline=None, max_examples=250)
@given(programs(STEPS, most=6), batches(wild))
def test_random_programs_of_awkward_numbers(program, points):
    check(program, points)
    check_lanes(program, points)
    check_lanes(program, [(points[0][0], y) for _, y in points], {0})


# Arguments.

ROWS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.1, 0.3], [-1.0, -1.0]]
TARGETS = [1, -1, -1, 1, 1]
W = Value(1.5, "w", role="parameter")


class Table:
    """What a table or a column of pandas looks like."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        raise KeyError(name)  # pandas asks for a column, not a row

    def to_numpy(self):
        return np.array(self.rows)


def added_up(tree):
    if isinstance(tree, dict):
        tree = tree.values()
    return (
        total([added_up(branch) for branch in tree]) if isinstance(tree, (list, tuple, type({}.values()))) else tree * W
    )


ARGUMENTS = {
    "a number": (2.0, 3.0),
    "a whole number": (2, 3.0),
    "a fraction": (engine.value.Real and __import__("fractions").Fraction(1, 4), 0.375),
    "a number of NumPy": (np.float32(0.5), 0.75),
    "a whole number of NumPy": (np.int8(-2), -3.0),
    "a truth of NumPy": (np.bool_(True), 1.5),
    "an array of no dimension": (np.array(2.0), 3.0),
    "a list": ([1.0, 2, 3.0], 9.0),
    "a tuple": ((1.0, 2.0), 4.5),
    "nested lists": ([[1.0, 2.0], [3.0, 4.0]], 15.0),
    "ragged lists": ([[1.0], [2.0, 3.0], 4.0, []], 15.0),
    "an array": (np.array([1.0, 2.0]), 4.5),
    "an array of whole numbers": (np.arange(4).reshape(2, 2), 9.0),
    "an array of truths": (np.array([True, False, True]), 3.0),
    "an array of three dimensions": (np.ones((2, 1, 3), np.float32), 9.0),
    "a part of an array": (np.arange(10.0)[::-3], 27.0),
    "an empty array": (np.zeros((2, 0)), 0.0),
    "arrays in a list": ([np.ones(2), [1.0, np.float64(2.0)]], 7.5),
    "a dict": ({"a": 1.0, "b": [2.0, 3.0]}, 9.0),
    "a table": (Table([[1.0, 2.0], [3.0, 4.0]]), 15.0),
    "Values": ([Value(1.0), 2.0], 4.5),
    "an array of Values": (np.array([Value(1.0), Value(2.0)]), 4.5),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_numbers_come_in_nested_lists_arrays_and_dicts(kind):
    argument, answer = ARGUMENTS[kind]
    assert [z.data for z in both(added_up, argument)] == [answer, answer]
    assert [z.data for z in both(lambda y, tree: added_up(tree), 1.0, tree=argument)] == [answer, answer]


def test_what_is_no_number_is_passed_on_as_it_is():
    seen = []

    def f(x, kind, flag, nothing, *, scale="one"):
        seen.append((kind, flag, nothing, scale))
        factor = {"one": 1.0, "ten": 10.0}[scale]
        return (x.tanh() if kind == "tanh" else x.exp()) * factor + (1 if flag else 0)

    compiled = compile(f)
    for _ in range(3):
        assert compiled(0.0, "tanh", True, None).data == 1.0
        assert compiled(0.0, "exp", False, None, scale="ten").data == 10.0
    assert set(seen) == {("tanh", True, None, "one"), ("exp", False, None, "ten")}


def test_what_cannot_be_told_from_others_is_refused():
    with pytest.raises(TypeError, match=r"takes numbers and nested lists or arrays of them, got set \{1.0\}"):
        compile(lambda x: x)({1.0})


def test_arguments_reach_the_function_as_values_in_lists():
    seen = []
    compile(lambda xs: seen.append(xs) or xs[0] + xs[1][0])((1.0, np.array([2.0])))
    assert [[type(xs), type(xs[0]), type(xs[1])] for xs in seen] == [[list, Value, list]] * len(seen)


def test_a_new_structure_is_recorded_anew_and_numbers_alone_never():
    f, calls = count_calls(lambda xs, kind="sum": total(xs) if kind == "sum" else mean(xs))
    compiled = compile(f)
    for i in range(10):
        assert compiled([i, -1.0, math.sin(i)]).data == pytest.approx(i - 1 + math.sin(i))
    once = len(calls)
    assert once == 3  # two to record, one to check
    compiled.map(np.arange(30.0).reshape(10, 3))
    compiled.mean([(1, 2, 3), [4, 5, 6]])
    assert len(calls) == once
    for new in ({"xs": [1.0, 2.0]}, {"xs": [1.0, 2.0, 3.0], "kind": "mean"}, {"xs": [[1.0], 2.0][1:] * 4}):
        before = len(calls)
        for i in range(4):
            compiled(**new)
        assert len(calls) == before + 3, new


# Many examples.


def plain_mean(f, *columns):
    return mean([f(*row) for row in zip(*columns, strict=True)])


BATCHES = {
    "lists": (ROWS, TARGETS),
    "tuples": (tuple(map(tuple, ROWS)), tuple(TARGETS)),
    "arrays": (np.array(ROWS), np.array(TARGETS, float)),
    "whole numbers": (np.array(ROWS), np.array(TARGETS, np.int8)),
    "short floats": (np.array([[0.5, 1.0]] * 3, np.float32), np.array([1, -1, 1], np.float16)),
    "truths": (np.array([[True, False], [False, False]]), np.array([1, -1])),
    "parts of arrays": (np.array(ROWS * 2)[::-2], np.repeat(np.array(TARGETS * 2), 3)[::3][::-2]),
    "columns turned": (np.array(ROWS).T.copy().T, np.array(TARGETS)),
    "bytes in the other order": (np.array(ROWS).astype(">f8"), np.array(TARGETS).astype(">i4")),
    "read-only": (np.frombuffer(np.array(ROWS).tobytes()).reshape(5, 2), TARGETS),
    "an array and a list": (np.array(ROWS), TARGETS),
    "tables": (Table(ROWS), Table(TARGETS)),
    "a range": (ROWS, range(5)),
    "one": (ROWS[:1], TARGETS[:1]),
    "more than stand side by side": (np.array([[math.sin(i), math.cos(i)] for i in range(300)]), np.ones(300)),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_many_examples_give_the_mean_and_the_sum_of_the_plain_function(kind):
    model = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))

    def loss(x, y):
        return (model(x) - y) ** 2 + model(x)

    X, Y = BATCHES[kind]
    rows, targets = (np.asarray(numbers.rows if isinstance(numbers, Table) else numbers, float) for numbers in (X, Y))
    plain = plain_mean(loss, rows.tolist(), targets.tolist())
    plain.backward()
    slopes = [p.grad for p in model.parameters()]
    machine = compile(loss)
    for how, times in (("mean", 1), ("sum", len(targets)), ("mean", 1)):
        model.zero_grad()
        value = getattr(machine, how)(X, Y)
        value.backward()
        assert value.data == pytest.approx(times * plain.data, rel=1e-12)
        assert [p.grad for p in model.parameters()] == pytest.approx([times * g for g in slopes], rel=1e-12, abs=1e-15)
    each = [loss(list(row), target).data for row, target in zip(rows, targets)]
    assert machine.map(X, Y) == pytest.approx(each, rel=1e-12)


def test_examples_may_be_of_several_structures():
    f, calls = count_calls(lambda xs, kind: total(xs) * W if kind else mean(xs))
    examples = [[1.0, 2.0], [3.0], [4.0, 5.0], [6.0, 7.0, 8.0], [9.0]]
    kinds = [True, False, True, False, True]
    compiled = compile(f)
    expected_rows = [f(xs, kind) for xs, kind in zip(examples, kinds)]
    numbers = [x.data if isinstance(x, Value) else x for x in expected_rows]
    calls.clear()
    for _ in range(4):
        W.grad = 0.0
        assert compiled.map(examples, kinds) == pytest.approx(numbers)
        value = compiled.mean(examples, kinds)
        value.backward()
        assert value.data == pytest.approx(sum(numbers) / 5)
        assert W.grad == pytest.approx((3 + 9 + 9) / 5)
    assert len(calls) == 3 * 4, "three for each of four structures"


def test_keyword_arguments_are_the_same_for_all_examples():
    f, calls = count_calls(lambda x, scale, power="two": (x * scale * W) ** (2 if power == "two" else 3))
    compiled = compile(f)
    for scale in (1.0, 2.0, -1.0):
        assert compiled.map([1.0, 2.0], scale=scale) == [(x * scale * 1.5) ** 2 for x in (1.0, 2.0)]
    assert len(calls) == 3
    assert compiled.sum([1.0, 2.0], scale=[1.0][0], power="three").data == 1.5**3 + 3.0**3


def test_examples_changed_in_place_are_read_afresh():
    compiled = compile(lambda x, y: x * W + y)
    for X, Y in ([np.ones(3), np.zeros(3)], [np.ones(3, int), np.zeros(6)[::2]], [[1.0] * 3, [0.0] * 3]):
        assert compiled.sum(X, Y).data == 4.5
        assert compiled.sum(X, Y).data == 4.5
        X[1], Y[2] = 3, 10
        assert compiled.sum(X, Y).data == 17.5
        assert compiled.map(X, Y) == [1.5, 4.5, 11.5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.mean([]), ValueError, "takes as many examples of each argument, and at least one; got 0"),
        (lambda f: f.mean([1.0], [1.0, 2.0]), ValueError, "got 1 and 2"),
        (lambda f: f.sum(), ValueError, "got no argument"),
        (lambda f: f.mean(3.0), TypeError, "takes a list or an array of examples for each argument, got 3.0"),
        (lambda f: f.mean(np.array(3.0)), TypeError, "a list or an array of examples"),
        (lambda f: f.mean({"a": [1.0]}), TypeError, "a list or an array of examples"),
        (lambda f: f.mean([Value(1.0)]), TypeError, "examples are plain numbers, got Values; call the function on one"),
        (lambda f: f.mean([1.0], y=Value(1.0)), TypeError, "examples are plain numbers, got Values"),
        (lambda f: f.mean(np.ones(2), y=Value(1.0)), TypeError, "examples are plain numbers, got Values"),
    ],
)
def test_examples_that_do_not_fit_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(compile(lambda x, y=0.0: x + y))


@pytest.mark.parametrize("without", [False, True])
def test_a_mean_whose_sum_would_overflow_does_not(without, monkeypatch):
    if without:
        without_numba(monkeypatch)
    f = compile(lambda x: x * Value(1.0))
    for _ in range(2):
        assert f.mean([1.5e308, 1.5e308, 1.5e308]).data == pytest.approx(1.5e308)


# Gradients.


def test_parameters_are_read_afresh_and_gradients_add_up_as_in_backward():
    w, b = Value(2.0, "w"), Value(-1.0, "b")
    f = compile(lambda x: w * x + b)
    for i in range(5):
        w.data = float(i)
        value = f(3.0)
        assert value.data == 3.0 * i - 1
        value.backward()
        assert (w.grad, b.grad, value.grad) == (3.0 * (i + 1), i + 1.0, 1.0)
    value.backward()
    assert (w.grad, b.grad, value.grad) == (18.0, 6.0, 1.0)


def test_before_any_backward_a_gradient_is_a_dash():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    value = f(3.0)
    f.mean([1.0, 2.0])
    assert (w.grad, value.grad, repr(value)) == (None, None, "Value(data=6.0, grad=—)")


def test_values_among_the_arguments_get_their_gradients():
    w = Value(2.0)
    for z in both(lambda x, y, k: w * x * k + y**2, x := Value(3.0), y := Value(4.0), 10.0):
        x.grad = y.grad = w.grad = None
        z.backward()
        assert (z.data, x.grad, y.grad, w.grad) == (76.0, 20.0, 8.0, 30.0)
    assert set(z.parents) == {x, y, w}


def test_a_computed_value_among_the_arguments_passes_its_gradient_on():
    w, u = Value(2.0), Value(0.5)
    h = (u * 3).tanh()
    for z in both(lambda x: w * x * x, h):
        w.grad = u.grad = None
        z.backward()
        slope = 2 * 2 * h.data
        assert u.grad == pytest.approx(slope * 3 / math.cosh(1.5) ** 2)
        assert (w.grad, h.grad) == (h.data**2, slope)


def test_the_same_value_twice_gets_both_gradients():
    x = Value(3.0)
    for z in both(lambda a, b: a * b + a, x, x):
        x.grad = None
        z.backward()
        assert x.grad == 7.0


def test_a_parameter_that_is_an_argument_too_gets_both_gradients():
    w = Value(3.0)
    for z in both(lambda x: w * x, w):
        w.grad = None
        z.backward()
        assert (z.data, w.grad) == (9.0, 6.0)


def test_a_function_without_parameters_or_without_arguments_is_compiled_too():
    assert [z.backward() or z.data for z in both(lambda x: x * 2, 3.0)] == [6.0, 6.0]
    w = Value(2.0)
    for z in both(lambda: w**3):
        z.backward()
        assert z.data == 8.0
    assert w.grad == 24.0


def test_what_is_given_may_be_given_back():
    x, w = Value(3.0), Value(2.0)
    for z in both(lambda x: x, x):
        z.backward()
    for z in both(lambda x: w, 1.0):
        z.backward()
    assert (x.grad, w.grad, z.data) == (2.0, 2.0, 2.0)
    assert compile(lambda x: [x, w, x, 7]).map([1.0, 5.0]) == [[1.0, 2.0, 1.0, 7.0], [5.0, 2.0, 5.0, 7.0]]
    total = compile(lambda x: w).sum([1.0, 2.0, 3.0])
    total.backward()
    assert (total.data, w.grad) == (6.0, 5.0)


def test_a_dead_branch_stays_dead_in_machine_code():
    x, w = Value(0.0), Value(-1.0)
    f = compile(lambda x: x.sqrt() * 0 + (w * x).relu() * x.log())
    for _ in range(2):
        quietly(f, x).backward()
    assert (x.grad, w.grad) == (0.0, 0.0)


def test_detached_values_pass_no_gradient_on():
    w = Value(3.0)
    for z in both(lambda x: w.detach() * x * w, 2.0):
        w.grad = None
        z.backward()
        assert (z.data, w.grad) == (18.0, 6.0)


def test_no_grad_around_a_call_records_nothing():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    for _ in range(2):
        with no_grad():
            values = [f(3.0), f.mean([3.0]), f.sum([1.0, 2.0])]
        assert [(value.data, value.parents) for value in values] == [(6.0, ()), (6.0, ()), (6.0, ())]
    f(3.0).backward()
    assert w.grad == 3.0


def test_a_whole_batch_in_one_function_is_compiled_too():
    model = MLP(2, [4, 1], rng=random.Random(0))

    def loss(X, Y):
        return hinge_loss([model(x) for x in X], Y) + 0.01 * dot(model.parameters(), model.parameters())

    plain = loss(ROWS, TARGETS)
    plain.backward()
    slopes = [p.grad for p in model.parameters()]
    compiled = compile(loss)
    for X, Y in ((ROWS, TARGETS), (np.array(ROWS), np.array(TARGETS)), (tuple(ROWS), tuple(TARGETS))):
        model.zero_grad()
        value = compiled(X, Y)
        value.backward()
        assert value.data == pytest.approx(plain.data, rel=1e-12)
        assert [p.grad for p in model.parameters()] == pytest.approx(slopes, rel=1e-12, abs=1e-15)


# Whole numbers that choose.


def test_an_embedding_is_chosen_by_an_argument():
    table = [[Value(10.0 * row + column) for column in range(2)] for row in range(4)]

    def f(token, scale):
        return total([select(column, token) * scale for column in zip(*table)])

    for tokens in ([2, 0, 3, 2], np.array([2, 0, 3, 2]), [2.0, 0.0, 3.0, 2.0]):
        for value in table[2]:
            value.grad = None
        compiled = compile(f)
        assert compiled.map(tokens, [1.0] * 4) == [41.0, 1.0, 61.0, 41.0]
        compiled.sum(tokens, [1.0, 2.0, 3.0, 4.0]).backward()
        assert [value.grad for value in table[2]] == [5.0, 5.0]
    value = compile(f)(1, 2.0)
    value.backward()
    assert (value.data, [x.grad or 0.0 for x in table[1]]) == (42.0, [2.0, 2.0])


@pytest.mark.parametrize("classes", [2, 5])
def test_the_target_of_a_cross_entropy_is_an_argument(classes):
    model = MLP(2, [4, classes], activation="tanh", rng=random.Random(0))

    def loss(x, y):
        return cross_entropy(model(x), y)

    targets = [i % classes for i in range(5)]
    plain = plain_mean(loss, ROWS, targets)
    plain.backward()
    slopes = [p.grad for p in model.parameters()]
    compiled = compile(loss)
    for _ in range(2):
        model.zero_grad()
        value = compiled.mean(ROWS, targets)
        value.backward()
        assert value.data == pytest.approx(plain.data, rel=1e-12)
        assert [p.grad for p in model.parameters()] == pytest.approx(slopes, rel=1e-12, abs=1e-15)
    assert [compiled(x, y).data for x, y in zip(ROWS, targets)] == pytest.approx(
        [loss(x, y).data for x, y in zip(ROWS, targets)], rel=1e-12
    )


@pytest.mark.parametrize("index", [3, -1, 7])
def test_an_index_that_is_none_is_told_as_in_the_plain_function(index):
    f = compile(lambda i: select([Value(1.0), W, Value(2.0)], i))
    with pytest.raises(IndexError, match=f"select takes an index from 0 to 2, got {index}"):
        f(index)
    for _ in range(3):
        assert f(1).data == 1.5
    with pytest.raises(IndexError, match=f"select takes an index from 0 to 2, got {index}"):
        f(index)
    with pytest.raises(IndexError, match=f"select takes an index from 0 to 2, got {index}"):
        f.mean([1, 0, index, 2])
    assert f.map([0, 1, 2]) == [1.0, 1.5, 2.0]


# Several outputs.


def test_the_results_of_map_look_as_the_function_gives_them():
    def f(x, y):
        return {"both": (x * W, [y, [x * y]]), "name": "f", "none": None, "share": softmax([x, y])[0]}

    rows = compile(f).map([1.0, 0.0], [2.0, 0.0])
    share = 1 / (1 + math.e)
    assert rows[0] == {"both": [1.5, [2.0, [2.0]]], "name": "f", "none": None, "share": pytest.approx(share)}
    assert rows[1] == {"both": [0.0, [0.0, [0.0]]], "name": "f", "none": None, "share": 0.5}


def test_predictions_of_a_model_are_those_of_the_plain_model():
    for sizes in ([4, 1], [3, 3]):
        model = MLP(2, sizes, rng=random.Random(0))
        plain = [model(row) for row in ROWS]
        numbers = [z.data if isinstance(z, Value) else [each.data for each in z] for z in plain]
        compiled = compile(model)
        for X in (ROWS, np.array(ROWS), Table(ROWS)):
            found = compiled.map(X)
            assert np.array(found) == pytest.approx(np.array(numbers), rel=1e-12)
            assert type(found[0]) is type(numbers[0])


def test_several_values_are_refused_where_one_is_due():
    f = compile(lambda x: [x, x * W])
    for call in (lambda: f(1.0), lambda: f.mean([1.0]), lambda: f.sum(np.ones(3))):
        with pytest.raises(TypeError, match=r"<lambda> gives several Values, and a compiled call gives one; .*\.map\("):
            call()
    assert f.map([2.0]) == [[2.0, 3.0]]


def test_a_function_that_gives_nothing_is_told():
    with pytest.raises(TypeError, match="nothing gave no Value; is a return missing in it"):

        @compile
        def nothing(x):
            x * 2

        nothing(1.0)


# What leaves the graph.


def counting(state=[0]):  # noqa: B006
    state[0] += 1
    return state[0]


def with_no_grad(x):
    with no_grad():
        return x * 2


GROWING = []
LEAKS = {
    "a comparison": (lambda x: x if x > 0 else -x, "x = 1.0 was compared .* write what depends on it with relu, step"),
    "the largest of Python": (lambda x: max(x, W), "was compared .* relu, step, maximum, minimum, clamp or abs"),
    "sorting": (lambda x: sorted([W, x])[0], "was compared"),
    "a condition": (lambda x: x * 2 if x else x, "was compared"),
    "float": (lambda x: float(x) * W, r"was made a plain number, or an index .* its own methods \(x.exp\(\), not math.exp"),
    "int": (lambda x: int(x) * W, "was made a plain number"),
    "math": (lambda x: math.exp(x) * W, r"x.exp\(\), not math.exp\(x\)"),
    "an index": (lambda x: [W, W][x], r"select\(values, i\) for values\[i\]"),
    "range": (lambda x: sum(W for _ in range(x)), "was made a plain number, or an index"),
    "data": (lambda x: W * x.data, "x = 1.0 was asked for its number .*keep to operations of Values"),
    "the data of a parameter": (lambda x: x * W.data, "w = 1.5 was asked for its number"),
    "text": (lambda x: x * float(f"{x:.3f}"), "was made text"),
    "no_grad": (with_no_grad, r"was used in no_grad\(\) .* write x.detach\(\) instead"),
    "random numbers": (lambda x: x * random.random(), r"the number 0\.\d+ in v1 = x \* 0\.\d+ is 0\.\d+ now, and it is no argument"),
    "a counter": (lambda x: x * counting(), r"the number \d\.0 in v1 = x \* \d is \d\.0 now, and it is no argument"),
    "a power that changes": (lambda x: x ** counting(), r"another way: v1 = x\*\*\d was recorded, and now it is v1 = x\*\*\d"),
    "a list that grows": (lambda x: GROWING.append(x) or total(GROWING), r"another way: v1 = sum\(.*x\) was recorded, and now"),
    "a rule made in the function": (lambda x: Rule("mine", lambda x: x, lambda z, x: (1.0,))(x), "the rule 'mine' was another one; make it once"),
    "random ways": (lambda x: [x.sin, x.cos][counting() % 2](), r"v1 = (sin|cos)\(x\) was recorded, and now it is v1 = (sin|cos)\(x\)"),
    "the numbers of another compiled function": (lambda x: W * compile(lambda y: y * 2).map([x])[0], "was asked for its number|was used in no_grad"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAKS)
def test_what_leaves_the_graph_is_refused_with_what_to_write_instead(kind):
    function, message = LEAKS[kind]
    for call in (lambda f: f(1.0), lambda f: f.mean([1.0, 1.0]), lambda f: f.map(np.ones(2))):
        with pytest.raises(TraceError, match=message):
            call(compile(lambda x: function(x)))


@pytest.mark.parametrize("kind", LEAKS)
def test_a_refusal_says_how_to_go_on(kind):
    function, _ = LEAKS[kind]
    with pytest.raises(TraceError, match="call the function without compile$"):
        compile(lambda x: function(x))(1.0)


def test_what_changes_only_at_the_second_call_is_noticed_then():
    state = {"scale": 2.0}
    f = compile(lambda x: x.tanh() * state["scale"])
    assert f(0.5).data == 2.0 * math.tanh(0.5)
    state["scale"] = 3.0
    for _ in range(2):
        with pytest.raises(TraceError, match=r"the number 2.0 in v2 = v1 \* 2 is 3.0 now, and it is no argument"):
            f(0.25)
    state["scale"] = 2.0
    assert f(0.25).data == 2.0 * math.tanh(0.25)


def test_another_way_is_named_where_it_begins_and_not_where_numbers_differ():
    state = {"last": Value.tanh}
    f = compile(lambda x: state["last"](x * 2))
    f(1.0)
    state["last"] = Value.sin
    with pytest.raises(TraceError, match=r"another way: v2 = tanh\(v1\) was recorded, and now it is v2 = sin\(v1\)"):
        f(3.0)


def test_a_parameter_in_place_of_another_is_noticed_at_the_second_call():
    state = {"w": Value(2.0, "first")}
    f = compile(lambda x: x * state["w"])
    f(1.0)
    state["w"] = Value(3.0, "second")
    with pytest.raises(TraceError, match="it used another leaf, second = 3.0, in the place of first = 2.0"):
        f(1.0)


def test_check_compares_every_call():
    state = {"scale": 2.0}
    f = compile(lambda x: x * state["scale"], check=True)
    g = compile(check=True)(lambda x: x * state["scale"])
    for _ in range(4):
        assert f(1.0).data == g.mean([1.0]).data == 2.0
    state["scale"] = 3.0
    for call in (lambda: f(1.0), lambda: g.mean([1.0, 2.0]), lambda: g.map([1.0])):
        with pytest.raises(TraceError, match=r"in v1 = x \* 2 is 3.0 now"):
            call()


def test_machine_code_that_gives_another_number_is_refused_at_every_call(monkeypatch):
    from engine.replay import Single

    run = Single.run
    f = compile(lambda x: x * W)
    monkeypatch.setattr(Single, "run", lambda *args: ([1.0 + run(*args)[0][0]], *run(*args)[1:]))
    for _ in range(4):
        with pytest.raises(TraceError, match=r"<lambda> gives 4.0 as machine code and 3.0 in plain Python"):
            f(2.0)
    monkeypatch.undo()
    assert f(2.0).data == 3.0


def test_a_difference_by_rounding_alone_is_no_other_number():
    f = compile(lambda x: (rules.hypot(x, 50.0) - math.hypot(30.0, 50.0)) ** 2 + (x - x * (1 - 1e-16)))
    assert [f(30.0).data < 1e-20 for _ in range(3)] == [True] * 3
    g = compile(lambda x: total([x * 1e16, 1.0, x * -1e16]))
    for _ in range(3):
        g(1.0)


def test_a_random_number_that_is_an_argument_is_welcome():
    f = compile(lambda x, noise: x * noise)
    rng = random.Random(0)
    for _ in range(4):
        noise = rng.random()
        assert f(2.0, noise).data == 2.0 * noise


def test_python_that_does_not_depend_on_numbers_is_welcome():
    def f(xs):
        out = 0
        for i, x in enumerate(xs):
            out = out + (x * i if i % 2 else x.relu())
        assert len(xs) == 3
        return out

    assert [z.data for z in both(f, [1.0, 2.0, -3.0])] == [3.0, 3.0]


# Names that mean something else later.


def notebook(*cells):
    """The variables of a notebook after its cells have run."""
    variables = {}
    for cell in cells:
        exec(cell, variables)
    return variables


SETUP = "import random; from engine import Value, compile; from nn import MLP, Module, hinge_loss; w = Value(2.0)"


@pytest.mark.parametrize(
    ("definition", "again", "answers"),
    [
        ("f = compile(lambda x: x * w)", "w = Value(5.0)", (6.0, 15.0)),
        ("@compile\ndef f(x): return x * scale + w\nscale = 2.0", "scale = 3.0", (8.0, 11.0)),
        ("def helper(x): return x * w\n@compile\ndef f(x): return helper(x)", "w = Value(5.0)", (6.0, 15.0)),
        ("def helper(x): return x * w\n@compile\ndef f(x): return helper(x)", "def helper(x): return x + w", (6.0, 5.0)),
        ("class Net(Module):\n def forward(self, x): return x * w\nnet = Net()\n@compile\ndef f(x): return net(x)", "w = Value(5.0)", (6.0, 15.0)),
        ("class Net(Module):\n def forward(self, x): return x * w\nf = compile(Net())", "w = Value(5.0)", (6.0, 15.0)),
        ("@compile\ndef f(xs): return (lambda: [x * w for x in [xs]])()[0]", "w = Value(5.0)", (6.0, 15.0)),
        ("import engine.rules as r\n@compile\ndef f(x, a=Value.relu): return act(x) * w\nact = Value.relu", "act = Value.__neg__", (6.0, -6.0)),
    ],
)  # fmt: skip
def test_a_cell_that_is_run_again_is_noticed(definition, again, answers):
    variables = notebook(SETUP, definition)
    for _ in range(4):
        assert variables["f"](3.0).data == answers[0]
    exec(again, variables)
    for _ in range(4):
        assert variables["f"](3.0).data == answers[1]


def test_a_new_model_is_trained_and_not_the_old_one():
    variables = notebook(SETUP, "model = MLP(2, [1], rng=random.Random(0))\n@compile\ndef f(x): return model(x)")
    for _ in range(3):
        variables["f"]([1.0, 2.0]).backward()
    old = variables["model"]
    exec("model = MLP(2, [1], rng=random.Random(1))", variables)
    model = variables["model"]
    gradients = [p.grad for p in old.parameters()]
    for _ in range(3):
        value = variables["f"]([1.0, 2.0])
        assert value.data == model([1.0, 2.0]).data
        value.backward()
    assert [p.grad for p in model.parameters()] == [3.0, 6.0, 3.0]
    assert [p.grad for p in old.parameters()] == gradients


def test_a_closure_that_changes_is_noticed():
    scale = 2.0
    f = compile(lambda x: x * scale)
    assert [f(1.0).data for _ in range(3)] == [2.0] * 3
    scale = 3.0
    assert [f(1.0).data for _ in range(3)] == [3.0] * 3


def test_a_function_may_use_what_is_defined_after_it():
    @compile
    def f(x):
        return later(x) * 2

    def later(x):
        return x * W

    assert [f(1.0).data for _ in range(3)] == [3.0] * 3


def test_names_that_only_look_like_variables_of_the_function_may_change():
    variables = notebook(
        "from engine import Value, compile; calls = []",
        "class Scale:\n    step = Value(2.0)\nscale = Scale()",
        "def f(x):\n    calls.append(x)\n    return x * scale.step",
        "f = compile(f)",
        "for step in range(10): f(step)",
    )
    assert len(variables["calls"]) == 3


def test_a_counter_of_calls_does_not_make_every_call_a_recording():
    variables = notebook(
        "from engine import Value, compile; calls = 0; w = Value(2.0)",
        "@compile\ndef f(x):\n    global calls\n    calls += 1\n    return x * w",
        "for i in range(10): f(i)",
    )
    assert variables["calls"] == 3


# Numbers that are not finite.


def told(f, *args, **options):
    """What a call gives and what it warns of, each with its place."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = f(*args, **options)
            answer = value.data if isinstance(value, Value) else value
        except Exception as error:
            answer = (type(error), str(error))
    return answer, [(w.category, str(w.message), w.filename, w.lineno) for w in caught]


def as_values(f):
    """The plain function, of Values."""

    def plain(*args):
        return f(*[[Value(x) for x in arg] if isinstance(arg, list) else Value(arg) for arg in args])

    return plain


BAD = {
    "a logarithm": (lambda x: x.log() * W, 0.0),
    "a quotient": (lambda x: W / x, 0.0),
    "a quotient of arguments": (lambda x: x[0] / x[1], [1.0, 0.0]),
    "an overflow": (lambda x: (x * 1e200).exp(), 1.0),
    "two in a row": (lambda x: (x.log() * W, (W - 1.5).log())[0] + 1 / (x * 1.0), 0.0),
    "on the way to a finite result": (lambda x: 1 / x.exp(), 800.0),
    "what was not finite before": (lambda x: x.exp() + 1, inf),
    "nan before": (lambda x: x * W, nan),
    "a fractional power": (lambda x: x**0.5, -2.0),
    "several operands": (lambda x: total([x, x, W]), 1.7e308),
    "parameters alone": (lambda x: x + 1 / (W - 1.5), 1.0),
    "parameters on the way": (lambda x: x + 1 / (1 / (W - 1.5)), 1.0),
}


@pytest.mark.parametrize("kind", BAD)
def test_numbers_that_are_not_finite_are_told_as_in_the_plain_function(kind):
    f, x = BAD[kind]
    ordinary = [0.5, 0.5] if isinstance(x, list) else 0.5
    compiled = compile(f)
    answer, warned = told(as_values(f), x)
    for _ in range(3):
        found, caught = told(compiled, x)
        assert agrees(found, answer, lambda: 0.0)
        assert caught == warned
    assert told(compiled.map, [ordinary, x, ordinary])[1] == warned
    assert told(compiled.mean, [x])[1] == warned
    quietly(compiled, ordinary)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        if warned:
            for call in (lambda: compiled(x), lambda: compiled.sum([ordinary, x])):
                with pytest.raises(RuntimeWarning, match="gave (inf|-inf|nan)"):
                    call()


def test_a_warning_stands_where_the_user_wrote_the_operation():
    model = MLP(1, [1], activation="linear")
    model.layers[0].neurons[0].w[0].data = 1e300
    for f in (model, compile(model)):
        with pytest.warns(RuntimeWarning, match=r"dot\(.*\) gave inf") as caught:
            f([1e300])
        assert [warning.filename for warning in caught] == [__file__]


def test_an_example_that_is_not_finite_by_itself_hides_no_other():
    f = compile(lambda x: x.exp() * W)
    with pytest.warns(RuntimeWarning, match=r"^exp\(900.0\) gave inf$"):
        f.map([nan, inf, 1.0, 900.0, 2.0])


def test_a_gradient_that_is_not_finite_is_told_as_in_the_plain_function():
    def plain_and_compiled(f, x):
        for g in (f, compile(f), compile(f)):
            leaf = Value(x, "leaf")
            yield leaf, g(leaf), g

    for f, x in ((lambda x: x.sqrt() * W, 0.0), (lambda x: (x * 1e200) * 1e200 * 0.5 ** (x + 2000), 0.0)):
        found = [(told(z.backward)[1][0][1:3], leaf.grad) for leaf, z, _ in plain_and_compiled(f, x)]
        assert found[0] == found[1] == found[2]
        assert found[0][0][1] == __file__ or "agreement" not in found[0][0][1]
    w = Value(0.0, "w")
    f = compile(lambda x: w.sqrt() * x)
    for call in (lambda: f(1.0), lambda: f.mean([1.0, 2.0])):
        with pytest.warns(RuntimeWarning, match=r"the gradient of w = 0.0 is inf; detect_anomaly\(\) finds where"):
            call().backward()


def test_detect_anomaly_raises_and_names_the_line():
    f = compile(lambda x: x.log() * W)
    for _ in range(3):
        f(1.0)
    with detect_anomaly():
        for call in (lambda: f(0.0), lambda: f.mean([1.0, 0.0]), lambda: f.map([0.0])):
            with pytest.raises(FloatingPointError, match=r"log\(0.0\) gave -inf"):
                call()
        w = Value(0.0, "w")
        root = compile(lambda x: w.sqrt() * x)(1.0)
        with pytest.raises(FloatingPointError, match=r"sqrt\(w = 0.0\) has the slope .*test_compiled.py, line \d+"):
            root.backward()
    assert w.grad is None
    root = compile(lambda x: w.sqrt() * x)(1.0)
    with detect_anomaly(), pytest.raises(FloatingPointError, match="<lambda>.* has the slope"):
        root.backward()
    assert w.grad is None


@pytest.mark.parametrize(
    ("loss", "right", "wrong", "error", "message"),
    [
        (
            hinge_loss,
            1,
            0,
            ValueError,
            r"hinge_loss takes targets of -1 or 1, got 0(\.0)?; from 0 or 1, write 2 \* y - 1",
        ),
        (hinge_loss, -1, nan, ValueError, "takes targets of -1 or 1, got nan"),
        (binary_cross_entropy_with_logits, 1, -1, ValueError, r"targets from 0 to 1, got -1(\.0)?; from -1 or 1"),
        (binary_cross_entropy_with_logits, 0.25, 1.5, ValueError, "targets from 0 to 1, got 1.5"),
        (lambda z, y: cross_entropy([z, 1.0, 2.0], y), 2, 3, IndexError, "from 0 to 2,.* got 3"),
        (lambda z, y: cross_entropy([z, 1.0, 2.0], y), 0, -1, IndexError, "from 0 to 2,.* got -1"),
        (lambda z, y: cross_entropy([z, 1.0, 2.0], y), 0, 0.5, TypeError, "integer|number"),
    ],
)
def test_a_wrong_target_is_told_as_in_the_plain_function(loss, right, wrong, error, message):
    f = compile(lambda x, y: loss(x * W, y))
    first = compile(lambda x, y: loss(x * W, y))
    expected_data = loss(Value(0.5) * W, right).data
    with pytest.raises(error, match=message):
        loss(Value(0.5) * W, wrong)
    with pytest.raises(error, match=message):
        first(0.5, wrong)
    for _ in range(3):
        assert f(0.5, right).data == pytest.approx(expected_data, rel=1e-12)
    for call in (
        lambda: f(0.5, wrong),
        lambda: f.mean([0.5, 0.5, 0.5], [right, wrong, right]),
        lambda: f.sum(np.array([0.5] * 3), np.array([right, right, wrong])),
        lambda: f.map([0.5] * 200, [right] * 150 + [wrong] * 50),
    ):
        with pytest.raises(error, match=message):
            call()
    assert f(0.5, right).data == pytest.approx(expected_data, rel=1e-12)


def test_a_warning_is_of_the_overflow_and_not_of_a_target_in_an_array_of_floats():
    f = compile(lambda x, y: cross_entropy([x * 1e308, x], y))
    f.mean(np.array([0.5, 0.25]), np.array([0.0, 1.0]))
    with pytest.warns(RuntimeWarning, match=r"\*\(.*1e\+308\) gave inf"):
        f.mean(np.array([0.5, 25.0]), np.array([0.0, 1.0]))
    with pytest.warns(RuntimeWarning, match=r"\*\(.*1e\+308\) gave inf"):
        f(25.0, 1.0)
