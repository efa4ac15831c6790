"""A function is recorded twice and compared: from arguments of one signature to a `Specialization`.

The function is called with Values in the place of all numbers; what it gives back is a graph, and the graph is written
down as a `Tape`. A second recording must be the same tape, and the first results of machine code must be those of plain
Python: so nothing is compiled that depends on more than the tape says.
"""

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from math import copysign, isclose, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.compiler.buffers import Binding, BufferedValue
from engine.compiler.guards import Guard, is_users
from engine.compiler.pytree import Group, Signature, flatten, leaf_paths, opaque_leaves, unflatten_args
from engine.compiler.tape import Tape
from engine.functional import gradients
from engine.modes import TraceError, callers_depth, leaves_graph, switched
from engine.rules import Rule
from engine.utils.locks import new_lock
from engine.utils.messages import brief, shortened
from engine.value import Value, as_value

if TYPE_CHECKING:
    from engine.compiler.batched import BatchedProgram
    from engine.compiler.scalar import ScalarProgram


class Expected(NamedTuple):
    """What plain Python computed, to compare machine code with."""

    outputs: list[float]
    slopes: list[float] | None  # of the first output, by the inputs and then by the parameters; None if it has none
    largest: float  # of all numbers computed on the way


class Specialization:
    """A function for arguments of one signature: its tape, and the programs made of it.

    Attributes:
        tape: the instructions.
        result: the signature of what the function gives.
        persistent_leaves: the leaves that are parameters, while others are made anew at each call; None if all are.
        parameters: the parameters, and where their numbers are.
        calls: how many there were.
        trusted_until: after this many calls, the next one checks that all is as it should be.
        always_compared: whether every call is to be compared with a plain run.
        must_revalidate: whether what the function sees was changed since: the next call looks whether the tape is still
            the same.
        compilable: whether it can be machine code.
        read: the labels and roles that the function has read, as ``(value, "label", what it was)``.
    """

    def __init__(self, name: str, tape: Tape, result: Signature, persistent_leaves: set[Value] | None) -> None:
        self.name, self.tape, self.result, self.persistent_leaves = name, tape, result, persistent_leaves
        self.parameters = Binding(tape.parameters)
        self.calls = self.trusted_until = self._validated = self._next = 0
        self.always_compared = self.must_revalidate = False
        self.read: list[tuple[Value, str, Any]] = []
        self._rules = {what: Guard(what) for what, _ in tape.operations if is_users(what)}
        self.compilable = _machine_or_warning() and _is_compilable(tape)
        self._batched: dict[tuple[int, int], BatchedProgram] = {}
        self._lock = new_lock()

    @cached_property
    def scalar(self) -> "ScalarProgram":
        """The program for one example."""
        from engine.compiler.scalar import ScalarProgram

        return ScalarProgram(self.tape)

    def batched(self, group: Group) -> "BatchedProgram":
        """The program for a batch: for this many inputs that differ between examples, in this many arrays."""
        layout = self.tape.inputs - len(group.shared), len(group.columns)
        program = self._batched.get(layout)
        if program is None:
            from engine.compiler.batched import BatchedProgram

            with self._lock:
                program = self._batched[layout] = BatchedProgram(self.tape, *layout)
        return program

    def run_batch(self, group: Group, seed: float, keep: bool = False) -> tuple[Any, Any, float, int, int]:
        """Run a batch: its outputs, a row for each, if they are to be kept, and what `BatchedProgram.run` gives."""
        program = self.batched(group)
        outputs: Any = program.room_for_outputs(group) if keep else None
        return outputs, *program.run(group, self.parameters, seed, outputs)

    def goes_bad(self, numbers: list[Any]) -> bool:
        """Whether finite operands have a result that is not finite somewhere."""
        return self.scalar.goes_bad(numbers, self.parameters)

    def changed_rules(self) -> list[Rule]:
        """The user's own rules that have changed since the programs were made of them."""
        return [rule for rule, guard in self._rules.items() if not guard.holds()]

    def is_due(self) -> bool:
        """Whether the next call is to be compared with a plain run: the calls 2, 3, 5, 9, 17, …"""
        return self.calls >= self._next or self.always_compared

    def reads_the_same(self) -> bool:
        """Whether the labels and roles that it has read are still what they were."""
        return all(getattr(value, name) == before for value, name, before in self.read)

    def distrust(self) -> None:
        """Note that what the function sees has changed."""
        self.must_revalidate = True
        if self.compilable:  # plain Python needs no check
            self.trusted_until = 0

    def trust(self) -> None:
        """Note that the tape is still what the function does."""
        self.must_revalidate = False
        self.trusted_until = 0 if self.always_compared else self._next

    def doubt(self) -> str:
        """Since when results may have been wrong, in words; nothing if that of the last call was right."""
        first = self._validated + 1
        return f". Its results from call {first} on may have been wrong" if first <= self.calls else ""

    def note_validation(self) -> None:
        """Note that a call was as it should be."""
        self._validated = self.calls
        self._next = max(self.calls, 2 * self.calls - 2)
        self.trust()

    def validate(self, expected: Expected, results: Sequence[float], slopes: Sequence[float] | None) -> None:
        """Compare what machine code gives with a plain run, up to the rounding of its largest number.

        Raises:
            TraceError: if they differ.
        """
        mine, plain = [*results], [*expected.outputs]
        if slopes is not None and expected.slopes is not None:
            mine.extend(slopes)
            plain.extend(
                expected.slopes[len(expected.slopes) - len(slopes) :]
            )  # for a batch, only those by the parameters
        scale = 1e-9 * max([expected.largest, *map(abs, filter(isfinite, plain))])
        for a, b in zip(plain, mine):
            if not isclose(a, b, rel_tol=1e-6, abs_tol=scale) and (a == a or b == b):
                raise TraceError(f"{self.name} gives {b} as machine code and {a} in plain Python{self.doubt()}")
        self.note_validation()


# What else of a Value than its number a function may read while it is recorded.

_reads: "ContextVar[list[tuple[Value, str, Any]] | None]" = ContextVar("reads", default=None)
_ENGINE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_watching, _watchers = new_lock(awaited=True), 0


class _Watched:
    """An attribute of Values, in place of their slot, while some function is recorded.

    To ask for a gradient is an error; of a label it is noted what it was. The engine's own code may ask for both.
    """

    def __init__(self, owner: type[Value], name: str) -> None:
        self._owner, self._name, self._slot = owner, name, vars(owner)[name]

    def __get__(self, value: Any, owner: Any = None) -> Any:
        if value is None:
            return self
        found = self._slot.__get__(value, owner)
        reads = _reads.get()
        if reads is not None and not sys._getframe(1).f_code.co_filename.startswith(_ENGINE):
            if self._name == "grad":
                raise leaves_graph(
                    value, "was asked for its gradient", "compute it there, with gradients(loss, [w]), or pass it"
                )
            reads.append((value, self._name, found))
        return found

    def __set__(self, value: Any, found: Any) -> None:
        self._slot.__set__(value, found)

    def put(self, there: bool) -> None:
        """Put it in the place of the slot, or the slot back."""
        setattr(self._owner, self._name, self if there else self._slot)


_WATCHED = [_Watched(Value, name) for name in ("grad", "label", "role")] + [_Watched(BufferedValue, "grad")]


@contextmanager
def _reads_watched() -> Iterator[list[tuple[Value, str, Any]]]:
    """A block in which to read a gradient is an error; it yields what labels and roles are read."""
    global _watchers
    reads: list[tuple[Value, str, Any]] = []
    token = _reads.set(reads)
    with _watching:
        _watchers += 1
        if _watchers == 1:
            for watched in _WATCHED:
                watched.put(True)
    try:
        yield reads
    finally:
        with _watching:
            _watchers -= 1
            if not _watchers:
                for watched in _WATCHED:
                    watched.put(False)
        _reads.reset(token)


class Recorder:
    """Records one function.

    Args:
        function: the function.
        name: what messages call it.
        aux: whether it gives a pair, of which the first part is to be differentiated.
    """

    def __init__(self, function: Callable[..., Any], name: str, aux: bool) -> None:
        self._function, self._name, self._aux = function, name, aux
        self._read: list[tuple[Value, str, Any]] = []  # in the last recording

    def record(self, signature: Signature, leaves: list[Any], others: list[Any]) -> tuple[Specialization, Expected]:
        """Record it twice, for two lists of leaves of one signature; what is expected are the results for the first.

        Raises:
            TraceError: if the two recordings differ.
        """
        inputs, outputs, result = self._trace(signature, leaves)
        inputs_again, outputs_again, result_again = self._trace(signature, others)
        tape, again = Tape(inputs, outputs), Tape(inputs_again, outputs_again)
        persistent: set[Value] | None = None
        known = set(tape.parameters) & set(again.parameters)
        if len(known) < len(tape.parameters):  # the others are made inside the function, anew at each call
            persistent = known
            tape, again = Tape(inputs, outputs, persistent), Tape(inputs_again, outputs_again, persistent)
        self._compare(tape, again, result, result_again)
        specialization = Specialization(self._name, tape, result, persistent)
        specialization.read = self._read
        return specialization, _expected(tape, inputs, outputs)

    def record_again(
        self, specialization: Specialization, signature: Signature, leaves: list[Any], compare: bool
    ) -> Expected | None:
        """Record it once more, for other leaves; what is expected are the results for these, if they are wanted.

        Raises:
            TraceError: if it is not the same tape.
        """
        inputs, outputs, result = self._trace(signature, leaves)
        tape = Tape(inputs, outputs, specialization.persistent_leaves)
        self._compare(specialization.tape, tape, specialization.result, result)
        specialization.read = self._read
        if changed := specialization.changed_rules():
            raise self._another(f"the rule {changed[0].symbol!r} was changed")
        return _expected(tape, inputs, outputs) if compare else None

    def _trace(self, signature: Signature, leaves: list[Any]) -> tuple[list[tuple[str, Value]], list[Value], Signature]:
        """The leaves that stand for the arguments, the Values that the function made of them, and their signature."""
        names = list(self._names(signature))
        plain = [leaf._data if isinstance(leaf, Value) else leaf for leaf in leaves]
        inputs = [Value(number, name) for number, name in zip(plain, names)]
        args, options = unflatten_args(signature, iter(inputs))
        modes = switched(recording=True, warning=False, anomaly=False, lines=False, tracing=True)
        with modes, _reads_watched() as self._read:
            outputs: list[Any] = []
            result = self._function(*args, **options)
            if self._aux:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise TypeError(
                        f"{self._name} is compiled with aux=True, so it must return a pair; write return loss, more"
                    )
                as_value(result[0])
            result_signature = flatten(result, outputs)
            values = [as_value(output) for output in outputs]
        if not values:
            raise TypeError(f"{self._name} returned no Value; is a return missing in it?")
        return list(zip(names, inputs)), values, result_signature

    def _names(self, signature: Signature) -> Iterator[str]:
        """A name for every number among the arguments."""
        try:
            known = inspect.signature(self._function).parameters.values()
            names = [each.name for each in known if each.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD]
        except (TypeError, ValueError):
            names = []
        args, options = signature
        for i, branch in enumerate(args):
            yield from leaf_paths(branch, names[i] if i < len(names) else f"x{i}")
        for name, branch in options:
            yield from leaf_paths(branch, name)

    def _compare(self, tape: Tape, again: Tape, result: Signature, result_again: Signature) -> None:
        difference = tape.difference(again)
        signs = ([copysign(1.0, number) for number in each.constants] for each in (tape, again))
        if not difference and len({*map(tuple, signs)}) > 1:
            difference = "the sign of a zero has changed, and it is not an argument"
        if not difference and result != result_again:
            before, now = (list(opaque_leaves(each)) for each in (result, result_again))
            difference = f"besides numbers it returned {brief(before, 60)}, and now it returns {brief(now, 60)}"
        if difference:
            raise self._another(difference)

    def _another(self, difference: str) -> TraceError:
        return TraceError(
            f"{self._name} did something different when it was called again: {difference}. A compiled function must do "
            "the same at each call; pass what changes as an argument, or call the function without compile"
        )


def _expected(tape: Tape, inputs: Sequence[tuple[str, Value]], outputs: Sequence[Value]) -> Expected:
    largest = max(map(abs, filter(isfinite, tape.numbers)), default=0.0)
    leaves = [*(leaf for _, leaf in inputs), *tape.parameters]
    slopes: list[float] | None = None
    with switched(warning=False), suppress(Exception):  # a rule's partials may be wrong: then the backward pass says so
        slopes = gradients(outputs[0], leaves)
    return Expected([tape.numbers[slot] for slot in tape.outputs], slopes, largest)


# Is there machine code?

_importing = new_lock(awaited=True)  # a process forked in the middle of an import could never finish it


def machine_is_available() -> bool:
    """Whether numba can be used here; else functions run in plain Python.

    Where it is not installed, that is no news; if it is and can't be used, a warning says why, once.
    """
    return find_spec("numba") is not None and _machine_or_warning()


@cache
def why_no_machine() -> str:
    """Why numba can't be used here, and what to do; nothing if it can."""
    if sys.platform == "emscripten":
        return "in a browser there is no machine code"
    if find_spec("numba") is None:
        return "`pip install 'chalkgrad[fast]'` lets it make machine code"
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "NUMBA_DISABLE_JIT is set; unset it for machine code"
    try:
        with _importing:
            for module in ("numba", "engine.compiler.batched", "engine.compiler.scalar", "engine.compiler.list_items"):
                import_module(module)
    except Exception as error:  # such as a numba that does not fit the NumPy
        return f"numba can't be imported: {shortened(str(error), 200)}"
    return ""


@cache
def _machine_or_warning() -> bool:
    """The same; if numba can't be used, a warning says so once."""
    reason = why_no_machine()
    if reason:
        message = f"compile runs in plain Python here; {reason}"
        warnings.warn(message, RuntimeWarning, stacklevel=callers_depth())
    return not reason


def _is_compilable(tape: Tape) -> bool:
    """Whether its rules can be machine code; if not, a warning says why."""
    from engine.compiler.runtime import why_uncompilable

    reason = why_uncompilable(tape)
    if reason:
        warnings.warn(f"{reason}; what uses it runs in plain Python", RuntimeWarning, stacklevel=callers_depth())
    return not reason
