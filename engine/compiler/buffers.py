"""Parameters whose numbers are lent to flat arrays, so that a training step touches arrays and not each parameter.

A loan begins when a compiled function gives its parameters their gradients, and ends by itself as soon as anyone looks
at one of them: then all get their numbers back. While nobody looks, gradients and updates stay in the arrays.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import RLock
from typing import Any

from engine import versions
from engine.value import Value

_data, _grad, _version = (Value.__dict__[slot] for slot in ("_data", "grad", "_version"))
_class: Any = object.__dict__["__class__"]
lending = RLock()


class Lent(Value):
    """A Value whose numbers are lent: whoever asks for one of them ends the loan."""

    __slots__ = ()
    __class__ = property(lambda self: Value)  # for copies, which are not lent

    def _copy_onto(self, parents: tuple[Value, ...]) -> Any:
        with lending:
            recall(self)
            return Value._copy_onto(self, parents)

    def __reduce__(self) -> Any:
        with lending:
            recall(self)
            return Value.__reduce__(self)


def _recalled(slot: Any) -> property:
    """The slot, once the loan has ended. In the slot of the data a lent Value keeps its loan."""

    def get(self: Value) -> Any:
        with lending:
            recall(self)
            return slot.__get__(self)

    def put(self: Value, x: Any) -> None:
        with lending:
            recall(self)
            slot.__set__(self, x)

    return property(get, put)


for _slot in (_data, _grad, _version):
    setattr(Lent, _slot.__name__, _recalled(_slot))
Lent.__name__, Lent.__qualname__ = Value.__name__, Value.__qualname__  # what `type(p)` shows


def recall(value: Value) -> None:
    """End the loan that a Value is part of, if it is."""
    if type(value) is Lent:
        loan: Loan = _data.__get__(value)
        loan.end()


class Loan:
    """Some Values, and arrays for their numbers and gradients.

    Attributes:
        values: the Values.
        data, grad, times: their numbers, gradients, and when each was last changed by itself, while `lent`.
        lent: whether the arrays hold what is true, and not the Values.
        changed, all_changed: when any of them was last changed, and when all of them were.
        unreached: those that had no gradient when the loan began, and were given none since.
    """

    def __init__(self, values: Iterable[Value]) -> None:
        import numpy as np

        self.values = tuple(dict.fromkeys(values))
        self.places = {value: i for i, value in enumerate(self.values)}
        n = len(self.values)
        self.data, self.grad, self.times = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
        self.address = self.data.ctypes.data
        self.unreached: set[Value] = set()
        self.lent = False

    def begin(self) -> None:
        """Take the numbers of all Values, none of which is lent."""
        self.data[:] = [p._data for p in self.values]
        self.grad[:] = [p.grad or 0.0 for p in self.values]
        self.times[:] = [p._version for p in self.values]
        self.changed, self.all_changed = int(self.times.max()), 0
        self.unreached = {p for p in self.values if p.grad is None}
        try:
            for p in self.values:  # the class first: from then on other threads wait for the lock
                _class.__set__(p, Lent)
                _data.__set__(p, self)
            self.lent = True
        except BaseException:  # a cell was interrupted
            self._give_back()
            raise

    def end(self) -> None:
        """Give every Value its numbers back."""
        with lending:
            try:
                self._give_back()
            except BaseException:
                self._give_back()
                raise

    def _give_back(self) -> None:
        times = self.times.clip(self.all_changed)
        numbers = zip(self.values, self.data.tolist(), self.grad.tolist(), times.tolist())
        for p, data, grad, time in numbers:
            if type(p) is Lent:  # not so if this is the second attempt
                _grad.__set__(p, None if p in self.unreached else grad)
                _version.__set__(p, time)
                _data.__set__(p, data)
                _class.__set__(p, Value)
        self.lent = False


class Part:
    """Some Values that are used together, by a compiled function or an optimizer, lent or not.

    Whoever uses Values of several loans makes one loan of them.

    Attributes:
        values: the Values.
        views: the loan's numbers and gradients that are theirs, where these stand in a row; else None.
        where: the addresses of the loan's numbers and gradients, the first place of these Values, and their count.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        self.values = tuple(values)
        self._loan: Loan | None = None
        self._places: Any = slice(0)
        self._where: tuple[int, int, Any] = 0, 0, None
        self.views: Any = None
        self.where = 0, 0, 0, 0
        self._moves = 0

    def __reduce__(self) -> Any:
        return Part, (self.values,)  # a copy knows no array, nor where it is in memory

    @property
    def loan(self) -> Loan | None:
        """The loan that has all these Values now; None if none has."""
        if self._loan is not None and self._loan.lent:
            return self._loan
        if not self.values or type(self.values[0]) is not Lent:
            return None
        with lending:
            loan = _data.__get__(self.values[0])
            if not isinstance(loan, Loan) or not loan.places.keys() >= set(self.values):
                return None
            return self._settle(loan)

    def joined(self) -> Loan | None:
        """The loan that has all these Values; if some of them are lent, the others are lent with them."""
        loan = self.loan
        return loan if loan is not None or not any(type(value) is Lent for value in self.values) else self.lend()

    def lend(self) -> Loan | None:
        """The loan that has all these Values, a new one if need be; None if they can't be lent."""
        loan = self.loan
        if loan is not None or not self.values:
            return loan
        with lending:
            loans = {_data.__get__(value): None for value in self.values if type(value) is Lent}
            everyone = [*self.values, *(value for other in loans for value in other.values)]
            for other in loans:
                other.end()
            if not all(type(value) is Value for value in everyone):
                return None
            loan = Loan(everyone) if loans or self._loan is None else self._loan
            loan.begin()
            return self._settle(loan)

    def lend_in_a_row(self) -> Loan | None:
        """As `lend`; these Values get their places one beside the other.

        Not more than a few times, for Parts that overlap can't both have that.
        """
        loan = self.lend()
        if loan is None or self.views is not None or self._moves == 5:
            return loan
        self._moves += 1
        own = set(self.values)
        others = [value for value in loan.values if value not in own]
        loan.end()
        loan = Loan([*self.values, *others])
        loan.begin()
        return self._settle(loan)

    def _settle(self, loan: Loan) -> Loan:
        import numpy as np

        places = [loan.places[value] for value in self.values]
        listed = np.array(places, np.int64)
        in_a_row = places == list(range(places[0], places[0] + len(places)))
        self._places = slice(places[0], places[0] + len(places)) if in_a_row else listed
        self._where = loan.address, listed.ctypes.data, (loan.data, listed)
        self.views = (loan.data[self._places], loan.grad[self._places]) if in_a_row else None
        self.where = loan.address, loan.grad.ctypes.data, places[0], len(places)
        self._loan = loan
        return loan

    def addresses(self) -> tuple[int, int, Any] | None:
        """Where in memory the numbers of the loan are, and the places of these Values in it, and what to hold on to
        while they are read; None if they are not lent.
        """
        return self._where if self.loan is not None else None

    def changed_since(self, time: int) -> bool:
        """Whether any of the numbers was changed after that."""
        if not self.values:
            return False
        loan = self.loan
        if loan is None:
            return any(value._version > time for value in self.values)
        return loan.changed > time and (loan.all_changed > time or bool((loan.times[self._places] > time).any()))

    def add(self, gradient: Any) -> None:
        """Add to the gradient of every Value, as `backward` does; from now on the numbers are lent."""
        if not self.values:
            return
        with lending:
            loan = self.lend()
            if loan is not None:
                from engine.compiler.runtime import add_at

                add_at(loan.grad, self._where[2][1], gradient)
                if loan.unreached:
                    loan.unreached.difference_update(self.values)
            else:
                for value, slope in zip(self.values, gradient.tolist()):
                    value.grad = (value.grad or 0.0) + slope

    def change(self, prepare: Callable[[Any, Any], Callable[[], Any] | None]) -> bool:
        """Change lent numbers: ``prepare(data, grad)`` gives what changes the first of these arrays in place, if
        anything can. Tells whether it did.
        """
        with lending:
            loan = self.lend_in_a_row()
            assert loan is not None
            data, grad = self.views or (loan.data[self._places], loan.grad[self._places])
            run = prepare(data, grad)
            if run is None or not loan.lent:
                return False
            run()
            loan.data[self._places] = data
            self.changed(loan)
        return True

    def changed(self, loan: Loan) -> None:
        """Note that the lent numbers of these Values are others now."""
        loan.changed = versions.bump()
        if len(self.values) == len(loan.values):
            loan.all_changed = loan.changed
        else:
            loan.times[self._places] = loan.changed

    def change_gradients(self, change: Callable[[Any], Any]) -> None:
        """Change lent gradients: ``grad = change(grad)``, on an array of them all. They overflow as quietly as floats.

        `change` gets a copy, in which those that were not reached are 0; they stay unreached.
        """
        import numpy as np

        with np.errstate(all="ignore"), lending:
            loan = self.lend()
            assert loan is not None
            gradients = change(np.array(loan.grad[self._places]))
            loan = self.lend()  # anew, if `change` looked at a Value
            assert loan is not None
            loan.grad[self._places] = gradients
            loan.grad[[loan.places[value] for value in loan.unreached]] = 0.0

    def zero_grad(self) -> None:
        """Set the gradient of every Value to 0."""
        with lending:
            loan = self.loan
            if loan is not None:
                loan.grad[self._places] = 0.0
                loan.unreached.difference_update(self.values if loan.unreached else ())
                return
        for value in self.values:
            value.grad = 0.0
