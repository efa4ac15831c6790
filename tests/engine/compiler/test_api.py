"""`compile`: the same numbers as the plain function, whatever is done with it, or a refusal that says what to write."""

import _thread
import copy
import gc
import math
import os
import pickle
import random
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections import namedtuple
from fractions import Fraction
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    mean,
    no_grad,
    rules,
    select,
    softmax,
)
from engine import sum as total
from engine.compiler import buffers, trace
from engine.compiler.pytree import Batch
from engine.compiler.trace import Expected
from engine.graph import topological_order
from nn import MLP, SGD, Linear, Sequential, binary_cross_entropy_with_logits, cross_entropy, hinge_loss
from tests.agreement import agrees, check, check_lanes
from tests.paths import ROOT
from tests.programs import programs
from tests.rule_samples import AWKWARD, NAMED, SAMPLED
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


# All but `take`: it is what a choice becomes in machine code alone, and passes nothing on to those not chosen.
STEPS = [(NAMED[name], len(sample.symbols)) for name, sample in SAMPLED if name != "gather"]
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
    "a fraction": (Fraction(1, 4), 0.375),
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
    assert [[type(xs), xs[0].__class__, type(xs[1])] for xs in seen] == [[list, Value, list]] * len(seen)


def test_a_namedtuple_reaches_the_function_as_itself():
    Point = namedtuple("Point", "x y")
    area = compile(lambda p, scale: p.x * p.y * scale)
    for _ in range(3):
        assert area(Point(2.0, 3.0), 2.0).data == 12.0
        assert area.mean([Point(2.0, 3.0), Point(1.0, 4.0)], [1.0, 1.0]).data == 5.0
    assert compile(lambda p: Point(p.y, p.x)).map([Point(1.0, 2.0)]) == [Point(2.0, 1.0)]


def test_a_number_too_large_for_a_float_is_told_at_every_call():
    f = compile(lambda x: 2 * x)
    for _ in range(4):
        with pytest.raises(OverflowError, match=r"up to about 1.8e308, and this int is larger"):
            f(10**400)
        assert f(3).data == 6.0


def test_a_new_structure_is_recorded_anew_and_numbers_alone_never():
    f, calls = count_calls(lambda xs, kind="sum": total(xs) if kind == "sum" else mean(xs))
    compiled = compile(f)
    for i in range(10):
        assert compiled([i, -1.0, math.sin(i)]).data == pytest.approx(i - 1 + math.sin(i))
    once = len(calls)
    assert once == 6  # two to record, and the calls 2, 3, 5 and 9 to check
    compiled.map(np.arange(30.0).reshape(10, 3))
    compiled.mean([(1, 2, 3), [4, 5, 6]])
    assert len(calls) == once
    for new in ({"xs": [1.0, 2.0]}, {"xs": [1.0, 2.0, 3.0], "kind": "mean"}, {"xs": [[1.0], 2.0][1:] * 4}):
        before = len(calls)
        for _ in range(4):
            compiled(**new)
        assert len(calls) == before + 4, new


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
    assert len(calls) == 5 * 4, "two, and the calls 2, 3 and 5 of eight, for each of four structures"


def test_keyword_arguments_are_the_same_for_all_examples():
    f, calls = count_calls(lambda x, scale, power="two": (x * scale * W) ** (2 if power == "two" else 3))
    compiled = compile(f)
    for scale in (1.0, 2.0, -1.0):
        assert compiled.map([1.0, 2.0], scale=scale) == [(x * scale * 1.5) ** 2 for x in (1.0, 2.0)]
    assert len(calls) == 4
    assert compiled.sum([1.0, 2.0], scale=[1.0][0], power="three").data == 1.5**3 + 3.0**3


def test_examples_changed_in_place_are_read_afresh():
    compiled = compile(lambda x, y: x * W + y)
    for X, Y in ([np.ones(3), np.zeros(3)], [np.ones(3, int), np.zeros(6)[::2]], [[1.0] * 3, [0.0] * 3]):
        assert compiled.sum(X, Y).data == 4.5
        assert compiled.sum(X, Y).data == 4.5
        X[1], Y[2] = 3, 10
        assert compiled.sum(X, Y).data == 17.5
        assert compiled.map(X, Y) == [1.5, 4.5, 11.5]


def test_an_array_of_another_shape_than_at_the_call_before_is_read_as_it_is_now():
    compiled = compile(lambda row: W * sum(row))
    X = np.arange(6.0).reshape(2, 3)
    for _ in range(3):
        assert compiled.map(X) == [4.5, 18.0]
        assert compiled.sum(X).data == 22.5
    X.resize((3, 2), refcheck=False)  # the same array, and the same six numbers
    for _ in range(3):
        assert compiled.map(X) == [1.5, 7.5, 13.5]
        assert compiled.mean(X).data == 7.5


def test_the_results_of_many_examples_stay_when_there_is_another_run():
    compiled = compile(lambda x: W * x)
    compiled.map([1.0, 2.0])
    specialization = compiled._latest
    group, other = (next(iter(Batch("f", (numbers,), {}).groups())) for numbers in ([1.0, 2.0], [5.0, 6.0]))
    outputs, *_ = specialization.run_batch(group, 0.0, keep=True)
    assert outputs.tolist() == [[1.5, 3.0]]
    _, _, total_of_others, *_ = specialization.run_batch(other, 1.0)
    assert total_of_others == 16.5
    assert outputs.tolist() == [[1.5, 3.0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.mean([]), ValueError, "takes the same number of examples of each argument, and at least one; got"),
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
    assert (w.has_grad, value.has_grad, repr(value)) == (False, False, "Value(data=6.0, grad=—)")


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
    f = compile(lambda x: x.sqrt() * 0 + (w * x.sqrt() - 5).relu())
    for _ in range(2):
        f(x).backward()
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
        with pytest.raises(
            TypeError, match=r"<lambda> returns several Values, and a compiled call returns one; .*\.map\("
        ):
            call()
    assert f.map([2.0]) == [[2.0, 3.0]]


@pytest.mark.parametrize("machine", [True, False])
def test_a_list_of_one_is_told_as_such_with_what_to_write(monkeypatch, machine):
    if not machine:
        without_numba(monkeypatch)
    model = Sequential(Linear(2, 1, rng=random.Random(0)))
    fast = compile(model)
    for call in (lambda: fast([1.0, 2.0]), lambda: fast.mean(ROWS), lambda: fast.sum(ROWS)):
        with pytest.raises(
            TypeError, match=r"Sequential returns a list of one Value, .* compile\(lambda x: model\(x\)\[0\]\)"
        ):
            call()
    assert len(model([1.0, 2.0])) == len(fast.map([[1.0, 2.0]])[0]) == 1
    assert compile(lambda x: model(x)[0])([1.0, 2.0]).data == pytest.approx(model([1.0, 2.0])[0].data)


def test_a_function_that_gives_nothing_is_told():
    def nothing(x):
        x * 2

    with pytest.raises(TypeError, match="nothing returned no Value; is a return missing in it"):
        compile(nothing)(1.0)


# What leaves the graph.


def counting(state=[0]):  # noqa: B006
    state[0] += 1
    return state[0]


def with_no_grad(x):
    with no_grad():
        return x * 2


def made(x):
    return Rule("mine", lambda x: x, lambda z, x: (1.0,))(x)


GROWING = []
RNG = random.Random(1)
LEAKS = {
    "a comparison": (lambda x: x if x > 0 else -x, "x = 1.0 was compared .* write what depends on it with relu, step"),
    "the largest of Python": (lambda x: max(x, W), "was compared .* relu, step, maximum, minimum, clamp or abs"),
    "sorting": (lambda x: sorted([W, x])[0], "was compared"),
    "a condition": (lambda x: x * 2 if x else x, "was compared"),
    "float": (lambda x: float(x) * W, r"made a plain number, or an index .* its own methods \(x.exp\(\), not math"),
    "int": (lambda x: int(x) * W, "was made a plain number"),
    "math": (lambda x: math.exp(x) * W, r"x.exp\(\), not math.exp\(x\)"),
    "an index": (lambda x: [W, W][x], r"select\(values, i\) for values\[i\]"),
    "range": (lambda x: sum(W for _ in range(x)), "was made a plain number, or an index"),
    "data": (lambda x: W * x.data, r"x = 1.0 was asked for its number .*of Values \(x.detach\(\) has the same"),
    "the data of a parameter": (lambda x: x * W.data, "w = 1.5 was asked for its number"),
    "text": (lambda x: x * float(f"{x:.3f}"), "was made text"),
    "no_grad": (with_no_grad, r"was used in no_grad\(\) .* write x.detach\(\) instead"),
    "random numbers": (lambda x: x * random.random(), r"reads random.random, which may be different at the next"),
    "an rng": (lambda x: x * RNG.random(), r"number 0\.\d+ in v1 = x \* 0\.\d+ is 0\.\d+ now, and it is no"),
    "a counter": (lambda x: x * counting(), r"the number \d+\.0 in v1 = x \* \d+ is \d+\.0 now, and it is not an"),
    "a power that changes": (lambda x: x ** counting(), r"v1 = x\*\*\d+ was recorded, and now it is v1 = x\*\*\d+\."),
    "a list that grows": (lambda x: GROWING.append(x) or total(GROWING), r"v1 = sum\(.*x\) was recorded, and now"),
    "a rule made in the function": (lambda x: made(x), "the rule 'mine' was a different one; create it once, outside"),
    "changing ways": (lambda x: [x.sin, x.cos][counting() % 2](), r"= (sin|cos)\(x\) was recorded, and now it is v1"),
    "another one's numbers": (lambda x: W * compile(lambda y: y * 2).map([x])[0], r"was used in no_grad\("),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAKS)
def test_what_leaves_the_graph_is_refused_with_what_to_write_instead(kind):
    function, message = LEAKS[kind]
    for call in (lambda f: f(1.0), lambda f: f.mean([1.0, 1.0]), lambda f: f.map(np.ones(2))):
        with pytest.raises(TraceError, match=message):
            call(compile(lambda x: function(x)))


def test_what_a_refusal_of_data_advises_is_compiled_and_stops_gradients():
    with pytest.raises(TraceError, match=r"keep to operations of Values \(x.detach\(\) has the same number and stops"):
        compile(lambda x: x * W + x.data)(3.0)
    f, x = compile(lambda x: x * W + x.detach()), Value(3.0)
    for _ in range(3):
        x.grad = 0.0
        result = f(x)
        result.backward()
        assert (result.data, x.grad) == (3.0 * W.data + 3.0, W.data)


@pytest.mark.parametrize("kind", LEAKS)
def test_a_refusal_says_how_to_go_on(kind):
    function, _ = LEAKS[kind]
    with pytest.raises(TraceError, match=r"call the function without compile$"):
        compile(lambda x: function(x))(1.0)


def hidden(*things):
    """A function that gives one of these after the other: an iterator's state is what no guard can see."""
    return iter(things).__next__


def test_what_changes_only_at_the_second_call_is_noticed_then():
    scale = hidden(2.0, 2.0, 3.0, 3.0, 2.0)
    f = compile(lambda x: x.tanh() * scale())
    assert f(0.5).data == 2.0 * math.tanh(0.5)
    for _ in range(2):
        with pytest.raises(TraceError, match=r"the number 2.0 in v2 = v1 \* 2 is 3.0 now, and it is not an argument"):
            f(0.25)
    assert f(0.25).data == 2.0 * math.tanh(0.25)


def test_another_way_is_named_where_it_begins_and_not_where_numbers_differ():
    last = hidden(Value.tanh, Value.tanh, Value.sin)
    f = compile(lambda x: last()(x * 2))
    f(1.0)
    with pytest.raises(
        TraceError, match=r"a different path: v2 = tanh\(v1\) was recorded, and now it is v2 = sin\(v1\)"
    ):
        f(3.0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("", ""), "it used a different leaf, 3.0, in place of 2.0"),
        (("w", "w"), "it used a different leaf, w = 3.0, in place of w = 2.0"),
        (("w", "u"), "it used a different leaf, u = 3.0, in place of w = 2.0"),
    ],
)
def test_a_parameter_in_place_of_another_is_noticed_at_the_second_call(labels, message):
    before, now = Value(2.0, labels[0]), Value(3.0, labels[1])
    w = hidden(before, before, now)
    f = compile(lambda x: x * w())
    f(1.0)
    with pytest.raises(TraceError, match=message):
        f(1.0)


def test_check_compares_every_call():
    of_f, of_g = hidden(*[2.0] * 5, 3.0), hidden(*[2.0] * 5, *[3.0] * 2)
    f = compile(lambda x: x * of_f(), check=True)
    g = compile(check=True)(lambda x: x * of_g())
    for _ in range(4):
        assert f(1.0).data == g.mean([1.0]).data == 2.0
    for call in (lambda: f(1.0), lambda: g.mean([1.0, 2.0]), lambda: g.map([1.0])):
        with pytest.raises(TraceError, match=r"in v1 = x \* 2 is 3.0 now"):
            call()


def test_machine_code_that_gives_another_number_is_refused_at_every_call(monkeypatch):
    from engine.compiler.scalar import ScalarProgram

    run = ScalarProgram.run
    f = compile(lambda x: x * W)
    monkeypatch.setattr(ScalarProgram, "run", lambda *args: ([1.0 + run(*args)[0][0]], *run(*args)[1:]))
    for _ in range(4):
        with pytest.raises(TraceError, match=r"<lambda> gives 4.0 as machine code and 3.0 in plain Python"):
            f(2.0)
    monkeypatch.undo()
    assert f(2.0).data == 3.0


@pytest.mark.parametrize(
    ("plain", "machine"), [(1.0, nan), (nan, 1.0), (inf, nan), (nan, -inf), (inf, -inf), (inf, 1.0)]
)
def test_a_number_where_there_should_be_none_is_another_number_and_so_is_none(plain, machine):
    f = compile(lambda x: x * W)
    f(1.0)
    f._latest.validate(Expected([plain, machine], [], 1.0), [plain, machine], None)
    with pytest.raises(TraceError, match=rf"gives {machine} as machine code and {plain} in plain Python"):
        f._latest.validate(Expected([2.0, plain], [], 1.0), [2.0, machine], None)
    with pytest.raises(TraceError, match=rf"gives {machine} as machine code and {plain} in plain Python"):
        f._latest.validate(Expected([2.0], [plain, 1.0], 1.0), [2.0], [machine, 1.0])


def test_a_difference_by_rounding_alone_is_no_other_number():
    f = compile(lambda x: (rules.hypot(x, 50.0) - math.hypot(30.0, 50.0)) ** 2 + (x - x * (1 - 1e-16)))
    assert [f(30.0).data < 1e-12 for _ in range(3)] == [True] * 3
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


USES = {
    "a Value": ("f = compile(lambda x: x * w)", "w = Value(5.0)", 15.0),
    "a number": ("s = 2.0\n@compile\ndef f(x): return x * s", "s = 3.0", 9.0),
    "what is defined later": ("@compile\ndef f(x): return x * s", "s = 3.0", 9.0),
    "what a helper uses": ("def helper(x): return x * w\n@compile\ndef f(x): return helper(x)", "w = Value(5.0)", 15.0),
    "a helper": ("def helper(x): return x * w\nf = compile(lambda x: helper(x))", "def helper(x): return x + w", 5.0),
    "a model": ("net = Net()\nf = compile(lambda x: net(x))", "class Two(Net):\n s = 2.0\nnet = Two()", 12.0),
    "what a model uses": ("net = Net()\n@compile\ndef f(x): return net(x)", "w = Value(5.0)", 15.0),
    "what the model itself uses": ("f = compile(Net())", "w = Value(5.0)", 15.0),
    "what its method uses": ("f = compile(Net().forward)", "w = Value(5.0)", 15.0),
    "a function within": ("@compile\ndef f(x): return (lambda: [y * w for y in [x]])()[0]", "w = Value(5.0)", 15.0),
    "a method": ("act = Value.relu\n@compile\ndef f(x): return act(x) * w", "act = Value.__neg__", -6.0),
}


@pytest.mark.parametrize("kind", USES)
def test_a_cell_that_is_run_again_is_noticed(kind):
    definition, again, answer = USES[kind]
    net = "class Net(Module):\n s = 1.0\n def forward(self, x): return x * w * self.s"
    variables = notebook(SETUP, "s = 2.0", net, definition)
    for _ in range(4):
        assert variables["f"](3.0).data == variables["f"].map([3.0])[0] == 6.0
    exec(again, variables)
    for _ in range(4):
        assert variables["f"](3.0).data == variables["f"].map([3.0])[0] == answer


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
    assert len(variables["calls"]) == 6


def test_a_counter_of_calls_does_not_make_every_call_a_recording():
    variables = notebook(
        "from engine import Value, compile; calls = 0; w = Value(2.0)",
        "@compile\ndef f(x):\n    global calls\n    calls += 1\n    return x * w",
        "for i in range(10): f(i)",
    )
    assert variables["calls"] == 6


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
    "a logarithm": (lambda x: x.log() * W, 0.0, 0.5),
    "a quotient": (lambda x: W / x, 0.0, 0.5),
    "a quotient of arguments": (lambda x: x[0] / x[1], [1.0, 0.0], [1.0, 0.5]),
    "an overflow": (lambda x: (x * 1e200).exp(), 1.0, -1.0),
    "two in a row": (lambda x: 1 / (x.log() * W + 1) + 1 / x, 0.0, 1.0),
    "on the way to a finite result": (lambda x: 1 / x.exp(), 800.0, 1.0),
    "what was not finite before": (lambda x: x.exp() + 1, inf, 1.0),
    "nan before": (lambda x: x * W, nan, 1.0),
    "a fractional power": (lambda x: x**0.5, -2.0, 2.0),
    "several operands": (lambda x: total([x, x, W]), 1.7e308, 1.0),
    "parameters alone": (lambda x: x + 1 / (W - 1.5), 1.0, None),
    "parameters on the way": (lambda x: x + 1 / (1 / (W - 1.5)), 1.0, None),
}


@pytest.mark.parametrize("kind", BAD)
def test_numbers_that_are_not_finite_are_told_as_in_the_plain_function(kind):
    f, x, ordinary = BAD[kind]
    compiled = compile(f)
    answer, warned = told(as_values(f), x)
    for _ in range(3):
        found, caught = told(compiled, x)
        assert agrees(found, answer, lambda: 0.0)
        assert caught == warned
    assert told(compiled.mean, [x])[1] == warned
    assert told(compiled.map, [x, x])[1] == warned, "the first is told"
    if ordinary is not None:
        assert told(compiled, ordinary)[1] == []
        assert told(compiled.map, [ordinary, x, ordinary])[1] == warned
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for call in (lambda: compiled(x), lambda: compiled.sum([x]), lambda: compiled.map([x])):
            if warned:
                with pytest.raises(RuntimeWarning, match=r"gave (inf|-inf|nan)"):
                    call()
            else:
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


def test_of_more_examples_than_lanes_the_one_that_is_not_finite_on_the_way_is_told():
    f = compile(lambda x: 1 / x.exp())
    f.map([1.0, 2.0])
    for place in (0, 119, 120, 150, 299):
        xs = [1.0] * 300
        xs[place] = 800.0
        for call in (f.map, f.mean):
            with pytest.warns(RuntimeWarning, match=r"^exp\(800.0\) gave inf$"):
                call(xs)


def test_a_gradient_that_is_not_finite_is_told_as_in_the_plain_function():
    def plain_and_compiled(f, x):
        for g in (f, compile(f), compile(f)):
            leaf = Value(x, "leaf")
            yield leaf, g(leaf), g

    for f, x in ((lambda x: x.sqrt() * W, 0.0), (lambda x: (x * 1e200) * 1e200, 0.0)):
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
        with pytest.raises(FloatingPointError, match=r"sqrt\(w = 0.0\) has the slope .*test_api.py, line \d+"):
            root.backward()
    assert not w.has_grad
    root = compile(lambda x: w.sqrt() * x)(1.0)
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"<lambda>.* has the slope"):
        root.backward()
    assert not w.has_grad


@pytest.mark.parametrize(
    ("loss", "right", "wrong", "error", "message"),
    [
        (
            hinge_loss,
            1,
            0,
            ValueError,
            r"hinge_loss takes targets of -1 or 1, got 0(\.0)?; if your labels are 0 and 1, write 2 \* y - 1",
        ),
        (hinge_loss, -1, nan, ValueError, "takes targets of -1 or 1, got nan"),
        (binary_cross_entropy_with_logits, 1, -1, ValueError, r"targets from 0 to 1, got -1(\.0)?; if your labels are"),
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


# Without numba.


def without_numba(monkeypatch):
    monkeypatch.setattr("engine.compiler.trace.why_no_machine", lambda: "it is not there")
    monkeypatch.setattr("engine.compiler.trace._machine_or_warning", lambda: False)


def forget_numba():
    """Find out anew whether numba can be used, and warn anew."""
    trace.why_no_machine.cache_clear()
    trace._machine_or_warning.cache_clear()


def test_in_a_browser_nobody_is_told_to_install_numba(monkeypatch):
    forget_numba()
    monkeypatch.setattr("sys.platform", "emscripten")
    assert trace.why_no_machine() == "in a browser there is no machine code"
    forget_numba()


def test_without_numba_the_same_calls_give_the_same_numbers(monkeypatch):
    def answers():
        model = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
        loss = compile(lambda x, y: hinge_loss(model(x), y))
        x = Value(0.5)
        single = loss([x, 2.0], 1)
        single.backward()
        mean_loss, sum_loss = loss.mean(ROWS, TARGETS), loss.sum(np.array(ROWS), np.array(TARGETS))
        (mean_loss * 2 + sum_loss).backward()
        scores = compile(model).map(ROWS)
        pairs = compile(lambda x: {"x": x, "pair": [x * W, 2]}).map([1.0, 2.0])
        ragged = compile(lambda xs: total(xs) * W).sum([[1.0], [2.0, 3.0]])
        numbers = [single.data, x.grad, mean_loss.data, sum_loss.data, ragged.data, *scores]
        return numbers + [p.grad for p in model.parameters()], pairs, str(loss.tape)

    numbers, pairs, tape = answers()
    without_numba(monkeypatch)
    numbers_without, *others = answers()
    assert numbers_without == pytest.approx(numbers, rel=1e-12)
    assert others == [pairs, tape]


@pytest.mark.parametrize("kind", LEAKS)
def test_without_numba_the_same_is_refused(kind, monkeypatch):
    without_numba(monkeypatch)
    test_what_leaves_the_graph_is_refused_with_what_to_write_instead(kind)


def test_without_numba_several_values_are_refused_too(monkeypatch):
    without_numba(monkeypatch)
    test_several_values_are_refused_where_one_is_due()


def test_without_numba_a_function_is_recorded_no_more_often(monkeypatch):
    without_numba(monkeypatch)
    f, calls = count_calls(lambda x: x * W)
    compiled = compile(f)
    for _ in range(10):
        compiled(2.0)
    assert len(calls) == 10 + 6


def test_without_numba_it_is_said_once_what_makes_it_fast(monkeypatch):
    monkeypatch.setattr("engine.compiler.trace.find_spec", lambda name: None)
    forget_numba()
    try:
        f = compile(lambda x: x * W)
        with pytest.warns(RuntimeWarning, match=r"plain Python here; `pip install 'chalkgrad\[fast\]'` lets") as caught:
            z = f(2.0)
        assert [warning.filename for warning in caught] == [__file__]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert [f(2.0).data, compile(lambda x: x + 1)(2.0).data, z.data] == [3.0, 3.0, 3.0]
    finally:
        forget_numba()


def test_without_numba_the_standard_library_is_enough():
    code = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
from engine import Value, compile
from nn import MLP, SGD, hinge_loss
model = MLP(2, [2, 1])
optimizer = SGD(model.parameters(), lr=0.1)
loss = compile(lambda x, y: hinge_loss(model(x), y))
for _ in range(3):
    value = loss.mean([[1.0, 2.0], [3.0, 4.0]], [1, -1]) + loss([1.0, 2.0], 1)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
print(len(compile(model).map([[1.0, 2.0]])))
"""
    root = ROOT
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(root)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


# What is kept on disk.

TRAINING = """
from numba.core import caching, event
from engine import Rule, Value, compile
import sys
from tests.paths import ROOT
if "nowhere" in sys.argv:
    caching.CacheImpl._locator_classes = []
passes = event.RecordingListener()
cube = Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,))
w = Value(2.0)
f = compile(lambda x: cube(w * x))
with event.install_listener("numba:run_pass", passes):
    f(1.0).backward()
    if "empty" in sys.argv:
        f.sum([1.0, 1.0]).backward()
print(w.grad, "compiled" if passes.buffer else "loaded")
"""


def start(folder, *args):
    """Another process that trains a little."""
    environment, root = {**os.environ, "CHALKGRAD_CACHE": str(folder)}, ROOT
    command = [sys.executable, "-c", TRAINING, *args]
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process, folder):
    """What it prints, and the files it leaves."""
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    return *printed.split(), {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Processes that train a little at the same time, each with its own folder for machine code."""
    folder = tmp_path_factory.mktemp("machine code")
    (folder / "file").write_text("no folder")
    folders = {"empty": folder / "new" / "folder", "no folder": folder / "file" / "folder", "nowhere": folder / "file"}
    processes = {name: (start(each, name), each) for name, each in folders.items()}
    yield processes
    for process, _ in processes.values():
        with process:
            process.kill()


@pytest.mark.slow
def test_the_next_process_finds_the_machine_code(elsewhere):
    process, folder = elsewhere["empty"]
    answer, how, files = end(process, folder)
    assert (answer, how) == ("36.0", "compiled")
    assert len(files) > 10
    assert end(start(folder, "empty"), folder) == (answer, "loaded", files)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no folder", "nowhere"])
def test_where_nothing_can_be_kept_it_runs_all_the_same(elsewhere, name):
    answer, how, files = end(*elsewhere[name])
    assert (answer, how, files) == ("12.0", "compiled", {})


# Threads and interrupts.


def test_eight_threads_use_a_function_at_once():
    w, b = Value(0.5), Value(-0.25)
    f = compile(lambda x, k: (w * x * k + b).tanh() * x)
    barrier, wrong = threading.Barrier(8), []

    def plain(x, k):
        z = (w * x * k + b).tanh() * x
        return z.data

    def work(number):
        rng = random.Random(number)
        barrier.wait()
        for i in range(150):
            x, k = Value(rng.uniform(-2, 2)), rng.uniform(-1, 1)
            expected_value = (0.5 * x.data * k - 0.25, x.data)
            value = f(x, k)
            value.backward()
            tanh = math.tanh(expected_value[0])
            slope = tanh + x.data * (1 - tanh**2) * 0.5 * k
            if abs(value.data - tanh * x.data) > 1e-12 or abs(x.grad - slope) > 1e-9:
                wrong.append((number, i, value.data, x.grad))
            if i % 10 == 0:
                xs = [rng.uniform(-2, 2) for _ in range(200)]
                if f.map(xs, [k] * 200) != [f(x, k).data for x in xs[:3]] + f.map(xs[3:], [k] * 197):
                    wrong.append((number, i, "map"))

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert w.data == 0.5


def test_gradients_from_many_threads_add_up():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        for _ in range(100):
            f(3.0).backward()
            f.sum([1.0, 2.0]).backward()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.grad == 8 * 100 * 6.0


def interrupted(action, seconds):
    """Do something over and over until an interrupt comes, after so many seconds; tells whether one came.

    Where Python can't raise it, as in what the collector calls, it prints it and goes on: the collector is off.
    """
    sent = threading.Event()

    def send():
        time.sleep(seconds)
        _thread.interrupt_main()
        sent.set()

    thread = threading.Thread(target=send)
    gc.disable()
    try:
        thread.start()
        while not sent.is_set():
            action()
        for _ in range(1000):  # it is on its way
            time.sleep(0)
    except KeyboardInterrupt:
        thread.join()
        while buffers.lock._is_owned():  # Python 3.14 can interrupt a `with` that has its lock, before its block begins
            buffers.lock.release()
        return True
    finally:
        gc.enable()
    return False


@pytest.mark.usefixtures("ctrl_c")
def test_a_replay_that_is_interrupted_leaves_everything_usable():
    rng = random.Random(0)
    p, q = Value(2.0, "p"), Value(3.0, "q")
    f, optimizer, xs = compile(lambda x: x * p * q), SGD([p, q], lr=1e-9), np.array([1.0, 2.0])

    def train():
        optimizer.zero_grad()
        f(1.0).backward()
        f.mean([1.0, -1.0]).backward()
        optimizer.step()
        optimizer.minimize(f, 1.0)
        optimizer.minimize(f.mean, xs)
        if rng.random() < 0.5:
            assert type(p.data) is float

    for _ in range(4):  # numba itself is not to be interrupted here
        train()
    f.sum([1.0, 2.0])
    came = 0
    for _ in range(60):
        came += interrupted(train, rng.uniform(0, 0.002))
        seen = []
        thread = threading.Thread(target=lambda: seen.extend([p.data, q.data]))  # noqa: B023
        thread.start()
        thread.join(600)
        a, b = seen
        assert (a, b) == (p.data, q.data) == (pytest.approx(2.0, abs=1e-3), pytest.approx(3.0, abs=1e-3))
        p.grad = q.grad = 0.0
        value = f(4.0)
        value.backward()
        f.sum([1.0, 2.0]).backward()
        assert (value.data, p.grad, q.grad) == pytest.approx((4 * a * b, 7 * b, 7 * a), rel=1e-14)
        optimizer.step()
        assert (p.data, q.data) == pytest.approx((a - 1e-9 * (7 * b), b - 1e-9 * (7 * a)), rel=1e-15)
    assert came > 30


# What a compiled call gives.


def test_a_second_derivative_is_refused_and_the_first_is_given():
    f = compile(lambda x, y: x**3 * y)
    assert grad(f)(2.0, 5.0) == 60.0
    assert grad(f, 1)(2.0, 5.0) == 8.0
    assert jvp(f, (2.0, 5.0), (1.0, 0.0)) == (40.0, 60.0)
    x = Value(2.0)
    assert gradients(f(x, 5.0), [x]) == [60.0]
    for second in (lambda: grad(grad(f))(2.0, 5.0), lambda: hessian(f)(2.0, 5.0)):
        with pytest.raises(TypeError, match="<lambda> was compiled and has no second derivative; call the function"):
            second()
    with pytest.raises(TypeError, match="has no second derivative"):
        gradients(f(x, 5.0), [x], create_graph=True)


def test_computing_again_is_refused():
    w = Value(2.0)
    value = compile(lambda x: w * x)(3.0)
    with pytest.raises(RuntimeError, match=r"<lambda> was compiled, so forward\(\) has no graph to go"):
        (value + 1).forward()
    assert value.data == 6.0
    with pytest.raises(AttributeError, match="was computed, and its data follows from its operands"):
        value.data = 3.0


def test_a_leaf_changed_after_the_call_is_named():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    f = compile(lambda x: w * x)
    for change in (w, x):
        f(x)
        value = f(x) * 2
        direct = f(x)
        change.data = change.data + 1
        for stale in (value, direct):
            with pytest.raises(RuntimeError, match=rf"{change.label} = \d\.0 was changed after the forward pass"):
                stale.backward()
        assert (w.has_grad, x.has_grad) == (False, False)
        f(x).backward()
        w.grad = x.grad = None


def test_a_compiled_value_is_a_node_like_others():
    w, u = Value(2.0, "w"), Value(0.5, "u")
    f = compile(lambda x: (w * x).tanh())
    for _ in range(3):
        h = u * 3
        z = f(h) * u + f(0.25)
        w.grad = u.grad = None
        z.backward()
        t, s = math.tanh(3.0), math.tanh(0.5)
        slope = 1 - t * t
        assert z.data == pytest.approx(t * 0.5 + s)
        assert u.grad == pytest.approx(t + 0.5 * slope * 2 * 3)
        assert w.grad == pytest.approx(0.5 * slope * 1.5 + (1 - s * s) * 0.25)


def test_a_compiled_value_stands_for_one_node_in_pictures_and_steps():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    z = compile(named_score)(x, w) * 2
    assert len(topological_order(z)) == 5
    assert "named_score" in draw_dot(z).source
    steps = [str(step) for step in z.backward_steps()]
    assert steps[0].startswith("∂v2/∂v1 += ")
    assert steps[-1] == "∂v2/∂w += ∂v2/∂v1 · ∂v1/∂w = 2 · 3 = 6   (w has 1 of 1 contribution)"
    assert (x.grad, w.grad) == (4.0, 6.0)


def named_score(x, w):
    return w * x


def test_a_compiled_value_is_freed_without_the_garbage_collector():
    f = compile(lambda x: x * W)
    gc.collect()
    gc.disable()
    try:
        z = f(2.0) * 3
        z.backward()
        nodes = [weakref.ref(node) for node in topological_order(z) if node is not W]
        del z
        assert not any(node() for node in nodes)
    finally:
        gc.enable()


def test_a_copy_of_a_compiled_value_has_parameters_of_its_own():
    w = Value(2.0)
    value = compile(lambda x, y: w * x * y)(3.0, y := Value(5.0))
    copied, own_w, own_y = copy.deepcopy((value, w, y))
    copied.backward()
    assert (copied.data, own_w.grad, own_y.grad, w.has_grad, y.has_grad) == (30.0, 15.0, 6.0, False, False)
    alone = copy.copy(value)
    alone.backward()
    assert (w.grad, y.grad, value.has_grad) == (15.0, 6.0, False)


def test_a_model_is_copied_and_saved_after_compiled_training():
    model = MLP(2, [2, 1], rng=random.Random(0))
    loss, optimizer = compile(lambda x, y: hinge_loss(model(x), y)), SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss.mean(ROWS, TARGETS).backward()
        optimizer.step()
    for make in (copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))):
        loss.mean(ROWS, TARGETS).backward()
        copied = make(model)
        assert [repr(p) for p in copied.parameters()] == [repr(p) for p in model.parameters()]
        assert copied(ROWS[0]).data == model(ROWS[0]).data == compile(copied)(ROWS[0]).data


# The compiled function itself.


def test_a_compiled_function_calls_another():
    inner = compile(lambda x: (x * W).tanh())
    outer = compile(lambda x: inner(x) * 2 + inner(x * 0.5))
    batch = compile(lambda xs: inner.mean(xs))
    for _ in range(3):
        x = Value(0.5)
        z = outer(x)
        z.backward()
        assert z.data == pytest.approx(2 * math.tanh(0.75) + math.tanh(0.375))
        assert x.grad == pytest.approx(3 / math.cosh(0.75) ** 2 + 0.75 / math.cosh(0.375) ** 2)
        assert batch([0.5, 1.0]).data == pytest.approx((math.tanh(0.75) + math.tanh(1.5)) / 2)
    assert outer.map([0.5])[0] == pytest.approx(z.data)
    assert len(outer.tape) == 7


def test_a_compiled_function_introduces_itself():
    @compile
    def score(x, y):
        """What it is for."""
        return x * y

    assert (repr(score), score.__name__, score.__doc__) == ("compile(score)", "score", "What it is for.")
    assert repr(compile(MLP(1, [1]))) == "compile(MLP)"
    with pytest.raises(RuntimeError, match="score has no tape yet: it is recorded at the first call"):
        print(score.tape)
    score(2.0, 3.0)
    assert str(score.tape) == "2 inputs, 0 parameters, 0 constants, 1 instruction\n  v1 = x * y  6"
    score([1.0, 2.0][1], y=[3.0][0])
    score.map([1.0], [2.0])
    assert str(score.tape).endswith("v1 = x * y  6")


def test_inputs_are_named_after_the_arguments_of_the_function():
    def f(x, rows, *more, key, **options):
        return total([x, *rows[0], rows[1], *more, key["a"], options["other"]])

    compiled = compile(f)
    compiled(1.0, ([2.0, 3.0], 4.0), 5.0, 6.0, key={"a": 7.0}, other=8.0)
    names = "x, rows[0][0], rows[0][1], rows[1], x2, x3, key['a'], other"
    assert str(compiled.tape).splitlines()[1] == f"  v1 = sum({names})  36"


@pytest.mark.parametrize("thing", [3.0, Value(1.0), "f"])
def test_what_is_no_function_cannot_be_compiled(thing):
    with pytest.raises(
        TypeError, match=r"takes a function of Values, got .*; write compile\(f\), not compile\(f\(x\)\)"
    ):
        compile(thing)


@pytest.mark.slow
def test_a_large_graph_is_compiled_and_the_plain_one_can_be_dropped():
    def f(x):
        y = x
        for _ in range(5_000):
            y = y * 0.5 + x
        return y

    compiled = compile(f)
    x = Value(3.0)
    z = compiled(x)
    z.backward()
    assert (z.data, x.grad) == (pytest.approx(6.0), pytest.approx(2.0))
    assert compiled.map([1.0, 2.0]) == [pytest.approx(2.0), pytest.approx(4.0)]
    assert len(topological_order(z)) == 2


@pytest.mark.parametrize("machine", [True, False])
@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda w, x: x * w.grad, "w = 2.0 was asked for its gradient"),
        (lambda w, x: x * sum(getattr(p, "grad") for p in [w]), "was asked for its gradient"),  # noqa: B009
        (lambda w, x: x * (3.0 if w.has_grad else 2.0), "w = 2.0 was asked whether it has a gradient"),
    ],
)
def test_a_gradient_that_is_read_is_told_at_once(read, message, machine, monkeypatch):
    if not machine:
        monkeypatch.setattr("engine.compiler.trace._machine_or_warning", lambda: False)
    w = Value(2.0, "w")
    w.grad = 3.0
    with pytest.raises(TraceError, match=rf"{message} while a function was recorded to be compiled.*Instead"):
        compile(lambda x: read(w, x))(1.0)
    assert (w.grad, w.has_grad, read(w, Value(1.0)).data) == (3.0, True, read(w, Value(1.0)).data)
    assert type(vars(Value)["grad"]) is type(vars(Value)["_data"])  # the slot is back


def test_a_gradient_that_the_engine_computes_inside_may_be_used():
    w = Value(2.0, "w")
    penalty = compile(lambda x: gradients((w * x).tanh(), [w], create_graph=True)[0] ** 2)
    for x in (0.5, 0.25, 0.125):
        assert penalty(x).data == pytest.approx((x * (1 - math.tanh(2 * x) ** 2)) ** 2)
    second = compile(lambda x: grad(grad(lambda y: y**3))(x))
    assert second(2.0).data == 12.0


def test_another_thread_reads_gradients_while_a_function_is_recorded():
    w, began, read = Value(2.0, "w"), threading.Event(), []
    w.grad = 3.0

    def elsewhere():
        began.wait(20)
        read.append((w.grad, w.has_grad))

    def function(x):
        began.set()
        thread.join(20)
        return x * w

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert compile(function)(1.0).data == 2.0
    assert read == [(3.0, True)]


def test_a_label_or_a_role_that_is_changed_is_followed():
    weights = [Value(2.0, "w0"), Value(3.0, "b0")]

    def penalty(x):
        return x * sum(p * p for p in weights if p.label.startswith("w") and p.role != "constant")

    compiled = compile(penalty)
    for changes in ({}, {}, {}, {}, {"label": "w1"}, {}, {"label": "b1"}, {"label": "w2"}, {"role": "constant"}, {}):
        for name, new in changes.items():
            setattr(weights[1], name, new)
        assert compiled(1.0).data == penalty(Value(1.0)).data
