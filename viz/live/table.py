"""What the live page knows of the engine: its rules as JavaScript, their formulas, and the names they are called by.

Nothing is written down twice here. Rules, families and methods are found in the engine, so that a new rule is on the
page as soon as it is exported there. Which rules have any number of operands, and which are families, their code tells.
"""

import inspect
from typing import Any

import engine
from engine import Rule, Value
from engine.rules import FAMILIES, RULES
from viz.formulas.mistakes import MISTAKES
from viz.graph.picture import operands_matter
from viz.player.javascript import Family, rule_functions
from viz.player.player import rule_formulas

# A member of each family for each kind of formula that it has. Which is which, the page knows (`ruleOf` in engine.js).
KINDS: dict[str, tuple[tuple[float, ...], ...]] = {
    "power": ((0.0,), (2.0,), (0.5,)),
    "leaky_relu": ((0.5,),),
    "clamp": ((0.0, 1.0),),
    "softmax": ((0,),),
    "log_softmax": ((0,),),
    "select": ((0,),),
}

# MathML as single characters that no formula has otherwise, so that the formulas take a third of the space.
PIECES = {
    "{": "<mrow>", "}": "</mrow>", "!": "<mo>\u2061</mo>", "(": "<mo>(</mo>", ")": "<mo>)</mo>", ",": "<mo>,</mo>",
    "+": "<mo>+</mo>", "-": "<mo>−</mo>", "*": "<mo>·</mo>", "|": "<mo>|</mo>", "X": "<mi>□0</mi>", "Y": "<mi>□1</mi>",
    "W": "<mi>□2</mi>", "Z": "<mi>□-1</mi>", "%": "<mfrac>", "#": "</mfrac>", "^": "<msup>", "$": "</msup>",
    "[": "<msqrt>", "]": "</msqrt>", "E": "<mi>e</mi>", "I": "<mn>1</mn>", "T": "<mn>2</mn>",
}  # fmt: skip


def functions() -> dict[str, dict[str, Any]]:
    """The functions of one rule and a fixed number of numbers, by what they are called after an import from engine."""
    found = {}
    for name in (*engine.__all__, "abs", "pow"):
        rule = getattr(engine, name)
        if isinstance(rule, Rule):
            found[name] = {"rule": rule.name, "count": _count(rule)}
    return found


def methods() -> dict[str, dict[str, Any]]:
    """The methods of a Value that are one rule, likewise; the count is with the Value itself."""
    found = {}
    for name, method in vars(Value).items():
        rule = inspect.getclosurevars(method).nonlocals.get("rule") if inspect.isfunction(method) else None
        if isinstance(rule, Rule) and not name.startswith("_"):
            found[name] = {"rule": rule.name, "count": _count(rule)}
    return found


def _count(rule: Rule) -> int | None:
    """How many operands a rule has; None if it takes any number."""
    code: Any = getattr(rule.partials, "__code__", None)
    return None if code.co_flags & inspect.CO_VARARGS else code.co_argcount - 1


def rules() -> tuple[dict[str, dict[str, Any]], str]:
    """What the page needs to know of each rule, by its name; and the script ``const RULES``, where ``at`` leads to.

    Rules that are there for the partials of others, and have no name of their own outside, are in the script alone.
    """
    called = {entry["rule"] for entry in (*functions().values(), *methods().values())}
    infix = {"add", "sub", "mul", "div", "neg", "mod", "pow"}
    plain = [
        rule for rule in RULES.values() if rule.name in called | infix or rule.name == "where" or _count(rule) is None
    ]
    table: dict[str, dict[str, Any]] = {}
    entries: list[tuple[Rule | Family, int | None]] = []
    for rule in plain:
        count = _count(rule)
        known: dict[str, Any] = {"at": len(entries), "op": rule.symbol}
        if count is not None:
            known["formulas"] = [_packed(formula) for formula in rule_formulas(rule, count)]
        if count != 1 and not operands_matter(rule(*[Value(0.5) for _ in range(count or 3)])):
            known["alike"] = 1
        table[rule.name] = known
        entries.append((rule, count))
    for name, kinds in KINDS.items():
        members = [FAMILIES[name](*constants) for constants in kinds]
        table[name] = {"at": len(entries), "op": members[0].symbol}
        entries += [(Family(member), None if name.endswith("softmax") else 1) for member in members]
    wrong = {mistake.name: mistake.partials for mistake in MISTAKES if mistake.partials}
    return table, rule_functions(entries, wrong)


def _packed(formula: str) -> str:
    for sign, piece in PIECES.items():
        formula = formula.replace(piece, sign)
    return formula
