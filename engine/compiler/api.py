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

The first call of every structure of arguments records a `Tape`, the second is checked against another recording.
Without numba the same functions run in plain Python.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property, update_wrapper
from importlib.util import find_spec
from math import isclose, isfinite
from operator import attrgetter, is_
from threading import RLock
from typing import TYPE_CHECKING, Any

from engine import functions, versions
from engine.compiler.batching import Batch, Group
from engine.compiler.buffers import Part
from engine.compiler.guards import changes, training, what_stands_outside
from engine.compiler.pytree import NUMBER, Key, described, rebuilt, structure
from engine.compiler.result import Replay, replayed
from engine.compiler.tape import Tape
from engine.modes import NORMAL, TraceError, callers_depth, mode, no_grad, switched
from engine.value import Value, as_value

if TYPE_CHECKING:
    from engine.compiler.batched import Lanes
    from engine.compiler.runtime import Job, Single


def compile(function: Callable[..., Any] | None = None, *, check: bool = False, aux: bool = False) -> Any:
    """A function that does the same as machine code, from its second call on: what others call a jit.

    Its arguments are numbers, or nested lists, tuples or arrays of them, and reach it as Values, in lists. Every other
    leaf that it uses, such as a parameter, is read afresh at each call and gets its gradient. What is no number (a
    string, True, None) is passed on as it is, and a namedtuple stays one. Arguments of another structure are recorded
    anew.

    Args:
        function: of Values; or a model. It must do the same operations whatever the numbers are.
        check: compare every call with a plain run, and not only the second of each structure.
        aux: the function gives a pair, a Value to differentiate and more that is wanted as plain numbers; and so does
            a call.

    Returns:
        A `Compiled`: called on one example, ``.mean(X, Y)`` and ``.sum(X, Y)`` on many, ``.map(X)`` for results alone.
    """
    if function is None:
        return lambda function: Compiled(function, check, aux)
    return Compiled(function, check, aux)


class Compiled:
    """A function that was compiled; see `compile`.

    Leaf Values, names outside the function and attributes of a Module may change: what the function finds there is read
    or recorded anew. Other numbers, such as those in a list, are built in: keep them in a Value, or hand them over.

    Raises:
        TraceError: if the function does not do the same operations on the same numbers at every call.
        TypeError: if `function` can't be called, or an argument is no number and can't be told from others.
    """

    def __init__(self, function: Callable[..., Any], check: bool = False, aux: bool = False) -> None:
        if not callable(function):
            raise TypeError(
                f"compile takes a function of Values, got {function!r:.60}; write compile(f), not compile(f(x))"
            )
        self._function, self._check, self._aux = function, check, aux
        self._kept: dict[tuple[bool, ...], dict[Any, Recording]] = {}  # for the modes that modules can be in
        self._recordings: dict[Any, Recording] = {}
        self._changes = -1
        self._look_around()
        self._latest: Recording | None = None
        self._batch: Batch | None = None
        self._ready: Any = (None,) * 5
        self._lock = RLock()
        update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __repr__(self) -> str:
        return f"compile({self.__name__})"

    def __reduce__(self) -> Any:
        return Compiled, (self._function, self._check, self._aux)  # a copy records for itself

    @property
    def tape(self) -> Tape:
        """The instructions that were recorded last; printed, one on a line.

        Raises:
            RuntimeError: if nothing was recorded yet.
        """
        if self._latest is None:
            raise RuntimeError(f"{self.__name__} has no tape yet: it is recorded at the first call")
        return self._latest.tape

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The function of one example, as a Value: its `backward` gives the parameters their gradients.

        Values among the arguments get their gradients too.

        Raises:
            TypeError: if the function gives several Values, or a list of one.
        """
        leaves: list[Any] = []
        key = _look(args, options, leaves)
        recording, expected = self._recording_for(key, [leaves])
        if recording is None:
            return self._only(self._plain(key, leaves))
        if recording.key != NUMBER and not self._aux:
            raise self._gives_several(recording.key)
        time, learning = versions.current, mode.get().recording
        try:
            given, numbers = leaves, [*map(_data, leaves)]
        except AttributeError:  # there are plain numbers among them
            given = [leaf for leaf in leaves if isinstance(leaf, Value)]
            numbers = [leaf._data if isinstance(leaf, Value) else leaf for leaf in leaves]
        single, parameters = recording.single, recording.parameters
        results, by_inputs, by_parameters, fine = single.run(single.job(numbers, parameters, learning))
        if not fine & 1:
            self._complain(recording, numbers, args, options)
        if expected is not None:
            self._confirm(recording, expected, results)
        if not learning:
            value = Value(results[0])
        else:
            if given is not leaves:
                by_inputs = [slope for slope, leaf in zip(by_inputs, leaves) if isinstance(leaf, Value)]
            rule = Replay(self.__name__, by_inputs, by_parameters, parameters, fine == 3)
            value = replayed(results[0], time, given, rule)
        return (value, rebuilt(recording.key, iter(results))[1]) if self._aux else value

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
        """What the function gives for each of many examples, as plain numbers; the arguments are those of `mean`.

        >>> compile(lambda x: [x, x * x]).map([1.0, 2.0, 3.0])
        [[1.0, 1.0], [2.0, 4.0], [3.0, 9.0]]
        """
        batch = Batch(self.__name__, args, options)
        answers: list[Any] = [None] * batch.size
        for group in batch.groups():
            recording, expected = self._recording_for(group.key, group)
            if recording is None:
                with no_grad():
                    rows: Any = [_numbers(self._plain(group.key, group[i])) for i in range(len(group.places))]
            else:
                results, *_ = self._in_lanes(recording, expected, batch, group, 0.0, keep=True)
                columns = results.tolist()
                rows = [rebuilt(recording.key, iter(column)) for column in zip(*columns)]
            for place, row in zip(group.places, rows):
                answers[place] = row
        return answers

    def _over_all(self, how: str, args: tuple[Any, ...], options: dict[str, Any]) -> Value:
        batch = self._batch
        if batch is None or not batch.is_of(args, options):
            batch = self._batch = Batch(self.__name__, args, options)
        time, learning = versions.current, mode.get().recording
        share = 1 / batch.size if how == "mean" else 1.0
        parts: list[Value] = []
        for group in batch.groups():
            recording, expected = self._recording_for(group.key, group)
            if recording is None:
                each = [self._only(self._plain(group.key, group[i])) for i in range(len(group.places))]
                parts.append(as_value(functions.dot([share] * len(each), each)))
                continue
            if recording.key != NUMBER:
                raise self._gives_several(recording.key)
            seed = share if learning else 0.0
            _, gradient, total, fine = self._in_lanes(recording, expected, batch, group, seed)
            data = total * share
            if not isfinite(data):  # perhaps the sum alone was too large
                data = float(sum((self._outputs(recording, group)[0] * share).tolist()))
            if learning:
                rule = Replay(f"{self.__name__}.{how}", [], gradient, recording.parameters, fine)
                parts.append(replayed(data, time, [], rule))
            else:
                parts.append(Value(data))
        return parts[0] if len(parts) == 1 else as_value(functions.sum(parts))

    def _in_lanes(
        self, recording: "Recording", expected: Any, batch: "Batch", group: "Group", seed: float, keep: bool = False
    ) -> tuple[Any, Any, float, bool]:
        """The outputs if they are to be kept, the gradients, the sum of the first output, and whether all is finite."""
        lanes = recording.lanes(recording.tape.inputs - len(group.others), len(group.numbers))
        results: Any = lanes.outputs_of(group.numbers) if keep or expected is not None else None
        job = lanes.job(group.numbers, group.others, recording.parameters, seed, results)
        gradients, total, bad, fine = lanes.run(job)
        if bad >= 0:
            outputs = self._outputs(recording, group)
            for i in range(bad, len(group.places)):
                if i == bad or not all(map(isfinite, outputs[:, i])):
                    args = batch.example(group.places[i])
                    if self._complain(recording, group[i], args, batch.options):
                        break
        if expected is not None:
            self._confirm(recording, expected, results[:, -1].tolist())
        return results, gradients, total, fine

    def _outputs(self, recording: "Recording", group: "Group") -> Any:
        """The outputs, a row for each and in it every example."""
        lanes = recording.lanes(recording.tape.inputs - len(group.others), len(group.numbers))
        results = lanes.outputs_of(group.numbers)
        lanes.run(lanes.job(group.numbers, group.others, recording.parameters, 0.0, results))
        return results

    def recorded(self, numbers: Sequence[Any]) -> tuple[Tape, bool] | None:
        """The tape for some arguments, and whether it is sure that it is always the same; None without machine code."""
        leaves: list[Any] = []
        recording, expected = self._recording_for(_look(tuple(numbers), {}, leaves), [leaves])
        if recording is None or recording.parameters.values:
            return None
        recording.confirmed += expected is not None
        return recording.tape, recording.confirmed > 1

    def gradient_job(self, how: str, args: tuple[Any, ...]) -> "tuple[Lanes | Single, Job, Part] | None":
        """A job, to be done, of the gradient of a call, or of the mean or the sum over many examples.

        None if there is more to do than to run it.
        """
        if mode.get() is not NORMAL:
            return None
        if how == "call":
            leaves: list[Any] = []
            recording, expected = self._recording_for(_look(args, {}, leaves), [leaves])
            if recording is None or expected is not None or not _NUMBERS.issuperset(map(type, leaves)):
                return None
            single = recording.single
            job = single.job(leaves, recording.parameters, True)
            return (single, job, recording.parameters) if recording.key == NUMBER else None
        self._follow()
        batch, recordings, lanes, examples, parameters = self._ready
        if batch is None or not batch.is_of(args, {}) or recordings is not self._recordings:
            batch = self._batch = Batch(self.__name__, args, {})
            group, *several = batch.groups()
            recording, expected = self._recording_for(group.key, group)
            if several or recording is None or expected is not None or recording.key != NUMBER:
                return None
            examples, parameters = group.numbers, recording.parameters
            lanes = recording.lanes(recording.tape.inputs, len(examples))
            self._ready = batch, self._recordings, lanes, examples, parameters
        seed = 1 / batch.size if how == "mean" else 1.0
        return lanes, lanes.job(examples, (), parameters, seed), parameters

    def _recording_for(self, key: Key, examples: Group | Sequence[list[Any]]) -> "tuple[Recording | None, Any]":
        """The recording for arguments that look like this, and what it is to give for them, where that was checked.

        None means that the plain function is to be called. `examples` are the numbers of each.
        """
        now = mode.get()
        if now.anomaly or now.tracing:
            return None, None
        self._follow()
        recording = self._recordings.get(key)
        expected = None
        if recording is None or recording.confirmed < 2 or recording.in_doubt or self._check:
            with self._lock:
                recording = self._recordings.get(key)
                if recording is None:
                    recording = self._recordings[key] = self._record(key, examples[-1], examples[0])
                    tape = recording.tape
                else:
                    try:
                        tape = self._record_again(recording, key, examples[-1])
                    except TraceError:
                        if not recording.in_doubt or recording.confirmed < 2:
                            raise
                        recording = self._recordings[key] = self._record(key, examples[-1], examples[0])
                        tape = recording.tape
                    recording.in_doubt = False
                    recording.confirmed += not machine_is_there()
                largest = max(map(abs, filter(isfinite, tape.numbers)), default=0.0)
                expected = [tape.numbers[slot] for slot in tape.outputs], largest
                self._look_around()  # what the function itself has changed, a counter say, is no news
        self._latest = recording
        return (recording, expected) if recording.possible else (None, None)

    def _follow(self) -> None:
        """See that the recordings are of what the function does now: a cell that was run again may have given another
        meaning to its names, and a module may have gone from training to evaluation, or got another part.
        """
        outside, surroundings = self._surroundings
        if surroundings and not all(map(is_, outside(), surroundings)):
            self._kept = {}
            self._look_around()
            self._changes = -1
        if self._changes != changes():
            self._changes = changes()
            owner = getattr(self._function, "__self__", None)
            state = training((self._function, owner, *self._surroundings[1]))
            self._recordings = self._kept.setdefault(state, {})
            for recording in self._recordings.values():
                recording.in_doubt = True

    def _look_around(self) -> None:
        outside = what_stands_outside(self._function)
        self._surroundings = outside, outside()

    def _record(self, key: Key, leaves: list[Any], other: list[Any]) -> "Recording":
        (inputs, outputs, look), (inputs_again, outputs_again, _) = self._trace(key, leaves), self._trace(key, other)
        tapes = Tape(inputs, outputs), Tape(inputs_again, outputs_again)
        lasting: set[Value] | None = None
        known = set(tapes[0].parameters) & set(tapes[1].parameters)
        if len(known) < len(tapes[0].parameters):  # the others are made in the function, anew at each call
            lasting = known
            tapes = Tape(inputs, outputs, lasting), Tape(inputs_again, outputs_again, lasting)
        self._compare(*tapes)
        return Recording(tapes[0], look, lasting)

    def _record_again(self, recording: "Recording", key: Key, leaves: list[Any]) -> Tape:
        inputs, outputs, _ = self._trace(key, leaves)
        tape = Tape(inputs, outputs, recording.lasting)
        self._compare(recording.tape, tape)
        return tape

    def _compare(self, tape: Tape, again: Tape) -> None:
        difference = tape.difference(again)
        if difference:
            raise TraceError(
                f"{self.__name__} did something else when it was called again: {difference}. A compiled function does "
                "the same at each call; hand over what changes as an argument, or call the function without compile"
            )

    def _confirm(self, recording: "Recording", expected: tuple[list[float], float], results: list[float]) -> None:
        """Compare the results of machine code with those of a plain run, to the rounding of its largest number."""
        answers, largest = expected
        for plain, result in zip(answers, results):
            near = isclose(plain, result, rel_tol=1e-6, abs_tol=1e-9 * largest)
            if not near and (plain == plain or result == result):
                raise TraceError(f"{self.__name__} gives {result} as machine code and {plain} in plain Python")
        recording.confirmed += 1

    def _trace(self, key: Key, leaves: list[Any]) -> tuple[list[tuple[str, Value]], list[Value], Key]:
        """The leaves that stand for the arguments, the Values that the function made of them, and how they look."""
        names = list(self._named(key))
        plain = [leaf._data if isinstance(leaf, Value) else leaf for leaf in leaves]
        numbers = [Value(number, name) for number, name in zip(plain, names)]
        args, options = _rebuilt(key, iter(numbers))
        with switched(recording=True, warning=False, anomaly=False, lines=False, tracing=True):
            outputs: list[Any] = []
            result = self._function(*args, **options)
            if self._aux and not (isinstance(result, tuple) and len(result) == 2):
                raise TypeError(f"{self.__name__} is compiled with aux=True and gives a pair; write return loss, more")
            look = structure(result, outputs)
            values = [as_value(output) for output in outputs]
        if not values:
            raise TypeError(f"{self.__name__} gave no Value; is a return missing in it?")
        return list(zip(names, numbers)), values, look

    def _named(self, key: Key) -> Iterator[str]:
        """A name for every number among the arguments."""
        try:
            known = inspect.signature(self._function).parameters.values()
            names = [each.name for each in known if each.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD]
        except (TypeError, ValueError):
            names = []
        args, options = key
        for i, branch in enumerate(args):
            yield from described(branch, names[i] if i < len(names) else f"x{i}")
        for name, branch in options:
            yield from described(branch, name)

    def _plain(self, key: Key, leaves: list[Any]) -> Any:
        """What the function gives without compiling."""
        args, options = _rebuilt(key, iter([leaf if isinstance(leaf, Value) else Value(leaf) for leaf in leaves]))
        return self._function(*args, **options)

    def _only(self, result: Any) -> Any:
        """The Value that the plain function gave, if it is one; and what it gave besides, if that is wanted."""
        if self._aux:
            value, more = result
            return as_value(value), _numbers(more)
        outputs: list[Any] = []
        key = structure(result, outputs)
        if key != NUMBER:
            raise self._gives_several(key)
        return as_value(outputs[0])

    def _gives_several(self, key: Key) -> TypeError:
        if key == (1, NUMBER):
            plain = getattr(self._function, "__name__", "model").replace("<lambda>", "f")
            return TypeError(
                f"{self.__name__} gives a list of one Value, and a compiled call gives a Value; write "
                f"compile(lambda x: {plain}(x)[0]), or {self.__name__}.map(...) for lists of plain numbers"
            )
        return TypeError(
            f"{self.__name__} gives several Values, and a compiled call gives one; the numbers of them all come from "
            f"{self.__name__}.map(...), for many examples"
        )

    def _complain(self, recording: "Recording", leaves: list[Any], args: Any, options: dict[str, Any]) -> bool:
        """Warn, or raise, as the plain function does for an example with a number that is not finite.

        Gives whether one went bad, from operands that are finite.
        """
        bad = recording.single.goes_bad(leaves, recording.parameters)
        if not bad and all(map(isfinite, leaves)):
            return False
        leaves = []
        key = _look(args, options, leaves)
        refusal: Exception | None = None
        numbers, named = _rebuilt(key, iter(leaves))
        with switched(recording=False, warning=False):  # of plain numbers, for which a wrong target is told as such
            try:
                self._function(*numbers, **named)
            except (ValueError, IndexError):
                raise
            except Exception as error:  # Values can do more than plain numbers
                refusal = error
        with switched(warning=bad and mode.get().warning):
            try:
                self._plain(key, leaves)
            except TypeError as error:
                raise refusal or error from None
        return bad


_NUMBERS = {float, int}
_SCALARS = {*_NUMBERS, Value}
_data = attrgetter("_data")


def _look(args: tuple[Any, ...], options: dict[str, Any], leaves: list[Any]) -> Key:
    """What the arguments of a call look like; their numbers are put into `leaves`."""
    if not options and _SCALARS.issuperset(map(type, args)):
        leaves += args
        return (NUMBER,) * len(args), ()
    return (
        tuple([structure(arg, leaves) for arg in args]),
        tuple([(name, structure(arg, leaves)) for name, arg in options.items()]) if options else (),
    )


def _rebuilt(key: Key, leaves: Iterator[Any]) -> tuple[list[Any], dict[str, Any]]:
    args, options = key
    return [rebuilt(branch, leaves) for branch in args], {name: rebuilt(branch, leaves) for name, branch in options}


def _numbers(result: Any) -> Any:
    """The plain numbers of what a function gave."""
    leaves: list[Any] = []
    key = structure(result, leaves)
    return rebuilt(key, iter([leaf.data if isinstance(leaf, Value) else float(leaf) for leaf in leaves]))


@cache
def machine_is_there() -> bool:
    """Whether numba is installed; if not, a warning says so once."""
    if find_spec("numba") is not None:
        return True
    warnings.warn(
        "compile runs in plain Python here; `pip install 'chalkgrad[fast]'` lets it make machine code",
        RuntimeWarning,
        stacklevel=callers_depth(),
    )
    return False


def _is_compilable(tape: Tape) -> bool:
    """Whether its rules can be machine code; if not, a warning says why."""
    from engine.compiler.runtime import compilable

    reason = compilable(tape)
    if reason:
        warnings.warn(f"{reason}; what uses it runs in plain Python", RuntimeWarning, stacklevel=callers_depth())
    return not reason


class Recording:
    """The tape of a function for arguments of one structure, and the programs made of it.

    Attributes:
        tape: the instructions.
        key: what the function's result looks like.
        lasting: the leaves that are parameters; None if all are.
        parameters: the same, and where their numbers are.
        confirmed: how many calls gave the same tape, and as machine code what they give in plain Python.
        in_doubt: whether a module was changed since; then it is looked whether the tape is still the same.
        possible: whether it can be machine code.
    """

    def __init__(self, tape: Tape, key: Key, lasting: set[Value] | None) -> None:
        self.tape, self.key, self.lasting = tape, key, lasting
        self.parameters = Part(tape.parameters)
        self.confirmed, self.in_doubt = 0, False
        self.possible = machine_is_there() and _is_compilable(tape)
        self._lanes: dict[tuple[int, int], Lanes] = {}
        self._lock = RLock()

    @cached_property
    def single(self) -> "Single":
        """The program for one example."""
        from engine.compiler.runtime import Single

        return Single(self.tape)

    def lanes(self, varying: int, arguments: int) -> "Lanes":
        """The program for many examples, of which so many inputs, the first ones, in so many arrays, differ."""
        lanes = self._lanes.get((varying, arguments))
        if lanes is None:
            from engine.compiler.batched import Lanes

            with self._lock:
                lanes = self._lanes[varying, arguments] = Lanes(self.tape, varying, arguments)
        return lanes
