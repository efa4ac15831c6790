"""`compile`: a function of Values, recorded once and run again as machine code.

>>> from engine import Value, compile
>>> w = Value(2.0, label="w", role="parameter")
>>> @compile
... def loss(x, y):
...     return (w * x - y) ** 2
>>> value = loss(3.0, 5.0)
>>> value.backward()
>>> value.data, w.grad
(1.0, 6.0)
>>> loss.mean([1.0, 2.0], [2.0, 5.0]).data
0.5

The first call for every signature of arguments records a `Tape`, the second is checked against another recording.
Without numba the same functions run in plain Python.
"""

from collections.abc import Callable, Sequence
from functools import update_wrapper
from math import isfinite
from operator import attrgetter
from typing import Any

from engine import functions, versions
from engine.compiler.guards import Guard, is_constant, random_states_kept, training_modes
from engine.compiler.pytree import (
    NUMBER,
    Batch,
    Group,
    Signature,
    as_numbers,
    flatten,
    flatten_args,
    opaque_leaves,
    unflatten,
    unflatten_args,
)
from engine.compiler.result import compiled_value, compiled_values
from engine.compiler.tape import Tape
from engine.compiler.trace import Expected, Recorder, Specialization
from engine.modes import NORMAL, TraceError, mode, no_grad, switched
from engine.utils.collector import collector_paused
from engine.utils.console import printable
from engine.utils.locks import new_lock
from engine.utils.messages import brief
from engine.utils.recent import Recent
from engine.value import Value, as_value

# How many specializations are kept of each function, one for each signature of its arguments. The least recently used
# goes first, and is recorded again if it is needed. One takes 7 kB for a short function and 40 kB for a loss, so that
# all take 5 MB at most. A training run has one signature or a few, or as many as its texts have different lengths.
# They are kept for up to MOST_MODES combinations of training and evaluation modes of its modules.
MOST_SPECIALIZATIONS = 128
MOST_MODES = 8


def compile(function: Callable[..., Any] | None = None, *, check: bool = False, aux: bool = False) -> Any:
    """The same function as machine code, from its second call on: what others call a jit.

    Its arguments are numbers, or nested lists, tuples or arrays of them, and reach it as Values, in lists. Every other
    leaf that it uses, such as a parameter, is read afresh at each call and gets its gradient. Anything that is not a
    number (a string, True, None) is passed on as it is, and a namedtuple stays one. Arguments with another signature
    are recorded again.

    Args:
        function: of Values; or a model. It must do the same operations whatever the numbers are.
        check: compare every call with a plain run, and not only calls 2, 3, 5, 9, 17, … of each signature.
        aux: the function returns a pair: a Value to differentiate, and what else is wanted as plain numbers; so does a
            call.

    Returns:
        A `Compiled`: called on one example, ``.mean(X, Y)`` and ``.sum(X, Y)`` on many, ``.map(X)`` for results alone.
        A call gives what the function gives, with a Value for each number, and a list for each tuple.
    """
    if function is None:
        return lambda function: Compiled(function, check, aux)
    return Compiled(function, check, aux)


@printable
class Compiled:
    """A function that was compiled; see `compile`.

    What the function sees besides its arguments may change: globals, closures, attributes, items of containers, helpers
    in other modules. It is compared at each call, and recorded again where that matters. A file, the clock
    or the environment can't be watched, and are refused. The calls 2, 3, 5, 9, 17, … are compared with a plain run, the
    gradients too; there it is found at the latest, and told, if an iterator has gone on, a constant of an installed
    package is another one, the function reads a Value's gradient or label, or a Module got an attribute behind its
    back, by ``vars(m)["k"] = 2``.

    Raises:
        TraceError: if the function does not do the same operations on the same numbers at every call.
        TypeError: if `function` can't be called, or an argument is neither a number nor hashable.
    """

    def __init__(self, function: Callable[..., Any], check: bool = False, aux: bool = False) -> None:
        if not callable(function):
            raise TypeError(
                f"compile takes a function of Values, got {brief(function, 60)}; write compile(f), not compile(f(x))"
            )
        self._function, self._check, self._aux = function, check, aux
        update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self._recorder = Recorder(function, self.__name__, aux)
        self._guard = Guard(function)
        self._arguments: tuple[Any, ...] = ()  # functions and other objects among them: what they see is guarded too
        # By the signature of the arguments: for the present modes of the modules (training or not), and for all so far.
        self._specializations: Recent[Signature, Specialization] = Recent(MOST_SPECIALIZATIONS)
        self._by_modes: Recent[tuple[bool, ...], Recent[Signature, Specialization]] = Recent(MOST_MODES)
        self._by_modes.use(training_modes(self._guard.seen), self._specializations)
        self._changes = 0  # how many calls in a row found that something had changed
        self._other_tapes = 0  # how many times in a row the change led to another tape
        self._latest: Specialization | None = None
        self._batch: Batch | None = None
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"compile({self.__name__})"

    def __reduce__(self) -> Any:
        return Compiled, (self._function, self._check, self._aux)  # a copy records for itself

    @property
    def tape(self) -> Tape:
        """The instructions that were recorded last; printed, one on a line.

        Raises:
            RuntimeError: if nothing has been recorded yet.
        """
        if self._latest is None:
            raise RuntimeError(f"{self.__name__} has no tape yet: it is recorded at the first call")
        return self._latest.tape

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The function of one example, as a Value: its `backward` gives the parameters their gradients.

        Values among the arguments get their gradients too. Several Values, in a list or a dict, come as the function
        gives them; the derivatives of each are computed when they are first needed.

        >>> x = Value(2.0)
        >>> area, edge = compile(lambda x: [x * x, 4 * x])(x)
        >>> (area - 3 * edge).backward()
        >>> area.data, edge.data, x.grad
        (4.0, 8.0, -8.0)
        """
        leaves: list[Any] = []
        signature = flatten_args(args, options, leaves)
        specialization, expected = self.specialize(signature, (leaves,))
        if specialization is None:
            result = self._plain(signature, leaves)
            return self._only(result) if self._aux else _as_values(result)
        if specialization.result != NUMBER and not self._aux:
            return self._several(specialization, expected, leaves, args, options)
        version, learning = versions.current, mode.get().recording
        try:
            given, numbers = leaves, [*map(_data, leaves)]
        except AttributeError:  # some are plain numbers
            given = [leaf for leaf in leaves if isinstance(leaf, Value)]
            numbers = [leaf._data if isinstance(leaf, Value) else leaf for leaf in leaves]
        parameters = specialization.parameters
        run = specialization.scalar.run
        results, by_inputs, by_parameters, values_finite, grads_finite = run(numbers, parameters, learning)
        if not values_finite:
            self._report_nonfinite(specialization, numbers, args, options)
        if expected is not None:
            specialization.validate(expected, results, [*by_inputs, *by_parameters] if learning else None)
        if not learning:
            value = Value(results[0])
        else:
            if given is not leaves:
                by_inputs = [derivative for derivative, leaf in zip(by_inputs, leaves) if isinstance(leaf, Value)]
            finite = values_finite == grads_finite == 1
            value = compiled_value(
                self.__name__, results[0], version, given, by_inputs, parameters, by_parameters, finite
            )
        return (value, unflatten(specialization.result, iter(results))[1]) if self._aux else value

    def _several(
        self, specialization: Specialization, expected: Expected | None, leaves: list[Any], args: Any, options: Any
    ) -> Any:
        """The results of a call that gives several Values, or a list of one."""
        version, learning = versions.current, mode.get().recording
        given = [leaf for leaf in leaves if isinstance(leaf, Value)]
        numbers = [leaf._data if isinstance(leaf, Value) else leaf for leaf in leaves]
        program, parameters = specialization.scalar, specialization.parameters
        compared = learning and expected is not None
        results, by_inputs, by_parameters, values_finite, _ = program.run(numbers, parameters, compared)
        if not values_finite:
            self._report_nonfinite(specialization, numbers, args, options)
        if expected is not None:
            specialization.validate(expected, results, [*by_inputs, *by_parameters] if compared else None)
        if not learning:
            return unflatten(specialization.result, map(Value, results))

        def differentiate(output: int) -> tuple[list[float], Any, bool]:
            slopes, by_parameters, finite = program.differentiate(output, numbers, parameters)
            return [slope for slope, leaf in zip(slopes, leaves) if isinstance(leaf, Value)], by_parameters, finite

        values = compiled_values(self.__name__, results, version, given, parameters, differentiate)
        return unflatten(specialization.result, iter(values))

    def mean(self, *args: Any, **options: Any) -> Value:
        """The mean over many examples, as one Value.

        Args:
            args: for each argument of the function all its examples, along the first axis.
            options: arguments that are the same for all examples.

        Raises:
            ValueError: if there are no examples, or not as many of one argument as of another.
            TypeError: if the function gives several Values, or a list of one.
        """
        return self._over_all("mean", args, options)

    def sum(self, *args: Any, **options: Any) -> Value:
        """The sum over many examples, as one Value; arguments and errors are those of `mean`."""
        return self._over_all("sum", args, options)

    def map(self, *args: Any, **options: Any) -> list[Any]:
        """What the function returns for each of many examples, as plain numbers; the arguments are those of `mean`.

        >>> compile(lambda x: [x, x * x]).map([1.0, 2.0, 3.0])
        [[1.0, 1.0], [2.0, 4.0], [3.0, 9.0]]
        """
        batch = Batch(self.__name__, args, options)
        answers: list[Any] = [None] * batch.size
        for group in batch.groups():
            specialization, expected = self.specialize(group.signature, group)
            if specialization is None:
                with no_grad():
                    rows: Any = [as_numbers(self._plain(group.signature, group[i])) for i in range(len(group))]
            else:
                outputs, *_ = self._run_batch(specialization, expected, batch, group, 0.0, keep=True)
                columns = outputs.tolist()
                rows = [unflatten(specialization.result, iter(column)) for column in zip(*columns)]
            for i, row in zip(group.indices, rows):
                answers[i] = row
        return answers

    def _over_all(self, how: str, args: tuple[Any, ...], options: dict[str, Any]) -> Value:
        batch = self.batch(args, options)
        version, learning = versions.current, mode.get().recording
        share = 1 / batch.size if how == "mean" else 1.0
        parts: list[Value] = []
        for group in batch.groups():
            specialization, expected = self.specialize(group.signature, group)
            if specialization is None:
                each = [self._only(self._plain(group.signature, group[i])) for i in range(len(group))]
                parts.append(as_value(functions.dot([share] * len(each), each)))
                continue
            if specialization.result != NUMBER:
                raise self._gives_several(specialization.result)
            seed = share if learning else 0.0
            _, gradient, total, finite = self._run_batch(specialization, expected, batch, group, seed)
            data = total * share
            if not isfinite(data):  # perhaps only the sum overflowed, and the mean does not
                outputs, *_ = specialization.run_batch(group, 0.0, keep=True)
                data = float(sum((outputs[0] * share).tolist()))
            if learning:
                name, parameters = f"{self.__name__}.{how}", specialization.parameters
                parts.append(compiled_value(name, data, version, [], [], parameters, gradient, finite))
            else:
                parts.append(Value(data))
        return parts[0] if len(parts) == 1 else as_value(functions.sum(parts))

    def _run_batch(
        self,
        specialization: Specialization,
        expected: Expected | None,
        batch: Batch,
        group: Group,
        seed: float,
        keep: bool = False,
    ) -> tuple[Any, Any, float, bool]:
        """The outputs if they are to be kept, the gradients, the sum of the first output, and whether all is finite."""
        keep = keep or expected is not None
        outputs, gradients, total, first_bad, grads_finite = specialization.run_batch(group, seed, keep)
        if first_bad >= 0:
            every = specialization.run_batch(group, 0.0, keep=True)[0]
            for i in range(first_bad, len(group)):
                if i == first_bad or not all(map(isfinite, every[:, i])):
                    args = batch.example(group.indices[i])
                    if self._report_nonfinite(specialization, group[i], args, batch.options):
                        break
        if expected is not None:
            one, slopes, *_ = specialization.run_batch(group.last(), 1.0 if seed else 0.0, keep=True)
            specialization.validate(expected, one[:, -1].tolist(), slopes)
        return outputs, gradients, total, bool(grads_finite)

    # From arguments to a specialization: what a call does first, here and for an optimizer.

    def batch(self, args: tuple[Any, ...], options: dict[str, Any]) -> Batch:
        """These examples; those of the call before, if they are the same arrays.

        Raises:
            ValueError, TypeError: see `mean`.
        """
        batch = self._batch
        if batch is None or not batch.holds(args, options):
            batch = self._batch = Batch(self.__name__, args, options)
        return batch

    def specialize(
        self, signature: Signature, examples: Group | Sequence[list[Any]]
    ) -> tuple[Specialization | None, Expected | None]:
        """The specialization for arguments of a signature, and what it is to give for the last of the examples.

        None in place of the first means that the plain function is to be called; of the second, that nothing is to be
        checked. `examples` are the leaves of each.

        Raises:
            TraceError: if the function does not do the same at every call.
        """
        now = mode.get()
        if now is not NORMAL and (now.anomaly or now.tracing):
            return None, None
        changed = not self._guard.holds()
        if changed:
            self._follow_changes()
        found = self._specializations.get(signature)
        if found is not None and found.read and not found.reads_the_same():
            found.distrust()
        expected = None
        if found is None or found.calls >= found.trusted_until:
            with self._lock, collector_paused():
                found = self._specializations.get(signature)
                self._changes = self._changes + 1 if changed else 0
                if found is not None and found.must_revalidate and self._runs_plainly(examples):
                    return None, None
                self._watch(signature)
                if found is not None:
                    found, expected = self._validate(found, signature, examples[-1])
                if found is None:
                    found, expected = self._recorder.record(signature, examples[-1], examples[0])
                    found.always_compared = self._check
                    self._specializations[signature] = found
                    self._guard = Guard(self._function, *self._arguments)
                if not self._guard.holds():
                    self._guard = self._guard.renewed()  # what the function itself changed does not count
        found.calls += 1
        if expected is not None and not found.compilable:
            found.note_validation()
        if found is not self._latest:
            self._note_use(signature, found)
        return (found, expected) if found.compilable else (None, None)

    def is_due(self, signature: Signature) -> bool:
        """Whether the next call with this signature is recorded, or compared with a plain run."""
        found = self._specializations.get(signature)
        return found is None or found.is_due()

    def may_repeat(self, found: Specialization) -> bool:
        """Whether it was used last, and can be used again for the same signature with nothing to check."""
        return found is self._latest and found.calls < found.trusted_until and self._guard.holds()

    def _note_use(self, signature: Signature, found: Specialization) -> None:
        """Keep it as the one that was used last."""
        with self._lock:
            self._latest = found
            self._specializations.use(signature, found)

    def _validate(
        self, found: Specialization, signature: Signature, leaves: list[Any]
    ) -> tuple[Specialization | None, Expected | None]:
        """The specialization and what it is to give, if it still is what the function does.

        Raises:
            TraceError: if it is not, though nothing that the function sees has changed.
        """
        try:
            with random_states_kept(self._guard.seen if found.calls > 2 else None):
                expected = self._recorder.record_again(found, signature, leaves, found.is_due())
        except TraceError as error:
            if not found.must_revalidate:
                raise TraceError(f"{error}{found.doubt()}") from None
            self._other_tapes += 1
            return None, None
        self._other_tapes = 0
        found.trust()
        return found, expected

    def _runs_plainly(self, examples: Any) -> bool:
        """Whether a call is best left to the plain function, since something was changed before each of the last ones.

        To record one example takes longer than to run it; and where the tape was another one each time, to record is
        of no use for many examples either. It is tried ever more rarely, twice in a row: it may be the same again.
        """
        n = self._changes
        if n <= 3 or not n & (n - 1) or not (n - 1) & (n - 2):
            return False
        return self._other_tapes > 1 or not isinstance(examples, Group)

    def _follow_changes(self) -> None:
        """What the function sees has changed: every specialization must be compared with it.

        A cell that was run again may have given another meaning to its names, and a Module may have gone from training
        to evaluation, or got another part.
        """
        with self._lock:
            for specializations in self._by_modes.values():
                for specialization in specializations.values():
                    specialization.distrust()
            self._guard = self._guard.renewed()
            modes = training_modes(self._guard.seen)
            self._specializations = self._by_modes.get(modes) or Recent(MOST_SPECIALIZATIONS)
            self._by_modes.use(modes, self._specializations)

    def _watch(self, signature: Signature) -> None:
        """Watch what functions and other objects among the arguments see, too; and refuse what can't be watched."""
        known = {*map(id, self._arguments)}
        found = [thing for thing in opaque_leaves(signature) if id(thing) not in known and not is_constant(thing)]
        if found:
            self._arguments = (*self._arguments, *found)[-MOST_SPECIALIZATIONS:]
            self._guard = Guard(self._function, *self._arguments)
        if self._guard.outside:
            raise TraceError(
                f"{self.__name__} reads {self._guard.outside}, which may be different at the next call, and "
                "what it is now would be built into the machine code. Read it outside, and pass it as an argument; or "
                "call the function without compile"
            )

    def _plain(self, signature: Signature, leaves: list[Any]) -> Any:
        """What the function gives without compiling."""
        values = [leaf if isinstance(leaf, Value) else Value(leaf) for leaf in leaves]
        args, options = unflatten_args(signature, iter(values))
        return self._function(*args, **options)

    def _only(self, result: Any) -> Any:
        """The Value that the plain function gave, if it is one; and what it gave besides, if that is wanted."""
        if self._aux:
            value, more = result
            return as_value(value), as_numbers(more)
        outputs: list[Any] = []
        signature = flatten(result, outputs)
        if signature != NUMBER:
            raise self._gives_several(signature)
        return as_value(outputs[0])

    def _gives_several(self, signature: Signature) -> TypeError:
        found = "a list of one Value" if signature == (1, NUMBER) else "several Values"
        return TypeError(
            f"{self.__name__} returns {found}, and a mean or a sum is of one; compile a function that returns one, "
            f"such as a loss, or take {self.__name__}.map(...) for the numbers of all"
        )

    def _report_nonfinite(
        self, specialization: Specialization, leaves: list[Any], args: Any, options: dict[str, Any]
    ) -> bool:
        """Warn, or raise, as the plain function does for an example with a number that is not finite.

        Tells whether one went bad, from operands that are finite.
        """
        bad = specialization.goes_bad(leaves)
        if not bad and all(map(isfinite, leaves)):
            return False
        leaves = []
        signature = flatten_args(args, options, leaves)
        refusal: Exception | None = None
        numbers, named = unflatten_args(signature, iter(leaves))
        with switched(recording=False, warning=False):  # with plain numbers, a wrong target gives its own error
            try:
                self._function(*numbers, **named)
            except (ValueError, IndexError):
                raise
            except Exception as error:  # some things work for Values, and not for plain numbers
                refusal = error
        with switched(warning=bad and mode.get().warning):
            try:
                self._plain(signature, leaves)
            except TypeError as error:
                raise refusal or error from None
        return bad


def _as_values(result: Any) -> Any:
    """What the plain function gave, with a Value for each number."""
    leaves: list[Any] = []
    signature = flatten(result, leaves)
    return unflatten(signature, map(as_value, leaves))


_data = attrgetter("_data")
