"""Parameters whose numbers are in arrays, so that a training step touches arrays and not each Value.

An optimizer has a `ParameterBuffer`, which *adopts* the parameters at its first compiled step: their numbers and
gradients move to arrays. While they are there the class of each of these Values is `BufferedValue`; whoever asks one
for a number *materializes* the buffer: all its Values get their numbers back, and are plain Values again. While nobody
asks, gradients and updates stay in the arrays.

Why the class of a live Value is switched: a plain Value then costs its reader nothing, 7 ns for a slot. A flag that is
asked at each read costs 39 ns, numbers that are always in arrays 53 ns a read and 1.3 times the plain training, and to
copy 337 parameters in and out at each step 20 µs, most of what a whole compiled step takes.

A `Binding` tells machine code where the parameters of a compiled function are, whichever buffers they are in.
What is in no optimizer's buffer, such as a frozen parameter, is adopted by a buffer of the binding's own.
"""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import compress, repeat
from typing import Any

from engine.ieee import UNSET
from engine.utils.locks import new_lock
from engine.value import Leaf, Value

_data, _grad, _version = (Value.__dict__[slot] for slot in ("_data", "grad", "_version"))
_class: Any = object.__dict__["__class__"]

lock = new_lock(awaited=True)  # held while numbers move between Values and arrays, and while arrays change
epoch = 0  # rises whenever numbers move: until then a binding need not look for them again


def _materialized(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method that does what `function` does with the Value, once its number is back."""

    def method(self: Value, *args: Any) -> Any:
        with lock:
            if type(self) is BufferedValue:  # unless another thread was faster
                buffer_of(self).materialize()
            return function(self, *args)

    return method


class BufferedValue(Leaf):
    """A Value whose number is in a buffer; to ask for it materializes the buffer.

    Of its slots, `_data` has the buffer, and `_version` tells when its number was last changed by itself.
    """

    __slots__ = ()
    _unbuffered = Leaf  # the class of a copy, which is in no buffer
    _copy_onto, __reduce__ = _materialized(Value._copy_onto), _materialized(Value.__reduce__)


for _slot in (_data, _grad, _version):
    setattr(BufferedValue, _slot.__name__, property(_materialized(_slot.__get__), _materialized(_slot.__set__)))
BufferedValue.__name__, BufferedValue.__qualname__ = Leaf.__name__, Leaf.__qualname__  # what `type(p)` shows
_KINDS = {Leaf, BufferedValue}


def buffer_of(value: Value) -> "ParameterBuffer":
    """The buffer that has the number of a `BufferedValue`."""
    buffer: ParameterBuffer = _data.__get__(value)
    return buffer


class ParameterBuffer:
    """Arrays for the numbers and gradients of some Values. It has either all of them or none.

    Attributes:
        values: the Values.
        live: whether the numbers are in the arrays, and not in the Values.
        data, grad: the numbers and the gradients, in the order of `values`; None before the first `adopt`.
        addresses: where in memory the number of each Value is. The gradients are behind all numbers.
        version: when the numbers were last changed in the arrays; 0 if they were not, since they were adopted.
        latest: when any of the numbers was last changed, there or before.
        without_grad: those that had no gradient when they were adopted, and were given none since.
        successor: the buffer that took some of its Values, the last one if there were several.
    """

    def __init__(self, values: Iterable[Value]) -> None:
        self.values = tuple(dict.fromkeys(values))
        self.live = False
        self.data: Any = None
        self.grad: Any = None
        self.addresses: dict[Value, int] = {}
        self.version = self.latest = 0
        self.without_grad: set[Value] = set()
        self.successor: ParameterBuffer | None = None

    def adopt(self, take: bool = True) -> bool:
        """Move the numbers to the arrays; tells whether they are there.

        They are left where they are if one of the Values is of a class of the user's own; and without `take`, if one
        of them is in another buffer.
        """
        with lock:
            if self.live:
                return True
            kinds = {*map(type, self.values)}
            if not kinds <= _KINDS or (BufferedValue in kinds and not take):
                return False
            for value in self.values:
                if type(value) is BufferedValue:
                    other = buffer_of(value)
                    other.successor = self
                    other.materialize()
            self._adopt()
        return True

    def _adopt(self) -> None:
        global epoch
        if not self.addresses:
            import numpy as np

            both = np.zeros((2, len(self.values)))
            (self.data, self.grad), begin = both, both.ctypes.data
            self.addresses = {p: begin + 8 * i for i, p in enumerate(self.values)}
        gradients = [p.grad for p in self.values]
        self.data[:] = [p._data for p in self.values]
        self.grad[:] = [gradient or 0.0 for gradient in gradients]
        self.version, self.latest = 0, max([p._version for p in self.values], default=0)
        self.without_grad = {p for p, gradient in zip(self.values, gradients) if gradient is UNSET or gradient is None}
        epoch += 1
        try:
            _set_all(_class, self.values, repeat(BufferedValue))  # first: from then on other threads wait for the lock
            _set_all(_data, self.values, repeat(self))
            self.live = True
        except BaseException:  # a cell was interrupted
            self._give_back()
            raise

    def materialize(self) -> None:
        """Give every Value its number back."""
        global epoch
        with lock:
            epoch += 1
            try:
                self._give_back()
            except BaseException:
                self._give_back()
                raise

    def _give_back(self) -> None:
        there = [type(p) is BufferedValue for p in self.values]  # some are not if this is the second attempt
        values = [*compress(self.values, there)]
        gradients: Iterable[Any] = compress(self.grad.tolist(), there)
        if self.without_grad:
            gradients = (UNSET if p in self.without_grad else grad for p, grad in zip(values, gradients))
        _set_all(_grad, values, gradients)
        if self.version:  # later than what each of them has
            _set_all(_version, values, repeat(self.version))
        _set_all(_data, values, compress(self.data.tolist(), there))
        _set_all(_class, values, repeat(Leaf))
        self.live = False


def _set_all(slot: Any, values: Iterable[Value], things: Iterable[Any]) -> None:
    """Set one slot of each Value to one of the things."""
    deque(map(slot.__set__, values, things), maxlen=0)


class Binding:
    """Where the numbers of some Values are, such as the parameters of a compiled function.

    Attributes:
        values: the Values.
        buffers: the buffers that have them, each once.
        data, grad: where the numbers and the gradients are, as `memory.blocks`, once `in_buffers` was true.
    """

    def __init__(self, values: Iterable[Value]) -> None:
        self.values = tuple(values)
        self.buffers: tuple[ParameterBuffer, ...] = ()
        self.data: Any = None
        self.grad: Any = None
        self._zeros: Any = None
        self._places: tuple[int, int] = 0, 0  # the addresses of `grad` and of the zeros, which take 1 µs to ask for
        self._machine: Any = None  # the module `engine.compiler.kernels.memory`, once it is needed
        self._in_buffers = False
        self._epoch = -1

    def in_buffers(self, adopt: bool = False) -> bool:
        """Whether buffers have all the numbers now; if not, they are in the Values.

        If there are some in buffers, the others are adopted as well; all are, if `adopt`. Where a Value is of a class
        of the user's own, this can't be.
        """
        if self._epoch == epoch and (self._in_buffers or not adopt):
            return self._in_buffers
        with lock:
            self._in_buffers = self._locate(adopt)
            self._epoch = epoch
            return self._in_buffers

    def _locate(self, adopt: bool) -> bool:
        if self._is_where_it_was():
            return True
        kinds = {*map(type, self.values)}
        if not kinds or not kinds <= _KINDS or not (adopt or BufferedValue in kinds):
            return False
        if Leaf in kinds:
            for buffer in self.buffers:  # where they were before
                (buffer.successor or buffer).adopt(take=False)
            if self._is_where_it_was():
                return True
            if plain := [value for value in self.values if type(value) is Leaf]:
                ParameterBuffer(plain).adopt()
        owners = [*map(_data.__get__, self.values)]
        buffers = tuple(dict.fromkeys(owners))
        if buffers != self.buffers:
            import numpy as np

            from engine.compiler.kernels import memory

            addresses = np.array([owner.addresses[value] for owner, value in zip(owners, self.values)], np.int64)
            sizes = {owner: 8 * len(owner.values) for owner in buffers}
            behind = np.array([*map(sizes.__getitem__, owners)], np.int64)
            data, grad = memory.blocks(addresses), memory.blocks(addresses + behind)
            zeros = np.zeros(len(owners))
            places = grad.ctypes.data, zeros.ctypes.data
            # All or nothing, even if a cell is interrupted: no signal arrives in the middle of these assignments.
            self.data, self.grad, self._zeros, self._places = data, grad, zeros, places
            self._machine, self.buffers = memory, buffers
        return True

    def _is_where_it_was(self) -> bool:
        return bool(self.buffers) and all(buffer.live for buffer in self.buffers)

    def may_have_changed_since(self, version: int) -> bool:
        """Whether any of the numbers, or of others in the same buffers, was changed after that."""
        if self.in_buffers():
            return any(buffer.latest > version for buffer in self.buffers)
        return any(value._version > version for value in self.values)

    def add_gradients(self, gradients: Any) -> None:
        """Add to the gradient of every Value, as `backward` does; from now on the numbers are in buffers."""
        with lock:
            if self.in_buffers(adopt=True):
                self._move(gradients, self._machine.ADD)
                self.note_gradients()
            else:
                for value, gradient in zip(self.values, gradients.tolist()):
                    value.grad = (value.grad or 0.0) + gradient

    def _move(self, numbers: Any, how: int) -> None:
        self._machine.move_at(self._places[0], len(self.grad), numbers.__array_interface__["data"][0], how)

    def note_gradients(self) -> None:
        """All of them have a gradient from now on."""
        for buffer in self.buffers:
            if buffer.without_grad:
                buffer.without_grad.difference_update(self.values)

    def change_gradients(self, change: Callable[[Any], Any]) -> None:
        """Put ``change(gradients)`` in place of the gradients, which are in buffers; both are arrays.

        A gradient that is not there counts as 0, and is not there afterwards. Gradients overflow as quietly as floats.
        """
        import numpy as np

        with np.errstate(all="ignore"), lock:
            self.in_buffers(adopt=True)
            gradients = np.empty(len(self.values))
            self._move(gradients, self._machine.LOAD)
            gradients = np.ascontiguousarray(change(gradients), float)
            self.in_buffers(adopt=True)  # once more, if `change` has asked a Value for a number
            self._move(gradients, self._machine.STORE)
            for buffer in self.buffers:
                if buffer.without_grad:
                    buffer.grad[[value in buffer.without_grad for value in buffer.values]] = 0.0

    def zero_grad(self) -> None:
        """Set the gradient of every Value to 0."""
        with lock:
            if self.in_buffers():
                where, zeros = self._places
                self._machine.move_at(where, len(self.grad), zeros, self._machine.STORE)
                self.note_gradients()
                return
        for value in self.values:
            value.grad = 0.0
