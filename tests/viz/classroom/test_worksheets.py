"""Worksheets: the key against SymPy, the constraints on every draw, and each usual mistake, made here by a small
recursive pass of its own over the text of the worksheet, against what the report says of it."""

import ast
import json
import re
import sys
from fractions import Fraction
from html.parser import HTMLParser
from itertools import product

import numpy as np
import pytest
import sympy

from engine import Value, no_grad
from engine.graph import topological_order
from tests.accessibility import violations
from viz import Practice, draw_dot, play, worksheet, worksheets
from viz.classroom.worksheets.drawing import BLANK, drawing
from viz.classroom.worksheets.languages import LANGUAGES
from viz.classroom.worksheets.marking import Answer
from viz.formulas.mistakes import MISTAKES

LEVELS = ("easy", "medium", "hard")
HOSTILE = [
    '</title><script>alert("1")</script>',
    "<img src=x onerror=alert(1)>",
    "a & b",
    "'\"",
    "x" * 500,
    "nul\0\ud800\n",
]


# A worksheet read from its text.


def parsed(sheet):
    """For each name of the text, in its order: a number, or an operation and the names of its operands."""
    graph = {}
    for line in (*sheet.given, *sheet.expression):
        name, text = line.split(" = ")
        tree = ast.parse(text, mode="eval").body
        if re.fullmatch(r"-?\d+(/\d+)?", text):
            graph[name] = Fraction(text)
        elif isinstance(tree, ast.Call):
            graph[name] = (tree.func.id, *(x.id for x in tree.args))
        elif isinstance(tree, ast.UnaryOp):
            graph[name] = ("neg", tree.operand.id)
        elif isinstance(tree.op, ast.Pow):
            assert tree.right.value == 2
            graph[name] = ("square", tree.left.id)
        else:
            graph[name] = (type(tree.op).__name__, tree.left.id, tree.right.id)
    return graph


def arrows(graph):
    """For each blank on an arrow the operation that the arrow leads to, and the number of the operand."""
    found = {}
    for name, made in graph.items():
        for i, operand in enumerate(made[1:] if isinstance(made, tuple) else ()):
            blank = f"local {operand}->{name}"
            found[f"{blank} (2)" if blank in found else blank] = made, i
    return found


FAR = Fraction(10**9)  # what a wrong pass gets where it divides by 0
VALUE = {
    "Add": lambda x, y: x + y, "Sub": lambda x, y: x - y, "Mult": lambda x, y: x * y,
    "Div": lambda x, y: x / y if y else FAR,
    "max": max, "relu": lambda x: max(x, Fraction(0)), "neg": lambda x: -x, "square": lambda x: x**2,
}  # fmt: skip
SLOPES = {
    "Add": lambda x, y: (1, 1), "Sub": lambda x, y: (1, -1), "Mult": lambda x, y: (y, x),
    "Div": lambda x, y: (1 / y, -x / y**2), "max": lambda x, y: (int(x > y), int(y > x)),
    "relu": lambda x: (int(x > 0),), "neg": lambda x: (-1,), "square": lambda x: (2 * x,),
}  # fmt: skip


def forward(graph, value=None, wrong_at=None):
    """The data, with a wrong value of an operation at one node, or at all if none is named."""
    data = {}
    for name, made in graph.items():
        if isinstance(made, Fraction):
            data[name] = made
        else:
            xs = [data[x] for x in made[1:]]
            take = (
                VALUE[made[0]] if value is None or wrong_at not in (None, name) else value.get(made[0], VALUE[made[0]])
            )
            data[name] = Fraction(take(*xs))
    return data


def gradient(graph, data, x, part=None, total=None, upstream=None):
    """The gradient of x under a wrong rule; of all that comes before it too, unless its upstream is given."""
    if x == "L":
        return Fraction(1)
    parts, right = [], Fraction(0)
    for user, made in reversed(graph.items()):
        for i, operand in enumerate(made[1:] if isinstance(made, tuple) else ()):
            if operand == x:
                local = Fraction(SLOPES[made[0]](*(data[o] for o in made[1:]))[i])
                up = upstream[user] if upstream else gradient(graph, data, user, part, total)
                parts.append(part(up, local, made, i, data, user) if part else up * local)
                right += gradient(graph, data, user) * local if total else 0
    return total(parts, right, data[x]) if total else sum(parts)


def swapped_slopes(kinds, wrong):
    return lambda up, local, made, i, data, user: up * (wrong(made, i, data, user) if made[0] in kinds else local)


def minus_forgotten(up, local, made, i, data, user):
    return up * (-local if (made[0], i) in {("Sub", 1), ("neg", 0), ("Div", 1)} else local)


PARTS = {
    "minus forgotten": minus_forgotten,
    "swapped": swapped_slopes(("Mult",), lambda made, i, data, user: data[made[1 + i]]),
    "own data": swapped_slopes(("Mult", "Div", "square", "relu", "max"), lambda made, i, data, user: data[user]),
    "square": swapped_slopes(("square",), lambda made, i, data, user: data[made[1]]),
    "quotient": swapped_slopes(
        ("Div",), lambda made, i, data, user: -data[made[1]] / data[made[2]] if i else data[made[2]]
    ),
    "closed gate": swapped_slopes(("relu", "max"), lambda made, i, data, user: 1),
    "upstream forgotten": lambda up, local, made, i, data, user: local,
    "local forgotten": lambda up, local, made, i, data, user: up,
    "added along the path": lambda up, local, made, i, data, user: up + local,
    "started from data": lambda up, local, made, i, data, user: up * local * (data["L"] if user == "L" else 1),
}
TOTALS = {
    "path forgotten": lambda parts, right, data: parts[0],
    "= for +=": lambda parts, right, data: parts[-1],
    "sign": lambda parts, right, data: -sum(parts),
    "stale gradient": lambda parts, right, data: right + sum(parts),
    "data for gradient": lambda parts, right, data: data,
}
LOCALS = {"minus forgotten", "swapped", "own data", "square", "quotient", "closed gate"}
ONLY_LOCAL = {"upstream included", "data for derivative"}
VALUES = {
    "sign": {kind: (lambda *xs, f=f: -f(*xs)) for kind, f in VALUE.items()},
    "operation swapped": {
        "Add": VALUE["Mult"], "Mult": VALUE["Add"], "Sub": VALUE["Add"], "Div": VALUE["Mult"], "max": min,
        "relu": lambda x: x, "neg": lambda x: x, "square": lambda x: 2 * x,
    },
    "operands swapped": {"Sub": lambda x, y: y - x, "Div": lambda x, y: y / x if x else FAR},
}  # fmt: skip


def right_pass(sheet):
    graph = parsed(sheet)
    data = forward(graph)
    return graph, data, {x: gradient(graph, data, x) for x in graph}


# The key, and what every worksheet promises.


@pytest.mark.parametrize("level", LEVELS)
def test_the_key_is_what_sympy_gets(level):
    for seed in range(15):
        sheet = worksheet(seed, level)
        names = [line.split(" = ")[0] for line in sheet.given + sheet.expression]
        symbols = {name: sympy.Symbol(name, real=True) for name in names}
        functions = {"max": sympy.Max, "relu": lambda x: sympy.Max(x, 0)}
        numbers = {symbols[name]: sympy.Rational(number) for name, number in (g.split(" = ") for g in sheet.given)}
        formulas = [line.split(" = ") for line in sheet.expression]
        for name in sheet.key:
            if name.startswith("local"):
                continue
            kept = name.removeprefix("grad ")  # the rest of the expression as a function of this node
            formula = symbols["L"]
            for made, text in reversed(formulas):
                if made != kept or not name.startswith("grad"):
                    formula = formula.subs(symbols[made], eval(text, {"__builtins__": {}}, symbols | functions))
            if name.startswith("grad"):
                data = (
                    numbers if symbols[kept] in numbers else numbers | {symbols[kept]: sympy.Rational(sheet.key[kept])}
                )
                wanted = sympy.diff(formula, symbols[kept]).subs(data)
            else:
                wanted = symbols[name]
                for made, text in reversed(formulas):
                    wanted = wanted.subs(symbols[made], eval(text, {"__builtins__": {}}, symbols | functions))
                wanted = wanted.subs(numbers)
            assert sheet.key[name] == Fraction(str(wanted.doit())), (level, seed, name)


@pytest.mark.parametrize("level", LEVELS)
def test_the_local_derivatives_are_what_sympy_gets(level):
    x, y = sympy.symbols("x y", real=True)
    formulas = {
        "Add": x + y, "Sub": x - y, "Mult": x * y, "Div": x / y,
        "max": sympy.Max(x, y), "relu": sympy.Max(x, 0), "neg": -x, "square": x**2,
    }  # fmt: skip
    for seed in range(15):
        sheet = worksheet(seed, level)
        graph = parsed(sheet)
        data = forward(graph)
        for blank, (made, i) in arrows(graph).items():
            numbers = {symbol: sympy.Rational(data[name]) for symbol, name in zip((x, y), made[1:])}
            wanted = sympy.diff(formulas[made[0]], (x, y)[i]).subs(numbers)
            assert sheet.key[blank] == Fraction(str(wanted.doit())), (level, seed, blank)


@pytest.mark.parametrize("level", LEVELS)
def test_what_every_worksheet_promises(level):
    seen = set()
    for seed in range(200):
        sheet = worksheet(seed, level)
        graph, data, gradients = right_pass(sheet)
        made = [node for node in graph.values() if isinstance(node, tuple)]
        seen.add((sheet.given, sheet.expression))
        assert len(made) in {"easy": (3, 4), "medium": (4, 5, 6), "hard": (6, 7, 8)}[level]
        assert list(graph) == [*"abcdefghijk"[: len(graph) - 1], "L"]
        assert all(abs(x) <= 50 and x.denominator <= 8 for x in data.values())
        assert all(abs(x) <= 100 and x.denominator <= 8 for x in gradients.values())
        assert sheet.key == {
            **{name: x for name, x in data.items() if isinstance(graph[name], tuple)},
            **{blank: SLOPES[made[0]](*(data[x] for x in made[1:]))[i] for blank, (made, i) in arrows(graph).items()},
            **{f"grad {name}": x for name, x in gradients.items() if name != "L"},
        }
        kinds = {node[0] for node in made}
        assert kinds <= {"Add", "Sub", "Mult"} if level == "easy" else kinds - {"Add", "Sub", "Mult"}
        assert ("Div" in kinds) == (level == "hard")
        assert any(x.denominator > 1 for x in data.values()) == (level == "hard")
        assert list(gradients.values()).count(0) <= (level != "easy")
        # = for += must show, and a kink must not
        assert any(
            gradient(graph, data, x, total=TOTALS["= for +="], upstream=gradients) != gradients[x]
            for x in graph
            if x != "L"
        )
        uses = [x for node in made for x in node[1:]]
        assert level != "easy" or sum(uses.count(x) > 1 for x in graph) == 1
        assert all(data[node[1]] != 0 for node in made if node[0] == "relu")
        assert all(data[node[1]] != data[node[2]] for node in made if node[0] == "max")
    assert len(seen) >= 195


def test_the_same_seed_gives_the_same_worksheet_and_another_another():
    one, two = (worksheet(5, "hard") for _ in range(2))
    assert (one.given, one.expression, one.key, one.html()) == (two.given, two.expression, two.key, two.html())
    assert one.expression != worksheet(6, "hard").expression
    assert worksheet(28).expression == ("d = a - b", "e = d * c", "L = e + a")


def test_a_worksheet_is_an_engine_graph_that_backward_can_be_called_on():
    sheet = worksheet(3, "medium")
    assert isinstance(sheet.root, Value)
    assert not any(node.has_grad for node in topological_order(sheet.root))
    sheet.root.backward()
    for node in topological_order(sheet.root)[:-1]:
        assert node.grad == pytest.approx(float(sheet.key[f"grad {node.label}"]))
    assert sheet.check(sheet.key).right  # whatever the gradients in the nodes are


def test_no_switch_that_is_on_disturbs_a_draw():
    with no_grad():
        drawn = worksheet(5, "hard").expression
    assert drawn == worksheet(5, "hard").expression


def test_forward_values_can_be_given():
    sheet = worksheet(4, "hard", forward=False)
    assert all(name.startswith(("grad ", "local ")) for name in sheet.key)
    assert sheet.check(sheet.key).right
    whole = worksheet(4, "hard")
    assert sheet.expression == whole.expression
    assert sheet.key.items() < whole.key.items()


# What is right.


@pytest.mark.parametrize("level", LEVELS)
def test_right_answers_are_right(level):
    for seed in range(12):
        sheet = worksheet(seed, level)
        for answers in (
            sheet.key,
            {name: float(x) for name, x in sheet.key.items()},
            {name: f" {str(x).replace('-', '−')} " for name, x in sheet.key.items()},
            {name: f"{float(x):.12f}".replace(".", ",") for name, x in sheet.key.items()},
        ):
            report = sheet.check(answers)
            assert report.right, str(report)
        assert str(report).endswith(f"{len(sheet.key)} of {len(sheet.key)} are right.")


RIGHT = {
    "3": [3, 3.0, "3", "6/2", " 3 ", "+3", "3.", np.int64(3), Fraction(3)],
    "-3": ["−3", "-3", "- 3", "-6/2", -3.0],
    "0": [0, "-0", 0.0, -1e-9],
    "1/2": ["0.5", "0,5", ".5", 0.5, Fraction(1, 2), np.float64(0.5), "½", "2 / 4", "0.500"],
    "3/2": ["1 1/2", "1½", "3/2", 1.5],
    "-3/2": ["-1 1/2", "−1 1/2"],
    "-3/4": ["3/-4", "3 / -4"],
    "1/3": ["0.333", "0.3333", 1 / 3, "1/3"],
    "2/3": ["0.667", "0.666", "0,6667"],
    "-20/3": ["-6.67", "-6.66"],
    "100/3": ["33.3"],
    "100": [100.0],
}
WRONG = {
    "1/3": ["0.33", "0.3", "0.334", "-0.333"],
    "2/3": ["0.668", "0.67", "0.665"],
    "1/2": ["0.501", "0.499", "5"],
    "1/5": ["0.201"],
    "201/2": [100.0, "100"],
    "25/8": [3.0],
    "10/3": ["3"],
    "100/3": ["33"],
    "11/2": ["1 1/2", "1½"],
    "3": ["-3"],
}
UNREADABLE = [
    *("abc", "3/0", "x=3", "1e3", "--3", ".", "-", "/", "nan", "9" * 5000, "1/2/3", "<b>3</b>"),
    *(True, [3], {}, float("nan"), float("inf"), 10**400, 1e300, Value(3.0)),
]


@pytest.mark.parametrize(("given", "number"), [(given, number) for number, forms in RIGHT.items() for given in forms])
def test_a_right_number_is_read_in_every_form(given, number):
    assert Answer.read(given).near(Fraction(number))


@pytest.mark.parametrize(("given", "number"), [(given, number) for number, forms in WRONG.items() for given in forms])
def test_a_wrong_number_is_not_near(given, number):
    assert not Answer.read(given).near(Fraction(number))


@pytest.mark.parametrize("given", UNREADABLE, ids=lambda x: f"{x!r:.20}")
def test_what_cannot_be_read_is_told(given):
    sheet = worksheet(28)
    verdict = sheet.check({"grad a": given})["grad a"]
    assert verdict.state == "unreadable"
    assert re.fullmatch(
        r".* can't be read as a number; write it as 3, -0\.5, 3/4 or 1 1/2\.",
        verdict.causes["unreadable"],
        re.DOTALL,
    )
    assert len(verdict.causes["unreadable"]) < 130


def test_missing_and_empty_answers_are_not_yet():
    sheet = worksheet(28)
    report = sheet.check({"grad a": None, "grad b": "", "d": "  "})
    assert {v.state for v in report.verdicts} == {"not yet"}
    assert [v.blank for v in report.verdicts] == list(sheet.key)
    assert not report.right
    assert str(report).splitlines()[-1] == "0 of 14 are right."


def test_too_few_digits_are_told():
    sheet = next(
        s for s in (worksheet(i, "hard") for i in range(500)) if any(x.denominator == 3 for x in s.key.values())
    )
    name = next(name for name, x in sheet.key.items() if x.denominator == 3)
    verdict = sheet.check({name: f"{float(sheet.key[name]):.1f}"})[name]
    assert next(iter(verdict.causes)) == "rounded"
    assert sheet.check({name: f"{float(sheet.key[name]):.4f}"})[name].state == "right"


def test_unknown_blanks_and_other_things_than_a_dictionary_are_refused():
    sheet = worksheet(28)
    with pytest.raises(
        ValueError, match=r"no blank 'grad L' on this worksheet; its blanks are d, e, L, local e->L, .*grad a$"
    ):
        sheet.check({"grad L": 1})
    with pytest.raises(TypeError, match=r'expected answers as \{"grad a": 3\}, got list \[3\]'):
        sheet.check([3])
    with pytest.raises(ValueError, match=r"difficulty must be one of 'easy', 'medium', 'hard', got 'brutal'"):
        worksheet(1, "brutal")
    assert sheet.check({" grad  a ": -4})["grad a"].state == "right"


# What is wrong.


def test_the_table_and_the_wrong_passes_here_have_the_same_names():
    assert {m.name for m in MISTAKES} == {*PARTS, *TOTALS, *VALUES, *ONLY_LOCAL}
    assert {m.name for m in MISTAKES if m.local} == {*LOCALS, "sign", *ONLY_LOCAL}


def mistakes():
    return [(name, part, None) for name, part in PARTS.items()] + [
        (name, None, total) for name, total in TOTALS.items()
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("name", "part", "total"), mistakes(), ids=[name for name, _, _ in mistakes()])
def test_a_wrong_gradient_is_recognised(level, name, part, total):
    recognised = 0
    for seed in range(6):
        sheet = worksheet(seed, level)
        graph, data, right = right_pass(sheet)
        all_the_way = {x: gradient(graph, data, x, part, total) for x in graph}
        for x in list(graph)[:-1]:
            blank = f"grad {x}"
            alone = gradient(graph, data, x, part, total, upstream=right)
            for answers in ({**sheet.key, blank: alone}, {blank: alone}, {blank: all_the_way[x]}):
                if answers[blank] != right[x]:
                    verdict = sheet.check(answers)[blank]
                    assert verdict.state == "wrong", (seed, blank)
                    assert name in verdict.causes, (seed, blank, str(verdict))
                    recognised += 1
        # filled in wholly, each blank is either the mistake or follows from one before
        report = sheet.check(
            {blank: all_the_way[blank[5:]] if blank[:5] == "grad " else x for blank, x in sheet.key.items()}
        )
        for verdict in report.verdicts:
            assert verdict.state == "right" or {name, "follows"} & set(verdict.causes), (seed, str(verdict))
    assert recognised > 0 or (name, level) in {
        ("quotient", "easy"), ("quotient", "medium"), ("square", "easy"), ("closed gate", "easy")
    }  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
def test_a_wrong_local_derivative_is_recognised(level):
    recognised = set()
    for seed in range(10):
        sheet = worksheet(seed, level)
        graph, data, right = right_pass(sheet)
        for blank, (made, i) in arrows(graph).items():
            head = blank.partition("->")[2].removesuffix(" (2)")
            local = Fraction(SLOPES[made[0]](*(data[x] for x in made[1:]))[i])
            wrong = {name: PARTS[name](Fraction(1), local, made, i, data, head) for name in LOCALS}
            wrong |= {"sign": -local, "upstream included": local * right[head]}
            if made[0] in ("Add", "Sub", "neg"):
                wrong["data for derivative"] = data[made[1 + i]]
            for name, number in wrong.items():
                if number != local:
                    verdict = sheet.check({blank: number})[blank]
                    assert (verdict.state, name in verdict.causes) == ("wrong", True), (seed, str(verdict))
                    recognised.add(name)
    assert recognised >= {"sign", "swapped", "minus forgotten", "own data", "upstream included", "data for derivative"}


def test_what_follows_from_a_wrong_local_derivative_is_told():
    marks = worksheet(28).check({"local d->e": 8, "grad d": 8, "grad b": 8, "local a→d": "1"})
    assert marks["local a->d"].state == "right"
    assert marks["grad d"].causes["follows"] == "This follows from what you had for local d->e: correct that first."
    assert "minus forgotten" in marks["grad b"].causes


@pytest.mark.parametrize("level", LEVELS)
def test_every_set_of_forgotten_paths_is_recognised(level):
    for seed in range(12):
        sheet = worksheet(seed, level)
        graph, data, right = right_pass(sheet)
        for x in list(graph)[:-1]:
            parts = []
            gradient(graph, data, x, upstream=right, total=lambda p, *_, parts=parts: parts.extend(p) or sum(p))
            for kept in range(1, 2 ** len(parts) - 1):
                some = sum(p for i, p in enumerate(parts) if kept >> i & 1)
                if some != right[x]:
                    assert "path forgotten" in sheet.check({f"grad {x}": some})[f"grad {x}"].causes


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", VALUES)
def test_a_wrong_value_is_recognised(level, name):
    recognised = 0
    for seed in range(15):
        sheet = worksheet(seed, level)
        graph, right, _ = right_pass(sheet)
        all_the_way = forward(graph, VALUES[name])
        for x in sheet.key.keys() & graph.keys():
            for wrong in (forward(graph, VALUES[name], wrong_at=x)[x], all_the_way[x]):
                if wrong != right[x] and abs(wrong) < 10**5:
                    assert name in sheet.check({x: wrong})[x].causes, (seed, x)
                    recognised += 1
    assert recognised > 10


@pytest.mark.parametrize("level", LEVELS)
def test_what_follows_from_an_own_wrong_number_is_told(level):
    told = 0
    for seed in range(10):
        sheet = worksheet(seed, level)
        graph, data, right = right_pass(sheet)
        for x in [name for name, made in graph.items() if isinstance(made, tuple)][:-1]:
            wrong = {**right, x: right[x] + 7}
            for operand in set(graph[x][1:]):
                here = gradient(graph, data, operand, upstream=wrong)
                if here != right[operand]:
                    report = sheet.check({**sheet.key, f"grad {x}": wrong[x], f"grad {operand}": here})
                    assert next(iter(report[f"grad {operand}"].causes)) == "follows"
                    assert f"what you had for grad {x}: correct that first" in str(report)
                    told += 1
    assert told > 15


def test_a_wrong_number_is_followed_through_the_data_and_a_blank_left_open():
    sheet = worksheet(28)  # a = -2, b = 6, c = -5, d = a - b, e = d * c, L = e + a
    report = sheet.check({"d": 8, "L": -42, "grad c": 8})
    assert set(report["d"].causes) == {"sign", "operands swapped"}
    assert "what you had for d: correct" in report["L"].causes["follows"]
    assert "what you had for d: correct" in report["grad c"].causes["follows"]
    assert sheet.check({"d": 8, "e": 40})["e"].state == "right"


def test_what_only_follows_is_no_mistake_of_its_own_and_names_what_it_follows_from():
    report = worksheet(28).check({"grad e": 4, "grad c": -32, "grad d": 7, "grad b": -7})
    assert list(report["grad c"].causes) == list(report["grad b"].causes) == ["follows"]
    assert "had for grad e: correct" in report["grad c"].causes["follows"]
    assert "had for grad d: correct" in report["grad b"].causes["follows"]


def test_a_mistake_on_top_of_an_own_wrong_number_is_recognised():
    sheet = worksheet(28)
    causes = sheet.check({"grad e": 3, "grad d": -15, "grad a": -15})["grad a"].causes
    assert list(causes)[:2] == ["path forgotten", "= for +="]


@pytest.mark.parametrize("level", LEVELS)
def test_no_report_shows_the_answer(level):
    for seed in range(10):
        sheet = worksheet(seed, level)
        report = sheet.check(dict.fromkeys(sheet.key, "999"))
        text = re.sub(
            r"1 / y|\(2\)|y\*\*2|2 \* x|x\*\*2|, which is 1|from 0|below 0|is 0|999|\d+ of \d+", "", str(report)
        )
        assert not re.search(r"\d", text), text
        assert all(v.causes for v in report.verdicts)


def test_a_number_that_no_mistake_gives_is_told_as_such():
    assert worksheet(28).check({"grad a": 97})["grad a"].causes.keys() == {"unknown"}


# The pages.


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("level", LEVELS)
def test_pages_stand_alone_and_keep_the_answers_to_the_end(level):
    pages = worksheets(4, seed=1, difficulty=level)
    page = Page(pages.html())
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [a for a in page.attributes if a[0] in ("src", "href") or a[0].startswith("on")]
    assert "http" not in pages.html().replace("http://www.w3.org/2000/svg", "")
    assert page.tags.count("svg") == 4
    *sheets, key = pages.html(keys=True).split("<section")[1:]
    assert len(sheets) == 4
    assert all('class="worksheet key"' not in sheet for sheet in sheets)
    for sheet, text in zip(pages.sheets, sheets):
        blanks = sum(data.count("_____") for data in Page(text).texts) + text.count('class="blank"')
        assert blanks == len(sheet.key)
        assert str(sheet.seed) in text
    for sheet in pages.sheets:
        for blank, x in sheet.key.items():
            assert blank.startswith("local") or f"<td>{x}</td>" in key or f" = {x}</td>" in key
    assert "key" not in re.sub("<style>.*?</style>", "", pages.html(keys=False), flags=re.DOTALL)


@pytest.mark.parametrize("level", LEVELS)
def test_a_key_shows_every_contribution_and_its_sum(level):
    for seed in range(6):
        sheet = worksheet(seed, level)
        graph, data, gradients = right_pass(sheet)
        key = sheet.html(keys=True).partition("Answer key")[2]
        rows = re.findall(r'<th scope="row">(\w)</th><td>(.*?)</td><td>(.*?)</td>', key)
        assert [name for name, *_ in rows] == list(graph)
        for name, value, shown in rows[:-1]:
            parts = []
            gradient(graph, data, name, upstream=gradients, total=lambda p, *_, parts=parts: parts.extend(p) or sum(p))
            *products, total = re.split(r" \+ | = ", shown)
            fractions = [re.findall(r"-?\d+(?:/\d+)?", product) for product in products]
            assert sorted(Fraction(x) * Fraction(y) for x, y in fractions) == sorted(parts)
            assert (Fraction(value), Fraction(total)) == (data[name], gradients[name])


def test_every_picture_writes_a_minus_as_the_expression_does():
    sheet = worksheet(0, "medium")
    assert sheet.expression[-1] == "L = -g"
    practised = Practice({"easy": (sheet,), "medium": (), "hard": ()}, "en", 500)
    for drawn in (sheet.html(), practised.html, draw_dot(sheet.root).source.replace("\\", "")):
        assert "L: -" in drawn
        assert "L: neg" not in drawn
    [operations] = re.findall(r'"operations":(\[.*?\])', play(sheet.root).html)
    assert json.loads(operations)[-1] == "-"


@pytest.mark.parametrize("level", LEVELS)
def test_a_blank_is_on_its_own_arrow_and_on_nothing_else(level):
    """The arrows end at the boxes that they lead to, blanks do not touch each other nor a box, and all have room."""
    for seed, way in product(range(6), ("TB", "LR")):
        root = worksheet(seed, level).root
        drawn = drawing(root, lambda node: (f"{node.label}: {node.op}", "data _____", "grad _____"), "x", way)
        boxes = [(p.x, p.y, p.width, p.height) for p in drawn.layout.places.values()]
        blanks = [(x, y, *BLANK) for x, y in drawn.blanks]
        for i, blank in enumerate(blanks):
            assert not any(overlap(blank, other) for other in blanks[:i] + boxes), (seed, way)
            assert blank[2] / 2 < blank[0] < drawn.layout.width - blank[2] / 2
            assert blank[3] / 2 < blank[1] < drawn.layout.height - blank[3] / 2
        for arrow, curve, (x, y) in zip(drawn.arrows, drawn.curves, drawn.blanks):
            *_, (a, b), (c, d) = [tuple(map(float, p)) for p in re.findall(r"(-?\d+),(-?\d+)", curve)]
            head = drawn.layout.places[arrow.head]
            assert abs(c - head.x) <= head.width / 2 + 1
            assert abs(d - head.y) <= head.height / 2 + 1
            assert (abs(a - x) <= 1 and abs(c - x) <= 1) if way == "TB" else (abs(b - y) <= 1 and abs(d - y) <= 1)


def overlap(one, other):
    (a, b, width, height), (c, d, wide, high) = one, other
    return abs(a - c) < (width + wide) / 2 and abs(b - d) < (height + high) / 2


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_every_sheet_fills_one_page_of_paper(pages, tmp_path, paper):
    path = tmp_path / "class.html"
    worksheets(3, seed=1, difficulty="hard").save(path, keys=True)
    page = pages.open(path)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format=paper))) == 4
    height = {"A4": 297, "Letter": 279.4}[paper] - 24  # millimetres, without the margins
    page.set_viewport_size({"width": 703, "height": round(height / 25.4 * 96)})  # as high as the paper
    page.emulate_media(media="print")
    room = page.evaluate("innerHeight")
    for section in page.locator(".worksheet:not(.key)").all():
        assert 0.97 * room <= section.bounding_box()["height"] <= room
        bottom = section.locator("table").bounding_box()
        assert bottom["y"] + bottom["height"] >= section.bounding_box()["y"] + 0.97 * room


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found_on_the_screen(pages, tmp_path, scheme):
    path = tmp_path / "class.html"
    worksheets(["Ada", "Emmy"], seed=1, difficulty="medium").save(path, keys=True)
    page = pages.open(path, color_scheme=scheme)
    ground, ink = page.locator("tbody th").first.evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    assert (ground, ink) == {
        "light": ("rgb(255, 255, 255)", "rgb(0, 0, 0)"),
        "dark": ("rgb(20, 20, 20)", "rgb(240, 240, 240)"),
    }[scheme]
    assert violations(page) == {}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sheet_is_printed_in_a_language(lang):
    def without_words(lang):
        html = re.sub(r"<style>.*?</style>", "", worksheets(2, seed=1, lang=lang).html(keys=True), flags=re.DOTALL)
        assert f'<html lang="{lang}">' in html
        words = {word for name, word in LANGUAGES[lang].items() if name != "worksheet"}
        for word in sorted(words, key=len, reverse=True):
            assert word in html
            html = html.replace(word, "…")
        return re.sub(r', lang=(&quot;|")\w+(&quot;|")', "", html).replace(f'lang="{lang}"', "")

    assert without_words(lang) == without_words("en")


def test_every_language_says_the_same_things_and_there_are_no_others():
    assert len({tuple(words) for words in LANGUAGES.values()}) == 1
    with pytest.raises(ValueError, match="lang must be one of 'en', 'es', 'ja', got 'de'"):
        worksheet(3, lang="de")


def test_a_page_without_key_does_not_hold_the_answers():
    sheet = worksheet(3, "hard")
    shown = [t for t in Page(sheet.html().split("</style>")[1]).texts if re.search(r"grad|data", t)]
    assert sorted(t for t in shown if t.startswith("grad ") and "_" not in t) == ["grad 1"]
    assert repr(sheet) == "Worksheet(seed=3, difficulty='hard')"
    assert sheet.html(keys=True).count("<section") == 2
    assert sheet._repr_html_().count("<section") == 1


def test_no_two_students_get_the_same_and_the_seed_decides():
    pages = worksheets(40, seed=3)
    assert len({sheet.given + sheet.expression for sheet in pages.sheets}) == 40
    assert pages.html() == worksheets(40, seed=3).html()
    assert pages.html() != worksheets(40, seed=4).html()
    again = worksheet(pages.sheets[7].seed, "easy")  # from the number on the page
    assert again.key == pages.sheets[7].key


def test_a_worksheet_that_comes_twice_is_drawn_again(monkeypatch):
    few = {i: worksheet(i) for i in range(6)}
    monkeypatch.setattr(sys.modules[worksheet.__module__], "worksheet", lambda seed, level, lang: few[seed % 6])
    assert len({sheet.seed for sheet in worksheets(6).sheets}) == 6


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_page(name, tmp_path):
    plain, hostile = worksheets(["Ada", "Emmy"]), worksheets(["Ada", name])
    page, usual = Page(hostile.html(keys=True)), Page(plain.html(keys=True))
    assert page.tags == usual.tags
    assert page.attributes == usual.attributes
    kept = "".join(c if c.isprintable() else " " for c in name[:80])
    assert sum(kept in text for text in page.texts) >= 2
    text = hostile.save(tmp_path / "class.html")
    assert "Ada" in (tmp_path / "class.html").read_text(encoding="utf-8")
    assert text == str(tmp_path / "class.html")


def test_a_report_is_escaped():
    report = worksheet(28).check({"grad a": "<b>3</b>", "d": "5"})
    page = Page(report._repr_html_())
    assert set(page.tags) <= {"table", "tr", "th", "td", "br", "p"}
    assert "&lt;b&gt;" in report._repr_html_()


LOOKS = """(all) => all.map((element) => {
  const { color, backgroundColor, textAlign } = getComputedStyle(element);
  return [color, backgroundColor, textAlign];
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.filterwarnings("default")
def test_in_a_notebook_a_sheet_is_black_on_white_and_texts_begin_at_the_left(browser, tmp_path, theme):
    from nbconvert import HTMLExporter
    from nbformat import v4

    sheet = worksheet(28)
    shown = [sheet, sheet.check({"grad a": -5})]
    outputs = [v4.new_output("display_data", {"text/html": each._repr_html_()}) for each in shown]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("sheet", outputs=outputs)])
    path = tmp_path / "lesson.html"
    path.write_text(HTMLExporter(theme=theme).from_notebook_node(notebook)[0], encoding="utf-8")
    page = browser.new_page()
    page.route(re.compile("^https?:"), lambda route: route.abort())  # nbconvert's own page asks for MathJax
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    code = page.locator(".worksheet code").evaluate_all(LOOKS)
    assert {tuple(look[:2]) for look in code} == {("rgb(0, 0, 0)", "rgba(0, 0, 0, 0)")}
    cells = page.locator("td, th").evaluate_all(LOOKS)
    assert {align for *_, align in cells} == {"left"}
    page.close()


def test_ids_are_unique_over_the_pages():
    ids = [value for key, value in Page(worksheets(5).html()).attributes if key == "id" and value.startswith("sheet")]
    assert len(ids) == len(set(ids)) >= 5 * 6


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "new" / "class.html"
    worksheets(2).save(target)
    before = target.read_text(encoding="utf-8")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        worksheets(3).save(target)
    assert target.read_text(encoding="utf-8") == before
    assert [path.name for path in target.parent.iterdir()] == ["class.html"]
    monkeypatch.undo()
    worksheet(1).save(target, "Ada", keys=True)
    assert target.read_text(encoding="utf-8").count("<section") == 2


def test_seeds_and_numbers_of_students_may_be_numpys():
    two = np.int64(2)
    assert worksheet(two).expression == worksheet(2).expression
    ours, theirs = (worksheets(n, seed=n).sheets for n in (2, two))
    assert [sheet.expression for sheet in ours] == [sheet.expression for sheet in theirs]


@pytest.mark.parametrize("students", ["Ada", True, None, 2.0])
def test_students_are_a_number_or_names(students):
    with pytest.raises(
        TypeError, match=r"expected the number of students, or a list of names, got .*; for one student write \['Ada'\]"
    ):
        worksheets(students)


@pytest.mark.parametrize("students", [0, -1, []])
def test_a_class_has_students(students):
    with pytest.raises(ValueError, match="expected at least one student"):
        worksheets(students)


def test_what_follows_from_a_slip_is_not_called_a_mistake_of_its_own():
    marks = worksheet(28).check({"d": -7, "e": 35, "L": 33, "grad e": 1, "grad c": -7})
    assert marks["grad c"].causes.keys() == {"follows"}
    assert marks["grad c"].causes["follows"] == "This follows from what you had for d: correct that first."
    assert "follows" not in worksheet(28).check({"d": -7.99})["d"].causes


def test_a_sheet_says_what_makes_it_again():
    sheet = worksheet(249523, "medium")
    [said] = set(re.findall(r"worksheet\(.*?\)", sheet.html(keys=True).replace("&quot;", '"')))
    assert eval(said).key == sheet.key
