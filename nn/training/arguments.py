"""What a training run is given: a model, data, a loss and an optimizer, checked before anything is changed."""

from typing import Any

from engine import Value
from engine.modes import switched
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from nn.checks import is_number
from nn.data import DataLoader, TensorDataset, train_test_split
from nn.layers import BatchNorm1d
from nn.module import Module, check_module
from nn.optim import Optimizer
from nn.training.objective import listed
from nn.training.surroundings import preserve_training_mode


def check_parts(caller: str, model: Any, loss: Any, optimizer: Any, compiled: Any) -> None:
    """Whether they are what they should be, and fit together; `caller` is the function that they were given to."""
    check_module(caller, model, f"{caller}(model, (X, y), loss, optimizer)")
    check_loss(loss)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{caller} takes an optimizer, got {brief(optimizer, 60)}; write SGD(model.parameters(), lr=0.1)"
        )
    if set(optimizer.parameters).isdisjoint(model.parameters(frozen=True)):
        raise ValueError(
            f"the optimizer has {len(optimizer.parameters)} parameters, and none of them belongs to this model; create "
            "it with model.parameters()"
        )
    own, free = set(model.parameters(frozen=True)), set(model.parameters())
    given = set(optimizer.parameters)
    if given & (own - free) or (given - own and free - given):
        raise ValueError(
            "the optimizer was created before the model was changed: some of its parameters are frozen or gone, or it "
            "lacks some; create it again with model.parameters()"
        )
    if compiled != "auto" and not isinstance(compiled, bool):
        raise ValueError(f"compiled must be True, False or 'auto', got {compiled!r}")


def check_loss(loss: Any) -> None:
    """Raise TypeError unless this may be a loss."""
    if not callable(loss):
        raise TypeError(
            f"loss must be a function of outputs and targets, got {brief(loss)}; write mse_loss, for example"
        )


def loaders(
    caller: str, data: Any, validation: Any, batch_size: int, seed: int
) -> tuple[DataLoader, DataLoader | None]:
    """The mini-batches to learn from, and those to validate on, if any."""
    examples = data if isinstance(data, DataLoader) else _dataset(caller, "data", data)
    if is_number(validation) and as_integer(validation) is None:
        if not 0 < validation < 1:
            raise ValueError(f"validation must be a share between 0 and 1, or a pair (X, y), got {validation}")
        if isinstance(examples, DataLoader):
            raise TypeError(
                "validation is a share of a pair (X, y), but data is a DataLoader; use train_test_split first"
            )
        indices = list(range(len(examples)))
        learning, held_out, _, _ = train_test_split(indices, indices, validation, seed)
        examples, validation = examples.take(learning), DataLoader(examples.take(held_out), batch_size=batch_size)
    loader = examples if isinstance(examples, DataLoader) else DataLoader(examples, None, batch_size, True, seed=seed)
    if loader.y is None:
        raise ValueError(
            f"{caller} takes a target for each example, got a DataLoader without y; write DataLoader(X, y)"
        )
    if validation is None or isinstance(validation, DataLoader):
        return loader, validation
    return loader, DataLoader(_dataset(caller, "validation", validation), batch_size=loader.batch_size)


def _dataset(caller: str, name: str, data: Any) -> TensorDataset:
    if not isinstance(data, tuple) or len(data) < 2:
        kind = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
        raise TypeError(f"{name} must be a pair (X, y) or a DataLoader, got {kind}; write {caller}(model, (X, y), ...)")
    return TensorDataset(*data)


def check_last_batch(model: Module, loader: DataLoader) -> None:
    """Whether batch normalization has the two examples that it needs in the last mini-batch too."""
    if loader.last_batch_size == 1 and any(isinstance(m, BatchNorm1d) for _, m in model.named_modules()):
        raise ValueError(
            f"BatchNorm1d needs 2 examples, but with {len(loader.X)} examples in mini-batches of {loader.batch_size} "
            "the last has only one; write another batch_size, or DataLoader(X, y, batch_size, drop_last=True)"
        )


def try_loss(model: Module, loss: Any, loader: DataLoader) -> None:
    """Try the model and the loss on one example and every label, before anything is changed."""
    inputs, y = [listed(part[:1]) for part in loader.inputs], listed(loader.y[:1])
    with preserve_training_mode(model), switched(recording=False, warning=False):
        outputs = model.eval().batch(*inputs)
        targets = y if is_list_like(y[0]) else labels_of(loader)
        value = loss(outputs * len(targets), targets)
    if not isinstance(value, Value):
        raise TypeError(
            f"loss must give one Value, got {brief(value, 60)}; write the mean over all outputs and targets"
        )


def labels_of(loader: DataLoader) -> list[Any]:
    """Every target once, or where targets are rows, one for each example."""
    y = listed(loader.y)
    return list(y) if is_list_like(y[0]) else list(dict.fromkeys(y))
