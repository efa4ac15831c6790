"""What surrounds a training run: the modes of modules, the garbage collector, and the state of all that it changes."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from engine.compiler.guards import bump_module_version
from engine.modes import switched
from engine.utils.nested import tree_leaves
from nn.data import DataLoader
from nn.module import Module, named_tensors
from nn.optim import Optimizer
from nn.training.checkpoint import Randomness


@contextmanager
def preserve_training_mode(model: Module) -> Iterator[Callable[[bool], None]]:
    """A block after which every module has the `training` it had before; yields a function like `Module.train`.

    Compiled functions learn of a change only at the beginning and at the end: in the block, each is used in one mode.
    """
    before = [(module, module.training) for module in model._every_module()]

    def train(mode: bool) -> None:
        for module, _ in before:
            vars(module)["training"] = mode

    bump_module_version()
    try:
        yield train
    finally:
        for module, training in before:
            module.training = training
        bump_module_version()


@contextmanager
def divergence_expected() -> Iterator[None]:
    """A block in which nobody is warned that a loss or a gradient overflows, because the result says so itself."""
    with switched(warning=False), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the gradient of .* is (inf|-inf|nan)", RuntimeWarning)
        yield


def batches_forever(loader: DataLoader) -> Iterator[tuple[Any, ...]]:
    """The mini-batches of epoch after epoch."""
    while True:
        yield from loader


class Snapshot:
    """The state of all that a training run changes, kept in memory: `restore` makes it as if there had been none.

    That is, the parameters with their gradients, the buffers, what optimizers remember and their settings, the random
    generators, and the position in the data.

    Args:
        model: the model.
        optimizers: its optimizers.
        loader: the mini-batches.

    >>> from nn import SGD, Linear
    >>> model = Linear(2, 1)
    >>> optimizer = SGD(model.parameters(), lr=0.1)
    >>> snapshot, before = Snapshot(model, [optimizer], DataLoader([[1.0, 2.0]], [3.0])), model.state_dict()
    >>> optimizer.minimize(lambda: model([1.0, 2.0])[0] ** 2) > 0.0, optimizer.steps
    (True, 1)
    >>> snapshot.restore()
    >>> model.state_dict() == before, optimizer.steps
    (True, 0)
    """

    def __init__(self, model: Module, optimizers: Iterable[Optimizer], loader: DataLoader) -> None:
        self._optimizers, self._loader, self._randomness = list(optimizers), loader, Randomness(model)
        leaves = tree_leaves([tensor for _, tensor in named_tensors(model)])
        parameters = [p for optimizer in self._optimizers for p in optimizer.parameters]
        self._values = [(p, p.data, p.grad) for p in dict.fromkeys([*leaves, *parameters])]
        self._states = [self._state(optimizer) for optimizer in self._optimizers]
        self._position, self._random = dict(vars(loader)), self._randomness.state_dict()

    def _state(self, optimizer: Optimizer) -> dict[str, Any]:
        """All attributes, as they are now; the parameters stay the same objects."""
        themselves = {id(p): p for p in optimizer.parameters}
        attributes: dict[str, Any] = optimizer.__getstate__()
        memory = {name: [*map(float, numbers)] for name, numbers in optimizer.state.items()}
        return deepcopy({**attributes, "state": memory}, themselves)

    def restore(self) -> None:
        """Make everything what it was."""
        for p, data, grad in self._values:
            p.data = data
            p.grad = grad
        for optimizer, state in zip(self._optimizers, self._states):
            for name in vars(optimizer).keys() - state.keys() - {"_fused"}:
                delattr(optimizer, name)
            vars(optimizer).update(deepcopy(state, {id(p): p for p in optimizer.parameters}))
        vars(self._loader).update(self._position)
        self._randomness.load_state_dict(self._random)
