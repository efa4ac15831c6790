"""One derivative in four ways: they agree, and finite differences fail at both ends."""

import itertools
import math

import matplotlib as mpl
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from engine import Value, exp, gelu, hypot, log, logsumexp, sin, softmax, sqrt, tanh
from viz import compare

FUNCTIONS = {
    "x**3": (lambda x: x**3, 2.0, 12.0),
    "sin": (sin, 1.0, math.cos(1.0)),
    "x sin x": (lambda x: x * sin(x), -2.0, math.sin(-2.0) - 2.0 * math.cos(-2.0)),
    "exp(-x²)": (lambda x: exp(-x * x), 0.7, -1.4 * math.exp(-0.49)),
    "log": (lambda x: log(x) / x, 3.0, (1 - math.log(3.0)) / 9),
    "sqrt": (lambda x: sqrt(1 + x**2), 0.5, 0.5 / math.sqrt(1.25)),
    "tanh": (lambda x: tanh(3 * x - 1), 0.25, 3 / math.cosh(0.25) ** 2),
    "x**x": (lambda x: x**x, 1.5, 1.5**1.5 * (math.log(1.5) + 1)),
    "softmax": (lambda x: softmax([x, 2 * x, 1.0])[0], 0.3, None),
    "logsumexp": (lambda x: logsumexp([x, x * x, 0.5]), 0.8, None),
    "gelu": (gelu, -0.4, None),
    "hypot": (lambda x: hypot(x, 2.0) * 1e6, 1.5, 0.6e6),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_four_ways_agree(name):
    f, x, true = FUNCTIONS[name]
    told = compare(f, x)
    ways = told.derivatives
    assert list(ways) == ["reverse", "forward", "finite difference", "symbolic"]
    exact = ways["reverse"]
    assert true is None or math.isclose(exact, true, rel_tol=1e-12)
    assert math.isclose(ways["forward"], exact, rel_tol=1e-12)
    assert math.isclose(ways["symbolic"], exact, rel_tol=1e-12)
    assert math.isclose(ways["finite difference"], exact, rel_tol=1e-6)
    assert ways["finite difference"] != exact or name == "x**3"
    for way, found in ways.items():
        assert any(line.startswith(way) and f"{found:.17g}" in line for line in str(told).splitlines())


def test_a_negative_number_at_the_end_is_subtracted():
    assert str(compare(lambda x: x**3 - 2 * x, 2.0)).splitlines()[1] == "df/dx = 3 * x**2 - 2"


@pytest.mark.parametrize(("f", "x"), [(sin, 1.0), (exp, 1.0), (lambda x: x**3 + 1, 2.0)])
def test_the_error_is_large_at_both_ends_and_least_in_between(f, x):
    rows = compare(f, x).errors()
    assert (rows[0][0], rows[-1][0]) == (1e-16, 1.0)
    assert all(h < next_h for (h, *_), (next_h, *_) in itertools.pairwise(rows))
    for column, best in ((1, 1e-8), (2, 1e-5)):
        errors = {row[0]: row[column] for row in rows}
        assert max(errors[h] for h in errors if h < 1e-15) > 0.1, "x + h is x"
        assert errors[1.0] > 0.05
        middle = [h for h in errors if best / 30 <= h <= best * 30]
        assert max(errors[h] for h in middle) < 1e-5
        assert best / 100 < min(errors, key=errors.get) < best * 100
    at = {round(math.log10(row[0]), 1): row for row in rows}
    assert 5 < at[-2.0][1] / at[-3.0][1] < 20, "one side: a tenth of the step, a tenth of the error"
    assert 50 < at[-2.0][2] / at[-3.0][2] < 200, "both sides: a hundredth"
    assert at[-5.0][2] < at[-8.0][1], "the best of both sides is better than the best of one"


def test_the_errors_are_those_of_the_difference_quotients():
    f, x = math.sin, 1.0
    for h, one, both in compare(sin, x).errors():
        assert one == pytest.approx(abs((f(x + h) - f(x)) / h / math.cos(x) - 1), rel=1e-6, abs=1e-15)
        assert both == pytest.approx(abs((f(x + h) - f(x - h)) / (2 * h) / math.cos(x) - 1), rel=1e-6, abs=1e-15)


def test_where_the_derivative_is_zero_the_error_is_absolute():
    told = compare(lambda x: x * x, 0.0)
    assert told.derivatives == {"reverse": 0.0, "forward": 0.0, "finite difference": 0.0, "symbolic": 0.0}
    assert all(one == pytest.approx(h) for h, one, _ in told.errors())


def test_the_plot_has_both_curves_on_logarithmic_axes():
    figure, ax = plt.subplots()
    assert compare(sin, 1.0).plot(ax) is ax
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "(f(x+h) − f(x)) / h",
        "(f(x+h) − f(x−h)) / 2h",
    ]
    for line in ax.lines:
        assert len(line.get_xdata()) == 81
    plt.close(figure)
    own = compare(sin, 1.0).plot()
    assert own.get_xlabel() == "step h"
    plt.close(own.figure)


def test_steps_out_of_the_domain_are_left_out_of_the_plot():
    ax = compare(log, 0.01).plot()
    assert 0 < len(ax.lines[0].get_xdata()) < 81
    plt.close(ax.figure)


def test_the_formula_and_its_derivative_head_the_table():
    assert str(compare(lambda x: x**3, 2.0)).splitlines()[:3] == [
        "f     = x**3",
        "df/dx = 3 * x**2",
        "way                           derivative          relative error",
    ]


def test_a_function_that_does_not_use_its_number_has_the_slope_zero():
    told = compare(lambda x: Value(3.0) * 2, 1.0)
    assert set(told.derivatives.values()) == {0.0}


def test_a_formula_of_any_length_is_compared_and_not_written():
    def f(x):
        for _ in range(40):
            x = x + x
        return x

    told = compare(f, 1.0)
    assert set(told.derivatives.values()) == {2.0**40}
    assert "f     = a formula too long for the board" in str(told)
    assert len(told.latex) + len(told.html) < 5000


def test_a_function_that_gives_no_value_is_refused():
    with pytest.raises(TypeError, match=r"returns one Value for a Value, this one returned 3\.0"):
        compare(lambda x: 3.0, 1.0)
    with pytest.raises(TypeError, match=r"this one returned \[Value"):
        compare(lambda x: [x], 1.0)


def test_the_step_suits_the_size_of_the_number():
    for f, slope in ((log, 1e6), (sqrt, 500.0)):
        assert compare(f, 1e-6).derivatives["finite difference"] == pytest.approx(slope, rel=1e-6)


EXTREME = [0.0, -0.0, 5e-324, 1e-320, -1e-320, 1e-308, 1e-160, 1e160, 1e300, -1.7976931348623157e308, 800.0]
EXTREME += [math.inf, -math.inf, math.nan]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("x", EXTREME)
def test_extreme_points_are_compared_too(x):
    functions = [*(f for f, _, _ in FUNCTIONS.values()), lambda x: x**2, lambda x: 1 / x, lambda x: x**-0.5]
    for f in functions:
        report = compare(f, x)
        assert len(str(report).splitlines()) == 7
        assert report.latex
        assert report.html
        fig, ax = plt.subplots()
        report.plot(ax)
        plt.close(fig)


def test_the_step_of_a_finite_difference_is_never_0():
    assert compare(lambda x: 3 * x, 1e-320).derivatives["finite difference"] == pytest.approx(3.0, rel=1e-2)
    assert compare(lambda x: 3 * x, 5e-324).derivatives["finite difference"] == 3.0
