"""Every rule of the table against SymPy, finite differences, forward mode, and every awkward number.

The tests walk the table itself. A rule with no sample points in `rule_samples.py` fails here.
"""

import itertools
import math
import warnings
from functools import cache
from math import inf, nan, pi

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import GradientError, Rule, Value, check_gradients, grad, gradients, hessian, jvp, nary_rules, rules
from engine.rules import FAMILIES, RULES
from tests.agreement import by_backward, quietly, same
from tests.programs import programs
from tests.rule_samples import CUBE, FAMILY_SAMPLES, NAMED, SAMPLES, Sample, awkward_points, every_rule

EPSILON = 2.0**-52
THINGS = vars(rules) | vars(nary_rules)  # all that the table is written in
TINY = 1e-321  # what is lost below the smallest normal number
LARGEST = mp.mpf(2) ** 1024 * (1 - mp.mpf(2) ** -54)  # from here on a float rounds to inf


# The table is covered.


def test_every_rule_of_the_table_has_sample_points():
    assert SAMPLES.keys() == RULES.keys()


def test_every_family_has_sample_points():
    assert FAMILY_SAMPLES.keys() == FAMILIES.keys()
    made = {name for name, make in THINGS.items() if hasattr(make, "cache_info") and not name.startswith("_")}
    assert made == FAMILIES.keys()


def test_every_rule_is_in_the_table():
    assert {id(rule) for rule in RULES.values()} == {id(r) for r in THINGS.values() if isinstance(r, Rule)}


@every_rule
def test_there_are_a_few_points_of_each(name, sample):
    assert len(sample.points) >= 2
    assert not any(sample.outside(*point) for point in sample.points)


# What a rule should give, in many digits.


@cache
def compiled(sample: Sample, *by: int):
    away_from_kinks = {"DiracDelta": lambda x: mp.mpf(0)}
    return sp.lambdify(sample.symbols, sample.derivative(*by), [away_from_kinks, "mpmath"])


def in_digits(digits, sample, by, point):
    """The derivative by the operands `by`, or None where SymPy's formula has no finite real answer."""
    with mp.workdps(digits):
        try:
            answer = mp.mpmathify(compiled(sample, *by)(*map(mp.mpf, point)))
        except (ArithmeticError, ValueError, TypeError):
            return None
    return None if isinstance(answer, mp.mpc) or not mp.isfinite(answer) else answer


def is_near(number, truth, ulps):
    """Whether a float is the true number up to so many roundings: inf where a float overflows, 0 where it cannot go."""
    if abs(truth) >= LARGEST:
        return number == math.copysign(inf, truth)
    return math.isfinite(number) and abs(mp.mpf(number) - truth) <= ulps * EPSILON * abs(truth) + TINY


def is_true(number, sample, by, point, ulps):
    """Whether a float is what the formula gives; None if it gives nothing. Zeros ask for digits that cannot cancel."""
    truth = in_digits(60, sample, by, point)
    if truth is None or (truth and number and is_near(number, truth, ulps)):
        return None if truth is None else True
    truth = in_digits(700, sample, by, point)
    return None if truth is None else is_near(number, truth, ulps)


def by_hand(rule, point):
    """Value and partials on floats."""
    z = rule(*point)
    return z, rule.evaluate_partials(z, *point)


# Ordinary points. Eight units in the last place, 1.8e-15: gelu' crosses zero at -0.75 and needs six at -0.7; no other
# rule needs more than three.


@every_rule
def test_value_and_partials_are_sympys(name, sample):
    for point in sample.points:
        value, slopes = by_backward(NAMED[name], point)
        assert is_near(value, in_digits(40, sample, (), point), 8), point
        assert len(slopes) == len(point)
        for i, slope in enumerate(slopes):
            assert is_near(slope, in_digits(40, sample, (i,), point), 8), (point, i)


@every_rule
def test_rule_on_floats_gives_what_it_gives_on_values(name, sample):
    rule = NAMED[name]
    for point in sample.points:
        value, slopes = by_hand(rule, point)
        assert (value, slopes) == by_backward(rule, point)
        assert rule(*map(Value, point)).local_gradients() == slopes


@every_rule
def test_partials_are_finite_differences(name, sample):
    for point in sample.points:
        if name == "stop_gradient":
            with pytest.raises(GradientError):
                check_gradients(NAMED[name], *point)
        else:
            assert check_gradients(NAMED[name], *point).ok


@every_rule
def test_second_derivatives_are_sympys(name, sample):
    for point in sample.points:
        matrix = hessian(NAMED[name])(*point)
        for i, j in itertools.product(range(len(point)), repeat=2):
            assert matrix[i][j] == pytest.approx(float(in_digits(40, sample, (i, j), point)), rel=1e-9, abs=1e-9)


@every_rule
def test_forward_mode_is_reverse_mode(name, sample):
    rule = NAMED[name]
    for point in sample.points:
        slopes = grad(rule, argnums=range(len(point)))(*point)
        for i, slope in enumerate(slopes):
            along = [float(i == j) for j in range(len(point))]
            assert jvp(rule, point, along) == pytest.approx((rule(*point), slope), rel=1e-12, abs=1e-12)
        mixed = [0.7 - 0.4 * j for j in range(len(point))]
        expected = sum(slope * rate for slope, rate in zip(slopes, mixed))
        assert jvp(rule, point, mixed)[1] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@every_rule
def test_checker_reports_a_partial_that_is_wrong_by_a_thousandth(name, sample):
    rule = NAMED[name]
    for wrong in range(len(sample.symbols)):
        if sample.derivative(wrong) == 0:
            continue

        def partials(z, *xs, wrong=wrong):
            slopes = rule.partials(z, *xs)
            return (*slopes[:wrong], slopes[wrong] * 1.001, *slopes[wrong + 1 :])

        broken = Rule(rule.symbol, rule.value, partials)
        steep = [p for p in sample.points if abs(in_digits(40, sample, (wrong,), p)) > 1e-3]
        assert steep
        for point in steep:
            with pytest.raises(GradientError, match="DIFFERS"):
                check_gradients(broken, *point)


def test_a_users_own_rule_is_differentiated_as_often_as_one_likes():
    assert [f(2.0) for f in (CUBE, grad(CUBE), grad(grad(CUBE)), grad(grad(grad(CUBE))))] == [8.0, 12.0, 12.0, 6.0]


# Random programs. Every step keeps numbers from -1 to 1, so that no program grows out of bounds.

STEPS = [
    lambda x, y: x * y,
    lambda x, y: (x - y) / 2,
    lambda x, y: x / (1 + y * y),
    lambda x, y: rules.sin(x + 2 * y),
    lambda x, y: rules.tanh(x) ** 3,
    lambda x, y: rules.sigmoid(x - y),
    lambda x, y: rules.softplus(x) / 2,
    lambda x, y: rules.gelu(x + y) / 2,
    lambda x, y: rules.exp(x * y - 1),
    lambda x, y: rules.log(2 + x) * rules.cos(y),
    lambda x, y: nary_rules.mean(x, y, x),
    lambda x, y: nary_rules.dot(x, y, y, 0.5, y, x, 0.25) / 3,
    lambda x, y: nary_rules.logsumexp(x, y, x) / 3,
    lambda x, y: nary_rules.softmax(1)(x, y, y),
    lambda x, y: rules.hypot(x, 2 + y) / 4,
    lambda x, y: rules.pow(2 + x, y) / 3,
    lambda x, y: rules.atan2(x, 2 + y),
    lambda x, y: rules.binary_cross_entropy(x, rules.sigmoid(y)) / 2,
]
coordinates = st.floats(-1, 1).map(lambda x: round(x, 3))
tame_programs = programs([(step, 2) for step in STEPS])


@settings(derandomize=True, database=None, max_examples=100, deadline=None)
@given(tame_programs, coordinates, coordinates)
def test_random_programs(program, x, y):
    a, b = Value(x), Value(y)
    output = program(a, b)
    data = output.data
    slopes = gradients(output, [a, b])
    assert slopes == [g.data for g in gradients(output, [a, b], create_graph=True)]
    assert slopes == list(grad(program, argnums=(0, 1))(x, y))  # the same bits every time
    output.backward()
    assert slopes == [a.grad or 0.0, b.grad or 0.0]  # None where the program makes no use of it
    assert output.data == data
    assert jvp(program, (x, y), (1.0, 0.0))[1] == pytest.approx(slopes[0], rel=1e-12, abs=1e-12)
    assert jvp(program, (x, y), (0.0, 1.0))[1] == pytest.approx(slopes[1], rel=1e-12, abs=1e-12)
    check_gradients(program, x, y, atol=1e-8)


@settings(derandomize=True, database=None, max_examples=30, deadline=None)
@given(tame_programs, coordinates, coordinates)
def test_second_derivatives_of_random_programs(program, x, y):
    (xx, xy), (yx, yy) = hessian(program)(x, y)
    assert xy == pytest.approx(yx, rel=1e-9, abs=1e-9)
    by_x, by_y = grad(program, 0), grad(program, 1)
    check_gradients(by_x, x, y, rtol=1e-4, atol=1e-7)
    assert jvp(by_x, (x, y), (1.0, 0.0))[1] == pytest.approx(xx, rel=1e-9, abs=1e-9)  # forward over reverse
    assert jvp(by_y, (x, y), (0.0, 1.0))[1] == pytest.approx(yy, rel=1e-9, abs=1e-9)


# Awkward numbers, alone and in pairs.


@every_rule
def test_awkward_inputs_give_the_true_answer_where_there_is_one(name, sample):
    rule, tried = NAMED[name], 0
    for point in awkward_points(sample):
        if not all(map(math.isfinite, point)) or sample.outside(*point):
            continue
        value, slopes = by_hand(rule, point)
        for by, number in [((), value), *(((i,), slope) for i, slope in enumerate(slopes))]:
            verdict = is_true(number, sample, by, point, ulps=8)
            assert verdict is not False, (point, by, number, mp.nstr(in_digits(700, sample, by, point), 20))
            tried += verdict is True
    assert tried >= 8


@every_rule
def test_no_input_gives_a_complex_number_or_an_exception(name, sample):
    rule = NAMED[name]
    for point in awkward_points(sample):
        value, slopes = by_hand(rule, point)
        assert type(value) is float, point
        assert {type(slope) for slope in slopes} == {float}, point


@every_rule
def test_no_awkward_input_differs_between_floats_and_values(name, sample):
    """Recorded or not, to be differentiated again or not: the same number."""
    rule = NAMED[name]
    for point in awkward_points(sample):
        value, slopes = by_hand(rule, point)
        data, backward = quietly(by_backward, rule, point)
        assert same(value, data), point
        assert all(map(same, slopes, backward)), point
        variables = [Value(x) for x in point]
        recorded = gradients(quietly(rule, *variables), variables, create_graph=True)
        assert all(same(slope, g.data) for slope, g in zip(slopes, recorded)), point


@every_rule
def test_second_derivatives_at_awkward_inputs_are_real_numbers(name, sample):
    for point in awkward_points(sample):
        matrix = quietly(hessian(NAMED[name]), *point)
        assert {type(entry) for row in matrix for entry in row} == {float}, point


@every_rule
def test_zero_upstream_gives_exactly_zero(name, sample):
    for point in awkward_points(sample):
        xs = [Value(x) for x in point]
        quietly(lambda xs=xs: (NAMED[name](*xs) * 0).backward())
        if not (NAMED[name].jumps and math.isnan(NAMED[name].evaluate_partials(0.0, *point)[0])):
            assert [x.grad for x in xs] == [0.0] * len(xs), point


@every_rule
def test_warning_where_a_finite_input_gives_inf_or_nan_and_nowhere_else(name, sample):
    for point in awkward_points(sample):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            z = NAMED[name](*map(Value, point)).data
        deserved = not math.isfinite(z) and all(map(math.isfinite, point))
        assert [w.category for w in caught] == [RuntimeWarning] * deserved, point
        if deserved:
            assert str(caught[0].message).endswith(f") gave {z}")
            assert caught[0].filename == __file__


# IEEE 754 and these rules give a number where one operand, not a number, does not matter to the answer.
NAN_DOES_NOT_MATTER = {"equal", "greater", "less", "power(0.0)", "gather", "where"}


@every_rule
def test_nan_is_never_swallowed(name, sample):
    if name in NAN_DOES_NOT_MATTER:
        return
    for i in range(len(sample.symbols)):
        for other in (1.5, 0.5, -3.0):
            point = [nan if i == j else other for j in range(len(sample.symbols))]
            if name == "_log" and i == 1:
                continue  # its second operand only says what to do at 0
            assert math.isnan(NAMED[name](*point)), point


def test_nan_that_does_not_matter():
    assert rules.equal(nan, nan) == rules.greater(nan, 1.0) == rules.less(1.0, nan) == 0.0
    assert nary_rules.where(1.0, 2.0, nan) == nary_rules.where(0.0, nan, 2.0) == 2.0
    assert math.isnan(nary_rules.where(nan, 1.0, 2.0))
    assert rules.pow(nan, 0.0) == rules.pow(1.0, nan) == rules.power(0.0)(nan) == 1.0
    assert rules.hypot(inf, nan) == inf


# The decreed answers, each as value and partials: exactly, or to a few ulp where they are written as formulas.

DECREES = [
    # kinks
    ("relu", (0.0,), 0.0, (0.0,)),
    ("relu", (-0.0,), 0.0, (0.0,)),
    ("absolute", (0.0,), 0.0, (0.0,)),
    ("cosine", (0.0, nan), nan, (nan, nan)),
    ("elu", (0.0,), 0.0, (1.0,)),
    ("leaky_relu(0.01)", (0.0,), 0.0, (0.01,)),
    ("leaky_relu(0.2)", (-0.0,), 0.0, (0.2,)),
    ("clamp(-1.0, 1.0)", (1.0,), 1.0, (0.0,)),
    ("clamp(-1.0, 1.0)", (-1.0,), -1.0, (0.0,)),
    ("clamp(0.0, 6.0)", (6.5,), 6.0, (0.0,)),
    ("maximum", (1.0, 1.0), 1.0, (0.5, 0.5)),
    ("minimum", (1.0, 1.0), 1.0, (0.5, 0.5)),
    ("maximum", (0.0, -0.0), 0.0, (0.5, 0.5)),
    ("maximum", (inf, inf), inf, (0.5, 0.5)),
    ("largest", (2.0, 2.0, 1.0), 2.0, (0.5, 0.5, 0.0)),
    ("largest", (2.0, 2.0, 2.0), 2.0, (1 / 3, 1 / 3, 1 / 3)),
    ("smallest", (2.0, 1.0, 1.0), 1.0, (0.0, 0.5, 0.5)),
    ("hypot", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("atan2", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("atan2", (0.0, -1.0), pi, (-1.0, 0.0)),
    ("atan2", (-0.0, -1.0), -pi, (-1.0, 0.0)),
    ("cosine", (0.0, 0.0), 0.0, (nan, nan)),
    ("sqrt", (0.0,), 0.0, (inf,)),
    ("sqrt", (-0.0,), -0.0, (inf,)),
    ("zero_mul", (inf, 0.0), 0.0, (0.0, inf)),
    ("zero_mul", (nan, 0.0), nan, (0.0, nan)),
    ("zero_div", (0.0, 0.0), 0.0, (inf, 0.0)),
    ("zero_div", (1.0, 0.0), inf, (inf, -inf)),
    # powers
    ("pow", (0.0, 0.0), 1.0, (0.0, 0.0)),
    ("pow", (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("pow", (0.0, 2.0), 0.0, (0.0, 0.0)),
    ("pow", (0.0, 0.5), 0.0, (inf, 0.0)),
    ("_log", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("pow", (0.0, -1.0), inf, (-inf, -inf)),
    ("pow", (-2.0, 3.0), -8.0, (12.0, nan)),
    ("pow", (-2.0, 0.5), nan, (nan, nan)),
    ("power(0.0)", (0.0,), 1.0, (0.0,)),
    ("power(1.0)", (0.0,), 0.0, (1.0,)),
    ("power(2.0)", (0.0,), 0.0, (0.0,)),
    ("power(2.0)", (-3.0,), 9.0, (-6.0,)),
    ("power(3.0)", (-2.0,), -8.0, (12.0,)),
    ("power(-1.0)", (0.0,), inf, (-inf,)),
    ("power(-1.0)", (-0.0,), -inf, (-inf,)),
    ("power(0.5)", (0.0,), 0.0, (inf,)),
    ("power(0.5)", (-2.0,), nan, (nan,)),
    ("power(1.5)", (0.0,), 0.0, (0.0,)),
    # not a number
    ("maximum", (nan, 1.0), nan, (nan, nan)),
    ("maximum", (1.0, nan), nan, (nan, nan)),
    ("minimum", (nan, 1.0), nan, (nan, nan)),
    ("minimum", (1.0, nan), nan, (nan, nan)),
    ("relu", (nan,), nan, (nan,)),
    ("absolute", (nan,), nan, (nan,)),
    # outside the domain, and past its end
    ("log", (0.0,), -inf, (inf,)),
    ("log1p", (-1.0,), -inf, (inf,)),
    ("div", (1.0, 0.0), inf, (inf, -inf)),
    ("div", (1.0, -0.0), -inf, (-inf, -inf)),
    ("div", (0.0, 0.0), nan, (inf, nan)),
    ("exp", (800.0,), inf, (inf,)),
    ("sqrt", (-1.0,), nan, (nan,)),
    ("asin", (2.0,), nan, (nan,)),
    ("acos", (-2.0,), nan, (nan,)),
    ("sin", (inf,), nan, (nan,)),
    # tails that the textbook formula loses
    ("tanh", (20.0,), 1.0, (1 / math.cosh(20.0) ** 2,)),
    ("tanh", (-20.0,), -1.0, (1 / math.cosh(20.0) ** 2,)),
    ("sigmoid", (40.0,), 1.0, (math.exp(-40.0),)),
    ("sigmoid", (-800.0,), 0.0, (0.0,)),
    ("expm1", (-50.0,), -1.0, (math.exp(-50.0),)),
    ("softplus", (30.0,), 30.0 + math.exp(-30.0), (1 / (1 + math.exp(-30.0)),)),
    ("softplus", (-800.0,), 0.0, (0.0,)),
    ("softplus", (-700.0,), math.exp(-700.0), (math.exp(-700.0),)),
    ("softplus", (800.0,), 800.0, (1.0,)),
    ("logsigmoid", (-800.0,), -800.0, (1.0,)),
    ("logsigmoid", (40.0,), -math.exp(-40.0), (math.exp(-40.0),)),
    ("logsumexp", (800.0, 800.0), 800.0 + math.log(2), (0.5, 0.5)),
    ("logsumexp", (-800.0, -800.0), -800.0 + math.log(2), (0.5, 0.5)),
    ("logsumexp", (-inf, 1.0), 1.0, (0.0, 1.0)),
    ("softmax(0)", (0.0, 800.0), 0.0, (0.0, 0.0)),
    ("log_softmax(0)", (0.0, 800.0), -800.0, (1.0, -1.0)),
    ("binary_cross_entropy", (0.0, 1.0), math.log(2), (-0.5, 0.0)),
    ("binary_cross_entropy", (0.0, 0.0), math.log(2), (0.5, 0.0)),
    ("binary_cross_entropy", (0.0, 0.5), math.log(2), (0.0, 0.0)),
    ("binary_cross_entropy", (800.0, 1.0), 0.0, (0.0, -800.0)),
    ("binary_cross_entropy", (-800.0, 1.0), 800.0, (-1.0, 800.0)),
    ("binary_cross_entropy", (40.0, 1.0), math.exp(-40.0), (-math.exp(-40.0), -40.0)),
    ("hypot", (3e300, 4e300), 5e300, (0.6, 0.8)),
    ("hypot", (3e-300, 4e-300), 5e-300, (0.6, 0.8)),
    ("atan2", (1e300, 1e300), pi / 4, (5e-301, -5e-301)),
    ("atan2", (1e-300, 1e-300), pi / 4, (5e299, -5e299)),
    ("mean", (1.5e308, 1.5e308), 1.5e308, (0.5, 0.5)),
    # at infinity: the limit, where there is one
    ("exp", (-inf,), 0.0, (0.0,)),
    ("expm1", (-inf,), -1.0, (0.0,)),
    ("log", (inf,), inf, (0.0,)),
    ("log1p", (inf,), inf, (0.0,)),
    ("sqrt", (inf,), inf, (0.0,)),
    ("atan", (inf,), pi / 2, (0.0,)),
    ("atan", (-inf,), -pi / 2, (0.0,)),
    ("tanh", (inf,), 1.0, (0.0,)),
    ("tanh", (-inf,), -1.0, (0.0,)),
    ("sech", (inf,), 0.0, (0.0,)),
    ("sech", (-inf,), 0.0, (0.0,)),
    ("sigmoid", (inf,), 1.0, (0.0,)),
    ("sigmoid", (-inf,), 0.0, (0.0,)),
    ("logsigmoid", (inf,), 0.0, (0.0,)),
    ("logsigmoid", (-inf,), -inf, (1.0,)),
    ("softplus", (inf,), inf, (1.0,)),
    ("softplus", (-inf,), 0.0, (0.0,)),
    ("relu", (inf,), inf, (1.0,)),
    ("relu", (-inf,), 0.0, (0.0,)),
    ("elu", (inf,), inf, (1.0,)),
    ("elu", (-inf,), -1.0, (0.0,)),
    ("silu", (inf,), inf, (1.0,)),
    ("silu", (-inf,), 0.0, (0.0,)),
    ("gelu", (inf,), inf, (1.0,)),
    ("gelu", (-inf,), 0.0, (0.0,)),
    ("normal_cdf", (inf,), 1.0, (0.0,)),
    ("normal_cdf", (-inf,), 0.0, (0.0,)),
    ("normal_pdf", (inf,), 0.0, (0.0,)),
    ("normal_pdf", (-inf,), 0.0, (0.0,)),
    ("absolute", (-inf,), inf, (-1.0,)),
    ("hypot", (inf, 1.0), inf, (1.0, 0.0)),
    ("hypot", (1.0, -inf), inf, (0.0, -1.0)),
    ("atan2", (1.0, inf), 0.0, (0.0, 0.0)),
    ("atan2", (inf, 1.0), pi / 2, (0.0, 0.0)),
    ("softmax(0)", (-inf, 0.0), 0.0, (0.0, 0.0)),
]


def is_decreed(number, decreed):
    return same(number, decreed) or number == pytest.approx(decreed, rel=8 * EPSILON, abs=0)


@pytest.mark.parametrize(("name", "point", "value", "slopes"), DECREES, ids=[f"{n}{p}" for n, p, *_ in DECREES])
def test_decreed_answer(name, point, value, slopes):
    z, partials = quietly(by_backward, NAMED[name], point)
    assert is_decreed(z, value), z
    assert len(partials) == len(slopes)
    assert all(map(is_decreed, partials, slopes)), partials


@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0, -2.0])
def test_slope_of_leaky_relu_at_zero_is_its_own(slope):
    assert grad(lambda x: x.leaky_relu(slope))(0.0) == slope


@pytest.mark.parametrize(("x", "y"), [(1e-300, 1e-8), (4e178, 0.071), (-1.0, 1e300), (-1.0, 2.0**53 + 2)])
def test_slope_of_a_power_loses_nothing_to_the_rounding_of_the_exponent_less_one(x, y):
    for slope in (grad(rules.pow)(x, y), grad(rules.power(y))(x)):
        assert is_near(slope, in_digits(60, SAMPLES["pow"][0], (0,), (x, y)), 8)


def test_binary_cross_entropy_beside_its_minimum_is_exact_to_the_rounding_of_its_terms():
    for x in (1e-8, -1e-8, 1e-300):
        truth = mp.tanh(mp.mpf(x) / 2) / 2
        assert abs(grad(rules.binary_cross_entropy)(x, 0.5) - truth) <= EPSILON


def test_a_dead_branch_stays_dead():
    x = Value(0.0)
    (x.sqrt() * 0).backward()
    assert x.grad == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Value(0.0, label="p").log(), r"log\(p = 0\.0\) gave -inf"),
        (lambda: Value(800.0).exp(), r"exp\(800\.0\) gave inf"),
        (lambda: 1 / Value(0.0), r"/\(1\.0, 0\.0\) gave inf"),
        (lambda: Value(-2.0) ** 0.5, r"\*\*0\.5\(-2\.0\) gave nan"),
        (lambda: Value(-2.0) ** Value(0.5), r"\*\*\(-2\.0, 0\.5\) gave nan"),
        (lambda: Value(1e300) * 1e300, r"\*\(1e\+300, 1e\+300\) gave inf"),
    ],
)
def test_the_warning_names_the_operation_and_its_operand(make, message):
    with pytest.warns(RuntimeWarning, match=f"^{message}$"):
        make()


def test_second_derivatives_are_right_where_textbook_formulas_overflow_or_cancel():
    second = {
        "sigmoid": -1,
        "softplus": 1,
        "logsigmoid": -1,
        "tanh": -8,
    }  # times exp(-x), for tanh exp(-2x), for large x
    for name, factor in second.items():
        rate = 2 if name == "tanh" else 1
        assert grad(grad(NAMED[name]))(300.0) == pytest.approx(factor * math.exp(-rate * 300.0), rel=1e-12)
    assert hessian(nary_rules.logsumexp)(800.0, 800.0) == [[0.25, -0.25], [-0.25, 0.25]]
    assert grad(grad(rules.power(2.0)))(0.0) == 2.0
    assert hessian(rules.pow)(0.0, 2.0) == [[2.0, 0.0], [0.0, 0.0]]
    assert hessian(rules.pow)(0.0, 3.0) == [[0.0, 0.0], [0.0, 0.0]]
    assert grad(grad(rules.relu))(0.0) == grad(grad(rules.absolute))(0.0) == 0.0


@pytest.mark.parametrize("x", [inf, -inf])
def test_sinc_and_all_its_derivatives_are_0_at_infinity_in_every_mode(x):
    f = derivative = engine.sinc
    for _ in range(5):
        leaf = Value(x)
        output = derivative(leaf)
        output.backward()
        compiled = engine.compile(derivative)
        for _ in range(3):
            leaf_again = Value(x)
            compiled(leaf_again).backward()
            assert leaf_again.grad == 0.0
        assert (output.data, leaf.grad, compiled(x).data, jvp(derivative, (x,), (1.0,))) == (0.0, 0.0, 0.0, (0.0, 0.0))
        derivative = grad(derivative)
    assert engine.hessian(f)(x) == [[0.0]]


def test_sinc_is_numpys_and_accurate_to_its_third_derivative_at_0_and_near_it():
    np = pytest.importorskip("numpy")
    for x in (0.0, -0.3, 0.5, 1.7, 12.25):
        assert engine.sinc(x) == pytest.approx(np.sinc(x), rel=1e-15, abs=1e-16)
    assert [engine.sinc(x) for x in (0.0, 1.0, -2.0, 1e6, inf)] == [1.0, 0.0, 0.0, 0.0, 0.0]
    x = Value(0.0)
    y = x.sinc()
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)
    assert grad(grad(engine.sinc))(0.0) == pytest.approx(-(pi**2) / 3, rel=1e-15)
    for at in (1e-200, 1e-9, 1e-4, 0.1):
        truth = [float(mp.diff(mp.sincpi, at, n)) for n in (1, 2, 3)] if at > 1e-5 else [-(pi**2) / 3 * at]
        f = engine.sinc
        for expected in truth:
            f = grad(f)
            assert f(at) == pytest.approx(expected, rel=1e-9)
    assert jvp(grad(engine.sinc), (0.0,), (1.0,))[1] == pytest.approx(-(pi**2) / 3, rel=1e-15)
    assert math.isnan(grad(grad(grad(grad(engine.sinc))))(0.0))  # π⁴ / 5 as 0 / 0: said so, and no wrong number
