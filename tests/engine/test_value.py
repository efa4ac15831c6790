"""Value against what people trip over: one test for each mistake, and one for each line of the table of semantics."""

import asyncio
import copy
import gc
import math
import operator
import pickle
import re
import threading
import warnings
import weakref
from contextlib import nullcontext
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from engine import RULES, Rule, Value, detect_anomaly, grad, gradients, no_grad, record_lines
from engine import sum as total
from engine.graph import topological_order
from engine.modes import mode
from engine.value import as_value


def readme_expression(a, b):
    """The expression in micrograd's README, whose value and gradients it states."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def test_micrograds_readme_expression():
    a, b = Value(-4.0), Value(2.0)
    g = readme_expression(a, b)
    g.backward()
    assert [f"{x:.4f}" for x in (g.data, a.grad, b.grad)] == ["24.7041", "138.8338", "645.5773"]


# Backward.


def test_a_node_used_twice_waits_for_both_gradients_before_passing_on():
    a = Value(2.0)
    b = a * 3
    e = b * 2 + b  # naive recursion gives 12 or 18
    e.backward()
    assert a.grad == 9.0


@pytest.mark.parametrize(("f", "slope"), [(lambda a: a + a, 2.0), (lambda a: a * a, 6.0), (lambda a: a - a, 0.0)])
def test_the_same_operand_twice_counts_twice(f, slope):
    a = Value(3.0)
    f(a).backward()
    assert a.grad == slope


def test_paths_of_a_diamond_add():
    a = Value(2.0)
    left, right = a * 3, a**2
    (left * right).backward()
    assert a.grad == 3 * 3 * 2.0**2


def test_repeated_backward_adds_on_leaves_only():
    x = Value(3.0)
    y = x * x
    z = y * x  # micrograd gives 27, then 72
    z.backward()
    z.backward()
    assert (x.grad, y.grad, z.grad) == (54.0, 3.0, 1.0)
    x.grad = 0.0
    z.backward()  # micrograd gives 63
    assert x.grad == 27.0


def test_two_losses_may_share_nodes():
    x = Value(2.0)
    shared = x**2
    first, second = shared * 3, shared * 5
    first.backward()
    second.backward()
    assert x.grad == (3 + 5) * 2 * 2.0
    assert shared.grad == 5.0


def test_a_node_of_an_earlier_cell_starts_from_zero_again():
    x = Value(1.0)
    y = x * 3
    (y * 2).backward()
    x.grad = 0.0
    z = y * 5  # micrograd gives 21
    z.backward()
    assert x.grad == 15.0


def test_a_leaf_can_be_the_root():
    x = Value(2.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_no_gradient_passes_through_an_infinite_slope_if_none_arrives():
    x = Value(0.0)
    (x.sqrt() * 0).backward()
    assert x.grad == 0.0


def test_an_infinite_gradient_is_told():
    x = Value(0.0, "x")
    with pytest.warns(RuntimeWarning, match=r"the gradient of x = 0.0 is inf; detect_anomaly\(\) finds where"):
        x.sqrt().backward()
    assert x.grad == math.inf


def test_many_gradients_that_are_not_finite_are_one_warning():
    weights = [Value(1.0, f"w{i}") for i in range(40)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (sum(weights) * math.inf).backward()
    of_gradients = [str(each.message) for each in caught if "gradient" in str(each.message)]
    assert of_gradients == [
        "the gradient of w0 = 1.0 is inf, 39 more are inf or nan; detect_anomaly() finds where it arose"
    ]


def test_a_backward_pass_that_fails_leaves_the_leaves_as_they_were():
    def broken(z, x):
        if x != 0.5:  # where a rule is tried out
            raise KeyboardInterrupt
        return (1.0,)

    x = Value(2.0)
    (x * 3).backward()
    stop = Rule("stop", lambda x: x, broken)
    with pytest.raises(KeyboardInterrupt):
        (stop(x) * 3).backward()
    assert x.grad == 3.0


# A leaf changed after the forward pass.


def test_a_backward_pass_waits_for_the_one_in_another_thread_that_shares_its_nodes():
    w, met = Value(1.0), []

    def partials(*_):
        if not met and threading.current_thread() is threading.main_thread():
            met.append(threading.Thread(target=other.backward))
            met[0].start()
            met[0].join(0.2)  # it cannot end before this pass does; were it to go ahead, it would now be through
        return (2.0,)

    shared = w * 1.0
    other = shared * 3.0
    root = Rule("double", lambda x: 2 * x, partials)(shared) + shared
    assert not met
    root.backward()
    met[0].join()
    assert w.grad == (2.0 + 1.0) + 3.0


def test_a_leaf_changed_after_forward_is_named_and_never_mixed_in():
    x, w = Value(3.0, "x"), Value(2.0, "w")
    y = (x * w).relu()
    w.data = 5.0
    with pytest.raises(RuntimeError, match=r"w = 5.0 was changed after the forward pass .*Call forward\(\)"):
        y.backward()
    assert not x.has_grad
    assert not w.has_grad
    assert y.forward().data == 15.0
    y.backward()
    assert (x.grad, w.grad) == (5.0, 3.0)


def test_changing_one_leaf_does_not_disturb_another_graph():
    x, w, other = Value(3.0), Value(2.0), Value(1.0)
    y = x * w
    other.data = 7.0
    y.backward()
    assert x.grad == 2.0


def test_recomputing_one_graph_outdates_another_that_shares_its_nodes():
    x = Value(3.0)
    shared = x**2
    first, second = shared * 2, shared * 10
    x.data = 4.0
    first.forward()
    with pytest.raises(RuntimeError, match="was changed after the forward pass"):
        second.backward()


def test_a_training_loop_may_change_leaves_between_steps():
    w = Value(1.0)
    for _ in range(3):
        loss = (w * 2 - 6) ** 2
        w.grad = 0.0
        loss.backward()
        w.data -= 0.1 * w.grad
    assert w.data == pytest.approx(3 - 2 * 0.2**3)


# Size.


def chain(length):
    x = y = Value(1.0)
    for _ in range(length):
        y = y + 0.5
    y.backward()
    assert (y.data, x.grad) == (length / 2 + 1, 1.0)
    assert repr(y).startswith(f"Value(data={length / 2 + 1}")
    return y


def test_a_chain_of_many_nodes():
    y = chain(100_000)
    copied = copy.deepcopy(y)
    copied.backward()
    assert copied.data == y.data
    assert copied is not y
    del y, copied


@pytest.mark.slow
def test_a_chain_of_a_million_nodes():
    chain(1_000_000)


def test_graphs_are_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = Value(2.0)
        y = (x * 3 + 1).tanh() + total([x, x, x])
        y.backward()
        nodes = [weakref.ref(node) for node in topological_order(y) if node is not x]
        del y
        assert not any(node() for node in nodes)
    finally:
        gc.enable()


# What counts as a number.


@pytest.mark.parametrize(
    "number",
    [2, True, 2.5, Fraction(1, 3), np.float64(1.5), np.float32(0.5), np.int64(3), np.bool_(True), np.array(4.0)],
)
def test_numbers_become_floats(number):
    value = Value(number)
    assert type(value.data) is float
    assert value.data == float(number)
    assert (Value(1.0) * number).data == float(number)


class ScalarTensor:
    """What a zero-dimensional tensor of another library looks like."""

    shape = ()

    def item(self):
        return 2.5


def test_a_zero_dimensional_tensor_is_a_number():
    assert Value(ScalarTensor()).data == 2.5


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ("3", r"one real number, got str '3'; write float\('3'\)"),
        (None, "got NoneType None; is a return missing"),
        (1 + 2j, r"got complex \(1\+2j\); take its .real or .imag part"),
        ([1.0, 2.0], r"got a list of 2; make one Value for each number: \[Value\(x\) for x in data\]"),
        ((1.0,), "got a tuple of 1; make one Value for each number"),
        (np.zeros((2, 3)), r"got a ndarray of shape \(2, 3\); make one Value"),
        (np.zeros(1), r"got a ndarray of shape \(1,\)"),
        (Value(1.0), r"expected a plain number, got Value\(data=1.0, grad=—\); use the Value itself"),
        (math.sin, "are the parentheses of a call missing"),
        (Decimal("1.5"), r"got Decimal Decimal\('1.5'\); write float\(...\)"),
    ],
)
def test_other_things_are_refused_with_what_to_write_instead(thing, message):
    with pytest.raises(TypeError, match=message):
        Value(thing)
    x = Value(1.0)
    with pytest.raises(TypeError, match=message):
        x.data = thing
    assert x.data == 1.0
    if not isinstance(thing, Value):
        for operation in (lambda: x + thing, lambda: thing * x, lambda: x**thing, lambda: x.maximum(thing)):
            with pytest.raises(TypeError, match=message):
                operation()


def test_numpy_scalars_on_the_left_reach_the_value():
    v = Value(3.0)
    assert (np.float64(2) * v).data == 6.0
    assert (np.float64(2) ** v).data == 8.0
    assert (np.int64(2) - v).data == -1.0
    for number in (np.float64(2), np.float32(2), np.int8(2), np.array(2.0)):
        results = [number + v, number - v, number * v, number / v, number**v]
        assert [z.data for z in results] == [5.0, -1.0, 6.0, 2 / 3, 8.0]
        assert all(type(z) is Value and z.parents[1] is v for z in results)
        assert [number < v, number <= v, number > v, number >= v] == [True, True, False, False]
        assert [number == v, number != v] == [False, True]


@pytest.mark.parametrize(
    "operation",
    [
        lambda a, v: a * v,
        lambda a, v: a + v,
        lambda a, v: v - a,
        lambda a, v: a / v,
        lambda a, v: a**v,
        lambda a, v: a < v,
    ],
)
def test_numpy_arrays_are_refused_on_either_side(operation):
    with pytest.raises(TypeError, match="make one Value for each number"):
        operation(np.array([1.0, 2.0]), Value(3.0))


@pytest.mark.parametrize("function", [float, int, complex, math.exp, math.floor, range])
def test_functions_of_numbers_do_not_leave_the_graph_unnoticed(function):
    with pytest.raises(TypeError, match=r"x.exp\(\), not math.exp\(x\)"):
        function(Value(1.0))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (np.exp, r"np.exp takes arrays of plain numbers, got a Value; write x.exp\(\), or x.data for the bare number"),
        (np.tanh, r"write x.tanh\(\), or"),
        (np.abs, r"write x.abs\(\), or"),
        (np.arctan, r"write x.atan\(\), or"),
        (lambda x: np.maximum(x, 0.0), r"write x.maximum\(y\), or"),
        (lambda x: np.arctan2(1.0, x), r"write x.atan2\(y\), or"),
        (np.isfinite, "np.isfinite takes .* write operators and methods of Values, or x.data"),
        (lambda x: np.float64(3.0) // x, "np.floor_divide takes .* write operators and methods of Values"),
        (lambda x: np.ones(2) @ x, "np.matmul takes"),
        (lambda x: operator.imul(np.ones(2), x), "np.multiply takes"),
    ],
)
def test_functions_of_numpy_say_which_method_to_write(function, message):
    with pytest.raises(TypeError, match=message):
        function(Value(1.0))
    with pytest.raises(TypeError, match=message):
        grad(function)(1.0)


def test_functions_of_numpy_take_arrays_of_values():
    x, y = Value(1.0), Value(2.0)
    (np.exp(np.array([x, y])) @ np.array([3.0, 4.0])).backward()
    assert (x.grad, y.grad) == (3 * math.exp(1.0), 4 * math.exp(2.0))


@pytest.mark.parametrize("large", [10**400, -(10**5000), Fraction(10**400, 3)], ids=["int", "long", "fraction"])
def test_a_number_too_large_for_a_float_is_told(large):
    x = Value(2.0)
    for operation in (lambda: Value(large), lambda: x < large, lambda: x + large, lambda: large * x, lambda: x**large):
        with pytest.raises(OverflowError, match=r"up to about 1.8e308, and this (int|Fraction) is larger; .* math.inf"):
            operation()


@pytest.mark.parametrize("block", [no_grad, detect_anomaly, record_lines])
def test_a_block_over_a_function_wants_its_parentheses(block):
    name = block.__name__
    with pytest.raises(TypeError, match=rf"{name} takes no argument, got <function .*; write @{name}\(\) above"):

        @block
        def f(x):
            return x


def test_a_value_is_not_a_condition():
    with pytest.raises(TypeError, match=r"Compare it \(x > 0\)"):
        bool(Value(0.0))


def test_order_is_by_data_and_equality_by_identity():
    small, large = Value(1.0), Value(2.0)
    assert small < large
    assert large >= 2
    assert small <= 1.0
    assert not small > large
    assert max([small, large]) is large
    assert small != Value(1.0)
    assert len({small, large, Value(1.0)}) == 3
    with pytest.raises(TypeError, match="got str"):
        small < "2"  # noqa: B015


def test_a_value_formats_as_its_number():
    assert f"{Value(2 / 3):.3f}|{Value(5.0):>8.1f}" == "0.667|     5.0"
    assert f"{Value(1.0, label='w')}" == "Value(data=1.0, grad=—, label='w')"


def test_a_gradient_is_a_dash_before_any_backward():
    x = Value(1.0)
    assert not x.has_grad
    assert repr(x) == "Value(data=1.0, grad=—)"
    (x * 2).backward()
    assert repr(x) == "Value(data=1.0, grad=2.0)"


# Operators.


@pytest.mark.parametrize("other", [3.0, 3, Value(3.0)])
def test_operators_with_numbers_on_either_side(other):
    x = Value(2.0)
    forward = [x + other, x - other, x * other, x / other, x**other]
    reflected = [other + x, other - x, other * x, other / x, other**x]
    assert [y.data for y in forward] == [5.0, -1.0, 6.0, 2 / 3, 8.0]
    assert [y.data for y in reflected] == [5.0, 1.0, 6.0, 1.5, 9.0]
    assert (-x).data == -2.0
    assert (+x) is x
    assert abs(-x).data == 2.0


def test_subtraction_division_and_negation_are_one_node_each():
    x, y = Value(3.0), Value(2.0)
    for node, op in ((x - y, "-"), (x / y, "/"), (-x, "neg")):
        assert (node.op, len(topological_order(node))) == (op, 1 + len(node.parents))


def test_sum_makes_no_useless_node():
    x, y = Value(1.0), Value(2.0)
    assert sum([x]) is x
    assert len(topological_order(sum([x, y]))) == 3


def test_parents_are_in_order_and_counted():
    x, y = Value(1.0), Value(2.0)
    assert (x - y).parents == (x, y)
    assert (x * x).parents == (x, x)
    assert x.relu().parents == (x,)
    assert total([x, y, x]).parents == (x, y, x)
    assert x.parents == ()


@pytest.mark.parametrize(
    ("operation", "method"),
    [(getattr(operator, n), f"__r{n}__") for n in ("add", "sub", "mul", "truediv", "pow", "mod")]
    + [(operator.lt, "__gt__"), (operator.le, "__ge__"), (operator.gt, "__lt__"), (operator.ge, "__le__")],
)
def test_an_operand_of_an_unknown_kind_may_answer(operation, method):
    answering = type("Unit", (), {method: lambda self, other: "its own"})()
    assert operation(Value(1.0), answering) == "its own"
    with pytest.raises(TypeError, match="a Value holds one real number, got Silent"):
        operation(Value(1.0), type("Silent", (), {})())


@pytest.mark.parametrize("other", [[1.0], "1", None, {1: 2}, 1j, object()])
def test_what_would_answer_with_something_else_is_told(other):
    for operation in (operator.add, operator.mul, operator.lt, operator.ge):
        with pytest.raises(TypeError, match="a Value holds one"):
            operation(Value(1.0), other)


def test_local_gradients_are_those_of_each_operand():
    x, y = Value(3.0), Value(2.0)
    assert (x / y).local_gradients() == (0.5, -0.75)
    assert x.local_gradients() == ()


def test_clamp_refuses_bounds_in_the_wrong_order():
    with pytest.raises(ValueError, match=r"low <= high, got low=2\.0 and high=1\.0"):
        Value(0.0).clamp(2, 1)


# IEEE 754.


def test_infinities_come_with_a_warning_that_names_the_operation():
    zero = Value(0.0, label="p")
    for operation, message, answer in (
        (lambda: zero.log(), r"log\(p = 0.0\) gave -inf", -math.inf),
        (lambda: 1 / zero, r"/\(1.0, p = 0.0\) gave inf", math.inf),
        (lambda: Value(800.0).exp(), r"exp\(800.0\) gave inf", math.inf),
        (lambda: Value(1e200) * 1e200, r"\*\(1e\+200, 1e\+200\) gave inf", math.inf),
        (lambda: Value(-8.0) ** (1 / 3), r"\*\*0.333333\(-8.0\) gave nan", math.nan),
        (lambda: zero**-1, r"\*\*-1\(p = 0.0\) gave inf", math.inf),
    ):
        with pytest.warns(RuntimeWarning, match=message) as caught:
            assert operation().data == pytest.approx(answer, nan_ok=True)
        assert caught[0].filename == __file__


def test_what_is_infinite_already_passes_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (Value(math.inf) * 2).data == math.inf
        assert math.isnan((Value(math.nan) + 1).exp().data)


def test_detect_anomaly_raises_where_a_number_goes_bad():
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"log\(p = 0.0\) gave -inf"):
        Value(0.0, label="p").log()


def test_detect_anomaly_names_the_line_behind_a_bad_slope():
    with detect_anomaly():
        x = Value(0.0, label="x")
        root = x.sqrt()
        with pytest.raises(
            FloatingPointError, match=r"sqrt\(x = 0.0\) has the slope \(inf,\).*test_value.py, line \d+"
        ):
            root.backward()
    assert not x.has_grad


# no_grad.


def test_no_grad_records_nothing_and_ends_with_its_block():
    x = Value(2.0)
    with no_grad():
        y = x * 3
        assert (y.data, y.parents) == (6.0, ())

        @no_grad()
        def score():
            return x * 4

    assert score().parents == ()
    assert (x * 3).parents[0] is x


@pytest.mark.parametrize("block", [no_grad, detect_anomaly, record_lines])
def test_a_block_that_ends_with_an_error_ends_all_the_same(block):
    def failing():
        inside.append(mode.get())
        raise LookupError

    before, inside = mode.get(), []
    with pytest.raises(LookupError), block():
        failing()
    assert inside[0] != mode.get() == before


def test_no_grad_stays_within_its_thread():
    inside, checked, seen = threading.Event(), threading.Event(), []

    def elsewhere():
        inside.wait()
        seen.append(len((Value(1.0) * 2).parents))
        checked.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with no_grad():
        inside.set()
        checked.wait()
    thread.join()
    assert seen == [2]


def test_no_grad_stays_within_its_task():
    async def quiet():
        with no_grad():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return len((Value(1.0) * 2).parents)

    async def recording():
        await asyncio.sleep(0)
        return len((Value(1.0) * 2).parents)

    async def both():
        return await asyncio.gather(quiet(), recording())

    assert asyncio.run(both()) == [0, 2]


# The rest of the graph's life.


def test_zero_grad_reaches_the_whole_graph():
    x = Value(3.0)
    y = x * x
    z = y + x
    z.backward()
    z.zero_grad()
    assert (x.grad, y.grad, z.grad) == (0.0, 0.0, 0.0)


def test_detach_stops_the_gradient():
    x = Value(3.0)
    y = x * x
    (y.detach() * x).backward()
    assert x.grad == 9.0
    assert not y.has_grad


def test_deepcopy_copies_the_graph_and_keeps_its_shape():
    x = Value(3.0, label="x")
    y = total([x, x * x, x]).tanh()
    x2, y2 = copy.deepcopy([x, y])
    y2.backward()
    assert not x.has_grad
    y.backward()
    assert x2.grad == x.grad
    assert (x2.label, y2.op) == ("x", "tanh")
    assert copy.copy(y).parents == y.parents


def test_leaves_can_be_pickled_and_results_say_why_not():
    x = Value(3.0, label="x", role="parameter")
    (x * 2).backward()
    again = pickle.loads(pickle.dumps(x))
    assert (again.data, again.grad, again.label, again.role) == (3.0, 2.0, "x", "parameter")
    with pytest.raises(TypeError, match="only leaves can be pickled"):
        pickle.dumps(x * 2)


def test_a_rule_with_the_wrong_partials_is_told_where_it_is_written():
    with pytest.raises(TypeError, match=r"'cube' must be a tuple of 1, .* got 0.75; .*\(slope,\)"):
        Rule("cube", lambda x: x**3, lambda z, x: 3 * x**2)
    with pytest.raises(TypeError, match="a tuple of 2, one for each operand, got"):
        Rule("first", lambda x, y: x, lambda z, x, y: (1.0,))


def test_the_number_of_a_result_cannot_be_set():
    y = Value(0.0).exp()
    with pytest.raises(AttributeError, match=r"exp = 1.0 was computed, .* call forward\(\)"):
        y.data = 5.0


def test_local_gradients_do_not_mix_two_passes_either():
    x = Value(3.0, "x")
    y = x * x
    x.data = 10.0
    with pytest.raises(RuntimeError, match=r"x = 10\.0 was changed"):
        y.local_gradients()


def test_detect_anomaly_finds_a_gradient_that_overflows_on_the_way():
    with detect_anomaly():
        x = Value(0.0, label="x")
        y = x * 1e200 * 1e200
        with pytest.raises(FloatingPointError, match=r"the gradient of x = 0\.0 adds up to inf; it was made by"):
            y.backward()
    assert not x.has_grad


def test_a_role_must_be_known():
    with pytest.raises(ValueError, match="role must be one of input, parameter, constant, got 'weight'"):
        Value(1.0, role="weight")
    with pytest.raises(ValueError, match="got 'operation'"):  # which a leaf is not
        Value(1.0, role="operation")


@pytest.mark.parametrize("partials", [(), (1.0,), (1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0), 1.0])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_rule_with_more_or_fewer_partials_than_operands_is_told(count, partials):
    total = Rule("total", lambda *xs: sum(xs), lambda z, *xs: partials)
    operands = [Value(1.0) for _ in range(count)]
    right = partials != 1.0 and len(partials) == count
    message = rf"'total' must be a tuple of {count}, one for each operand, got {re.escape(repr(partials))}"
    for create_graph in (False, True):
        with nullcontext() if right else pytest.raises(TypeError, match=message):
            slopes = gradients(total(*operands), operands, create_graph)
            assert [slope.data if create_graph else slope for slope in slopes] == [1.0] * count


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_the_partials_of_a_rule_raise_comes_through(count):
    def partials(z, *xs):
        raise ValueError("math domain error")

    rule = Rule("mine", lambda *xs: 1.0, partials)
    with pytest.raises(ValueError, match=r"^math domain error$"):
        rule(*[Value(1.0)] * count).backward()


def test_rules_of_the_table_are_pickled_by_name():
    for rule in RULES.values():
        assert pickle.loads(pickle.dumps(rule)) is copy.deepcopy(rule) is rule
    assert pickle.loads(b"cengine.rules\ntanh\n.") is RULES["tanh"]  # as an earlier version wrote it


def test_a_leaf_has_attributes_of_a_users_own():
    p = Value(2.0, "p")
    assert not hasattr(p, "m")
    p.m = 0.0
    p.m = 0.9 * p.m + 0.1 * p.grad
    p.memory = [1.0]
    for twin in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert (twin.m, twin.memory, twin.data) == (0.0, [1.0], 2.0)
        twin.m = 1.0
        assert p.m == 0.0
    assert copy.copy(p).memory is p.memory
    assert copy.deepcopy(p).memory is not p.memory
    assert copy.deepcopy(p * 2).parents[0].m == 0.0
    for leaf in (as_value(2.0), p.detach(), (p * 3).parents[1]):
        leaf.colour = "red"
        assert leaf.colour == "red"
    with pytest.raises(AttributeError, match="colour"):
        (p * 2).colour = "red"
