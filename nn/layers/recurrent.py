"""Recurrent layers: those with a memory, for sequences of any length.

A cell takes one step, and its caller keeps the state:

>>> import random
>>> cell = GRUCell(2, 3, rng=random.Random(0))
>>> hidden = None
>>> for row in [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]:
...     hidden = cell(row, hidden)
>>> len(hidden)
3

`GRU` and `LSTM` take a whole sequence, in several layers and in both directions if asked:

>>> gru = GRU(2, 3, bidirectional=True, rng=random.Random(0))
>>> outputs, state = gru([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
>>> [len(outputs), len(outputs[0])], [len(state), len(state[0])]
([3, 6], [2, 3])
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import sqrt
from typing import Any

from engine import Value, dot, rules, where
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from nn.checks import as_index, check_inputs, check_integer, check_rng
from nn.layers.dense import bias_repr
from nn.module import Module
from nn.tensors import tensor

Row = list[Value]


class _Recurrent(Module, ABC):
    """What cells and sequences have in common: their parameters, and the step that a subclass takes with them.

    A state is a tuple of rows of `hidden_size` numbers: the hidden state, and for an LSTM its memory.
    """

    gates: int  # how many weighted sums a number of the state takes
    rows: int  # how many rows are in a state

    def __init__(self, input_size: int, hidden_size: int, bias: bool, rng: Any, label: str) -> None:
        self.input_size = check_integer("input_size", input_size)
        self.hidden_size = check_integer("hidden_size", hidden_size)
        check_rng(rng, "uniform")
        self.bias, self.label = bool(bias), label

    def _add_parameters(self, input_size: int, suffix: str, rng: Any) -> None:
        bound, nout = 1 / sqrt(self.hidden_size), self.gates * self.hidden_size
        prefix = f"{self.label}." if self.label else ""
        shapes = {"weight_ih": [nout, input_size], "weight_hh": [nout, self.hidden_size]}
        shapes |= {"bias_ih": [nout], "bias_hh": [nout]}
        for name, shape in shapes.items():
            given = self.bias or name.startswith("weight")
            numbers = tensor(shape, lambda: float(rng.uniform(-bound, bound)), f"{prefix}{name}{suffix}")
            setattr(self, f"{name}{suffix}", numbers if given else None)

    def _step(self, xs: Row, state: tuple[Row, ...], suffix: str = "") -> tuple[Row, ...]:
        """The next state."""
        from_x, from_h = (
            [dot(row, numbers, b) for row, b in zip(weight, bias or [None] * len(weight))]
            for weight, numbers, bias in (
                (getattr(self, f"weight_ih{suffix}"), xs, getattr(self, f"bias_ih{suffix}")),
                (getattr(self, f"weight_hh{suffix}"), state[0], getattr(self, f"bias_hh{suffix}")),
            )
        )
        n = self.hidden_size
        sums = [[(from_x[k], from_h[k]) for k in range(i, self.gates * n, n)] for i in range(n)]
        new = [self._gate(own, old) for own, old in zip(sums, zip(*state))]
        return tuple(map(list, zip(*new)))

    @abstractmethod
    def _gate(self, sums: list[tuple[Value, Value]], old: tuple[Value, ...]) -> tuple[Value, ...]:
        """One number of each row of the state, from its weighted sums of the input and of the old hidden state."""

    def _check_state(self, state: Any) -> tuple[Row, ...]:
        """A state as a tuple of rows of Values, once its sizes have been checked."""
        checked = []
        for row in state:
            numbers = list(row) if is_list_like(row) else [row]
            if len(numbers) != self.hidden_size or any(map(is_list_like, numbers)):
                raise ValueError(f"{self!r} expects a hidden state of {self.hidden_size} numbers, got {len(numbers)}")
            checked.append([x if isinstance(x, Value) else Value(x) for x in numbers])
        return tuple(checked)

    def _zeros(self) -> tuple[Row, ...]:
        return ([Value(0.0, role="constant")] * self.hidden_size,) * self.rows


class _GRU(_Recurrent):
    """What `GRUCell` says, for one number of the state."""

    gates, rows = 3, 1

    def _gate(self, sums: list[tuple[Value, Value]], old: tuple[Value, ...]) -> tuple[Value, ...]:
        (r_x, r_h), (z_x, z_h), (n_x, n_h) = sums
        r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
        new = (n_x + r * n_h).tanh()
        return ((1 - z) * new + z * old[0],)


class _LSTM(_Recurrent):
    """What `LSTMCell` says, for one number of the state."""

    gates, rows = 4, 2

    def _gate(self, sums: list[tuple[Value, Value]], old: tuple[Value, ...]) -> tuple[Value, ...]:
        i, f, g, o = (x + h for x, h in sums)
        c = f.sigmoid() * old[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class _Cell(_Recurrent):
    """One step, whose parameters have PyTorch's names for cells."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, rng: Any = random, label: str = ""
    ) -> None:
        super().__init__(input_size, hidden_size, bias, rng, label)
        self._add_parameters(input_size, "", rng)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{bias_repr(self.bias or None)})"


class GRUCell(_Cell, _GRU):
    """One step of a gated recurrent unit: from an input and the hidden state to the next hidden state.

    Each number in the state has two gates, which lie between 0 and 1: r says how much of the old state goes into a
    new candidate n, and z how much of the old state is kept instead of the candidate.

    All parameters start uniformly from ±1/√hidden_size.

    Source: K. Cho et al., 2014, https://arxiv.org/abs/1406.1078; r is applied after the weights, as in PyTorch.

    Args:
        input_size: how many numbers an input has.
        hidden_size: how many numbers the state has.
        bias: add a bias to each weighted sum.
        rng: the source of the initial parameters, `random` or a `random.Random(seed)`.
        label: the name of the cell; its parameters are ``label.weight_ih0_0``, ...

    Attributes:
        weight_ih: ``[3 * hidden_size][input_size]``, the rows for r, then those for z, then those for n.
        weight_hh: ``[3 * hidden_size][hidden_size]``, in the same order.
        bias_ih: ``[3 * hidden_size]``, or None.
        bias_hh: the same.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if a size is not a positive whole number; when called with an input or a state of another size.
    """

    def forward(self, x: Any, h: Any = None) -> Row:
        """The next hidden state, given a row of inputs and the current hidden state, which starts out as zeros."""
        xs = check_inputs(x, self.input_size, self)
        return self._step(xs, self._zeros() if h is None else self._check_state((h,)))[0]


class LSTMCell(_Cell, _LSTM):
    """One step of a long short-term memory: from an input and a state to the next state ``(h, c)``.

    Each number in the memory c has three gates, which lie between 0 and 1: i says how much of a new candidate g is
    added, f how much of the memory is kept, and o how much of the memory shows in the hidden state h.

    All parameters start uniformly from ±1/√hidden_size.

    Source: S. Hochreiter, J. Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735; the gate f came in 2000.

    Args:
        input_size: how many numbers an input has.
        hidden_size: how many numbers h and c have each.
        bias: as in `GRUCell`.
        rng: as in `GRUCell`.
        label: as in `GRUCell`.

    Attributes:
        weight_ih: ``[4 * hidden_size][input_size]``, the rows for i, then those for f, for g, and for o.
        weight_hh: ``[4 * hidden_size][hidden_size]``, in the same order.
        bias_ih: ``[4 * hidden_size]``, or None.
        bias_hh: the same.

    Raises:
        TypeError, ValueError: as in `GRUCell`, and if a state is not a pair.

    >>> h, c = LSTMCell(2, 3)([1.0, 0.0])
    >>> len(h), len(c)
    (3, 3)
    """

    def forward(self, x: Any, state: Any = None) -> tuple[Row, Row]:
        """The next state ``(h, c)``, given a row of inputs and the current state, which starts out as zeros."""
        xs = check_inputs(x, self.input_size, self)
        h, c = self._step(xs, self._zeros() if state is None else self._check_state(_pair(self, state)))
        return h, c


class _Sequence(_Recurrent):
    """A whole sequence, whose parameters have PyTorch's names: for each layer, and again for its reverse direction."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        rng: Any = random,
        label: str = "",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, rng, label)
        self.num_layers, self.bidirectional = check_integer("num_layers", num_layers), bool(bidirectional)
        self._ways = ("", "_reverse") if self.bidirectional else ("",)
        for layer in range(self.num_layers):
            for way in self._ways:
                nin = len(self._ways) * self.hidden_size if layer else self.input_size
                self._add_parameters(nin, f"_l{layer}{way}", rng)

    def _run(self, x: Any, states: list[tuple[Row, ...]], length: Any) -> tuple[list[Row], list[tuple[Row, ...]]]:
        """The outputs, and the last state of each layer and direction."""
        rows = list(x) if is_list_like(x) else [x]
        if not rows or not all(map(is_list_like, rows)):
            got = "numbers" if rows else "none"
            raise ValueError(f"{self!r} expects a sequence of at least one row, got {got}; write a single row as [row]")
        outputs = [check_inputs(row, self.input_size, self) for row in rows]
        kept = self._kept(len(rows), length)
        last = list[tuple[Row, ...]]()
        for layer in range(self.num_layers):
            columns = []
            for way in self._ways:
                order = range(len(rows))[:: -1 if way else 1]
                state, hidden = states[len(last)], list[Any]([None] * len(rows))
                for t in order:
                    new = self._step(outputs[t], state, f"_l{layer}{way}") if kept[t] is not False else state
                    state = tuple(_where(kept[t], pair) for pair in zip(new, state))
                    hidden[t] = _where(kept[t], (state[0], self._zeros()[0]))
                columns.append(hidden)
                last.append(state)
            outputs = [[h for row in rows for h in row] for rows in zip(*columns)]
        return outputs, last

    def _kept(self, rows: int, length: Any) -> list[Any]:
        """For each row whether it belongs to the sequence, and not to its padding."""
        if length is None:
            return [True] * rows
        if isinstance(length, Value):
            return [rules.step(length - t) for t in range(rows)]
        n = as_index(length)
        if n is None or not 1 <= n <= rows:
            raise ValueError(f"length must be a whole number from 1 to {rows}, the number of rows, got {brief(length)}")
        return [t < n for t in range(rows)]

    def _initial(self, state: Any) -> list[tuple[Row, ...]]:
        """The state of each layer and direction, from one row for each, or for an LSTM two."""
        count = self.num_layers * len(self._ways)
        if state is None:
            return [self._zeros()] * count
        for rows in state:
            if not is_list_like(rows) or len(rows) != count:
                got = len(rows) if is_list_like(rows) else "a number"
                raise ValueError(f"{self!r} expects a state of {count} rows, one for each layer and way, got {got}")
        return [self._check_state(rows) for rows in zip(*state)]

    def __repr__(self) -> str:
        options = f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        options += bias_repr(self.bias or None) + (", bidirectional=True" if self.bidirectional else "")
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{options})"


class GRU(_Sequence, _GRU):
    """A gated recurrent unit over a whole sequence: `GRUCell`, row by row.

    Args:
        input_size: how many numbers a row has.
        hidden_size: how many numbers the state has.
        num_layers: how many layers; each takes the outputs of the one below.
        bias: add a bias to each weighted sum.
        bidirectional: in each layer, go through the sequence from its end too, with other parameters; an output is then
            the hidden state of the one way and that of the other.
        rng: the source of the initial parameters, `random` or a `random.Random(seed)`.
        label: the name of the layer; its parameters are ``label.weight_ih_l00_0``, ...

    Attributes:
        weight_ih_l0: those of `GRUCell` for the first layer; ``weight_hh_l0``, ``bias_ih_l0`` and ``bias_hh_l0``
            likewise, ``..._l1`` for the second layer, and ``..._l0_reverse`` for the other direction.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if a size is not a positive whole number; when called with anything but rows of that size, a state
            of another size, or a length that the sequence does not have.
    """

    def forward(self, x: Any, h: Any = None, length: Any = None) -> tuple[list[Row], list[Row]]:
        """The outputs and the last hidden states: one output for each row, and a state for each layer and direction.

        Args:
            x: the sequence, a list of rows.
            h: the hidden state of each layer and direction to start from; zeros by default.
            length: how many of the rows count, if the rest is padding. The outputs for the padding are 0, and the last
                states are those at the end of the sequence, as with PyTorch's ``pack_padded_sequence``.
        """
        outputs, last = self._run(x, self._initial(None if h is None else (h,)), length)
        return outputs, [state[0] for state in last]


class LSTM(_Sequence, _LSTM):
    """A long short-term memory over a whole sequence: `LSTMCell`, row by row; arguments and errors are those of `GRU`.

    >>> outputs, (h, c) = LSTM(2, 3, num_layers=2)([[1.0, 0.0], [0.0, 1.0]])
    >>> len(outputs), len(h), len(c)
    (2, 2, 2)
    """

    def forward(self, x: Any, state: Any = None, length: Any = None) -> tuple[list[Row], tuple[list[Row], list[Row]]]:
        """The outputs and the last states ``(h, c)``; as in `GRU`, with a pair of states to start from."""
        outputs, last = self._run(x, self._initial(None if state is None else _pair(self, state)), length)
        return outputs, ([h for h, _ in last], [c for _, c in last])


def _pair(module: Module, state: Any) -> Sequence[Any]:
    if not is_list_like(state) or len(state) != 2:
        raise ValueError(f"{module!r} expects a state (h, c), got {brief(state)}")
    pair: Sequence[Any] = state
    return pair


def _where(kept: Any, pair: tuple[Row, ...]) -> Row:
    """The first of two rows if a row of the sequence is kept, the second if it is padding, as a Value may say later."""
    if isinstance(kept, Value):
        return [where(kept, new, old) for new, old in zip(*pair)]
    return pair[0] if kept else pair[1]
