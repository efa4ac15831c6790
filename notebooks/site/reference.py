"""The reference: a page for each package, with every public name under the file that it is from."""

import inspect
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import engine
import nn
import viz
import viz.exercises
from engine import Rule
from viz.formulas.notation import MATHML
from viz.formulas.symbols import Name, as_expression, textbook_form

PACKAGES = (engine, nn, viz)
# What hides a function of Python's, so that `from engine import *` leaves it out.
BESIDE = {"engine": ("abs", "compile", "max", "min", "pow", "sum"), "nn": (), "viz": ()}


def public_names(package: ModuleType) -> list[str]:
    """All names that a package shows, in alphabetical order."""
    names = sorted({*package.__all__, *BESIDE[package.__name__]})  # first, for `practice` is beside `Practice`
    return sorted(names, key=str.casefold)


def write(folder: Path) -> None:
    """Write a page for each package, in reStructuredText, to a folder."""
    for package in PACKAGES:
        (folder / f"{package.__name__}.rst").write_text(page(package), encoding="utf-8")


def page(package: ModuleType) -> str:
    """The page of a package: its docstring, its rules as a table, and its names file by file."""
    name = package.__name__
    parts = [heading(name, "="), inspect.getdoc(package) or "", f".. py:module:: {name}", f".. currentmodule:: {name}"]
    files: defaultdict[str, list[str]] = defaultdict(list)
    for public in public_names(package):
        files[home(getattr(package, public), name)].append(public)
    for file in sorted(files):
        words = (inspect.getdoc(import_module(file)) or "").partition("\n\n")[0] if file != name else ""
        parts += [heading(file.replace(".", "/") + ".py" if file != name else "Tables", "-"), words]
        rules = [public for public in files[file] if isinstance(getattr(package, public), Rule)]
        parts += [rule(public, getattr(package, public)) for public in rules]
        parts += [entry(package, public) for public in files[file] if public not in rules]
    return "\n\n".join(parts) + "\n"


def home(thing: Any, package: str) -> str:
    """The file that a public thing is from."""
    if isinstance(thing, Rule):
        return "engine.rules"
    return str(getattr(thing, "__module__", package))


def heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def entry(package: ModuleType, public: str) -> str:
    """What autodoc writes of a class, a function or a constant."""
    thing = getattr(package, public)
    if inspect.ismodule(thing):
        return f".. automodule:: {thing.__name__}\n   :members:\n\n.. currentmodule:: {package.__name__}"
    if inspect.isclass(thing):
        options = "\n   :members:\n   :show-inheritance:" if not issubclass(thing, BaseException) else ""
        return f".. autoclass:: {public}{options}"
    if callable(thing):
        return f".. autofunction:: {public}"
    return f".. py:data:: {public}\n\n   A dictionary: {', '.join(f'`{key}`' for key in thing if key[0] != '_')}."


def rule(public: str, rule: Rule) -> str:
    """A rule as in a table of derivatives: its value, and the partial derivative for each operand."""
    arity = rule.partials.__code__.co_argcount - 1
    xs = [Name(x) for x in ("x", "y")[:arity]]
    sides = [(MATHML.write(Name("z")), textbook_form(rule, xs))]
    for x, partial in zip(xs, rule.partials(Name("z"), *xs)):
        sides.append((MATHML.derivative("z", x.name), as_expression(partial)))
    lines = [f"<math>{MATHML.equation(left, MATHML.write(right))}</math>" for left, right in sides]
    arguments = ", ".join(x.name for x in xs)
    return f".. py:function:: {public}({arguments})\n\n   .. raw:: html\n\n      <p>{'<br>'.join(lines)}</p>"
