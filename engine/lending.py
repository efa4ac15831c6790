"""Parameters whose numbers are lent to flat arrays, so that a training step touches arrays and not each parameter.

A loan begins when a compiled function gives its parameters their gradients, and ends by itself as soon as anyone looks
at one of them: then all get their numbers back. While nobody looks, gradients and updates stay in the arrays.
"""

from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

from engine.value import Value, tick

_data, _grad, _time = (Value.__dict__[slot] for slot in ("_data", "grad", "_time"))
_lending = RLock()
_loans: "WeakValueDictionary[tuple[int, ...], Loan]" = WeakValueDictionary()


class Lent(Value):
    """A Value whose numbers are lent: whoever asks for one of them ends the loan."""

    __slots__ = ()


def _recalled(slot: Any) -> property:
    """The slot, once the loan has ended. In the slot of the data a lent Value keeps its loan."""

    def get(self: Value) -> Any:
        recall(self)
        return slot.__get__(self)

    def put(self: Value, x: Any) -> None:
        recall(self)
        slot.__set__(self, x)

    return property(get, put)


for _slot in (_data, _grad, _time):
    setattr(Lent, _slot.__name__, _recalled(_slot))
Lent.__name__, Lent.__qualname__ = Value.__name__, Value.__qualname__  # what `type(p)` shows


def recall(value: Value) -> None:
    """End the loan that a Value is part of, if it is."""
    with _lending:
        if type(value) is Lent:
            _data.__get__(value).end()


class Loan:
    """Some Values, and arrays for their numbers and gradients.

    Attributes:
        values: the Values.
        data, grad: their numbers while `lent`.
        lent: whether the arrays hold what is true, and not the Values.
    """

    def __init__(self, values: tuple[Value, ...]) -> None:
        import numpy as np

        self.values = values
        self.data, self.grad = np.zeros(len(values)), np.zeros(len(values))
        self.lent = False
        self._times: list[int] = []  # when each number was changed; none, if all were, at the time below
        self._changed = 0
        self._lendable = True

    def numbers(self) -> Any:
        """The data of the Values, as an array that is not to be written to."""
        if not self.lent and self.values:
            self.data[:] = [p._data for p in self.values]
        return self.data

    def add(self, gradient: Any) -> None:
        """Add to the gradient of every Value, as `backward` does; from now on the numbers are lent."""
        if not self.values:
            return
        with _lending:
            if not self.lent:
                self._begin()
            self.grad += gradient
            if not self._lendable:
                self.end()

    def changed_since(self, time: int) -> bool:
        """Whether any number was changed after that."""
        if self.lent:
            return self._changed > time
        return any(p._time > time for p in self.values)

    def update(self, places: Any, data: Any) -> None:
        """Give the Values at some places other numbers."""
        with _lending:
            self.data[places] = data
            self._changed, self._times = tick(), []

    def _begin(self) -> None:
        for p in self.values:
            recall(p)
        self.data[:] = [p._data for p in self.values]
        self.grad[:] = [p.grad or 0.0 for p in self.values]
        self._times = [p._time for p in self.values]
        self._changed = max(self._times, default=0)
        self._lendable = all(type(p) is Value for p in self.values)  # others may have more to them than these numbers
        if self._lendable:
            for p in self.values:
                _data.__set__(p, self)
                p.__class__ = Lent
        self.lent = True

    def end(self) -> None:
        """Give every Value its numbers back."""
        with _lending:
            if self.lent:
                times = self._times or [self._changed] * len(self.values)
                for p, data, grad, time in zip(self.values, self.data.tolist(), self.grad.tolist(), times):
                    if self._lendable:
                        p.__class__ = Value
                    p._data, p.grad, p._time = data, grad, time
                self.lent = False


def loan_for(values: tuple[Value, ...]) -> Loan:
    """The arrays for some Values; the same for everybody who asks for the same Values in the same order."""
    with _lending:
        key = tuple(map(id, values))
        loan = _loans.get(key)
        if loan is None:
            loan = _loans[key] = Loan(values)
        return loan


class Part:
    """Some of the Values of a loan, in an order of their own, by their places in its arrays."""

    def __init__(self, loan: Loan, places: Any) -> None:
        self.loan, self._places = loan, places

    def map(self, update: Callable[..., Any], *memories: Any) -> Any:
        """``update(data, grad, *memories)`` of arrays, which overflow as quietly as floats."""
        import numpy as np

        with np.errstate(all="ignore"):
            return update(self.loan.data[self._places], self.loan.grad[self._places], *map(np.asarray, memories))

    def update(self, data: Any) -> None:
        """Give the Values other numbers."""
        self.loan.update(self._places, data)

    def zero_grad(self) -> None:
        """Set their gradients to 0."""
        self.loan.grad[self._places] = 0.0


def part_of_a_loan(values: Sequence[Value]) -> Part | None:
    """Where a loan holds the numbers of all these Values now; None if none does."""
    if not values or type(values[0]) is not Lent:
        return None
    with _lending:
        loan = _data.__get__(values[0])
        if not isinstance(loan, Loan):
            return None  # it ended meanwhile
        places = {value: i for i, value in enumerate(loan.values)}
        if not places.keys() >= set(values):
            return None
        import numpy as np

        return Part(loan, np.array([places[value] for value in values]))


def zero_grad(values: Sequence[Value]) -> None:
    """Set the gradient of every Value to 0."""
    part = part_of_a_loan(values)
    if part is not None:
        part.zero_grad()
    else:
        for value in values:
            value.grad = 0.0
