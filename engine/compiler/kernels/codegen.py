"""Machine code for the rules: the table's own functions, compiled by numba, each once.

A kernel is one rule, forward or backward, as machine code that is given pointers: ``v``, the numbers, and ``g``, the
gradients. (Of arrays numba also sees to negative indices and to who owns them, for 1.6 times the compile time.) Its
operands are a few integers: where in ``v`` its result goes, and where its inputs are. Kernels are kept on disk, named
after all that they were made from, and found again by the next process.

A kernel comes in two widths. A *scalar* kernel works on one number at each place, and on several instructions in a row
whose operands stand one after the other. A *batched* kernel works on a row of lanes at each place: the same instruction
for many examples at once.
"""

import dis
import hashlib
import inspect
import operator
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any
from uuid import uuid4

import numba
from numba import types

from engine import ieee
from engine.compiler.guards import Guard, is_users
from engine.compiler.kernels.disk_cache import DEVICE_ONLY, OPTIONS, jit_cached, load_generated
from engine.modes import PACKAGES
from engine.rules import Rule
from engine.utils.messages import shortened
from engine.utils.recent import Recent

POINTER = types.CPointer(types.float64)
SIGNATURE = types.void(types.CPointer(types.uint32), *[types.int64] * 4, POINTER, POINTER)


class Uncompilable(Exception):
    """A rule that numba can't turn into machine code."""


class Kernel:
    """One rule as machine code, forward and backward; `address` and `back_address` are where it begins."""

    def __init__(self, forward: Any, backward: Any) -> None:
        self._alive = forward, backward  # the code lives as long as they do
        self.address, self.back_address = forward.address, backward.address


MOST_KERNELS = 1024  # in the cache; a program keeps alive those that it uses


def kernel(rule: Any, operands: int, batched: bool) -> Kernel:
    """The kernel of a rule for this many operands; a user's rule is taken as it is now, for what it uses may change.

    Raises:
        Uncompilable: if numba can't compile the rule's value or partials.
    """
    if not is_users(rule):
        return _kernel(rule, operands, batched)
    guard, made = _of_users.get((rule, operands, batched), (None, None))
    if guard is None or made is None or not guard.holds():
        guard, made = Guard(rule), _kernel.__wrapped__(rule, operands, batched)
        _of_users.use((rule, operands, batched), (guard, made))
    return made


_of_users: Recent[tuple[Rule, int, bool], tuple[Guard, Kernel]] = Recent(MOST_KERNELS)


@lru_cache(MOST_KERNELS)
def _kernel(rule: Rule, operands: int, batched: bool) -> Kernel:
    text = source(operands, batched, rule.jumps)
    try:
        value, partials = to_numba(rule.value), to_numba(rule.partials)
        names = {"value": value.code, "partials": partials.code}
        functions = load_generated(text, text + value.identity + partials.identity, names)
        return Kernel(compile_kernel(functions["forward"]), compile_kernel(functions["backward"]))
    except Exception as error:  # numba raises many kinds
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next((line for line in lines if line and not line.startswith(("Failed in", "During", "File"))), error)
        raise Uncompilable(
            f"the rule {rule.symbol!r} can't be made machine code: {shortened(str(reason), 300)}"
        ) from error


def source(operands: int, batched: bool, jumps: bool = False) -> str:
    """The text of a kernel, forward and backward, for a rule's ``value`` and ``partials``. See `chain_rule` for zeros.

    >>> print(source(1, batched=False), end="")
    def forward(operands, repeats, count, width, uniform, v, g):
        for at in range(0, 2 * repeats, 2):
            v[operands[at]] = value(v[operands[at + 1]])
    def backward(operands, repeats, count, width, uniform, v, g):
        for at in range(2 * repeats - 2, -1, -2):
            upstream = g[operands[at]]
            if upstream != 0.0:
                d1, = partials(v[operands[at]], v[operands[at + 1]])
                g[operands[at + 1]] += upstream * d1 if d1 != 0.0 else 0.0
    >>> print(source(1, batched=True), end="")
    def forward(operands, repeats, count, width, uniform, v, g):
        x0, x1 = operands[0], operands[1]
        for lane in range(width):
            v[x0 + lane] = value(v[x1 + lane])
    def backward(operands, repeats, count, width, uniform, v, g):
        x0, x1 = operands[0], operands[1]
        for lane in range(width):
            upstream = g[x0 + lane]
            d1, = partials(v[x0 + lane], v[x1 + lane])
            g[x1 + lane] += upstream * d1 if upstream != 0.0 and d1 != 0.0 else 0.0
    """
    head = "def {}(operands, repeats, count, width, uniform, v, g):\n"
    every, inputs, size = range(operands + 1), range(1, operands + 1), operands + 1
    derivatives = "".join(f"d{i}, " for i in inputs).rstrip()
    forward, backward = head.format("forward"), head.format("backward")
    live = "" if jumps else "upstream != 0.0 and "
    if batched:
        rows = f"    {', '.join(f'x{i}' for i in every)} = {', '.join(f'operands[{i}]' for i in every)}\n"
        numbers = ", ".join(f"v[x{i} + lane]" for i in inputs)
        forward += f"{rows}    for lane in range(width):\n        v[x0 + lane] = value({numbers})\n"
        backward += f"{rows}    for lane in range(width):\n        upstream = g[x0 + lane]\n"
        backward += f"        {derivatives} = partials(v[x0 + lane], {numbers})\n"
        backward += "".join(
            f"        g[x{i} + lane] += upstream * d{i} if {live}d{i} != 0.0 else 0.0\n" for i in inputs
        )
    else:
        numbers = ", ".join(f"v[operands[at + {i}]]" for i in inputs)
        forward += f"    for at in range(0, {size} * repeats, {size}):\n        v[operands[at]] = value({numbers})\n"
        backward += (
            f"    for at in range({size} * repeats - {size}, -1, -{size}):\n        upstream = g[operands[at]]\n"
        )
        backward += f"        if {'True' if jumps else 'upstream != 0.0'}:\n"
        backward += f"            {derivatives} = partials(v[operands[at]], {numbers})\n"
        backward += "".join(
            f"            g[operands[at + {i}]] += upstream * d{i} if d{i} != 0.0 else 0.0\n" for i in inputs
        )
    return forward + backward


def compile_kernel(function: Callable[..., None]) -> Any:
    """A function with the `SIGNATURE` of kernels as machine code, from disk if it is there."""
    return jit_cached(numba.cfunc, SIGNATURE, nopython=True, **OPTIONS)(function)


@numba.njit(**DEVICE_ONLY)
def zero_absorbs(gradient: Any, number: Any) -> Any:  # pragma: no cover
    """The product, where 0 · inf and 0 · nan are 0, as in `engine.graph.chain_rule`."""
    return gradient * number if gradient != 0.0 and number != 0.0 else 0.0


@dataclass(frozen=True)
class NumbaFunction:
    """A function for numba, and a text that differs whenever it, or anything that it uses, differs."""

    code: Any
    identity: str


def to_numba(function: Any) -> NumbaFunction:
    """A function of the table, and all that it calls, for numba: rules as their values, and `ieee` as plain arithmetic.

    Raises:
        Uncompilable: if it is not a function written in Python, or raises or catches errors, which machine code can't.
    """
    if isinstance(function, Rule):
        return to_numba(function.value)
    if function in _OPERATORS:
        return to_numba(_OPERATORS[function])
    if getattr(function, "__code__", None) is ieee.exp.__code__:  # machine code follows IEEE 754 anyway
        return to_numba(inspect.getclosurevars(function).nonlocals["function"])
    if isinstance(function, BuiltinFunctionType):
        return NumbaFunction(function, f"{function.__module__}.{function.__name__}")
    if not isinstance(function, FunctionType):
        raise Uncompilable(f"{function!r} is not a function written in Python")
    return _cached(function) if function.__code__.co_filename.startswith(PACKAGES) else _rebuilt(function)


@lru_cache(maxsize=4096)
def _cached(function: FunctionType) -> NumbaFunction:
    return _rebuilt(function)


def _rebuilt(function: FunctionType) -> NumbaFunction:
    code = function.__code__
    if any(step.opname in ("RAISE_VARARGS", "PUSH_EXC_INFO") for step in dis.get_instructions(code)):
        raise Uncompilable(f"{function.__name__} raises or catches errors")
    identity = _text(code) + repr(function.__defaults__)
    outside = {name: function.__globals__[name] for name in sorted(_names(code) & function.__globals__.keys())}
    cells = {name: cell.cell_contents for name, cell in zip(code.co_freevars, function.__closure__ or ())}
    for name, thing in (outside | cells).items():
        if thing is ieee:
            part = _ieee_for_numba()
        elif isinstance(thing, (Rule, FunctionType)):
            part = to_numba(thing)
        else:
            part = NumbaFunction(thing, _identity(thing, _names(code)))
        identity += f" {name}={part.identity}"
        (cells if name in cells else outside)[name] = part.code
    copy = FunctionType(
        code,
        {**function.__globals__, **outside},
        function.__name__,
        function.__defaults__,
        tuple(map(CellType, cells.values())),
    )
    digest = hashlib.sha256(identity.encode()).hexdigest()
    # Code from disk, made by several processes, is linked by name: the same name must mean the same code.
    copy.__qualname__ = f"{function.__name__}_{digest[:32]}".replace("<lambda>", "rule")
    wanted = numba.njit(**DEVICE_ONLY)
    return NumbaFunction(wanted(copy), digest)


def _identity(thing: Any, names: Set[str] = frozenset()) -> str:
    """A text for a constant, another one for every other constant; it may be read by another process.

    Of a module the numbers count that code with these names in it may ask for.
    """
    if isinstance(thing, ModuleType):
        used = {name: vars(thing)[name] for name in sorted(names & vars(thing).keys())}
        return f"{thing.__name__} { {name: x for name, x in used.items() if isinstance(x, (int, float))} }"
    if hasattr(thing, "tobytes"):  # the repr of a long array leaves out its middle
        return f"{thing.dtype} {thing.shape} {hashlib.sha256(thing.tobytes()).hexdigest()}"
    text = repr(thing)
    return f"{text} {uuid4()}" if " at 0x" in text else text  # an address means nothing to another process


@cache
def _ieee_for_numba() -> NumbaFunction:
    module, identity = ModuleType("ieee"), ""
    for name, thing in vars(ieee).items():
        if isinstance(thing, (FunctionType, BuiltinFunctionType)):
            part = to_numba(thing)
            setattr(module, name, part.code)
            identity += part.identity
    return NumbaFunction(module, identity)


def _names(code: CodeType) -> set[str]:
    """Every name that a function, or one within it, looks up."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)


def _text(code: CodeType) -> str:
    """What a function does, without where it is written."""
    constants = [_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames} {code.co_freevars}"


_OPERATORS: dict[Any, Callable[..., Any]] = {
    operator.add: lambda x, y: x + y,
    operator.sub: lambda x, y: x - y,
    operator.mul: lambda x, y: x * y,
    operator.truediv: lambda x, y: x / y,
    operator.neg: lambda x: -x,
    operator.abs: lambda x: abs(x),
}
