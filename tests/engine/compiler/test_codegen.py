"""Machine code against the table it is made from: every rule and every loop, one run at a time and in lanes."""

import math
import random
from itertools import product
from math import inf, nan

import pytest

from engine import Rule, Value, compile, dot, log_softmax, nary_rules, rules, softmax
from tests.agreement import agrees, check, check_lanes, quietly
from tests.rule_samples import AWKWARD, FEW, NAMED, SAMPLED, awkward_points, every_rule

np = pytest.importorskip("numpy", reason="without numpy and numba there is no machine code")
pytest.importorskip("numba", reason="without numba there is no machine code")

from engine.compiler.kernels.codegen import source, to_numba  # noqa: E402
from engine.compiler.kernels.disk_cache import load_generated  # noqa: E402
from engine.compiler.kernels.nary import NARY_KERNELS  # noqa: E402

pytestmark = pytest.mark.usefixtures("machine_code")

# The kernels, one of every rule in the table and of every member of a family.


def has_choice(point):
    """Whether `take` may be asked for this one: `select` refuses what is no whole number before."""
    return math.isinf(point[0]) or point[0] == math.floor(point[0]) if point[0] == point[0] else False


def points_of(name, sample):
    points = [*sample.points, *awkward_points(sample)]
    return list(filter(has_choice, points)) if name == "gather" else points


@every_rule
def test_a_rule_is_the_same_as_machine_code(name, sample):
    points = points_of(name, sample)
    check(NAMED[name], points)


@every_rule
def test_a_rule_is_the_same_in_lanes(name, sample):
    rule, points = NAMED[name], points_of(name, sample)
    begin = 0
    for width in (1, 3, 20, 130, 300, len(points)):
        some = points[begin : begin + width]
        begin += width
        if some:
            check_lanes(rule, some)


@every_rule
def test_a_rule_is_the_same_where_lanes_share_an_operand(name, sample):
    rule, n = NAMED[name], len(sample.symbols)
    for shared in range(min(n, 2)):
        for number in FEW if n > 1 else [0.0, 2.0]:
            points = [[0.5] * n for _ in range(8)]
            for point, other in zip(points, [0.0, -1.0, 800.0, inf, nan, 1e-300, 3.0, number]):
                point[1 - shared if n > 1 else 0] = other
                point[shared] = number
            points = [tuple(point) for point in points if name != "gather" or has_choice(point)]
            if points:
                check_lanes(rule, points, {shared})


@every_rule
def test_a_rule_of_the_same_operand_twice_is_the_same(name, sample):
    rule, n = NAMED[name], len(sample.symbols)
    points = [(x,) for x in AWKWARD if name != "gather" or has_choice([x])]

    def repeated(x):
        return rule(*[x] * n)

    check(repeated, points)
    check_lanes(repeated, points)


@every_rule
def test_several_of_a_rule_side_by_side_are_the_same(name, sample):
    rule, n = NAMED[name], len(sample.symbols)
    points = [
        point for point in [*sample.points, *product(FEW, repeat=n)][:100] if name != "gather" or has_choice(point)
    ]

    def several(*xs):
        turned = xs if name == "gather" else xs[::-1]
        return dot([1.0, -2.0, 0.5], [rule(*xs), rule(*turned), rule(*xs)])

    check(several, points)


# The loops, of any number of operands.


def of_all(rule):
    """The functions of a loop of so many operands: here the rule of all of them."""
    return lambda n: [rule]


def groups(family, several):
    """Of each output alone, of some, and of all, in an order of their own."""

    def functions(n):
        every = [family(i) for i in range(n)]
        some = lambda *xs: dot([2.0, -3.0], [family(n - 1)(*xs), family(0)(*xs)])  # noqa: E731
        weights = [1.0, -2.0, 0.5, 4.0, -0.25][:n]
        return [*every, some, lambda *xs: dot(weights, several(xs))]

    return functions


LOOP_FUNCTIONS = {
    nary_rules.dot: lambda n: [lambda *xs: nary_rules.dot(*reversed(xs)), nary_rules.dot],  # operands in a row, and not
    nary_rules.total: of_all(nary_rules.total),
    nary_rules.mean: of_all(nary_rules.mean),
    nary_rules.largest: of_all(nary_rules.largest),
    nary_rules.smallest: of_all(nary_rules.smallest),
    nary_rules.logsumexp: of_all(nary_rules.logsumexp),
    nary_rules.gather: of_all(nary_rules.gather),
    "softmax": groups(nary_rules.softmax, softmax),
    "log_softmax": groups(nary_rules.log_softmax, log_softmax),
}
TAME = [0.3, -1.2, 2.1, 0.3, 1.7, -0.9, 2.1, 0.0, -40.0]  # some twice: ties
WILD = [*TAME, 800.0, -800.0, 1e300, -1e300, 1e-300, inf, -inf, nan]


def drawn(rng, what, n, numbers):
    """Operands for a loop; the first one of `take` says which of the others."""
    point = [rng.choice(numbers) for _ in range(n)]
    if what is nary_rules.gather:
        point[0] = float(rng.randrange(-1, n + 1))
    return point


def test_every_loop_is_tested():
    """What spreads a number over lanes, and what takes operands in rows, comes in where a program is laid out."""
    assert NARY_KERNELS.keys() - {"broadcast", "layer", "contiguous dot", "matrix product"} == LOOP_FUNCTIONS.keys()


every_loop = pytest.mark.parametrize("what", LOOP_FUNCTIONS, ids=lambda what: getattr(what, "name", what))


@every_loop
@pytest.mark.parametrize("n", range(1, 6))
def test_a_loop_is_the_same_as_its_rule(what, n):
    if what is nary_rules.gather and n == 1:
        return  # there is nothing to choose from
    rng = random.Random(n)
    for function in LOOP_FUNCTIONS[what](n):
        points = [tuple(drawn(rng, what, n, numbers)) for numbers in (TAME, WILD) for _ in range(40)]
        check(function, points)


@every_loop
@pytest.mark.parametrize("n", range(1, 6))
def test_a_loop_is_the_same_in_lanes_whichever_operands_they_share(what, n):
    if what is nary_rules.gather and n == 1:
        return
    rng = random.Random(n)
    for function in LOOP_FUNCTIONS[what](n)[-2:]:
        for pattern in product([False, True], repeat=n):
            shared = {i for i in range(n) if pattern[i]}
            for lanes, numbers in ((1, TAME), (9, WILD)):
                common = drawn(rng, what, n, numbers)
                points = [drawn(rng, what, n, numbers) for _ in range(lanes)]
                points = [tuple(common[i] if i in shared else point[i] for i in range(n)) for point in points]
                check_lanes(function, points, shared)


@every_loop
def test_a_loop_is_the_same_in_more_lanes_than_stand_side_by_side(what):
    rng = random.Random(0)
    function = LOOP_FUNCTIONS[what](3)[-1]
    for shared in (set(), {1}):
        points = [drawn(rng, what, 3, WILD if i % 50 == 7 else TAME) for i in range(300)]
        points = [tuple(0.7 if i in shared else x for i, x in enumerate(point)) for point in points]
        check_lanes(function, points, shared)


@every_loop
def test_a_loop_of_the_same_operand_twice_is_the_same(what):
    rng = random.Random(0)
    function = LOOP_FUNCTIONS[what](4)[-1]

    def repeated(x, y):
        return function(x, y, y, x if what is not nary_rules.gather else y)

    points = [tuple(drawn(rng, what, 2, numbers)) for numbers in (TAME, WILD) for _ in range(20)]
    check(repeated, points)
    check_lanes(repeated, points)
    points = [(x, 2.1) for x, _ in points]
    check_lanes(repeated, points, {1})


def test_layers_of_dots_are_the_same():
    weights = [[0.5, -1.25, 2.0], [1.5, 0.25, -0.75], [-0.5, 3.0, 1.0], [2.5, -2.0, 0.125]]
    points = [(0.3, -0.7, 1.1), (2.0, 0.0, -1.5), (inf, 0.0, 1.0), (1e300, -1e300, nan)]

    def layers(*xs):
        hidden = [dot(row, xs) for row in weights]
        return dot(hidden, [dot(xs, hidden[i : i + 3], bias=xs[1]) for i in (0, 1)] * 2)

    check(layers, points)
    check_lanes(layers, points)
    check_lanes(layers, points[:1] * 5, {0, 2})


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("neurons", [2, 4, 5, 9, 14, 16])
def test_layers_of_parameters_are_the_same_in_lanes(neurons, activation, biased):
    """Four or eight dots at a time, and what is left over; of a width that fills no row of lanes, one that needs two.

    By the neurons of the outer layer are added up: gradients of eight at a time, of few that are left over, and of many
    that are, together with some of the eight before.
    """
    rng = random.Random(neurons)
    outputs = max(4, neurons - 3)
    inner = [[Value(rng.uniform(-1, 1)) for _ in range(3 + biased)] for _ in range(neurons)]
    outer = [[Value(rng.uniform(-1, 1)) for _ in range(neurons + biased)] for _ in range(outputs)]
    last = [rng.uniform(-2, 2) for _ in outer]
    parameters = [p for row in (*inner, *outer) for p in row]

    def layer(rows, xs):
        n = len(xs)
        return [dot(row[:n], xs, bias=row[n] if biased else None) for row in rows]

    def f(x):
        return dot(last, layer(outer, [getattr(z, activation)() for z in layer(inner, x)]))

    for size in (1, 3, 8, 123):
        rows = [[rng.uniform(-2, 2) for _ in range(3)] for _ in range(size)]
        for awkward in ([], [[inf, 0.0, 1.0]], [[0.0, nan, 1.0]], [[1e300, 1.0, -1e300]]):
            examples = rows[: size - len(awkward)] + awkward
            total = quietly(compile(f).sum, examples)
            quietly(total.backward)
            found = [p.grad for p in parameters]
            for p in parameters:
                p.grad = 0.0
            plain = [quietly(f, list(map(Value, row))) for row in examples]
            for z in plain:
                quietly(z.backward)
            largest = max([abs(z.data) for z in plain if math.isfinite(z.data)], default=1.0)
            terms = 100 * (1e300 if awkward else largest)
            assert agrees(total.data, sum(z.data for z in plain), terms.__float__)
            for a, p in zip(found, parameters):
                assert agrees(a, p.grad, terms.__float__), (a, p.grad)
                p.grad = 0.0


def test_layers_that_share_their_weights_transposed_are_the_same_in_lanes():
    """The weights of the second layer stand in a row in no neuron of it."""
    rng = random.Random(2)
    weights = [[Value(rng.uniform(-1, 1)) for _ in range(4)] for _ in range(4)]
    parameters = [p for row in weights for p in row]

    def f(x):
        hidden = [dot(row, x).tanh() for row in weights]
        return sum((dot(column, hidden) - y) ** 2 for column, y in zip(zip(*weights), x))

    rows = [[rng.uniform(-2, 2) for _ in range(4)] for _ in range(11)]
    found = []
    for z in (sum(f(list(map(Value, row))) for row in rows), compile(f).sum(rows)):
        for p in parameters:
            p.grad = 0.0
        z.backward()
        found.append([z.data, *[p.grad for p in parameters]])
    assert found[1] == pytest.approx(found[0], rel=1e-12)


def test_four_dots_whose_biases_differ_between_examples():
    rng = random.Random(1)
    rows = [[Value(rng.uniform(-1, 1)) for _ in range(2)] for _ in range(4)]
    examples = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(10)]
    found = compile(lambda x: [dot(row, x[:2], bias=x[2]) for row in rows]).map(examples)
    assert found == [[b + a.data * x + c.data * y for a, c in rows] for x, y, b in examples]


def test_a_layer_in_lanes_gives_the_very_bits_of_the_plain_sum():
    """What a kink turns on, the sign of a small difference, is the same."""
    rng = random.Random(0)
    weights = [[rng.uniform(-1, 1) for _ in range(7)] for _ in range(4)]
    parameters = [[Value(x) for x in row] for row in weights]
    rows = [[rng.uniform(-1, 1) for _ in range(6)] for _ in range(50)]
    found = compile(lambda x: [dot(row[:6], x, bias=row[6]) for row in parameters]).map(rows)
    for row, numbers in zip(rows, found):
        for (*w, b), number in zip(weights, numbers):
            total = b
            for a, x in zip(w, row):
                total += a * x
            assert number == total


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.bool_, np.float32, ">i8"])
@pytest.mark.parametrize("arranged", [np.array, lambda a: a[::-1], lambda a: a.reshape(-1, 1), lambda a: a[:1]])
def test_labels_of_any_kind_are_the_numbers_they_are(kind, arranged):
    labels = np.array([0, 1, 3, 2, 1, 0, 250, 7, 1, 0, 1], dtype=kind)
    y = arranged(labels)
    f = compile(lambda x, y: x * (y[0] if isinstance(y, list) else y) + 1.0)
    x = np.arange(1.0, len(y) + 1)
    for _ in range(2):
        expected = sum(a * float(b) + 1.0 for a, b in zip(x, y.ravel()))
        assert f.sum(x, y).data == expected
        labels[:] = labels[::-1].copy()  # the same array, with other numbers


def test_labels_too_large_for_a_float_are_rounded_as_numpy_does():
    labels = np.array([2**60 + 1, -(2**63), 2**53 + 1, 5])
    f = compile(lambda x: x + 0.0)
    assert f.map(labels) == labels.astype(float).tolist()


def test_many_lanes_give_the_sum_of_their_gradients():
    w = Value(0.5)
    rows = [[math.sin(i), math.cos(i)] for i in range(300)]

    def f(x):
        return (w * x[0]).tanh() + dot([w, x[1]], [x[0], w])

    plain = sum(f(list(map(Value, row))) for row in rows)
    plain.backward()
    expected, w.grad = w.grad, None
    total = compile(f).sum(rows)
    total.backward()
    assert total.data == pytest.approx(plain.data, rel=1e-12)
    assert w.grad == pytest.approx(expected, rel=1e-12)


# A user's own rules.

SLOPE = 0.3


def bent(x, below=0.25):
    return x if x > 0 else below * x


def squares(xs):
    total = 0.0
    for x in xs:
        total += x * x
    return total


def times(size):
    """A rule for each constant, of one text."""
    return Rule("times", lambda x: size * x, lambda z, x: (size,))


def looked_up(table):
    """A rule for each table, no two of which show in a short text of them."""
    return Rule("looked up", lambda x: table[1500] * x, lambda z, x: (table[1500],))


TABLE, OTHER_TABLE = np.zeros(3000), np.zeros(3000)
TABLE[1500], OTHER_TABLE[1500] = 2.0, 3.0

OWN = {
    "of one operand": (1, Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,))),
    "of two": (2, Rule("area", lambda x, y: x * y / 2, lambda z, x, y: (y / 2, x / 2))),
    "of any number, here two": (
        2,
        squared := Rule(
            "Σ²",
            lambda *xs: squares(xs),
            lambda z, *xs: (2 * xs[0], 2 * xs[1]) if len(xs) == 2 else (2 * xs[0], 2 * xs[1], 2 * xs[2]),
        ),
    ),
    "of any number, here three": (3, squared),
    "that calls rules": (
        1,
        Rule("swish", lambda x: x * rules.sigmoid(x), lambda z, x: (rules.sigmoid(x) * (1 + x - z),)),
    ),
    "that calls functions": (1, Rule("bent", lambda x: bent(x), lambda z, x: (rules.step(x) * 0.75 + 0.25,))),
    "that uses a variable": (1, Rule("scaled", lambda x: SLOPE * x, lambda z, x: (SLOPE,))),
    "that uses math": (1, Rule("sec", lambda x: 1 / math.cos(x), lambda z, x: (z * rules.tan(x),))),
    "that is a function of math": (1, Rule("Γ", math.gamma, lambda z, x: (z,))),
    "with whole slopes": (1, Rule("up", lambda x: x + 1, lambda z, x: (1,))),
    "for a constant": (1, times(2.0)),
    "for another": (1, times(3.0)),
    "for a table": (1, looked_up(TABLE)),
    "for another table": (1, looked_up(OTHER_TABLE)),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_rule_of_a_users_own_is_the_same_as_machine_code(kind):
    n, rule = OWN[kind]
    points = list(product([0.5, -1.25, 2.0, 3.0], repeat=n))
    check(rule, points)
    check_lanes(rule, points)
    check_lanes(rule, [(*point[:-1], 2.0) for point in points], {n - 1})


def test_a_rule_that_can_be_no_machine_code_is_told_and_runs_in_plain_python():
    unusual = {"twice": lambda x: 2 * x}
    rule = Rule("odd", lambda x: unusual["twice"](x), lambda z, x: (2.0,))
    w = Value(3.0, role="parameter")
    f = compile(lambda x: rule(x) * w)
    with pytest.warns(
        RuntimeWarning, match=r"^the rule 'odd' can't be made machine code: .*; what uses it runs in plain"
    ) as caught:
        z = f(2.0)
    assert [warning.filename for warning in caught] == [__file__]
    z.backward()
    assert (z.data, w.grad) == (12.0, 4.0)
    total = f.sum([1.0, 2.0])
    total.backward()
    assert (total.data, w.grad, f.map([1.0, 2.0])) == (18.0, 10.0, [6.0, 12.0])


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda x: raising(x), id="raises"),
        pytest.param(lambda x: asserting(x), id="asserts"),
        pytest.param(lambda x: catching(x), id="catches"),
    ],
)
def test_a_rule_that_raises_or_catches_errors_runs_in_plain_python(value):
    """In machine code no error is ever raised: what should stop there would go on."""
    f = compile(Rule("careful", value, lambda z, x: (1.0,)))
    with pytest.warns(
        RuntimeWarning, match=r"the rule 'careful' can't be made machine code: .* raises or catches errors"
    ):
        assert f(4.0).data == 2.0
    if value(4.0) and value.__code__.co_names[0] == "catching":
        assert f(-1.0).data == -1.0
    else:
        with pytest.raises((ValueError, AssertionError)):
            f(-1.0)


def raising(x):
    if x < 0:
        raise ValueError("below 0")
    return math.sqrt(x)


def asserting(x):
    assert x >= 0
    return math.sqrt(x)


def catching(x):
    try:
        return math.sqrt(x)
    except ValueError:
        return -1.0


def test_a_rule_with_a_partial_too_few_is_told_as_in_plain_python():
    short = Rule("short", lambda *xs: squares(xs), lambda z, *xs: (1.0,))
    f = compile(lambda x, y: short(x, y, x))
    with pytest.warns(RuntimeWarning, match="'short' can't be made machine code"):
        z = f(1.0, Value(2.0))
    with pytest.raises(TypeError, match="'short' must be a tuple of 3"):
        z.backward()


def test_machine_code_of_one_name_is_the_same_code():
    """Kernels from the disk, made by several processes, are linked by name; all rules are called <lambda> at first."""
    names = {}
    for name, _ in SAMPLED:
        rule = NAMED[name]
        if rule not in NARY_KERNELS and rule.name not in NARY_KERNELS:
            for function in (rule.value, rule.partials):
                part = to_numba(function)
                qualname = getattr(getattr(part.code, "py_func", None), "__qualname__", part.identity)
                assert names.setdefault(qualname, part.identity) == part.identity
                assert "lambda" not in qualname
    texts = [
        load_generated(source(n, batched), f"{n} {batched}", {})["forward"].__qualname__
        for n in (1, 2)
        for batched in (False, True)
    ]
    assert len({*texts}) == 4


def test_a_dot_that_is_infinite_before_a_relu_is_told():
    """The relu of -inf is 0, so that all that a layer writes down is finite."""
    weights = [[Value(-1.0 - i), Value(-2.0)] for i in range(3)]
    rows = [[0.5, -1.0], [1e308, 1e308], [0.25, 2.0]]

    def f(x):
        return dot([1.0, 2.0, 3.0], [dot(row, x).relu() for row in weights])

    with pytest.warns(RuntimeWarning) as plain:
        list(map(f, [[Value(x) for x in row] for row in rows]))
    compiled = compile(f)
    quietly(compiled.sum, rows[::2])
    with pytest.warns(RuntimeWarning) as told:
        compiled.sum(rows)
    assert [str(each.message) for each in told] == [str(each.message) for each in plain]


def test_a_number_that_is_infinite_for_all_examples_is_told():
    w = Value(1.0)
    f = compile(lambda x: x * (1 / w.exp()))
    for _ in range(5):
        f.sum([1.0, 2.0])
    w.data = 800.0
    with pytest.warns(RuntimeWarning, match=r"exp\(800.0\) gave inf"):
        assert f.sum([1.0, 2.0]).data == 0.0


def test_a_number_that_is_infinite_before_a_layer_is_told():
    """What is in front of a layer is looked at, though the layer's own results are not looked at twice."""
    weights = [[Value(1.0 + i), Value(-2.0)] for i in range(3)]

    def layer(xs):
        return dot([1.0, 2.0, 3.0], [dot(row, xs) for row in weights])

    f = compile(lambda x: layer([1 / x.exp(), x]))
    for _ in range(5):
        f.sum([1.0, 2.0])
    with pytest.warns(RuntimeWarning, match=r"exp\(800.0\) gave inf"):
        f.sum([1.0, 800.0])  # the sixth call is not compared with plain Python
