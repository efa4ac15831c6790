"""A function of a few numbers as one loop over arrays, in machine code: what an optimizer's update rule becomes.

>>> from engine import Value
>>> p, g, lr = Value(1.0), Value(2.0), Value(0.1)
>>> tape = Tape([("p", p), ("g", g), ("lr", lr)], [p - lr * g])
>>> print(source(tape, 2), end="")
def update(address):
    told = integers(address)
    n, numbers = told[0], floats(told[1], 1)
    column0, column1 = floats(told[2], n), floats(told[3], n)
    v2 = numbers[0]
    for i in range(n):
        v0, v1 = column0[i], column1[i]
        v3 = f0(v2, v1)
        v4 = f1(v0, v3)
        column0[i] = v4
    return 0
"""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba import types

from engine.compiler.codegen import OPTIONS, Uncompilable, kept, loaded, translated
from engine.compiler.runtime import floats, integers
from engine.compiler.tape import Tape
from engine.rules import Rule


class Update:
    """A tape of one parameter as a loop over all of them; see `source`.

    Args:
        tape: its inputs are numbers of a parameter, the first of which is to be changed and the second not, and then
            numbers that all share. Its outputs are the next numbers, in the same order without the second.
        columns: how many of the inputs are a parameter's own.

    Attributes:
        address: where its machine code begins.

    Raises:
        Uncompilable: if it can't be made machine code.
    """

    def __init__(self, tape: Tape, columns: int) -> None:
        if len(tape.outputs) != columns - 1:
            raise Uncompilable(f"a rule of {columns - 1} numbers gives {len(tape.outputs)}")
        self._columns: list[Any] = [None] * columns
        parts = {f"f{k}": translated(_rule(what).value) for k, (what, _) in enumerate(tape.operations)}
        text = source(tape, columns)
        names = {name: part.code for name, part in parts.items()} | {"integers": integers, "floats": floats}
        module = loaded(text, text + "".join(part.identity for part in parts.values()), names)
        code = kept(numba.cfunc, types.int64(types.int64), nopython=True, **OPTIONS)(module["update"])
        self.run, self.address = code.ctypes, code.address
        self._numbers = np.array([*[0.0] * (tape.inputs - columns), *tape.constants, 0.0])
        told = np.zeros(2 + columns, np.int64)
        told[1] = self._numbers.ctypes.data
        self._told, self._alive = told.data, (code, told)
        self.job = told.ctypes.data

    def tell(self, columns: Sequence[Any], numbers: Sequence[float]) -> None:
        """Say which arrays `run`, called with `job`, is to change, and the numbers that all share."""
        for k, column in enumerate(columns):
            if column is not self._columns[k]:
                self._told[2 + k], self._columns[k] = column.ctypes.data, column
        self._told[0] = len(columns[0])
        for k, number in enumerate(numbers):
            self._numbers[k] = number


def source(tape: Tape, columns: int) -> str:
    """The text of the loop, for the values of the tape's rules by the names f0, f1, ...

    It is told, as integers: how many parameters there are, the address of the numbers that all share, and those of the
    columns. What depends on the shared numbers alone is computed once.
    """
    shared, each = "", ""
    same_for_all = set(range(columns, tape.leaves))
    for i, (_, operands, (result,), _) in enumerate(tape):
        line = f"v{result} = f{tape.program[tape.starts[i]]}({', '.join(f'v{slot}' for slot in operands)})\n"
        if same_for_all.issuperset(operands):
            same_for_all.add(result)
            shared += f"    {line}"
        else:
            each += f"        {line}"
    places = [0, *range(2, columns)]
    rows = range(columns)
    numbers = range(columns, tape.leaves)
    text = "def update(address):\n    told = integers(address)\n"
    text += f"    n, numbers = told[0], floats(told[1], {len(numbers)})\n"
    text += f"    {_listed('column{}', rows)} = {_listed('floats(told[{}], n)', [2 + k for k in rows])}\n"
    text += "".join(f"    v{slot} = numbers[{k}]\n" for k, slot in enumerate(numbers))
    text += f"{shared}    for i in range(n):\n        {_listed('v{}', rows)} = {_listed('column{}[i]', rows)}\n{each}"
    text += "".join(f"        column{k}[i] = v{slot}\n" for k, slot in zip(places, tape.outputs))
    return text + "    return 0\n"


def _listed(pattern: str, numbers: Sequence[int]) -> str:
    return ", ".join(pattern.format(number) for number in numbers)


def _rule(what: Rule | str) -> Rule:
    if isinstance(what, str):
        raise Uncompilable(f"{what} is of several parameters")
    return what
