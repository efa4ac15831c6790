"""Mini-batches: the examples an epoch at a time, in an order that can be found again.

>>> from nn.data.toy_sets import moons
>>> X, y = moons(80)
>>> for xs, ys in DataLoader(X, y, batch_size=32, shuffle=True):
...     print(len(xs), len(ys))
32 32
32 32
16 16

An example is a number, a row of numbers, or a nested list of them. Arrays stay arrays, which a compiled function reads
fastest, and lists stay lists; pandas tables become arrays.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from random import Random
from typing import Any

from engine.compiler.pytree import is_array
from engine.utils.conversion import as_integer
from nn.checks import as_seed, check_integer, check_state
from nn.data.validation import check_X_y, take


class TensorDataset:
    """Several lists or arrays that belong together: for a model of several inputs each of these, and last the targets.

    ``fit(model, (X1, X2, y), ...)`` makes one by itself.

    Args:
        tensors: each has one part for each example.
        ragged: as in `DataLoader`.

    Raises:
        TypeError, ValueError: as in `DataLoader`, and if there are fewer than two.

    >>> people, films, ratings = [0, 1, 1], [5, 3, 4], [4.0, 2.5, 5.0]
    >>> for xs, ys, targets in DataLoader(TensorDataset(people, films, ratings), batch_size=2):
    ...     print(xs, ys, targets)
    [0, 1] [5, 3] [4.0, 2.5]
    [1] [4] [5.0]
    """

    def __init__(self, *tensors: Any, ragged: bool = False) -> None:
        if len(tensors) < 2:
            raise ValueError(f"TensorDataset takes the inputs and then the targets, got {len(tensors)} of them")
        checked = [check_X_y(X, tensors[-1], ragged) for X in tensors[:-1]]
        self.tensors = (*(X for X, _ in checked), checked[0][1])

    def __len__(self) -> int:
        return len(self.tensors[0])

    def take(self, indices: Sequence[int]) -> "TensorDataset":
        """The examples at these indices."""
        chosen = object.__new__(TensorDataset)
        chosen.tensors = tuple(take(tensor, indices) for tensor in self.tensors)
        return chosen


class DataLoader:
    """Mini-batches, one epoch each time you loop: ``for xs, ys in loader``; without y, ``for xs in loader``.

    Args:
        X: the examples; or a `TensorDataset`, of several inputs and their targets.
        y: a target for each.
        batch_size: how many examples are in a batch; the last batch may have fewer.
        shuffle: give every epoch an order of its own.
        drop_last: leave out the last batch if it is short.
        seed: the same seed gives the same orders.
        ragged: allow examples of different lengths, such as texts.

    Attributes:
        X: the examples; of a `TensorDataset`, those of the first input.
        y: the targets, or None.
        inputs: the examples of each input; of one alone, that one.
        epoch: the epoch that comes next or is under way, counting from 0.
        given: how many of its examples have been given out.

    Raises:
        ValueError: if `batch_size` is not a whole number of at least 1 (or, with `drop_last`, leaves no batch), if X
            and y differ in length, or if rows differ in length or hold anything but finite numbers.

    >>> loader = DataLoader([1, 2, 3, 4, 5], batch_size=2, shuffle=True, seed=1)
    >>> len(loader), list(loader), list(loader)
    (3, [[2, 3], [5, 4], [1]], [[2, 1], [4, 3], [5]])
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        ragged: bool = False,
    ) -> None:
        if isinstance(X, TensorDataset) and y is not None:
            raise TypeError("a TensorDataset has the targets already; write DataLoader(TensorDataset(X1, X2, y))")
        if isinstance(X, TensorDataset):
            *self.inputs, self.y = X.tensors
        else:
            X, self.y = check_X_y(X, y, ragged)
            self.inputs = [X]
        self.X = self.inputs[0]
        n = len(self.X)
        self.batch_size = check_integer("batch_size", batch_size)
        if drop_last and self.batch_size > n:
            raise ValueError(
                f"batch_size must be at most {n}, the number of examples, with drop_last; got {batch_size}"
            )
        self.shuffle, self.seed = shuffle, as_seed(seed)
        self._examples_per_epoch = n - n % self.batch_size if drop_last else n
        self.epoch = self.given = 0
        self._resumed = False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return ceil(self._examples_per_epoch / self.batch_size)

    @property
    def last_batch_size(self) -> int:
        """How many examples are in the last batch of an epoch."""
        return self._examples_per_epoch - (len(self) - 1) * self.batch_size

    def __iter__(self) -> Iterator[Any]:
        if self.given and not self._resumed:  # the previous loop was left in the middle of an epoch
            self.epoch, self.given = self.epoch + 1, 0
        self._resumed = False
        epoch, order = self.epoch, self._order()
        for start in range(self.given, self._examples_per_epoch, self.batch_size):
            indices = order[start : start + self.batch_size]
            self.epoch, self.given = epoch, min(start + self.batch_size, self._examples_per_epoch)
            parts = [take(part, indices) for part in self.inputs]
            yield parts[0] if self.y is None else (*parts, take(self.y, indices))
        self.epoch, self.given = epoch + 1, 0

    def _order(self) -> Any:
        order = list(range(len(self.X)))
        if self.shuffle:
            Random(f"{self.seed} {self.epoch}").shuffle(order)  # depends on nothing else, so it can be found again
        if all(map(is_array, self.inputs)):
            import numpy as np

            return np.array(order)
        return order

    def state_dict(self) -> dict[str, Any]:
        """The position of the loader, as plain numbers; this works in the middle of an epoch too."""
        return {"seed": self.seed, "epoch": self.epoch, "given": self.given, "examples": len(self.X)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume where a loader of the same examples was: the next loop gives the rest of its epoch.

        Raises:
            ValueError: if that loader had another number of examples, or the state belongs to something else. Nothing
                is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        check_state("a DataLoader", state, self.state_dict(), may_differ={"seed"})
        if state["examples"] != len(self.X):
            raise ValueError(
                f"the state belongs to a loader of {state['examples']} examples, and this one has {len(self.X)}"
            )
        seed, epoch, given = (
            as_seed(state["seed"]),
            check_integer("epoch", state["epoch"], 0),
            as_integer(state["given"]),
        )
        if given is None or not 0 <= given <= self._examples_per_epoch:
            raise ValueError(f"given must be from 0 to {self._examples_per_epoch} examples, got {state['given']!r}")

        def load() -> None:
            self.seed, self.epoch, self.given, self._resumed = seed, epoch, given, True

        return load
