"""What is written, read back: LaTeX by SymPy's parser, text by Python, MathML as XML; and it is the same function.

What a name such as ``relu`` in a formula means is defined here once more, independently of the engine.
"""

import math
import re
import xml.etree.ElementTree as ElementTree
from functools import cache

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.parsing.latex import parse_latex

import engine
from engine import RULES, Rule, Value, gradients, mean, rules
from engine.graph import topological_order
from engine.names import node_names
from engine.rules import FAMILIES
from tests.engine.test_steps import expressions
from tests.rule_samples import NAMED, SAMPLED
from viz.formulas.notation import LATEX, MATHML, TEXT
from viz.formulas.symbols import (
    Applied,
    Name,
    Number,
    as_expression,
    derivative,
    evaluate,
    formulas,
    simplify,
    textbook_form,
)

inf = math.inf


def logistic(x):
    return 1 / (1 + math.exp(-x))


def density(x):
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def integral(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


FUNCTIONS = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "asinh": math.asinh, "acosh": math.acosh, "atanh": math.atanh,
    "degrees": math.degrees, "radians": math.radians, "fmod": math.fmod, "mod": lambda x, y: x % y,
    "log2": math.log2, "log10": math.log10, "gt": lambda x, y: float(x > y), "lt": lambda x, y: float(x < y),
    "where": lambda c, x, y: x if c > 0 else y,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "log": math.log, "Abs": abs,
    "max": lambda *xs: max(xs), "min": lambda *xs: min(xs),
    "relu": lambda x: (abs(x) + x) / 2,
    "step": lambda x: float(x > 0),
    "sign": lambda x: 0.0 if x == 0 else math.copysign(1.0, x),
    "above": lambda x, y: 0.5 if x == y else float(x > y),
    "equal": lambda x, y: float(x == y),
    "stop_gradient": lambda x: x,
    "stop": lambda x: x,
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "clamp": lambda x, low, high: sorted((low, x, high))[1],
    "between": lambda x, low, high: float(low < x < high),
    "sech": lambda x: 2 / (math.exp(x) + math.exp(-x)),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "logsigmoid": lambda x: math.log(logistic(x)),
    "silu": lambda x: x * logistic(x),
    "gelu": lambda x: x * integral(x),
    "bce": lambda x, t: -t * math.log(logistic(x)) - (1 - t) * math.log(1 - logistic(x)),
    "atan2": math.atan2,
    "gather": lambda i, *xs: xs[round(i)],
    "cube": lambda x: x * x * x,
    "sinc": mpmath.sincpi,
    "sinc_slope": lambda x: float(mpmath.diff(mpmath.sincpi, x)),
    "sinc_curvature": lambda x: float(mpmath.diff(mpmath.sincpi, x, 2)),
    "sinc_third": lambda x: float(mpmath.diff(mpmath.sincpi, x, 3)),
    "σ": logistic, "Φ": integral, "φ": density,
}  # fmt: skip


@cache
def read(latex):
    """What SymPy makes of some LaTeX, which may hold functions that it does not know, and their names by number."""
    functions = []

    def numbered(found):
        functions.append({r"\sigma": "σ", r"\Phi": "Φ", r"\phi": "φ"}.get(found[0], found[1]).replace("\\", ""))
        return f"f_{{{len(functions) - 1}}}"

    latex = re.sub(r"\\operatorname\{(.*?)\}|\\(?:sigma|Phi|phi)(?=\\left\()", lambda m: numbered(m), latex)
    latex = latex.replace(r"\left|", "|").replace(r"\right|", "|")
    return parse_latex(latex), functions


def value(latex, numbers):
    """The number that a formula in LaTeX gives."""
    tree, functions = read(latex)

    def of(x):
        xs = [of(argument) for argument in x.args if not isinstance(argument, sp.Tuple)]
        if isinstance(x, sp.Symbol):
            return math.e if x.name == "e" else numbers[x.name]
        if x.is_Number or x.is_NumberSymbol:
            return float(x)
        if x.is_Add:
            return math.fsum(xs)
        if x.is_Mul:
            return math.prod(xs)
        if x.is_Pow:
            return xs[0] ** (int(xs[1]) if xs[1] == int(xs[1]) else xs[1])
        name = type(x).__name__
        if name == "log":
            return math.log(xs[0])  # SymPy's ln(x) is log(x, E)
        return FUNCTIONS[functions[int(name[3:-1])] if name.startswith("f_{") else name](*xs)

    return of(tree)


# What TEXT writes is Python with the engine's functions at hand.
PYTHON = {
    **{rule.symbol: rule for rule in RULES.values()},
    **{name: getattr(engine, name) for name in engine.__all__},
    "max": lambda *xs: max(xs), "min": lambda *xs: min(xs), "abs": abs, "inf": inf, "cube": NAMED["cube"],
    "where": RULES["where"],
    "between": lambda x, low, high: FAMILIES["between"](low, high)(x),
}  # fmt: skip


def python(text, numbers):
    result = eval(text, dict(PYTHON), dict(numbers))
    return result.data if isinstance(result, Value) else result


def close(x, y, digits=9):
    return math.isclose(x, y, rel_tol=10**-digits, abs_tol=1e-9)


def well_formed(mathml):
    return ElementTree.fromstring(f"<math>{mathml}</math>")


# The rules.

NAMES = "xyuvwt"


def pieces(rule, operands):
    """The rule of some formulas, and each of its partials."""
    z = textbook_form(rule, operands)
    return z, [as_expression(partial) for partial in rule.partials(z, *operands)]


CONSTANTS = {
    "exp2",
    "log2",
    "log10",
    "degrees",
    "radians",
    "sinc_third",
}  # have a constant in them, which is shown to four digits


@pytest.mark.parametrize(("name", "sample"), SAMPLED, ids=[f"{n}-{len(s.points[0])}" for n, s in SAMPLED])
@pytest.mark.parametrize("read_back", [value, python], ids=["latex", "text"])
def test_a_rule_and_its_partials_read_back_are_the_same_functions(name, sample, read_back):
    rule, notation = NAMED[name], LATEX if read_back is value else TEXT
    names = NAMES[: len(sample.points[0])]
    z, partials = pieces(rule, [Name(name) for name in names])
    for point in sample.points:
        numbers, data = dict(zip(names, point)), rule.evaluate(*point)
        digits = 3 if name in CONSTANTS else 9
        assert close(read_back(notation.write(z), numbers), data, digits), notation.write(z)
        for partial, slope in zip(partials, rule.evaluate_partials(data, *point), strict=True):
            assert close(read_back(notation.write(partial), numbers), slope, digits), notation.write(partial)
            assert close(evaluate(partial, numbers), slope)


def test_every_rule_and_every_family_is_read_back():
    assert {name.partition("(")[0] for name, _ in SAMPLED} == {*RULES, *FAMILIES, "cube"}


@pytest.mark.parametrize(("name", "point"), [("above", (2.0, 2.0)), ("equal", (2.0, 2.0)), ("maximum", (1.5, 1.5))])
def test_ties_read_back_too(name, point):
    z, partials = pieces(RULES[name], [Name("x"), Name("y")])
    numbers = dict(zip("xy", point))
    assert value(LATEX.write(z), numbers) == RULES[name](*point)
    assert tuple(value(LATEX.write(p), numbers) for p in partials) == RULES[name].evaluate_partials(
        RULES[name](*point), *point
    )


def test_a_formula_that_is_wrong_is_seen():
    x, y = Name("x"), Name("y")
    right = {"x": 1.5, "y": 2.25}
    assert not close(value(LATEX.write(x - (y - x)), right), value("x - y - x", right))
    assert not close(value(LATEX.write(rules.sigmoid(x)), right), rules.tanh(1.5))


# Random expressions.


@settings(deadline=None, derandomize=True, max_examples=40)
@given(expressions(most=5))
def test_the_formula_of_a_graph_and_its_derivatives_read_back_give_the_engines_numbers(root):
    order = topological_order(root)
    names = node_names(order)
    numbers = {names[node]: node.data for node in order if not node.parents}
    written = formulas(order, names)
    assert close(value(LATEX.write(written[root]), numbers), root.data)
    assert close(python(TEXT.write(written[root]), numbers), root.data)
    well_formed(MATHML.write(written[root]))
    for leaf in order:
        if not leaf.parents and leaf.role != "constant":
            slope, gradient = derivative(order, leaf, written), gradients(root, [leaf])[0]
            assert close(evaluate(slope, numbers), gradient)
            assert close(python(TEXT.write(slope), numbers), gradient)
            well_formed(MATHML.write(slope))
            if slope.size < 50:
                assert close(value(LATEX.write(slope), numbers), gradient), LATEX.write(slope)


FORMULAS = st.recursive(
    st.sampled_from([Name("a"), Name("b"), Name("c"), Number(2.0), Number(-3.0), Number(0.5), Number(-1e-5)]),
    lambda inner: st.one_of(
        *[st.tuples(st.just(rule), inner, inner) for rule in (rules.add, rules.sub, rules.mul, rules.div)],
        *[st.tuples(st.just(rule), inner) for rule in (rules.neg, rules.absolute, rules.power(2.0), rules.power(-1.0))],
    ).map(lambda made: Applied(made[0], made[1:])),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(FORMULAS)
def test_brackets_stand_wherever_they_are_needed(formula):
    numbers = {"a": 1.5, "b": -0.75, "c": 2.25}
    expected = evaluate(formula, numbers)
    if math.isfinite(expected) and 1e-3 < abs(expected) < 1e6:
        assert math.isclose(python(TEXT.write(formula), numbers), expected, rel_tol=1e-9)
        assert math.isclose(value(LATEX.write(formula), numbers), expected, rel_tol=1e-9), LATEX.write(formula)


def applied(rule, *operands):
    return Applied(rule, tuple(map(as_expression, operands)))


a, b, c, x = map(Name, "abcx")


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (a - (b - c), "a - (b - c)", r"a - \left(b - c\right)"),
        (a - (b + c), "a - (b + c)", r"a - \left(b + c\right)"),
        (a - b - c, "a - b - c", "a - b - c"),
        (a + (b - c), "a + b - c", "a + b - c"),
        ((a + b) * c, "(a + b) * c", r"\left(a + b\right) \cdot c"),
        (a * (b * c), "a * b * c", r"a \cdot b \cdot c"),
        (applied(rules.power(2.0), -2.0), "(-2)**2", r"\left(-2\right)^{2}"),
        (applied(rules.power(-1.0), a), "a**(-1)", "a^{-1}"),
        (a / (b * c), "a / (b * c)", r"\frac{a}{b \cdot c}"),
        (a / b / c, "a / (b * c)", r"\frac{a}{b \cdot c}"),
        (a / (b / c), "a / (b / c)", r"\frac{a}{\frac{b}{c}}"),
        ((a / b) ** c, "(a / b)**c", r"\left(\frac{a}{b}\right)^{c}"),
        ((a**b) ** c, "(a**b)**c", r"\left(a^{b}\right)^{c}"),
        (a ** (b**c), "a**(b**c)", r"a^{b^{c}}"),
        (a**2, "a**2", "a^{2}"),
        ((-a) ** 2, "(-a)**2", r"\left(-a\right)^{2}".replace("-a", "- a")),
        (-(a**2), "-a**2", "- a^{2}"),
        (-(a + b), "-(a + b)", r"- \left(a + b\right)"),
        (applied(rules.add, a, -b * c), "a + (-b * c)", r"a + \left(- b \cdot c\right)"),
        (a * -3, "-a * 3", r"- a \cdot 3"),
        (applied(rules.mul, a, -3.0), "a * (-3)", r"a \cdot \left(-3\right)"),
        (applied(rules.add, a, -3.0), "a + (-3)", r"a + \left(-3\right)"),
        (a + -3, "a - 3", "a - 3"),
        (a - -3, "a + 3", "a + 3"),
        (rules.exp(-x), "exp(-x)", "e^{- x}"),
        (rules.exp(x) ** 2, "exp(x)**2", r"\left(e^{x}\right)^{2}"),
        (rules.exp(rules.exp(x)), "exp(exp(x))", "e^{e^{x}}"),
        (rules.sqrt(a + b), "sqrt(a + b)", r"\sqrt{a + b}"),
        (abs(a - b) * c, "abs(a - b) * c", r"\left|a - b\right| \cdot c"),
        (rules.sin(x) ** 2, "sin(x)**2", r"\left(\sin\left(x\right)\right)^{2}"),
        (rules.log(x), "log(x)", r"\ln\left(x\right)"),
        (rules.sigmoid(x), "sigmoid(x)", r"\sigma\left(x\right)"),
        (rules.leaky_relu(0.1)(x), "leaky_relu(x, 0.1)", r"\operatorname{leaky\_relu}\left(x, 0.1\right)"),
        (rules.clamp(-1.0, inf)(x), "clamp(x, -1, inf)", r"\operatorname{clamp}\left(x, -1, \infty \right)"),
        (a * 1e-5, "a * 1e-05", r"a \cdot 1 \times 10^{-5}"),
        ((a * 1e-5) ** 2, "(a * 1e-05)**2", r"\left(a \cdot 1 \times 10^{-5}\right)^{2}"),
        (applied(rules.power(2.0), 1e-5), "1e-05**2", r"\left(1 \times 10^{-5}\right)^{2}"),
    ],
)
def test_what_is_written(formula, text, latex):
    assert (TEXT.write(formula), LATEX.write(formula)) == (text, latex)


def test_a_third_is_a_third():
    p, q, r = (Value(n, name) for n, name in ((1.0, "p"), (2.0, "q"), (4.0, "r")))
    m = mean([p, q * p, r])
    order = topological_order(m)
    slope = derivative(order, p, formulas(order, node_names(order)))
    assert (TEXT.write(slope), LATEX.write(slope)) == ("1 / 3 + q / 3", r"\frac{1}{3} + \frac{q}{3}")


def test_what_is_idle_is_left_out():
    zero, one = Number(0.0), Number(1.0)
    for idle in (
        x + zero,
        zero + x,
        x - zero,
        x * one,
        one * x,
        x / one,
        simplify(rules.neg, [-x]),
        simplify(rules.power(1.0), [x]),
    ):
        assert TEXT.write(idle) == "x"
    for dead in (x * zero, zero * x, zero / x):
        assert TEXT.write(dead) == "0"
    assert TEXT.write(zero - x) == "-x"


# Rules of a user's own.


@pytest.mark.parametrize("name", ["power", "add", "div", "exp", "sqrt", "pow", "mean", "softmax", "dot", "neg", "mul"])
def test_a_users_rule_that_is_called_like_one_of_the_table_is_a_function_like_any_other(name):
    rule = Rule(name, lambda x, y, t: x + y * t, lambda z, x, y, t: (1.0, t, y))
    p, q, r = (Value(n, name) for n, name in ((2.0, "p"), (3.0, "q"), (5.0, "r")))
    root = rule(p, q, r)
    order = topological_order(root)
    written = formulas(order, node_names(order))
    assert TEXT.write(written[root]) == f"{name}(p, q, r)"
    assert f"{name}" in LATEX.write(written[root])
    assert TEXT.write(derivative(order, q, written)) == "r"
    assert [str(step) for step in root.forward_steps()] == [f"v1 = {name}(p, q, r) = {name}(2, 3, 5) = 17"]


# Names.


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("w_0", "w_{0}"),
        ("w0", "w_{0}"),
        ("w12", "w_{12}"),
        ("x[1]", "x_{1}"),
        ("α", r"\alpha"),
        ("θ_1", r"\theta_{1}"),
        ("loss", r"\text{loss}"),
        ("L0.n3.w1", r"\text{L0.n3.w1}"),
        ("a_b%", r"\text{a\_b\%}"),
        ("a b", r"\text{a b}"),
        (r"\input{x}", r"\text{\textbackslash{}input\{x\}}"),
        ("$x^2~#&", r"\text{\$x\textasciicircum{}2\textasciitilde{}\#\&}"),
        ("nul\0\n\nline", r"\text{nul   line}"),
        ("日本", r"\text{日本}"),
    ],
)
def test_names_in_latex(name, latex):
    assert LATEX.name(name) == latex


@pytest.mark.parametrize("name", ["w_0", "w0", "w_12", "x[1]", "α", "θ_1", "a"])
def test_names_of_a_letter_and_a_number_read_back(name):
    symbol = read(LATEX.name(name))[0]
    assert isinstance(symbol, sp.Symbol)
    assert close(value(LATEX.write(Name(name) * 2 + 1), {symbol.name: 3.0}), 7.0)


HOSTILE = [
    "</math><script>alert(1)</script>", "<b>", "a & b &amp; &lt;", "\"'`", "nul\0bell\a\x1b\x7f", "\ud800\ufffe\uffff",
    "two\nlines\r\n", "日本語", "🎈", "]]>", "<!--", "&#0;", "", " ", "x" * 300, "$", "\\", "x[</mn>]", "</mi>1",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_mathml_stays_well_formed_under_hostile_names_of_values_and_rules(name):
    rule = Rule(name, lambda x: x, lambda z, x: (1.0,))
    of = Name(name)
    parts = [
        MATHML.write(of), MATHML.write(of * 2 - rule(of) ** of / abs(of)), MATHML.derivative(name, name),
        MATHML.ordinary_derivative(name, name), MATHML.words(name), MATHML.write(rules.exp(of)),
    ]  # fmt: skip
    for part in parts:
        tags = {element.tag for element in well_formed(part).iter()}
        assert tags <= {"math", "mrow", "mi", "mn", "mo", "mtext", "mfrac", "msup", "msub", "msqrt"}
    shown = "".join(well_formed(parts[0]).itertext())
    assert shown == "".join(char if char.isprintable() else " " for char in name)


@pytest.mark.parametrize("name", NAMED)
def test_mathml_is_well_formed_for_every_rule(name):
    count = next(len(sample.points[0]) for known, sample in SAMPLED if known == name)
    z, partials = pieces(NAMED[name], [Name(letter) for letter in NAMES[:count]])
    for formula in (z, *partials):
        root = well_formed(MATHML.write(formula))
        assert len(root) == 1
        for element in root.iter():
            if element.tag in ("mfrac", "msup", "msub"):
                assert len(element) == 2, MATHML.write(formula)


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_name_breaks_any_notation(first, second):
    formula = Name(first) / Name(second) + Rule(second, lambda x: x, lambda z, x: (1.0,))(Name(first))
    well_formed(MATHML.write(formula))
    well_formed(MATHML.words(first))
    latex = LATEX.write(formula)
    assert latex.replace(r"\{", "").replace(r"\}", "").count("{") == latex.replace(r"\{", "").replace(r"\}", "").count(
        "}"
    )
    assert latex.isprintable()


@pytest.mark.parametrize(
    ("number", "text", "latex", "mathml"),
    [
        (2.0, "2", "2", "<mn>2</mn>"),
        (-0.5, "-0.5", "-0.5", "<mn>−0.5</mn>"),
        (2 / 3, "0.6667", "0.6667", "<mn>0.6667</mn>"),
        (-1.5e-7, "-1.5e-07", r"-1.5 \times 10^{-7}", "−1.5×10−7"),
        (inf, "inf", r"\infty ", "<mn>∞</mn>"),
        (-inf, "-inf", r"-\infty ", "<mn>−∞</mn>"),
        (math.nan, "nan", r"\mathrm{nan}", "<mn>nan</mn>"),
    ],
)
def test_numbers(number, text, latex, mathml):
    written = MATHML.write(Number(number))
    assert (TEXT.write(Number(number)), LATEX.write(Number(number))) == (text, latex)
    assert mathml in (written, "".join(well_formed(written).itertext()))


def test_sums_and_products_of_numbers_bracket_what_begins_with_a_sign():
    assert TEXT.sum([-1.0, 2.0, -3.0, -0.0]) == "-1 + 2 + (-3) + 0"
    assert TEXT.product([-1.0, -2.0]) == "-1 · (-2)"
    assert value(LATEX.product([-1.0, -2.0, 1.5]), {}) == 3.0
    assert value(LATEX.sum([-1.0, -2.0, 1.5]), {}) == -1.5
