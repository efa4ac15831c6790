"""The rules as JavaScript against the rules in Python, number by number, in a browser."""

import itertools
import json
import math
import random
from math import inf, nan

import pytest

from engine import Rule, exp, nary_rules, rules
from engine.rules import FAMILIES, RULES
from tests.rule_samples import CUBE, NAMED, SAMPLED
from viz.player.javascript import exportable, rule_functions

PAGE = """<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-a'">
<script nonce="a">{}</script>"""

EVALUATE = """(cases) => {
  const written = (x) => Object.is(x, -0) ? "-0.0" : typeof x === "number" ? String(x) : typeof x;
  return JSON.parse(cases).map(([i, z, xs]) => [
    written(RULES[i].value(...xs.map(Number))),
    RULES[i].partials(Number(z), ...xs.map(Number)).map(written),
  ]);
}"""

HARD = [x for size in (0.0, 1e-300, 1e-3, 1.0, 20.0, 40.0, 501.0, 1e20, 1e300, inf) for x in (size, -size)] + [nan]
SLACK = 1e-13
TINY = 1e-321  # what is lost below the smallest normal number

# Sums whose terms may cancel. Python 3.12 and later add with a compensation, so the difference is one of the terms'.
SUMS = ("total", "mean", "dot")


def operands(name, rule):
    """The numbers of operands a rule is tried with."""
    counts = {len(sample.points[0]) for sampled, sample in SAMPLED if sampled == name}
    if rule.partials.__code__.co_flags & 4:
        least = rule.constants[0] + 1 if rule.constants else 2 if name == "dot" else 1
        counts |= {n for n in (2, 3, 7) if n >= least}
    return sorted(counts)


USED = [(name, rule, n) for name, rule in NAMED.items() for n in operands(name, rule)]


def points(name, n):
    samples = [point for sampled, sample in SAMPLED for point in sample.points if sampled == name and len(point) == n]
    if n <= 2:
        return [*samples, *itertools.product(HARD, repeat=n)]
    draw = random.Random(n)
    pools = [HARD, [x for x in HARD if math.isfinite(x)], [x for x in HARD if abs(x) < 600]]
    return samples + [tuple(draw.choices(pool, k=n)) for pool in pools for _ in range(150)]


def number(x):
    return repr(float(x)).replace("inf", "Infinity")


def in_a_page(browser, used, cases):
    """What the page says of ``(which rule, z, xs)``: the value and the partials."""
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.set_content(PAGE.format(rule_functions(used)))
    answers = page.evaluate(EVALUATE, json.dumps([[i, number(z), list(map(number, xs))] for i, z, xs in cases]))
    page.close()
    assert errors == []
    return [(float(value), tuple(map(float, partials))) for value, partials in answers]


def difference(a, b, scale=0.0):
    """How far two numbers are apart, relative to the larger; inf and nan are near themselves alone."""
    if a == b or (a != a and b != b) or abs(a - b) <= TINY:
        return 0.0
    return abs(a - b) / max(abs(a), abs(b), scale) if math.isfinite(a) and math.isfinite(b) else inf


def scale(name, xs):
    """How large the terms of a sum are."""
    if name not in SUMS:
        return 0.0
    half = len(xs) // 2
    terms = xs if name != "dot" else [*(w * x for w, x in zip(xs, xs[half:])), *xs[2 * half :]]
    return max(abs(x) for x in terms) if all(map(math.isfinite, terms)) else 0.0


@pytest.fixture(scope="module")
def answers(browser):
    """For every rule of so many operands: the points, and what the page says there."""
    cases = [(i, rule.evaluate(*xs), xs) for i, (name, rule, n) in enumerate(USED) for xs in points(name, n)]
    said = in_a_page(browser, [(rule, n) for _, rule, n in USED], cases)
    found = [[] for _ in USED]
    for (i, z, xs), answer in zip(cases, said):
        found[i].append((z, xs, answer))
    return found


@pytest.mark.parametrize("i", range(len(USED)), ids=[f"{name}/{n}" for name, _, n in USED])
def test_the_page_computes_what_python_computes(answers, i):
    name, rule, _ = USED[i]
    for z, xs, (value, partials) in answers[i]:
        assert difference(value, z, scale(name, xs)) < SLACK, (xs, value, z)
        slopes = rule.evaluate_partials(z, *xs)
        assert len(partials) == len(slopes)
        for partial, slope in zip(partials, slopes):
            assert difference(partial, slope) < SLACK, (xs, partials, slopes)


@pytest.mark.parametrize("i", range(len(USED)), ids=[f"{name}/{n}" for name, _, n in USED])
def test_zeros_have_their_sign(answers, i):
    _, rule, _ = USED[i]
    for z, xs, (value, partials) in answers[i]:
        for here, there in [(value, z), *zip(partials, rule.evaluate_partials(z, *xs))]:
            if here == there == 0:
                assert math.copysign(1, here) == math.copysign(1, there), (xs, here, there)


# What can be written, and what cannot.


def test_every_rule_and_every_member_of_a_family_is_exportable():
    assert [name for name, rule in NAMED.items() if not exportable(rule)] == []
    assert {name.partition("(")[0] for name in NAMED} == {*RULES, *FAMILIES, "cube"}
    assert exportable(nary_rules.softmax(40), 50)
    assert exportable(nary_rules.log_softmax(7))


BEND, DEPTH, THIRD = 0.25, -0.5, 1 / 3
TABLE = {0.0: 1.0}


def twice_or_not(x, n=2):
    """A function with everything a function may have."""
    y, z = (v + BEND for v in (x, -x))
    if not y > 0 or math.isinf(x):
        z = 1.0
    elif x > 100:
        return x
    else:
        z += n * y
    return z


def slope(f):
    return lambda z, *xs: tuple(0.0 for x in xs)


def flat(f):
    return Rule("own", f, slope(f))


OWN = {
    "arithmetic": flat(lambda x, y: -x + 2 * y - x / 3),
    "powers": flat(lambda x, y: abs(x) ** y + pow(abs(y), 0.5)),
    "remainders": flat(lambda x, y: (x % 3 + y % -3) * (x // 3 - y // 0.7)),
    "a chain": flat(lambda x, y: float(-1 < x <= y < 3) + (not x < y) + (x < 0 or y < 0)),
    "truth": flat(lambda x, y: (1.0 if x else 2.0) + (3.0 if not y else 4.0)),
    "functions": flat(lambda x, y: twice_or_not(x) + twice_or_not(y, 3.5) + math.erf(x) + math.erfc(y)),
    "logarithms": flat(lambda x, y: math.log(abs(x) + 1, 3) + math.log2(abs(y) + 1)),
    "tuples": flat(lambda *xs: xs[-1] + sum(xs[1:]) - sum(xs[:-1], 2.0) + len(xs[:]) + xs.index(xs[1])),
    "comprehensions": flat(lambda *xs: sum([i * x for i, x in enumerate(xs, 1) if x > 0]) + max(x + 1 for x in xs)),
    "lists": flat(lambda *xs: min(map(lambda a, b: a - b, xs, xs[1:])) + sum(a * b for a, b in zip(xs, list(xs)))),
    "all and any": flat(lambda *xs: any(x > 1 for x in xs) + 2.0 * all(math.isfinite(x) for x in xs)),
    "a walrus": flat(lambda x, y: (n := x + y) * n),
    "JavaScript's own words": flat(lambda var, new: (let := var + new) * let),
    "a rule": flat(lambda x, y: rules.hypot(x, rules.sigmoid(y))),
    "a name of the function around": flat((lambda BEND: lambda x, y: x * BEND + y)(8.0)),
    "numbers below zero": flat(lambda x, y: -DEPTH * x - DEPTH - -y),
    "a partial that asks for the truth": Rule("own", lambda x: abs(x), lambda z, x: (z / x if x else 0.0,)),
    "a partial that asks": Rule("own", lambda x: abs(x), lambda z, x: (1.0 if x > 0 else -1.0,)),
    "a partial of floats": Rule("own", lambda x: math.sin(x), lambda z, x: (math.cos(x),)),
    "a partial that repeats itself": Rule("own", lambda x: x**64, lambda z, x: (64 * (x * x * x) ** 21,)),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_rules_of_a_users_own(browser, name):
    rule = OWN[name]
    n = 1 if name.startswith("a partial") else 3 if rule.value.__code__.co_flags & 4 else 2
    assert exportable(rule, n)
    points = list(itertools.product([-41.5, -3.0, -0.3, 0.0, 0.1, 1.0, 2.5, 7.0, 300.0], repeat=n))
    answers = in_a_page(browser, [(rule, n)], [(0, rule.evaluate(*xs), xs) for xs in points])
    for xs, (value, partials) in zip(points, answers):
        assert difference(value, rule.evaluate(*xs)) < SLACK, xs
        assert all(
            difference(*pair) < SLACK for pair in zip(partials, rule.evaluate_partials(value, *xs), strict=True)
        ), xs


def test_lambdas_on_one_line_are_told_apart(browser):
    one, two, three = flat(lambda x: x + 1), flat(lambda x: (lambda x: x * x)(x) + 2), flat(lambda x: (x, x)[0] + 3)
    inner = flat((lambda y: lambda x: x - y)(4.0))
    innermost = flat((lambda x: lambda x: x * 4)(5.0))
    used = [(one, 1), (two, 1), (three, 1), (inner, 1), (innermost, 1)]
    answers = in_a_page(browser, used, [(i, 0.0, (10.0,)) for i in range(5)])
    assert [value for value, _ in answers] == [11, 102, 13, 6, 40]


def test_numbers_keep_their_every_bit(browser):
    rule = Rule("own", lambda x: x * THIRD, lambda z, x: (1e-300 * THIRD,))
    assert in_a_page(browser, [(rule, 1)], [(0, 0.0, (0.7,))]) == [(0.7 * THIRD, (1e-300 * THIRD,))]


def test_the_error_function_is_right_to_a_few_roundings(browser):
    used = [(flat(math.erf), 1), (flat(math.erfc), 1)]
    points = [(i / 64,) for i in range(-7 * 64, 28 * 64)]
    answers = in_a_page(browser, used, [(i, 0.0, x) for i in (0, 1) for x in points])
    for (f, x), (value, _) in zip(itertools.product((math.erf, math.erfc), points), answers):
        assert difference(f(*x), value) < 2e-15 or 0 < value < 1e-307, (f, x)


class Thing:
    size = 2.0

    def __call__(self, x):
        return x


THING = Thing()
UNKNOWN = {
    "a table": lambda x: TABLE[x],
    "an object": lambda x: x * THING.size,
    "an object that is called": THING,
    "a class": lambda x: Thing()(x),
    "a method": lambda x: x.hex(),
    "a text": lambda x: float("1"),
    "a keyword": lambda x: max(x, 1.0, key=abs),
    "rounding": lambda x: round(x),
    "a missing name": lambda x: x + nothing,  # noqa: F821
    "whole lists": lambda *xs: len(xs + xs),
    "lists that are compared": lambda *xs: float(xs == (1.0,)),
    "one of two": lambda x: x or 1.0,
    "a format": lambda x: float(f"{x}"),
    "identity": lambda x: 1.0 if x is BEND else 2.0,
    "two loops": lambda *xs: sum(x for x in xs for y in xs),
    "steps": lambda *xs: sum(xs[::2]),
    "source that is nowhere": eval("lambda x: x"),
}  # fmt: skip


def loops(x):
    while x > 1:
        x -= 1
    return x


UNKNOWN["a loop"] = loops


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_understood_is_left_out(name):
    rule = flat(UNKNOWN[name])
    assert not exportable(rule, 1)
    text = rule_functions([(CUBE, 1), (rule, 1), (CUBE, 1)])
    assert text == rule_functions([(CUBE, 1), (CUBE, 1)]).replace("}},\n", "}},\n    null,\n", 1)


def test_a_partial_may_be_what_is_not_understood():
    assert not exportable(Rule("own", lambda x: x, lambda z, x: (TABLE[x],)))
    assert not exportable(Rule("own", lambda x: x, lambda z, x: ("1.0",)))
    assert not exportable(Rule("own", lambda x: x, lambda z, x: (1.0 if x == THING.size else 2.0,)))


def test_what_was_begun_for_a_rule_that_is_left_out_is_not_there():
    broken = Rule("own", lambda x: rules.sigmoid(x) + TABLE[x], lambda z, x: (1.0,))
    assert "sigmoid" not in rule_functions([(broken, 1)])
    assert rule_functions([(broken, 1), (rules.sigmoid, 1)]).count("const sigmoid") == 1


# The text.


def test_the_same_rules_give_the_same_text():
    used = [(rule, n) for _, rule, n in USED]
    assert rule_functions(used) == rule_functions(used)
    assert rule_functions([(rules.tanh, 1)] * 2).count("sech_0 =") == 1


def test_only_what_is_needed_is_written():
    assert rule_functions([]) == 'const RULES = (() => {\n  "use strict";\n  return [\n  ];\n})();'
    assert len(rule_functions([(rules.add, 2), (rules.mul, 2), (rules.tanh, 1)])) < 600
    assert "erfc" not in rule_functions([(rule, n) for name, rule, n in USED if name not in ("gelu", "normal_cdf")])


def test_the_text_grows_as_the_operands_do():
    def size(n):
        return len(rule_functions([(nary_rules.softmax(0), n)]))

    assert size(16) < 4_000
    assert size(256) - size(128) < 2.2 * (size(128) - size(64))
    assert len(rule_functions([(rule, n) for _, rule, n in USED])) < 40_000


def test_shared_parts_do_not_multiply(browser):
    def partials(z, x):
        for _ in range(60):
            x = x * x + exp(-x)
        return (x,)

    rule = Rule("deep", lambda x: x, partials)
    assert len(rule_functions([(rule, 1)])) < 5_000
    assert in_a_page(browser, [(rule, 1)], [(0, 0.5, (0.5,))]) == [(0.5, rule.evaluate_partials(0.5, 0.5))]


HOSTILE = ["</script><script>alert(1)</script>", "<!--", "*/ x", "`${x}`", "2\n'\"\\", "", "__proto__", "🙂"]


@pytest.mark.parametrize("symbol", HOSTILE)
def test_no_symbol_gets_out(browser, symbol):
    rule = Rule(symbol, lambda x: -(-x) / 2 if x < -(-3) else x, lambda z, x: (-(-x) / -(-2.0),))  # noqa: B002
    text = rule_functions([(rule, 1)])
    assert not any(sign in text for sign in ("</", "<!", "--", "/*", "*/", "eval", "Function", "`", "$" + "{"))
    assert in_a_page(browser, [(rule, 1)], [(0, 0.0, (2.0,))]) == [(1.0, (1.0,))]
