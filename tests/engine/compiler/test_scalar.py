"""The order in which instructions are run: each once, after what it needs, beside its like; and what comes of it."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value, dot, gradients, log_softmax, logsumexp, softmax
from engine import sum as total
from engine.compiler.tape import Tape
from engine.nary_rules import dot as dot_rule
from nn import MLP
from tests.engine.compiler.test_tape import STEPS, close, parameter
from tests.programs import programs

np = pytest.importorskip("numpy", reason="without numpy and numba there is no machine code")
pytest.importorskip("numba", reason="without numba there is no machine code")

from engine.compiler.buffers import Binding  # noqa: E402
from engine.compiler.kernels.nary import NARY_KERNELS  # noqa: E402
from engine.compiler.scalar import ScalarProgram, gap, scheduled  # noqa: E402

numbers = st.floats(-2, 2)


def in_a_row(places):
    return len(places) > 1 and places == list(range(places[0], places[0] + len(places)))


def runs_of(tape):
    """The runs of the scheduled program: for each what it does and of how many operands, whether dots are told as
    rows, and its instructions: the places of their operands and results, and the indices of these.
    """
    integers, begins, _ = scheduled(tape)
    integers, at, runs = integers.tolist(), 0, []
    for begin in begins.tolist():
        assert begin == at, "runs stand one behind the other"
        code, repeats, count = integers[at : at + 3]
        at += 3
        instructions = []
        for _ in range(repeats):
            given = integers[at : at + count]
            assert len(given) == count
            at += count
            if code >= len(tape.operations):
                result, n, w, x, *bias = given
                instructions.append(([*range(w, w + n), *range(x, x + n), *bias], [result], []))
            elif isinstance(tape.operations[code][0], str):
                n = given[0]
                instructions.append((given[1 : n + 1], given[n + 2 :: 2], given[n + 1 :: 2]))
            else:
                instructions.append((given[1:], given[:1], []))
        rows = code >= len(tape.operations)
        if code == len(tape.operations) + 1:
            assert_matrix_product([operands for operands, _, _ in instructions])
        runs.append(((dot_rule, None) if rows else tape.operations[code], rows, instructions))
    assert at == len(integers), "nothing stands behind the last run"
    return runs


def assert_matrix_product(dots):
    """The same rows, eight at least, with one input after another."""
    n = len(dots[0]) // 2
    rows = next(i for i, each in enumerate(dots) if each[n : 2 * n] != dots[0][n : 2 * n])
    assert rows >= 8
    for i, each in enumerate(dots):
        assert len(each) == len(dots[0])
        assert each[n : 2 * n] == dots[i - i % rows][n : 2 * n]
        assert each[:n] + each[2 * n :] == dots[i % rows][:n] + dots[i % rows][2 * n :]
    assert len(dots) % rows == 0


def products_of(tape):
    """How many matrix products a schedule has."""
    integers, begins, _ = scheduled(tape)
    return sum(integers[begins] == len(tape.operations) + 1)


def check(tape):
    """Hold a schedule to all that is promised of it; gives its runs."""
    runs, place = runs_of(tape), scheduled(tape)[2].tolist()
    free = range(tape.leaves + gap(tape), tape.size + gap(tape))
    assert sorted(place[tape.leaves :]) == [*free], "every result has a place of its own"
    assert (free.start - tape.inputs) % 8 == 0, "the first one begins at a cache line, as the parameters do"
    assert place[: tape.leaves] == list(range(tape.leaves)), "leaves keep theirs"
    known = set(range(tape.leaves))
    found = Counter()
    for (what, n), rows, instructions in runs:
        results = [slot for _, slots, _ in instructions for slot in slots]
        assert results == list(range(results[0], results[0] + len(results))), "results stand side by side"
        for operands, slots, indices in instructions:
            assert known.issuperset(operands), "nothing comes before what makes its operands, nor in the same run"
            assert rows or len(operands) == n
            found[what, tuple(operands), tuple(slots), tuple(indices)] += 1
            if what is dot_rule:
                half = len(operands) // 2
                assert rows == (in_a_row(operands[:half]) and in_a_row(operands[half : 2 * half]))
        assert rows or what not in NARY_KERNELS or len(instructions) == 1, "a loop of any number of operands is a run"
        assert not known.intersection(results)
        known.update(results)
    assert found == Counter(
        (what, tuple(place[slot] for slot in operands), tuple(place[slot] for slot in results), tuple(indices))
        for what, operands, results, indices in tape
    ), "every instruction is there once"
    assert known == {*range(tape.leaves), *free}
    return runs


def check_numbers(tape, leaves, outputs):
    """Hold one run to the plain graph: the outputs, and the gradients of the first."""
    single, part = ScalarProgram(tape), Binding(tape.parameters)
    slopes = gradients(outputs[0], [*leaves, *tape.parameters])
    for gradient in (True, False, True):
        results, by_inputs, by_parameters, *finite = single.run([leaf.data for leaf in leaves], part, gradient)
        assert finite == [1, 1]
        assert close(results, [output.data for output in outputs])
        assert not gradient or close([*by_inputs, *by_parameters], slopes)


def taped(function, *numbers):
    """The tape of a function of numbers; the leaves and the outputs."""
    leaves = [Value(x) for x in numbers]
    outputs = function(*leaves)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return Tape([(f"x{i}", leaf) for i, leaf in enumerate(leaves)], outputs), leaves, outputs


def mlp(fused, sizes=(3, 4, 4, 2)):
    return MLP(sizes[0], list(sizes[1:]), activation="tanh", fused=fused, rng=random.Random(0))


def probabilities(*xs):
    ps, others, logs = softmax(xs), softmax(xs[::-1]), log_softmax([*xs, xs[0] * 2.0])
    return [ps[2] * logs[0] + ps[0] * others[1], logs[3], logs[1], ps[2]]


SAMPLES = {
    "fused": lambda *xs: mlp(True)(xs),
    "chopped": lambda *xs: mlp(False)(xs),
    "loss of fused": lambda *xs: total([(y - 1.0) ** 2 for y in mlp(True)(xs)]) + logsumexp(xs),
    "groups": probabilities,
    "group of a network": lambda *xs: -log_softmax(mlp(True)(xs))[1],
    "leaves and constants": lambda *xs: [xs[1] * 2.0, xs[1], Value(3.0), xs[0]],
    "twice": lambda *xs: [(y := xs[0] * xs[1]), y, y * y, xs[2]],
}


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(programs(STEPS, most=14, inputs=4), st.lists(numbers, min_size=4, max_size=4))
def test_random_programs_keep_their_promises(program, xs):
    leaves = [Value(x) for x in xs[:2]]
    check(Tape([("a", leaves[0]), ("b", leaves[1])], [program(*leaves, *map(parameter, xs[2:]))]))


@pytest.mark.usefixtures("machine_code")
@settings(derandomize=True, database=None, deadline=None, max_examples=40)
@given(programs(STEPS, most=14, inputs=4), st.lists(numbers, min_size=4, max_size=4))
def test_random_programs_give_what_the_plain_graph_gives(program, xs):
    leaves = [Value(x) for x in xs[:2]]
    outputs = [program(*leaves, *map(parameter, xs[2:])), leaves[1]]
    check_numbers(Tape([("a", leaves[0]), ("b", leaves[1])], outputs), leaves, outputs)


@pytest.mark.usefixtures("machine_code")
@pytest.mark.parametrize("name", SAMPLES)
def test_networks_and_groups(name):
    tape, leaves, outputs = taped(SAMPLES[name], 0.5, -1.5, 2.0)
    check(tape)
    check_numbers(tape, leaves, outputs)


def test_a_layer_is_a_run_of_rows_and_one_of_activations():
    tape, *_ = taped(SAMPLES["fused"], 0.5, -1.5, 2.0)
    listing = [(getattr(what, "symbol", what), rows, len(run)) for (what, _), rows, run in check(tape)]
    layer = [("dot", True, 4), ("tanh", False, 4)]
    assert listing == [*layer, *layer, ("dot", True, 2)]


def test_a_chopped_network_has_few_runs():
    tape, *_ = taped(SAMPLES["chopped"], 0.5, -1.5, 2.0)
    runs = check(tape)
    assert len(tape) > 4 * len(runs)


# Rows.


def rows_told(weights, inputs, bias=None):
    """For every dot over some of w0 to w7 and of the inputs x0 to x7, whether it is told as rows."""
    ws, xs = [parameter(0.5 + i, f"w{i}") for i in range(8)], [Value(1.0 - i) for i in range(8)]
    answers = [total([ws[i] for i in range(8)])]  # so that the parameters stand in their order
    answers += [dot([ws[i] for i in some], [xs[i] for i in others], bias) for some, others in zip(weights, inputs)]
    tape = Tape([(f"x{i}", x) for i, x in enumerate(xs)], answers)
    assert [p.label for p in tape.parameters][:8] == [w.label for w in ws]
    return [rows for (what, _), rows, run in check(tape) for _ in run if what is dot_rule]


@pytest.mark.parametrize("bias", [None, 2.0])
@pytest.mark.parametrize(
    ("weights", "inputs", "rows"),
    [
        ([0, 1, 2], [0, 1, 2], True),
        ([4, 5, 6], [1, 2, 3], True),
        ([6, 7], [0, 1], True),
        ([2, 1, 0], [0, 1, 2], False),
        ([0, 1, 2], [2, 1, 0], False),
        ([0, 1, 3], [0, 1, 2], False),
        ([0, 1, 2], [0, 2, 3], False),
        ([0, 0, 0], [0, 1, 2], False),
        ([1, 2, 0], [0, 1, 2], False),
        ([3], [3], False),  # one alone is no row
    ],
)
def test_only_what_stands_in_a_row_is_told_as_rows(weights, inputs, rows, bias):
    assert rows_told([weights], [inputs], bias) == [rows]


def test_rows_of_any_length_are_one_run_and_others_are_none():
    assert Counter(rows_told([[0, 1], [0, 1, 2], [2, 1], [5, 6, 7]], [[0, 1], [4, 5, 6], [0, 1], [1, 2, 3]])) == {
        True: 3,
        False: 1,
    }


@pytest.mark.usefixtures("machine_code")
@pytest.mark.parametrize("bias_first", [False, True])
def test_rows_with_and_without_a_bias_are_not_one_run(bias_first):
    ws = [parameter(1.0 + i) for i in range(5)]

    def function(*xs):
        dots = [dot(ws[:2], xs), dot(ws[2:4], xs, ws[4])]
        return total(dots[::-1] if bias_first else dots)

    tape, leaves, outputs = taped(function, 2.0, 3.0)
    runs = check(tape)
    assert sum(rows for _, rows, _ in runs) == 2
    check_numbers(tape, leaves, outputs)


@pytest.mark.usefixtures("machine_code")
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("width", range(2, 10))
def test_layers_of_any_width_give_the_numbers_of_the_plain_graph(width, biased):
    """Four rows at a time, four products at a time, and what is left over of both."""
    rng = random.Random(width)
    xs = [rng.uniform(-2, 2) for _ in range(width)]
    for neurons in (1, 3, 4, 5, 9):
        ws = [[parameter(rng.uniform(-1, 1)) for _ in range(width + biased)] for _ in range(neurons)]

        def layer(*xs, ws=ws):
            return [dot(row[:width], xs, row[width] if biased else None).tanh() for row in ws]

        tape, leaves, outputs = taped(layer, *xs)
        assert [rows for (what, _), rows, _ in check(tape) if what is dot_rule] == [True]
        check_numbers(tape, leaves, outputs)
        _, leaves, outputs = taped(lambda *xs, layer=layer: total(layer(*xs)), *xs)
        check_numbers(Tape([(f"x{i}", x) for i, x in enumerate(leaves)], outputs), leaves, outputs)


@pytest.mark.usefixtures("machine_code")
def test_a_row_may_overlap_itself():
    tape, leaves, outputs = taped(lambda *xs: dot(xs[:3], xs[1:]) + dot(xs[:2], xs[:2], xs[0]), 2.0, 3.0, 5.0, 7.0)
    assert [rows for (what, _), rows, _ in check(tape) if what is dot_rule] == [True, True]
    check_numbers(tape, leaves, outputs)


def test_results_of_a_run_are_a_row_for_the_next():
    """What a layer gives stands side by side, even where it was computed one behind the other."""

    def function(*xs):
        ys = [(x * 2.0).tanh() for x in xs]
        return dot([parameter(0.5) for _ in xs], ys)

    tape, *_ = taped(function, 1.0, 2.0, 3.0)
    operands = next(operands for what, operands, *_ in tape if what is dot_rule)
    assert not in_a_row(operands[3:])
    assert [rows for (what, _), rows, _ in check(tape) if what is dot_rule] == [True]


# Nothing to do.


@pytest.mark.parametrize(
    ("outputs", "expected", "slopes"),
    [
        (lambda x, w: [x], [3.0], [1.0]),
        (lambda x, w: [w], [2.0], [0.0, 1.0]),
        (lambda x, w: [w, x], [2.0, 3.0], [0.0, 1.0]),
        (lambda x, w: [Value(5.0, role="constant")], [5.0], [0.0]),
    ],
)
def test_a_tape_without_instructions(outputs, expected, slopes):
    x, w = Value(3.0), parameter(2.0)
    tape = Tape([("x", x)], outputs(x, w))
    integers, begins, place = scheduled(tape)
    assert (len(tape), len(integers), len(begins)) == (0, 0, 0)
    assert place.tolist() == list(range(tape.leaves))
    single = ScalarProgram(tape)
    results, by_inputs, by_parameters, *finite = single.run([3.0], Binding(tape.parameters), True)
    assert (results, [*by_inputs, *by_parameters], finite) == (expected, slopes, [1, 1])
    assert not single.goes_bad([3.0], Binding(tape.parameters))


def test_what_a_run_gave_stays_when_there_is_another():
    w = parameter(2.0)
    tape, *_ = taped(lambda x: x * w, 3.0)
    single, part = ScalarProgram(tape), Binding(tape.parameters)
    results, by_inputs, by_parameters, *_ = single.run([3.0], part, True)
    single.run([5.0], part, True)
    assert (results, by_inputs, by_parameters.tolist()) == ([6.0], [2.0], [3.0])


def test_what_goes_bad_is_told():
    tape, *_ = taped(lambda x: [(x * 2.0).log()], 1.0)
    single, part = ScalarProgram(tape), Binding(())
    assert (single.run([1.0], part, True)[3:], single.goes_bad([1.0], part)) == ((1, 1), False)
    assert (single.run([-1.0], part, False)[3:], single.goes_bad([-1.0], part)) == ((0, 1), True)
    assert single.run([float("nan")], part, False)[3:] == (0, 1)
    assert not single.goes_bad([float("nan")], part), "nothing went bad that was not so before"


def test_zero_absorbs_in_a_dot_whose_upstream_is_infinite():
    w, u = parameter(0.0), parameter(1.0)
    tape, *_ = taped(lambda x: dot([w, u], [x, x]).sqrt(), 0.0)  # the same input twice is not contiguous
    _, by_inputs, by_parameters, *_ = ScalarProgram(tape).run([0.0], Binding(tape.parameters), True)
    assert (by_inputs, by_parameters.tolist()) == ([float("inf")], [0.0, 0.0])


# A layer that is used at several places is a matrix product.


def used_at(places, rows, n, bias, overlapping=False):
    """A tape of a layer at several places, whose outputs are its dots, and of their cosines, each by another factor."""
    draw = random.Random(f"{places} {rows} {n}")

    def parameters(count):
        return [Value(draw.uniform(-1, 1), role="parameter") for _ in range(count)]

    if overlapping:
        long = parameters(rows + n)
        matrix = [long[j : j + n] for j in range(rows)]
    else:
        matrix = [parameters(n) for _ in range(rows)]
    biases = parameters(rows) if bias else [None] * rows

    def outputs(*xs):
        dots = [dot(w, xs[i * n : i * n + n], b) for i in range(places) for w, b in zip(matrix, biases)]
        return [dot([Value(i + 1.0, role="constant") for i in range(len(dots))], [z.cos() for z in dots]), *dots]

    return taped(outputs, *[draw.uniform(-1, 1) for _ in range(places * n)])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("places", "rows"), [(2, 8), (3, 9), (9, 16), (4, 23)])
@pytest.mark.parametrize("n", [2, 3, 4, 7, 16, 17, 35])
def test_a_layer_used_at_several_places_gives_the_very_bits_of_the_plain_sum(places, rows, n, bias):
    tape, leaves, outputs = used_at(places, rows, n, bias)
    check(tape)
    assert products_of(tape) == 1
    check_numbers(tape, leaves, outputs)
    found, *_ = ScalarProgram(tape).run([leaf.data for leaf in leaves], Binding(tape.parameters), True)
    for z, output in zip(found[1:], outputs[1:], strict=True):
        numbers = [parent.data for parent in output.parents]
        expected = numbers[2 * n] if bias else 0.0
        for w, x in zip(numbers[:n], numbers[n:]):  # in order; from Python 3.12 on a dot rounds better
            expected += w * x
        assert z == expected


def test_the_rows_of_a_matrix_may_overlap():
    tape, leaves, outputs = used_at(5, 12, 18, False, overlapping=True)
    assert products_of(tape) == 1
    check_numbers(tape, leaves, outputs)


def test_what_is_no_matrix_product_is_told_from_one():
    ws = [[Value(0.1 * i + j, role="parameter") for i in range(4)] for j in range(9)]
    once = taped(lambda *xs: [dot(w, xs) for w in ws], *range(4))[0]
    few_rows = taped(lambda *xs: [dot(w, xs[i : i + 4]) for i in (0, 4) for w in ws[:7]], *range(8))[0]
    other_rows = taped(lambda *xs: [dot(w, xs[:4]) for w in ws] + [dot(w, xs[4:]) for w in ws[::-1]], *range(8))[0]
    a_row_less = taped(lambda *xs: [dot(w, xs[:4]) for w in ws] + [dot(w, xs[4:]) for w in ws[:8]], *range(8))[0]
    other_bias = taped(lambda *xs: [dot(w, xs[i : i + 4], ws[i][0]) for i in (0, 4) for w in ws], *range(8))[0]
    for tape in (once, few_rows, other_rows, a_row_less, other_bias):
        check(tape)
        assert products_of(tape) == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("where", ["weight", "input", "slope"])
@pytest.mark.parametrize("awkward", [math.inf, -math.inf, math.nan, 1e308, 0.0])
def test_a_zero_absorbs_what_is_not_finite_in_a_matrix_product_too(awkward, where):
    draw = random.Random(0)
    ws = [[Value(draw.uniform(-1, 1), role="parameter") for _ in range(5)] for _ in range(8)]
    slopes = [Value(draw.choice([0.0, 0.0, 1.0, -2.0]), role="parameter") for _ in range(16)]
    xs = [draw.choice([0.0, 1.0, draw.uniform(-1, 1)]) for _ in range(10)]
    if where == "weight":
        ws[3][2].data = awkward
    elif where == "input":
        xs[7] = awkward
    else:
        slopes[9].data = awkward

    def f(xs):
        dots = [dot(w, xs[i : i + 5]) for i in (0, 5) for w in ws]
        return dot(slopes, [z.relu() for z in dots])

    leaves = [Value(x) for x in xs]
    parameters = [*(p for row in ws for p in row), *slopes]
    plain = f(leaves)
    expected = [plain.data, *gradients(plain, [*leaves, *parameters])]
    tape = Tape([(f"x{i}", leaf) for i, leaf in enumerate(leaves)], [plain])
    assert products_of(tape) == 1
    (data,), by_inputs, by_parameters, *_ = ScalarProgram(tape).run(xs, Binding(tape.parameters), True)
    slots = dict(zip(tape.parameters, by_parameters))
    found = [data, *by_inputs, *[slots[p] for p in parameters]]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-300, nan_ok=True)
