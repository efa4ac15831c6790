"""The ledger, the formula and the nudge: their numbers add up to the gradient, and they read well."""

import math
import re
import xml.etree.ElementTree as ElementTree
from functools import reduce
from operator import add

import pytest
from hypothesis import given, settings

from engine import Rule, Value, dot, gradients, logsumexp, mean, softmax
from engine import max as largest
from engine import sum as total
from engine.graph import topological_order
from engine.names import node_names
from nn import MLP, mse_loss
from tests.engine.test_steps import expressions
from viz import backward_in_order, compare, explain, formula, nudge
from viz.formulas.report import Equations, Report, Sentence, Table
from viz.formulas.symbols import evaluate, formulas, symbolic_local_derivatives

# Partials that take nothing but floats: such a rule trains, but has no formula.
mysin = Rule("mysin", math.sin, lambda z, x: (math.cos(x),))
myhypot = Rule("myhypot", math.hypot, lambda z, x, y: (math.cos(math.atan2(y, x)), math.sin(math.atan2(y, x))))


def diamond():
    a = Value(3.0, "a")
    b = a * 2
    b.label = "b"
    root = b * a
    root.label = "L"
    return a, b, root


def doubled(times):
    x = a = Value(1.0, "a")
    for _ in range(times):
        x = x + x
    x.label = "x"
    return a, x


def state(root):
    return [(node.data, node.grad) for node in topological_order(root)]


def brute_force(node, value, edge_sets):
    """Every path down to the value, as edges told apart by node and place."""
    if node is value:
        return [[]]
    found = []
    for i, parent in enumerate(node.parents):
        found += [[(node, i), *rest] for rest in brute_force(parent, value, edge_sets)]
    edge_sets.update(edge for path in found for edge in path)
    return found


# The ledger.


@settings(deadline=None, max_examples=50)
@given(expressions(most=6))
def test_contributions_and_paths_add_up_to_the_gradient_and_are_counted_right(root):
    before = state(root)
    for value in topological_order(root):
        told, edges = explain(root, value), set()
        paths = brute_force(root, value, edges)
        gradient = gradients(root, [value])[0]
        assert told.gradient == gradient
        assert (told.path_count, told.edge_count) == (len(paths), len(edges))
        if value is not root:
            products = [step.product for step in told.contributions]
            assert reduce(add, products, 0.0) == gradient  # from Python 3.12 on `sum` is more exact
            assert all(step.parent is value for step in told.contributions)
            assert len(told.paths) == (len(paths) if len(paths) <= 12 else 0)
        for path, expected in zip(told.paths, paths, strict=value is not root and len(paths) <= 12):
            assert [node for node, _, _ in path] == [node for node, _ in expected]
            assert [parent for _, parent, _ in path] == [node.parents[i] for node, i in expected]
        if told.paths:
            products = [math.prod(local for _, _, local in path) for path in told.paths]
            assert math.isclose(math.fsum(products), gradient, rel_tol=1e-9, abs_tol=1e-9)
        ElementTree.fromstring(f"<div>{told.html}</div>")
    assert state(root) == before, "nothing is changed"


def test_the_ledger_of_a_diamond():
    a, b, root = diamond()
    assert str(explain(root, a)).splitlines() == [
        "The gradient of L with respect to a: every use of a contributes its upstream gradient times its local "
        "derivative.",
        "through L: ∂L/∂L · ∂L/∂a = 1 · 6 = 6",
        "through b: ∂L/∂b · ∂b/∂a = 3 · 2 = 6",
        "∂L/∂a                    = 6 + 6 = 12",
        "Multiply along a path, add over paths: 2 paths lead from a to L.",
        "a → b → L = 2 · 3 = 6",
        "a → L     = 6",
    ]
    assert "1 path leads from b to L." in str(explain(root, b))


def test_negative_contributions_stand_in_brackets():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    y = a * b - a
    text = str(explain(y, a, names={"y": y}))
    assert "= -1 + (-3) = -4" in text
    assert "through v1: ∂y/∂v1 · ∂v1/∂a = 1 · (-3) = -3" in text


def test_the_root_itself_and_what_it_does_not_depend_on():
    a, _, root = diamond()
    stranger = Value(1.0, "q")
    assert str(explain(root, root)) == "∂L/∂L = 1: this is where the backward pass starts."
    assert str(explain(root, stranger)) == "L does not depend on q: ∂L/∂q = 0."
    assert str(explain(a, root)) == (
        "a does not depend on L: ∂a/∂L = 0. It is the other way round: L was made from a. Write explain(L, a)."
    )
    assert str(explain(a, stranger)) == (
        "a does not depend on q: ∂a/∂q = 0. a has no history: it is a leaf, or was made in no_grad() or by detach()."
    )
    assert [explain(x, y).gradient for x, y in ((root, root), (root, stranger), (a, root))] == [1.0, 0.0, 0.0]


def test_a_path_on_which_0_arrives_ends_in_0_even_through_an_infinite_slope():
    x = Value(0.0, "x")
    dead = x.sqrt() * 0.0
    dead.label = "dead"
    rows = str(explain(dead + x, x)).splitlines()
    assert rows[2].endswith("= 0 · inf = 0")
    assert rows[-2:] == ["x → v1 → dead → v2 = inf · 0 · 1 = 0", "x → v2             = 1"]


def test_few_paths_are_listed_and_of_many_the_counts_are_told():
    a, x = doubled(3)
    assert len(explain(x, a).paths) == 8
    a, x = doubled(40)
    told = explain(x, a)
    assert (told.gradient, told.paths, told.path_count, told.edge_count) == (2.0**40, [], 2**40, 80)
    assert "1,099,511,627,776 paths lead from a to x" in str(told)
    assert "one multiplication for each of the 80 edges" in str(told)


def test_many_contributions_are_abbreviated_and_still_add_up():
    b = Value(2.0, "b")
    s = total([b * i for i in range(1, 21)])
    lines = str(explain(s, b, names=locals())).splitlines()
    through = [line for line in lines if line.startswith("through")]
    assert len(through) == 12
    rest = next(line for line in lines if line.startswith("and 8 more, together"))
    terms = [float(line.rpartition("= ")[2]) for line in (*through, rest)]
    assert sum(terms) == 210 == explain(s, b).gradient
    assert next(line for line in lines if line.startswith("∂s/∂b")).endswith("= 210")
    assert len(explain(s, b).contributions) == 20


def test_the_gradient_in_a_leaf_that_is_not_this_one_is_spoken_of():
    a, b, root = diamond()
    assert "a.grad" not in str(explain(root, a))
    root.backward()
    assert "a.grad" not in str(explain(root, a))
    root.backward()
    assert "a.grad is 24, which is not this gradient: it comes from another backward(), or from several" in str(
        explain(root, a)
    )
    (root * 5).backward()
    assert "b.grad" not in str(explain(root, b)), "an interior node starts anew by itself"


def test_a_long_path_is_abbreviated():
    a = x = Value(1.0, "a")
    for _ in range(20_000):
        x = x + 0
    x.label = "x"
    told = explain(x, a)
    assert (told.path_count, told.edge_count, len(told.paths[0])) == (1, 20_000, 20_000)
    assert str(told).splitlines()[-1] == "a → v1 → v2 → … → v19999 → x = 1"


def test_an_explanation_of_a_network_is_short():
    model = MLP(2, [8, 8, 1])
    loss = mse_loss([model([1.0, 2.0])], [1.0])
    weight = model.parameters()[0]
    assert len(str(explain(loss, weight))) < 2000


# The formula.


def test_a_formula_in_symbols_and_in_numbers():
    x, y = Value(3.0, "x"), Value(-2.0, "y")
    z = x**2 - y * -1.5
    assert str(formula(z, wrt=y, names=locals())).splitlines() == [
        "z = x**2 - y * (-1.5)",
        "  = 3**2 - (-2) * (-1.5) = 6",
        "∂z/∂y = ∂z/∂v2 · ∂v2/∂y",
        "      = 1.5",
    ]


def test_a_derivative_by_a_node_in_between_is_written_in_it():
    _, b, root = diamond()
    top = root**2 + b
    lines = str(formula(top, wrt=b, names={"top": top})).splitlines()
    assert lines[:2] == ["top = (b * a)**2 + b", "    = (6 * 3)**2 + 6 = 330"]
    assert lines[-1].endswith("= 3 * 2 * 6 * 3 + 1 = 109")


def test_the_formula_of_a_leaf_of_a_node_by_itself_and_of_what_does_not_matter():
    a, _, root = diamond()
    stranger = Value(1.0, "q")
    assert str(formula(a)) == "a = 3"
    assert str(formula(a, wrt=a)).splitlines() == ["a = 3", "∂a/∂a = 1"]
    assert str(formula(root, wrt=root)).splitlines() == ["L = a * 2 * a", "  = 3 * 2 * 3 = 18", "∂L/∂L = 1"]
    assert str(formula(root, wrt=stranger)).splitlines()[-1] == "∂L/∂q = 0"


def test_a_dead_derivative_is_zero():
    x = Value(-3.0, "x")
    y = x.relu() * 2
    assert str(formula(y, wrt=x, names=locals())).splitlines()[-1] == "      = step(-3) * 2 = 0"
    flat = x.clamp(-1, 1)
    assert str(formula(flat, wrt=x)).splitlines()[-1].endswith("between(-3, -1, 1) = 0")


def test_a_long_formula_becomes_one_equation_for_each_operation():
    b = Value(2.0, "b")
    y = total([(b * i).tanh() for i in range(10)])
    big = y * y * y
    lines = str(formula(big, wrt=b)).splitlines()
    assert lines[:3] == ["v1  = b * 0", "v2  = tanh(v1)", "v3  = b * 1"]
    assert lines[20].startswith("v21 = v2 + v4 + v6")
    assert lines[-2] == "The derivative is too long for the board; explain() shows where it comes from."
    assert float(lines[-1].rpartition("= ")[2]) == pytest.approx(gradients(big, [b])[0], rel=1e-3)


def test_formulas_of_any_size_are_finished_at_once():
    a, x = doubled(40)
    assert "and 10 more, the last of which is\nx = v39 + v39" in str(formula(x, wrt=a))
    chain = a
    for _ in range(20_000):
        chain = chain * 1.0
    text = str(formula(chain, wrt=a))
    assert "and 19,970 more, the last of which is" in text
    assert text.endswith("= 1")
    assert len(text) < 5000


def test_rules_whose_partials_take_only_floats_are_named_where_they_have_no_formula():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    y = mysin(a) * b
    assert str(formula(y, wrt=a, names=locals())).splitlines() == [
        "y = mysin(a) * b",
        "  = mysin(1) * 2 = 1.683",
        "∂y/∂a = ∂y/∂v1 · ∂v1/∂a",
        "      = mysin'(a) * b",
        "      = mysin'(1) * 2 = 1.081",
    ]
    z = myhypot(a, b)
    assert str(formula(z, wrt=b)).splitlines()[-1].endswith("= ∂2myhypot(1, 2) = 0.8944")
    numbers = {"a": 1.0, "b": 2.0}
    written = formulas([a, b, z], node_names([a, b, z]))
    assert [evaluate(slope, numbers) for _, slope in symbolic_local_derivatives(z, written)] == list(
        z.local_gradients()
    )
    assert r"\operatorname{mysin'}" in formula(y, wrt=a).latex
    told = compare(lambda x: mysin(x) * x, 1.0)
    assert told.derivatives["symbolic"] == told.derivatives["reverse"]
    for report in (explain(y, a), nudge(y, a, 0.1), backward_in_order(y, "topological")):
        assert str(report)


def test_a_partial_that_asks_whether_a_number_is_zero_has_no_formula():
    gate = Rule("gate", lambda x: x if x else 0.0, lambda z, x: (1.0 if x else 0.0,))
    x = Value(0.0, "x")
    assert str(formula(gate(x), wrt=x)).splitlines()[-1] == "       = gate'(0) = 0"


def test_a_slip_in_the_rules_of_the_table_is_not_hidden(monkeypatch):
    from engine import rules

    def broken(z, x):
        raise ValueError("slip")

    x = Value(0.5, "x")
    y = x.sin()
    monkeypatch.setattr(rules.sin, "partials", broken)
    with pytest.raises(ValueError, match="slip"):
        symbolic_local_derivatives(y, formulas([x, y], {x: "x"}))


@settings(deadline=None, max_examples=50)
@given(expressions(most=5))
def test_a_formula_ends_in_the_engines_number_and_changes_nothing(root):
    before = state(root)
    for value in topological_order(root):
        if value.role != "constant":
            report = formula(root, wrt=value)
            gradient = gradients(root, [value])[0]
            assert str(report).splitlines()[-1].endswith(f" {gradient:.4g}")
            ElementTree.fromstring(f"<div>{report.html}</div>")
    assert state(root) == before


# The nudge.


def test_a_nudge_predicts_and_tries():
    x = Value(3.0, "x")
    y = x**2 - 20
    told = nudge(y, x, 0.5, names=locals())
    assert (told.predicted, told.actual) == (3.0, 3.25)
    assert str(told).splitlines() == [
        "x goes from 3 to 3.5.",
        "predicted: ∂y/∂x · 0.5 = 6 · 0.5 = 3",
        "actual                 = -7.75 - (-11) = 3.25",
        "difference             = 3.25 - 3 = 0.25",
        "A tenth of the nudge leaves a difference of 0.0025: the derivative is the limit as the nudge shrinks to 0.",
    ]


def test_what_is_only_rounding_is_no_difference():
    p = Value(4.0, "a") * Value(-3.0, "b")
    told = nudge(p, p.parents[0], 0.1)
    assert told.actual != told.predicted
    assert str(told).splitlines()[-2:] == [
        "difference              = -0.3 - (-0.3) = 0",
        "They agree: the slope is constant over the whole nudge.",
    ]
    lost = str(nudge(p, p.parents[0], 1e-20)).splitlines()
    assert lost[-2].endswith("= 0 - (-3e-20) = 3e-20")  # nothing has moved: this is no rounding of a difference
    assert lost[-1] == "The nudge is lost in rounding: a stays as it is."


def test_a_node_in_between_can_be_nudged():
    a, b, root = diamond()
    before = state(root)
    told = nudge(root, b, -1.0)
    assert (told.predicted, told.actual) == (-3.0, -3.0)
    assert "b goes from 6 to 5." in str(told)
    assert "-3 - (-3) = 0" in str(told)
    assert (state(root), a.data, b.data) == (before, 3.0, 6.0)


def test_nudging_the_root_or_a_stranger():
    _, _, root = diamond()
    told = nudge(root, root, 0.25)
    assert (told.predicted, told.actual) == (0.25, 0.25)
    told = nudge(root, Value(1.0, "q"), 0.25)
    assert (told.predicted, told.actual) == (0.0, 0.0)


@settings(deadline=None, max_examples=50)
@given(expressions(most=5))
def test_a_nudge_does_what_changing_the_leaf_does(root):
    leaf = next((node for node in topological_order(root) if not node.parents and node.role != "constant"), None)
    before = state(root)
    told = nudge(root, leaf, 1e-3)
    assert state(root) == before
    assert told.predicted == gradients(root, [leaf])[0] * 1e-3
    old = root.data
    leaf.data += 1e-3
    assert told.actual == root.forward().data - old


# Errors.


@pytest.mark.parametrize(
    "call",
    [lambda root, x: explain(root, x), lambda root, x: formula(root, x), lambda root, x: nudge(root, x, 0.1)],
    ids=["explain", "formula", "nudge"],
)
def test_what_is_no_value_and_what_is_stale_is_refused(call):
    a, _, root = diamond()
    with pytest.raises(TypeError, match=re.escape("expected a Value of the graph, got float 3.0")):
        call(root, 3.0)
    with pytest.raises(TypeError, match=re.escape("expected a Value of the graph, got list [1, 2]")):
        call([1, 2], a)
    a.data = 4.0
    with pytest.raises(RuntimeError, match=r"a = 4.0 was changed after the forward pass"):
        call(root, a)


# In a notebook.

EVIL = "</math><script>alert(1)</script>&\0\"'"


@pytest.mark.parametrize(
    "report",
    [
        lambda x, y: explain(y, x),
        lambda x, y: formula(y, x),
        lambda x, y: formula(total([y] * 40) * total([y] * 40), x),
        lambda x, y: nudge(y, x, 0.1),
        lambda x, y: backward_in_order(y, "naive recursion"),
        lambda x, y: backward_in_order(y, "topological"),
        lambda x, y: compare(lambda v: v * v, 2.0),
    ],
)
def test_a_notebook_is_given_text_page_and_latex(report):
    x = Value(2.0, EVIL)
    y = dot([x, x], [x, -1.0], 3) * x
    y.label = "y<b>"
    bundle = report(x, y)._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/plain", "text/html", "text/latex"}
    page = ElementTree.fromstring(f"<div>{bundle['text/html']}</div>")
    assert "script" not in {element.tag.rpartition("}")[2] for element in page.iter()}
    assert "<b>" not in bundle["text/html"]
    latex = bundle["text/latex"]
    assert latex.count("$$") % 2 == 0
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    assert "\0" not in latex


def test_prose_in_latex_can_break_over_lines():
    report = Report([Sentence("50 % of x_1"), Table(["a", "b"], [["1", ""]]), Equations(lambda n: [["x", "1", "2"]])])
    assert report.latex.split("\n")[1] == r"50 \% of x\_1"
    assert r"\text{1} & " in report.latex
    assert "x &= 1 = 2" in report.latex
    assert str(report) == repr(report) == "50 % of x_1\na  b\n1\nx = 1 = 2"


MANY = {
    "sum": total,
    "mean": mean,
    "logsumexp": logsumexp,
    "softmax[3]": lambda xs: softmax(xs)[3],
    "max": largest,
    "dot": lambda xs: dot(xs[: len(xs) // 2], xs[len(xs) // 2 :]),
}


@pytest.mark.parametrize(
    ("name", "count"),  # softmax makes as many nodes as it has operands
    [(name, count) for name in MANY for count in (70, 500, 1000 if name == "softmax[3]" else 5000)],
)
def test_an_operation_of_many_operands_is_written_with_dots(name, count):
    xs = [Value(i / count, f"x{i}") for i in range(count)]
    y = MANY[name](xs)
    y.label = "y"
    report = formula(y, wrt=xs[1])
    assert str(report).splitlines()[0] == f"y = {name}(x0, x1, x2, …, x{count - 1})"
    assert "∂y/∂x1 = " in str(report)
    assert "…" in report.latex
    ElementTree.fromstring(f"<page>{report.html.replace('&#x2061;', '')}</page>")
    assert explain(y, xs[1]).gradient == pytest.approx(gradients(y, [xs[1]])[0])


@pytest.mark.parametrize(
    "operation",
    [
        lambda v, x: v.tanh(),
        lambda v, x: v * v * 0.5 + 0.1,
        lambda v, x: 1 / (1 + v),
        lambda v, x: -v,
        lambda v, x: v.sqrt(),
        lambda v, x: v / (1 + x),
        lambda v, x: x / (1 + v),
        lambda v, x: x - v,
    ],
)
def test_a_chain_of_thousands_of_operations_is_no_deeper_than_python_goes(operation):
    x = y = Value(0.5, "x")
    for _ in range(3000):
        y = operation(y, x)
    for report in (formula(y, wrt=x), explain(y, x), nudge(y, x, 0.1), backward_in_order(y, "topological")):
        assert str(report)
        assert report.latex
        assert report.html
