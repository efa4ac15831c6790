"""What is written twice for the live page, in Python and in JavaScript, is the same: random texts, made here and there.

There are 200 texts, or as many as the environment says: ``CHALKBOARD_TEXTS=2000 pytest -m slow tests/viz/live``.
"""

import math
import os
import random
import warnings

import pytest

import engine
from engine import Value
from engine.rules import FAMILIES, RULES
from nn import MLP, Neuron, hinge_loss, l1_loss, mse_loss
from viz import play
from viz.live import chalkboard
from viz.live.table import functions, methods, rules

TEXTS = int(os.environ.get("CHALKBOARD_TEXTS", "200"))
NAMES = {name: getattr(engine, name) for name in (*engine.__all__, "abs", "max", "min", "pow", "sum")}
ORDERS = ("", "", "", "=", "naive recursion", "depth-first", "breadth-first")


# What is typed.


def texts(count, seed=0):
    """Random texts, each with the order of its backward pass. Every function and every method comes up."""
    rng = random.Random(seed)
    calls = [*LISTED, *(f"{name}/" for name in functions()), *(f".{name}" for name in methods())]
    for i in range(count):
        yield text(rng, calls[i % len(calls)]), rng.choice(ORDERS)


# Functions of a list, and those with constants; `{}` are operands.
LISTED = {
    "sum([{}, {}, {}])", "sum([{}])", "mean([{}, {}])", "mean([{}, {}, {}, {}])", "max([{}, {}, {}])", "min([{}, {}])",
    "logsumexp([{}, {}, {}])", "softmax([{}, {}])[1]", "softmax([{}, {}, {}])[0]", "log_softmax([{}, {}, {}])[2]",
    "log_softmax([{}, {}])[0]", "dot([{}, {}], [{}, {}])", "dot([{}, {}, {}], [{}, {}, 2], {})", "dot([{}], [{}], 0.5)",
    "where({} - a, {}, {})", "select([{}, {}], 1)", "select([{}, {}], Value(1))", "leaky_relu({})", "{} + 0",
    "leaky_relu({}, 0.3)", "clamp({}, -1, 2)", "({} + a).clamp(0)", "({} - a).leaky_relu(0.25)", "5 - {}", "-({})",
    "mse_loss([{}, {}], [1, {}])", "l1_loss([{}], [2])", "hinge_loss([{}, {}], [1, -1])", "{} % 3", "{}**0", "{}**1",
    "{}**-1", "{}**-2", "abs({})**0.5", "abs({})**(1/3)", "abs({})**-1.5", "2**({})", "abs({})**({})",
    "1 / (abs({}) + 1)", "0 + {}",
}  # fmt: skip
LISTED = sorted(LISTED)


def text(rng, call):
    lines = [f"{name} = {rng.choice(['1', '2', '-3', '0.5', '7', '-0.25', '1.25'])}" for name in "abc"]
    lines += [f"d = {written(rng, call)}", f"{rng.choice('ad')} {rng.choice('+-*')}= {tree(rng, 1)}"]
    lines += [f"x = [{tree(rng, 1)}, {rng.choice(['0.5', 'b', '-2'])}]"] * (rng.random() < 0.3)
    root = f"{tree(rng, 3)} * d" + (" + x[0]*x[1]" if lines[-1].startswith("x") else "")
    return "\n".join([*lines, f"L = {root}"])


def written(rng, call):
    """A call with random operands, kept to where it is defined."""
    operand = lambda: tree(rng, 1)  # noqa: E731
    if call.endswith("/"):
        name = call[:-1]
        return f"{name}({', '.join(domain(name, operand()) for _ in range(functions()[name]['count']))})"
    if call.startswith("."):
        name, others = call[1:], methods()[call[1:]]["count"] - 1
        return f"({domain(name, f'({operand()} + a)')}).{name}({', '.join(operand() for _ in range(others))})"
    return call.format(*[operand() for _ in range(call.count("{}"))])


def domain(name, operand):
    if name in ("asin", "acos", "atanh"):
        return f"tanh({operand}) * 0.9"
    if name in ("log", "log2", "log10", "log1p", "sqrt", "pow", "acosh"):
        return f"abs({operand}) + 1.5"
    return f"tanh({operand}) * 3" if name in ("exp", "exp2", "expm1", "sinh", "cosh", "tan") else operand


def tree(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.15:
        return rng.choice(["a", "b", "c", "a", "b", "c", "2", "0.5", "10"])
    if kind < 0.65:
        return f"({tree(rng, depth - 1)} {rng.choice('+-*')} {tree(rng, depth - 1)})"
    if kind < 0.7:
        return f"({tree(rng, depth - 1)} / (abs({tree(rng, depth - 1)}) + 1))"
    if kind < 0.8:
        return f"{rng.choice('abc')}**{rng.choice([2, 3])}"
    if kind < 0.85:
        return f"-{tree(rng, 0)}"
    return f"{rng.choice(['sin', 'cos', 'tanh', 'relu', 'sigmoid'])}({tree(rng, depth - 1)} + a)"


# What Python makes of it.


def played(text, numbers=None, order=""):
    """What `play` gives its page for such a text; parameters get the numbers under their names."""
    known = dict(NAMES, mse_loss=mse_loss, l1_loss=l1_loss, hinge_loss=hinge_loss)
    known |= {
        "neuron": lambda *given, **more: ("neuron", given, more),
        "mlp": lambda *given, **more: ("mlp", given, more),
    }
    root = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for line in text.splitlines():
            name, _, expression = line.partition(" = ")
            if "= " in name:  # a += 1
                name, _, expression = line.partition("= ")
                expression, name = f"{name[:-1]} {name[-1]} ({expression})", name[:-1].strip()
            root = known[name] = labelled(eval(expression, known), name, numbers)
        shown = play(root, order=order or None).graph
    return shown


def labelled(value, name, numbers):
    if isinstance(value, list):
        return [labelled(x, f"{name}[{i}]", numbers) for i, x in enumerate(value)]
    if isinstance(value, tuple):
        kind, given, more = value
        given = [g if isinstance(g, (int, list)) else getattr(g, "symbol", None) or g.__name__ for g in given]
        model = Neuron(*given, label=name, **more) if kind == "neuron" else MLP(*given, **more)
        for parameter in model.parameters():
            parameter.data = numbers[parameter.label]
        return lambda *xs: model(xs[0] if isinstance(xs[0], list) else list(xs))
    value = value if isinstance(value, Value) else Value(value)
    value.label = value.label or name
    return value


def differences(here, there):
    """The names of what differs between what Python and the page give the player."""
    return [key for key in here if key not in ("lines", "words") and not same(here[key], there.get(key))]


def same(x, y):
    if isinstance(x, (list, tuple)):
        return isinstance(y, list) and len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, dict):
        return {str(key) for key in x} == set(y) and all(same(x[key], y[str(key)]) for key in x)
    if isinstance(x, float) and isinstance(y, (int, float)):
        return math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-300)
    return x == y


# The comparison.


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(chalkboard().save(tmp_path_factory.mktemp("chalkboard") / "chalkboard.html").as_uri())
    page.wait_for_function("() => window.chalkboard")
    yield page
    assert errors == []


MADE = """texts => texts.map(([text, order]) => {
  try { return chalkboard.forPlayer(text, order); } catch (error) { return String(error.stack); }
})"""


def compared(page, cases):
    """What the page makes of texts, each found to be what Python makes of it."""
    found, wrong = page.evaluate(MADE, cases), []
    for (typed, order), there in zip(cases, found, strict=True):
        numbers = dict(zip(there["names"], there["values"])) if isinstance(there, dict) else {}
        bad = differences(played(typed, numbers, order), there) if numbers else there
        if bad:
            wrong.append((typed, order, bad))
    assert wrong == []
    return found


def test_random_texts_give_the_graph_that_python_gives(page):
    found = compared(page, list(texts(TEXTS)))
    drawn = {name for graph in found for name in graph["operations"]}
    missing = {entry["op"] for entry in rules()[0].values()} - drawn
    assert not {name for name in missing if not name.startswith(("**", "["))}, "every rule comes up"


NETWORKS = [
    "x = 0.5\ny = -1\nn = neuron(2, tanh)\nloss = (n(x, y) - 1)**2",
    "n = neuron(3, fused=False)\nL = n(1, 2, 3) * 2 + n(-1, 0.5, 1)",
    "x = [0.5, -2]\nm = mlp(2, [4, 1])\nL = m(x)",
    "x = 0.5\nm = mlp(2, [3, 3, 1], sigmoid)\nn = neuron(1, leaky_relu)\nL = m(x, n(x)) * x",
    "m = mlp(2, [2, 1], tanh)\ny = [m(0, 0), m(0, 1), m(1, 0)]\nloss = mse_loss(y, [0, 1, 1])",
    "m = mlp(1, [2, 3], gelu, fused=False)\nx = 2\np = softmax(m(x))\nL = -log(p[1])",
    "x = 2\nm = mlp(1, [12, 12, 1], relu)\nL = m(x)**2",
    "m = mlp(2, [16, 16, 1], tanh)\nL = hinge_loss([m(1, 2), m(0.5, 1)], [1, -1])",
]


def test_networks_are_folded_as_python_folds_them(page):
    found = compared(page, [(typed, "") for typed in NETWORKS] + [(NETWORKS[0], "="), (NETWORKS[2], "breadth-first")])
    assert max(len(graph["views"]) for graph in found) > 20
    assert min(graph["first"] for graph in found) == 0 < max(graph["first"] for graph in found)


def test_long_chains_and_wide_sums(page):
    chain = "x = 1\nL = " + "(" * 150 + "x" + " * 1.01 + x)" * 150
    wide = "\n".join(
        [f"a{i} = {i / 7}" for i in range(40)] + [f"L = sum([{', '.join(f'a{i}' for i in range(40))}])**2"]
    )
    compared(page, [(chain, ""), (wide, ""), (wide, "depth-first"), ("x = 3\nL = x", ""), ("x = 3\nL = x*x", "")])


@pytest.mark.parametrize("operands", range(1, 14))
def test_formulas_of_any_number_of_operands(page, operands):
    names = [f"x{i}" for i in range(operands)]
    listed, start = f"[{', '.join(names)}]", "\n".join(f"{name} = {i}" for i, name in enumerate(names))
    calls = ["sum", "mean", "max", "min", "logsumexp", "softmax", "log_softmax"]
    last = [f"{call}({listed}){'[0]' if call.endswith('softmax') else ''}" for call in calls]
    last += [f"{call}({listed})[{operands - 1}]" for call in calls[-2:]] + [f"select({listed}, Value({operands - 1}))"]
    last += [f"dot({listed}, {listed[:-1]}])", f"dot({listed}, {listed}, x0)"]
    compared(page, [(f"{start}\nL = {call} * 2", "") for call in last])


def test_formulas_of_families(page):
    powers = [*range(-3, 5), 0.5, 1 / 3, 1 / 7, -0.5, 1.5, 1e-5, 123456.7, 1e20, 0.125]
    calls = [f"x**{n!r}" for n in powers] + [f"leaky_relu(x, {n!r})" for n in (0, 1, 0.01, 1 / 3, 2, -0.5, 0.5)]
    ends = ((-1, 1), (0, 6.5), (1e-7, 1e9), (-1 / 3, 1 / 3))
    calls += [f"clamp(x, {low!r}, {high!r})" for low, high in ends] + ["clamp(x, 1)", "clamp(x)"]
    compared(page, [(f"x = 1.5\nL = {call} + 1", "") for call in calls])


# What the table has.


def test_every_rule_that_can_be_called_is_on_the_page():
    """By its name after an import, as a method, as a sign, or as a function of a list."""
    table, script = rules()
    public = {value.name for name in dir(engine) if isinstance(value := getattr(engine, name), engine.Rule)}
    assert public <= set(table)
    made = {value.name for value in vars(engine.nary_rules).values() if isinstance(value, engine.Rule)}
    listed = {name for name in made if RULES[name].partials.__code__.co_flags & 4}
    assert listed <= set(table)
    assert set(FAMILIES) - set(table) == {"between"}  # the slope of clamp
    assert "null" not in script
