"""Small programs for an engine to run: leaves, and lines that each make a number out of those that are there already.

So numbers are shared; and a program says at which of its lines a backward pass is run.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from string import ascii_lowercase
from typing import Any

from engine.utils.console import printable


@printable
@dataclass(frozen=True)
class Kind:
    """A kind of line.

    Attributes:
        text: the line as it is written, in any engine, with {} for each operand.
        method: the method that a class must have for it.
        is_safe: says for which numbers it is tried; not near a kink or a pole.
    """

    text: str
    method: str
    is_safe: Callable[..., bool] = lambda *xs: True

    @property
    def arity(self) -> int:
        """The number of operands."""
        return self.text.count("{}")

    @cached_property
    def make(self) -> Callable[..., Any]:
        """The line as a function.

        >>> Kind("{} - {}", "__sub__").make(3, 2)
        1
        """
        source = f"lambda {', '.join(ascii_lowercase[: self.arity])}: {self}"
        made: Callable[..., Any] = eval(
            compile(source, __file__, "eval")
        )  # so that errors are not reported as coming from here
        return made

    @property
    def cost(self) -> int:
        """How far it is from simple: engines often build these operations out of others."""
        return 3 if self.method in ("__neg__", "__sub__", "__truediv__") or self.method.startswith("__r") else 1

    @property
    def optional(self) -> bool:
        """Whether an engine may well do without it: few have it, and no lesson builds it."""
        return self.method in ("log", "sqrt", "sin", "cos", "sigmoid", "__rpow__") or self.text == "{}**{}"

    @property
    def mixed(self) -> bool:
        """Whether it takes more than Values: a plain number with a Value, or a Value as an exponent."""
        return self.method.startswith("__r") or self.text.endswith((" 2", " 3")) or self.text == "{}**{}"

    def __str__(self) -> str:
        return self.text.format(*ascii_lowercase[: self.arity])


# The simplest first: of two programs that go wrong, the one with the simpler lines is shown.
KINDS = (
    Kind("{} + {}", "__add__"),
    Kind("{} * {}", "__mul__"),
    Kind("-{}", "__neg__"),
    Kind("{} - {}", "__sub__"),
    Kind("{}**2", "__pow__"),
    Kind("{}**3", "__pow__"),
    Kind("{}**-1", "__pow__", lambda x: abs(x) > 0.2),
    Kind("{}**0.5", "__pow__", lambda x: x > 0.2),
    Kind("{} / {}", "__truediv__", lambda x, y: abs(y) > 0.2),
    Kind("{}.relu()", "relu", lambda x: abs(x) > 0.05),
    Kind("{}.tanh()", "tanh"),
    Kind("{}.exp()", "exp", lambda x: x < 4),
    Kind("{}.log()", "log", lambda x: x > 0.2),
    Kind("{}.sigmoid()", "sigmoid"),
    Kind("{}.sqrt()", "sqrt", lambda x: x > 0.2),
    Kind("{}.sin()", "sin"),
    Kind("{}.cos()", "cos"),
    Kind("{} + 2", "__add__"),
    Kind("{} * 3", "__mul__"),
    Kind("{} - 2", "__sub__"),
    Kind("{} / 2", "__truediv__"),
    Kind("2 + {}", "__radd__"),
    Kind("3 * {}", "__rmul__"),
    Kind("2 - {}", "__rsub__"),
    Kind("2 / {}", "__rtruediv__", lambda x: abs(x) > 0.2),
    Kind("sum([{}, {}])", "__radd__"),
    Kind("{}**{}", "__pow__", lambda x, y: x > 0.2 and abs(y) < 4),
    Kind("2**{}", "__rpow__", lambda x: x < 6),
)
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}

NUMBERS = (3.0, 2.0, -2.0, 0.5, 1.5, -3.0, -0.5, 4.0)  # the simplest first; 0 and 1 hide mistakes


@printable
@dataclass(frozen=True)
class Line:
    """A line of a program: its kind, and the indices of its operands among the numbers before it."""

    kind: Kind
    operands: tuple[int, ...]


@printable
@dataclass(frozen=True)
class Program:
    """Leaves, lines, and the indices of the numbers whose backward pass is run as soon as they have been made.

    With ``backward=False`` none is run, for an engine that has none yet.
    """

    leaves: tuple[float, ...]
    lines: tuple[Line, ...] = ()
    passes: tuple[int, ...] = (0,)
    backward: bool = True

    @property
    def names(self) -> str:
        """One letter for each number."""
        return ascii_lowercase[: len(self.leaves) + len(self.lines)]

    @property
    def kinds(self) -> set[Kind]:
        """The kinds of line in the program."""
        return {line.kind for line in self.lines}

    @property
    def is_twice(self) -> bool:
        """Whether there are two backward passes."""
        return len(self.passes) > 1

    def size(self) -> tuple[float, ...]:
        """A measure to compare programs by, the most important part first."""
        ranks = sum(_RANK[line.kind] for line in self.lines)
        return (
            len(self.passes), sum(line.kind.cost for line in self.lines), len(self.lines), ranks, len(self.leaves),
            sum(map(NUMBERS.index, self.leaves)),
            *self.leaves, *(index for line in self.lines for index in line.operands),
        )  # fmt: skip

    def code(self, class_name: str = "Value") -> list[str]:
        """The program as Python.

        >>> print(*Program((3.0,), (Line(KINDS[0], (0, 0)),), (1,)).code(), sep="; ")
        a = Value(3.0); b = a + a; b.backward()
        """
        made = [f"{class_name}({x})" for x in self.leaves]
        made += [line.kind.text.format(*[self.names[index] for index in line.operands]) for line in self.lines]
        return [
            text
            for i, (name, right) in enumerate(zip(self.names, made))
            for text in [f"{name} = {right}"] + [f"{name}.backward()"] * (self.backward * self.passes.count(i))
        ]

    def run(self, make: Callable[[float], Any], on_node: Callable[[Any], object] = lambda node: None) -> list[Any]:
        """Run it in an engine and return its numbers; `on_node` gets each when it is made, before its backward pass."""
        nodes: list[Any] = []
        for i in range(len(self.names)):
            k = i - len(self.leaves)
            line = self.lines[k] if k >= 0 else None
            node = line.kind.make(*[nodes[index] for index in line.operands]) if line else make(self.leaves[i])
            nodes.append(node)
            on_node(node)
            for _ in range(self.backward * self.passes.count(i)):
                node.backward()
        return nodes

    def without_dead_code(self) -> "Program":
        """The program without the numbers that no backward pass reaches."""
        used, leaves = set(self.passes), len(self.leaves)
        for i in reversed(range(leaves, len(self.names))):
            if i in used:
                used |= set(self.lines[i - leaves].operands)
        at = {old: new for new, old in enumerate(sorted(used))}
        return Program(
            tuple(x for i, x in enumerate(self.leaves) if i in used),
            tuple(
                Line(line.kind, tuple(at[index] for index in line.operands))
                for i, line in enumerate(self.lines, leaves)
                if i in used
            ),
            tuple(at[index] for index in self.passes),
            self.backward,
        )

    def simplifications(self, kinds: Sequence[Kind] = KINDS) -> Iterator["Program"]:
        """Programs with something left out or made simpler, with only these kinds of line."""
        leaves = len(self.leaves)
        if self.is_twice:
            yield from (replace(self, passes=(index,)) for index in self.passes)
        for i in range(len(self.names)):  # replace every use of i by a number before it
            for other in self.lines[i - leaves].operands if i >= leaves else range(i):
                yield self._replacing(i, other)
        for k, line in enumerate(self.lines):
            for j, index in enumerate(line.operands):
                for other in range(index):
                    operands = (*line.operands[:j], other, *line.operands[j + 1 :])
                    yield self._replacing_line(k, Line(line.kind, operands))
            for kind in kinds:
                if kind.cost < line.kind.cost:
                    for operands in product(range(leaves + k), repeat=kind.arity):
                        yield self._replacing_line(k, Line(kind, operands))
                elif kind.arity == line.kind.arity and _RANK[kind] < _RANK[line.kind]:
                    yield self._replacing_line(k, Line(kind, line.operands))
        for i, x in enumerate(self.leaves):
            for number in NUMBERS[: NUMBERS.index(x)]:
                if number not in self.leaves:
                    yield replace(self, leaves=(*self.leaves[:i], number, *self.leaves[i + 1 :]))

    def _replacing(self, i: int, other: int) -> "Program":
        def there(operands: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(other if index == i else index for index in operands)

        lines = tuple(Line(line.kind, there(line.operands)) for line in self.lines)
        return replace(self, lines=lines, passes=tuple(sorted(there(self.passes))))

    def _replacing_line(self, k: int, line: Line) -> "Program":
        return replace(self, lines=(*self.lines[:k], line, *self.lines[k + 1 :]))


def simple_programs(kinds: Sequence[Kind], backward: bool) -> Iterator[Program]:
    """Each kind of line alone: with different numbers, and with one number twice."""
    for kind in kinds:
        for numbers in (NUMBERS[:2], NUMBERS[2:4], NUMBERS[:1]):
            operands = tuple(range(kind.arity)) if len(numbers) > 1 else (0,) * kind.arity
            last = max(operands) + 1
            yield Program(numbers[:last], (Line(kind, operands),), (last,), backward)


def random_programs(
    kinds: Sequence[Kind], rng: random.Random, most: int = 7, backward: bool = True, twice: bool = False
) -> Iterator[Program]:
    """An endless supply of programs, in which numbers are often used more than once."""
    while kinds:
        leaves = tuple(rng.sample(NUMBERS, rng.randint(1, 3)))
        lines: list[Line] = []
        for known in range(len(leaves), len(leaves) + rng.randint(1, most)):
            kind = rng.choice(kinds)
            recent = [known - 1, known - 1, *range(known)]  # otherwise few lines would build on the last ones
            lines.append(Line(kind, tuple(rng.choice(recent) for _ in range(kind.arity))))
        last = len(leaves) + len(lines) - 1
        first = (rng.randint(len(leaves), last),) if twice else ()
        yield Program(leaves, tuple(lines), (*first, last), backward).without_dead_code()
