"""Tapes: what is written down is the graph, it reads well, and two that differ say where."""

import math
import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Rule, Value, dot, gradients, log_softmax, logsumexp, select, softmax
from engine import max as largest
from engine import mean as average
from engine import sum as total
from engine.compiler.tape import Tape
from engine.graph import topological_order
from engine.rules import FAMILIES
from tests.engine.test_steps import expressions
from tests.programs import programs


def probability(x, y, z):
    ps, others = softmax([x, y, z]), softmax([z, x])
    return ps[2] - ps[0] * others[1]


def log_probability(x, y, z):
    ps = log_softmax([x, y, z])
    return ps[1] - ps[2] / 4


# What random programs are made of: all kept small, so that answers can be compared.
STEPS = [
    (operator.add, 2),
    (operator.sub, 2),
    (lambda x, y: (x * y).tanh(), 2),
    (lambda x, y: x / (y * y + 1), 2),
    (lambda x: -x, 1),
    (lambda x: x**2 / 8, 1),
    (lambda x: (x * 0.5).sin(), 1),
    (lambda x: x.relu() + 0.5, 1),
    (lambda x, y: x.maximum(y), 2),
    (lambda x, y, z, u: dot([x, y], [z, u], 1.5).tanh(), 4),
    (lambda x, y, z, u: dot([x, y], [z, u]).tanh(), 4),
    (lambda x, y, z: total([x, y, z]), 3),
    (lambda x, y, z: average([x, y, z, x]), 3),
    (lambda x, y, z: logsumexp([x, y, z]), 3),
    (lambda x, y: largest([x, y, 0.25]), 2),
    (probability, 3),
    (log_probability, 3),
]


def parameter(number, label=""):
    return Value(number, label, role="parameter")


def tape_of(function, *numbers, lasting=None):
    """The tape of a function of inputs that are called a, b, c."""
    inputs = [Value(x) for x in numbers]
    return Tape(list(zip("abc", inputs)), [function(*inputs)], lasting)


# The listing.


def test_a_tape_prints_one_instruction_a_line_with_its_numbers():
    x, y = Value(1.0), Value(-2.0)
    w, b, unnamed = parameter(0.5, "w"), parameter(3.0, "b"), parameter(2.0)
    h = dot([w, b], [x, y], bias=-1.5).tanh()
    h.label = "h"
    ps = softmax([h, unnamed, x])
    tape = Tape([("x[0]", x), ("x[1]", y)], [-ps[2].log() + select(ps, 0) * unnamed**2 - 3])
    assert str(tape) == repr(tape)
    assert str(tape) == "\n".join(
        [
            "2 inputs, 3 parameters, 2 constants, 10 instructions",
            "  v1 = dot(w, b, x[0], x[1], -1.5)     -7",
            "  h = tanh(v1)                         -1",
            "  v3, v4 = softmax(h, p3, x[0])[2, 0]  0.2595, 0.03512",
            "  v5 = log(v3)                         -1.349",
            "  v6 = -v5                             1.349",
            "  v7 = v4                              0.03512",
            "  v8 = p3**2                           4",
            "  v9 = v7 * v8                         0.1405",
            "  v10 = v6 + v9                        1.489",
            "  v11 = v10 - 3                        -1.511",
        ]
    )


def test_the_head_counts_in_the_singular_and_by_thousands():
    x = y = Value(1.0)
    for _ in range(1500):
        y = y + 2
    listing = str(Tape([("x", x)], [y])).splitlines()
    assert listing[0] == "1 input, 0 parameters, 1,500 constants, 1,500 instructions"
    assert [listing[1], listing[-1]] == ["  v1 = x + 2         3", "  v1500 = v1499 + 2  3001"]
    assert str(Tape([("x", x)], [x])) == "1 input, 0 parameters, 0 constants, 0 instructions"


def test_a_long_instruction_is_cut_in_its_middle():
    xs = [Value(float(i), f"x{i}") for i in range(40)]
    line = str(Tape([], [total(xs)])).splitlines()[1]
    assert line.startswith("  v1 = sum(x0, x1, x2, ")
    assert " … " in line
    assert line.endswith(", x38, x39)  780")
    assert len(line) <= 87


# What is written down.


def run(tape, numbers):
    """What a tape gives, instruction by instruction, for other numbers in the slots of its leaves."""
    slots = [*numbers, *tape.constants, *[None] * (tape.size - tape.leaves)]
    for what, operands, results, indices in tape:
        given = [slots[slot] for slot in operands]
        assert None not in given, "an operand is used before it is computed"
        assert {slots[slot] for slot in results} == {None}, "a slot is written twice"
        rules = [FAMILIES[what](i) for i in indices] if isinstance(what, str) else [what]
        for slot, rule in zip(results, rules, strict=True):
            slots[slot] = rule.evaluate(*given)
    return slots


def chain_rule(tape, slots, root):
    """The gradient of one slot by all, from the last instruction back to the first."""
    slopes = [0.0] * tape.size
    slopes[root] = 1.0
    for what, operands, results, indices in reversed(list(tape)):
        rules = [FAMILIES[what](i) for i in indices] if isinstance(what, str) else [what]
        given = [slots[slot] for slot in operands]
        for slot, rule in zip(results, rules, strict=True):
            if slopes[slot] != 0.0:
                for operand, partial in zip(operands, rule.evaluate_partials(slots[slot], *given), strict=True):
                    slopes[operand] += slopes[slot] * partial
    return slopes


def close(found, expected):
    """Whether numbers are the same, to the rounding of terms that are at most some thousands."""
    assert len(found) == len(expected)
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(found, expected))


numbers = st.lists(st.floats(-2, 2), min_size=4, max_size=4)


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(programs(STEPS, most=14, inputs=4), numbers, numbers)
def test_values_and_gradients_by_the_tape_are_those_of_the_graph(program, recorded, xs):
    leaves = [*map(Value, recorded[:2]), *map(parameter, recorded[2:])]
    tape = Tape(list(zip("ab", leaves)), [program(*leaves), leaves[1]])
    for leaf, x in zip(leaves, xs):
        leaf.data = x
    root = program(*leaves)
    known = [*leaves[:2], *tape.parameters]
    slots = run(tape, [leaf.data for leaf in known])
    assert [slots[slot] for slot in tape.outputs] == [root.data, xs[1]]
    slopes = chain_rule(tape, slots, tape.outputs[0])
    assert close(slopes[: len(known)], gradients(root, known))


@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(programs(STEPS, most=14, inputs=4), numbers, numbers)
def test_a_program_recorded_twice_has_no_difference(program, xs, others):
    """Whatever the numbers are: a program that has no choice in it takes the same way."""
    kept = [*map(parameter, xs[2:])]
    before, now = (tape_of(lambda a, b: program(a, b, *kept), *some[:2]) for some in (xs, others))
    assert before.difference(now) == now.difference(before) == ""


@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(expressions())
def test_the_instructions_compute_the_graph(root):
    leaves = [node for node in topological_order(root) if node.rule is None and node.role != "constant"]
    inputs = leaves[: len(leaves) // 2]
    tape = Tape([(leaf.label, leaf) for leaf in inputs], [root, *leaves])
    assert set(tape.parameters) == set(leaves) - set(inputs)
    slots = run(tape, [leaf.data for leaf in (*inputs, *tape.parameters)])
    assert [slots[slot] for slot in tape.outputs] == [node.data for node in (root, *leaves)]
    assert slots == tape.numbers.tolist()
    assert len(tape) == len({node for node in topological_order(root) if node.rule is not None})


def test_a_tape_gives_other_results_for_other_numbers():
    w = parameter(2.0)
    tape = tape_of(lambda a, b: (w * a - b) ** 2, 3.0, 5.0)
    assert run(tape, [10.0, 1.0, 0.5])[tape.outputs[0]] == 16.0


def test_leaves_are_inputs_parameters_or_constants():
    kept, passing = parameter(2.0), Value(7.0)
    tape = tape_of(lambda a: kept * a + passing + 4, 3.0)
    assert (tape.inputs, tape.parameters, list(tape.constants)) == (1, (kept, passing), [4.0])
    tape = tape_of(lambda a: kept * a + passing + 4, 3.0, lasting={kept})
    assert (tape.parameters, list(tape.constants)) == ((kept,), [7.0, 4.0])


def test_an_input_or_a_parameter_can_be_an_output_and_one_twice():
    a, w = Value(1.0), parameter(2.0)
    tape = Tape([("a", a)], [w, a, w])
    assert (tape.outputs, len(tape), tape.parameters) == ([1, 0, 1], 0, (w,))


@settings(derandomize=True, database=None, deadline=None, max_examples=30)
@given(expressions(), st.randoms(use_true_random=False))
def test_outputs_come_in_any_order(root, random):
    outputs = topological_order(root)
    random.shuffle(outputs)
    tape = Tape([], outputs)
    assert [tape.numbers[slot] for slot in tape.outputs] == [node.data for node in outputs]
    assert run(tape, [leaf.data for leaf in tape.parameters]) == tape.numbers.tolist()


def test_an_input_that_nothing_uses_has_its_slot():
    a, unused, b = Value(3.0), Value(7.0), Value(5.0)
    tape = Tape([("a", a), ("unused", unused), ("b", b)], [b - a])
    assert [(operands, results) for _, operands, results, _ in tape] == [([2, 0], [3])]
    assert tape.numbers.tolist() == [3.0, 7.0, 5.0, 2.0]
    assert str(tape) == "3 inputs, 0 parameters, 0 constants, 1 instruction\n  v1 = b - a  2"


def test_the_same_input_given_twice_gets_its_gradient_once():
    a = Value(3.0)
    tape = Tape([("a", a), ("again", a)], [a * a + a])
    slots = run(tape, [3.0, 3.0])
    assert slots[tape.outputs[0]] == 12.0
    assert sum(chain_rule(tape, slots, tape.outputs[0])[:2]) == 7.0


def test_a_constant_can_be_an_output_of_a_tape_of_no_instructions():
    tape = tape_of(lambda a: Value(4.0, role="constant"), 3.0)
    assert (tape.outputs, list(tape.constants), list(tape)) == ([1], [4.0], [])
    assert run(tape, [3.0]) == [3.0, 4.0]


def test_instructions_are_counted_and_gone_through():
    tape = tape_of(lambda a: (a * 2).tanh(), 3.0)
    listed = [(what.name, operands, results, indices) for what, operands, results, indices in tape]
    assert listed == [("mul", [0, 1], [2], []), ("tanh", [2], [3], [])]
    assert (len(tape), list(tape)) == (2, [tape.instruction(0), tape.instruction(1)])


@pytest.mark.parametrize("family", [softmax, log_softmax])
def test_all_outputs_of_the_same_operands_are_one_instruction(family):
    a, b, c = (Value(x, name) for name, x in zip("abc", (0.5, 1.5, -1.0)))
    ps, others = family([a, b, c]), family([b, a, c])
    tape = Tape([], [ps[2] * ps[0] + others[1] * ps[2]])
    listing = [(what, len(operands), indices) for what, operands, _, indices in tape if isinstance(what, str)]
    assert listing == [(family.__name__, 3, [2, 0]), (family.__name__, 3, [1])]
    assert run(tape, [leaf.data for leaf in tape.parameters]) == tape.numbers.tolist()


def test_the_same_output_twice_is_written_twice():
    a, b = Value(0.5), Value(1.5)
    tape = Tape([], [softmax([a, b])[1] - softmax([a, b])[1]])
    assert [indices for _, _, _, indices in tape] == [[1, 1], []]
    assert run(tape, [0.5, 1.5])[tape.outputs[0]] == 0.0


def test_an_instruction_takes_less_than_64_bytes():
    x = y = Value(0.5)
    for _ in range(10_000):
        y = y * x + x
    tape = Tape([("x", x)], [y])
    assert len(tape) == 20_000
    assert 40 * len(tape) > tape.nbytes > 12 * len(tape)


# Differences.


def differ(before, now, *numbers, lasting=None):
    numbers = numbers or (3.0,)
    return tape_of(before, *numbers, lasting=lasting).difference(tape_of(now, *numbers, lasting=lasting))


W, U = parameter(2.0, "w"), parameter(2.0, "u")
NAMESAKE = Rule("softmax", lambda x: 1.0, lambda z, x: (0.0,))
A_RULE, ITS_COPY = [Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,)) for _ in range(2)]


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (lambda a: a * 0.5, lambda a: a * 0.25, "the number 0.5 in v1 = a * 0.5 is 0.25 now, and it is not an"),
        (lambda a: a.tanh(), lambda a: a.sin(), "v1 = tanh(a) was recorded, and now it is v1 = sin(a)"),
        (lambda a: a * 2, lambda a: (a * 2).exp(), "the end was recorded, and now it is v2 = exp(v1)"),
        (lambda a: (a * 2).exp(), lambda a: a * 2, "v2 = exp(v1) was recorded, and now it is the end"),
        (lambda a: total([a]), lambda a: total([a, a]), "v1 = sum(a) was recorded, and now it is v1 = sum(a, a)"),
        (lambda a: W * a, lambda a: U * a, "it used a different leaf, u = 2.0, in place of w = 2.0"),
        (lambda a: a**2, lambda a: a**3, "v1 = a**2 was recorded, and now it is v1 = a**3"),
        (lambda a: a.leaky_relu(0.1), lambda a: a.leaky_relu(0.2), "leaky_relu(a, 0.1) was recorded, and now"),
        (lambda a: softmax([a, W])[0], lambda a: softmax([a, W])[1], "softmax(a, w)[0] was recorded, and now"),
        (A_RULE, ITS_COPY, "the rule 'cube' was a different one; create it once, outside"),
        (lambda a: A_RULE(A_RULE(a)), lambda a: ITS_COPY(A_RULE(a)), "the rule 'cube' was a different one"),
        (lambda a: A_RULE(ITS_COPY(a)), lambda a: ITS_COPY(ITS_COPY(a)), "the rule 'cube' was a different one"),
        (lambda a: softmax([a])[0], NAMESAKE, "the rule 'softmax' was a different one; create it once"),
        (lambda a: a, lambda a: W, "it returned different Values"),
        (lambda a: a * 2, lambda a: (a * 2, a)[1], "v1 = a * 2 was recorded, and now it is the end"),
        (lambda a: a * W, lambda a: a * 2.0, "v1 = a * w was recorded, and now it is v1 = a * 2"),
        (lambda a: a * 2.0, lambda a: a * W, "v1 = a * 2 was recorded, and now it is v1 = a * w"),
        (lambda a: a * W + U, lambda a: U * a + W, "v1 = a * w was recorded, and now it is v1 = u * a"),
        (lambda a: a * float("nan"), lambda a: a * 2, "the number nan in v1 = a * nan is 2.0 now"),
        (lambda a: a * 2 - 3, lambda a: a * 2 - 4, "the number 3.0 in v2 = v1 - 3 is 4.0 now, and it is not an"),
        (lambda a: Value(3.0, role="constant"), lambda a: Value(4.0, role="constant"), "the number 3.0 is 4.0 now"),
    ],
)  # fmt: skip
def test_two_tapes_say_where_they_differ(before, now, words):
    found = differ(before, now)
    assert words in found
    assert found.startswith("it took a different path: ") == (" was recorded, and now" in found)


def test_the_same_instructions_with_other_outputs_differ():
    assert differ(lambda a, b: a, lambda a, b: b, 3.0, 5.0) == "it returned different Values"


def test_a_difference_in_the_middle_of_a_long_instruction_is_found():
    xs = [Value(float(i), f"x{i}") for i in range(40)]
    lasting = set(xs)
    words = differ(lambda a: total([*xs, a]), lambda a: total([*xs[:20], a, *xs[20:]]), lasting=lasting)
    assert words.startswith("it took a different path: v1 = sum(")


def test_tapes_do_not_differ_by_the_numbers_of_inputs_or_parameters():
    w = parameter(2.0)
    before = tape_of(lambda a: w * a + 4, 3.0)
    w.data = 5.0
    assert before.difference(tape_of(lambda a: w * a + 4, -1.0)) == ""
    assert differ(lambda a: a * float("nan"), lambda a: a * float("nan")) == ""
