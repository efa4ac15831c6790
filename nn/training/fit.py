"""Training: from a model, data, a loss and an optimizer to a trained model and the history of how it came about.

>>> import random
>>> from nn import MLP, SGD, binary_cross_entropy_with_logits, moons
>>> model = MLP(2, [8, 1], rng=random.Random(0))
>>> optimizer = SGD(model.parameters(), lr=0.3)
>>> history = fit(model, moons(60), binary_cross_entropy_with_logits, optimizer, epochs=20, progress=False)
>>> history.loss[-1] < history.loss[0] / 2
True

It is the loop that one writes by hand: for each mini-batch ``zero_grad``, the loss, ``backward``, ``step``.
"""

import gc
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import isfinite
from time import perf_counter
from typing import Any

from engine import Value, no_grad
from engine.compiler.guards import bump_module_version
from engine.modes import callers_depth, switched
from engine.nested import is_row
from nn.checks import check_number
from nn.data.loaders import DataLoader, train_test_split
from nn.layers.normalisation import BatchNorm1d
from nn.module import Module
from nn.optim.clipping import clip_grad_norm_
from nn.optim.optimizers import Optimizer
from nn.optim.schedules import ReduceLROnPlateau
from nn.training.checkpoint import Checkpoint, Randomness
from nn.training.early_stopping import EarlyStopping
from nn.training.history import History
from nn.training.interrupts import Interrupts
from nn.training.objective import Objective, listed
from nn.training.progress import Progress


def fit(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Value],
    optimizer: Optimizer,
    epochs: int = 10,
    batch_size: int = 32,
    *,
    validation: Any = None,
    schedule: Any = None,
    early_stopping: EarlyStopping | int | None = None,
    clip: float | None = None,
    callbacks: Callable[[History], Any] | Iterable[Callable[[History], Any]] = (),
    compiled: bool | str = "auto",
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> History:
    """Train a model.

    Ctrl-C ends the training after the mini-batch that is under way, and what there is so far is returned; pressed a
    second time, it does not wait. Weights that are not finite any more, as after steps that are too large, end it at
    once too, with a warning; the checkpoint stays the one of the epoch before.

    Args:
        model: the model; while it is trained its `training` is True, and afterwards what it was.
        data: a pair ``(X, y)`` of lists, arrays or tables, of which each epoch takes mini-batches in a new order; or a
            `DataLoader`.
        loss: takes outputs and targets, for one example or for lists of them, as `mse_loss` does.
        optimizer: an optimizer of the model's parameters.
        epochs: how often to go through the data; with a checkpoint, those included that were done before.
        batch_size: how many examples are in a mini-batch; a `DataLoader` has its own.
        validation: examples on which the loss is measured after each epoch: a pair, a `DataLoader`, or a share of the
            pair `data` to be held out, such as 0.2.
        schedule: takes a step after each epoch; `ReduceLROnPlateau` watches the validation loss, if there is one.
        early_stopping: how many epochs to bear without a better validation loss, or an `EarlyStopping`. At the end the
            model has the weights of the best epoch, unless it was interrupted.
        clip: the norm to which gradients are shortened, as `clip_grad_norm_` does.
        callbacks: a function, or several, called with the history after each epoch; one that returns True ends the
            training. It may change what the loss is made of, so what is compiled is compared with a plain run of one
            example after it, which takes as long as that.
        compiled: True, False, or ``"auto"``: compiled if numba is installed and the model allows it, else plain Python.
        seed: the same seed gives the same order of examples, and the same examples held out.
        checkpoint: a file to which all is saved after each epoch; if it is there, training goes on from it, with the
            settings saved in it: they win over those of the optimizer and the schedule, such as `lr`, as in PyTorch.
        progress: show how far it is, with tqdm if that is installed.

    Raises:
        TypeError, ValueError: if something does not fit together. Then nothing was changed yet.
        TraceError: if `compiled` is True, and the model or the loss can't be compiled.
        FileNotFoundError: if the folder for the checkpoint is not there.
    """
    _check(model, loss, optimizer, epochs, schedule, clip, compiled)
    callbacks = [callbacks] if callable(callbacks) else list(callbacks)
    loader, held_out = _loaders(data, validation, batch_size, seed)
    stopping = EarlyStopping(early_stopping) if isinstance(early_stopping, int) else early_stopping
    if not isinstance(stopping, EarlyStopping | None):
        raise TypeError(f"early_stopping must be a number of epochs, or an EarlyStopping, got {stopping!r:.40}")
    if stopping is not None and held_out is None:
        raise ValueError(f"early_stopping={early_stopping!r:.40} watches a validation loss; write validation=0.2 too")
    _check_last(model, loader)
    for each in (loader, held_out):
        if each is not None:
            _try(model, loss, each)
    history = History(model)
    if stopping is not None:
        stopping.begin()
    file = None
    if checkpoint is not None:
        parts = {"model": model, "optimizer": optimizer, "data": loader, "history": history}
        parts |= {"schedule": schedule} if schedule is not None else {}
        parts |= {"early stopping": stopping} if stopping is not None else {}
        file = Checkpoint(checkpoint, {**parts, "random": Randomness(model)})
        if file.exists():
            file.load()
            history.stopped = stopping.reason if stopping is not None else ""
    diverged = ""
    learning, measuring = Objective(model, loss, compiled), Objective(model, loss, compiled)

    def learn(xs: Any, ys: Any) -> float:
        if clip is None:
            number = learning.minimize(optimizer, xs, ys)
        else:
            value = learning(xs, ys)
            optimizer.zero_grad()
            value.backward()
            clip_grad_norm_(optimizer.parameters, clip)
            optimizer.step()
            number = value.data
        bar.batch()
        if not isfinite(number) and not all(isfinite(p.data) for p in optimizer.parameters):
            history.stopped = f"the weights are not finite any more, in epoch {history.epoch + 1}"
        return number

    with (
        as_it_was(model) as train,
        Progress(progress, epochs, history.epoch, len(loader)) as bar,
        Interrupts() as interrupts,
    ):
        try:
            while history.epoch < epochs and not history.stopped:
                lr, begin, validation_loss = optimizer.lr, perf_counter(), None
                train(True)
                with _collector_paused():
                    training_loss = _mean(learn, loader, interrupts, history)
                diverged = history.stopped
                train(False)
                if held_out is not None:
                    with no_grad():
                        validation_loss = _mean(lambda xs, ys: measuring(xs, ys).data, held_out, interrupts, history)
                history.add(training_loss, validation_loss, lr, perf_counter() - begin)
                watched = training_loss if validation_loss is None else validation_loss
                if isinstance(schedule, ReduceLROnPlateau):
                    schedule.step(watched)
                elif schedule is not None:
                    schedule.step()
                if stopping is not None:
                    stopping.step(watched, model)
                    history.stopped = history.stopped or stopping.reason
                for callback in callbacks:
                    if callback(history) is True:
                        history.stopped = history.stopped or "a callback returned True"
                    bump_module_version()  # it may have changed what the loss is made of
                if file is not None and not diverged:
                    file.save()
                bar.epoch(history)
                interrupts.heed()
            if stopping is not None:
                stopping.restore(model)
            if diverged:
                advice = f"make model and optimizer anew, with a learning rate below {history.lr[-1]:g}"
                warnings.warn(f"training was stopped: {diverged}; {advice}", RuntimeWarning, callers_depth())
        except KeyboardInterrupt:
            if interrupts.insisted:
                raise
            history.interrupted, history.stopped = True, "interrupted"
    return history


def _mean(loss_of: Callable[[Any, Any], float], loader: DataLoader, interrupts: Interrupts, history: History) -> float:
    """The mean loss over the examples of an epoch, from that of each mini-batch, until the training is stopped."""
    total, examples = 0.0, 0
    for xs, ys in loader:
        total += loss_of(xs, ys) * len(ys)
        examples += len(ys)
        interrupts.heed()
        if history.stopped:
            break
    return total / examples


@contextmanager
def as_it_was(model: Module) -> Iterator[Callable[[bool], None]]:
    """A block at whose end every module has the `training` it had; gives what sets it, as `train` does, but at once.

    Compiled functions are told of it at the begin and at the end alone: within, each is used in one mode.
    """
    before = [(module, module.training) for module in model._all()]

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
def _collector_paused() -> Iterator[None]:
    """No search for cycles, of which graphs have none, and which takes half the time of a plain step."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# What fit takes.


def _check(model: Any, loss: Any, optimizer: Any, epochs: Any, schedule: Any, clip: Any, compiled: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"fit takes a Module, got {model!r:.40}; write fit(model, (X, y), loss, optimizer)")
    if not callable(loss):
        raise TypeError(f"loss must be a function of outputs and targets, got {loss!r:.40}; write mse_loss, say")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"fit takes an optimizer, got {optimizer!r:.60}; write SGD(model.parameters(), lr=0.1)")
    if set(optimizer.parameters).isdisjoint(model.parameters(frozen=True)):
        raise ValueError(
            f"the optimizer has {len(optimizer.parameters)} parameters, and none of this model; make it anew, with "
            "model.parameters()"
        )
    own, free = set(model.parameters(frozen=True)), set(model.parameters())
    given = set(optimizer.parameters)
    if given & (own - free) or (given - own and free - given):
        raise ValueError(
            "the optimizer was made before the model was changed: it has parameters that are frozen or gone; make it "
            "anew, with model.parameters()"
        )
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs must be a whole number of at least 1, got {epochs!r}")
    if schedule is not None and getattr(schedule, "optimizer", None) is not optimizer:
        raise ValueError(f"schedule must be one of this optimizer, got {schedule!r:.40}; write StepLR(optimizer, ...)")
    if clip is not None:
        check_number("clip", clip, lambda x: x > 0, "a norm above 0")
    if compiled != "auto" and not isinstance(compiled, bool):
        raise ValueError(f"compiled must be True, False or 'auto', got {compiled!r}")


def _loaders(data: Any, validation: Any, batch_size: int, seed: int) -> tuple[DataLoader, DataLoader | None]:
    """Mini-batches to learn from, and those to measure on, if any."""
    if isinstance(validation, float):
        if not 0 < validation < 1:
            raise ValueError(f"validation must be a share between 0 and 1, or a pair (X, y), got {validation}")
        if isinstance(data, DataLoader):
            raise TypeError("validation is a share of a pair (X, y), got a DataLoader; use train_test_split before it")
        X, X_held_out, y, y_held_out = train_test_split(*_pair("data", data), validation, seed)
        data, validation = (X, y), (X_held_out, y_held_out)
    loader = data if isinstance(data, DataLoader) else DataLoader(*_pair("data", data), batch_size, True, seed=seed)
    if loader.y is None:
        raise ValueError("fit takes a target for each example, got a DataLoader without y; write DataLoader(X, y)")
    if validation is None or isinstance(validation, DataLoader):
        return loader, validation
    return loader, DataLoader(*_pair("validation", validation), loader.batch_size)


def _pair(name: str, data: Any) -> tuple[Any, Any]:
    if not isinstance(data, tuple) or len(data) != 2:
        kind = f"{len(data)} things" if isinstance(data, tuple) else type(data).__name__
        raise TypeError(f"{name} must be a pair (X, y) or a DataLoader, got {kind}; write fit(model, (X, y), ...)")
    return data


def _check_last(model: Module, loader: DataLoader) -> None:
    last = loader._end - (len(loader) - 1) * loader.batch_size
    if last == 1 and any(isinstance(m, BatchNorm1d) for _, m in model.named_modules()):
        raise ValueError(
            f"BatchNorm1d needs 2 examples, and of {len(loader.X)} in mini-batches of {loader.batch_size} one is left "
            "over; write another batch_size, or DataLoader(X, y, batch_size, drop_last=True)"
        )


def _try(model: Module, loss: Any, loader: DataLoader) -> None:
    """Let the model and the loss meet an example and every label before anything is changed."""
    X, y = listed(loader.X[:1]), listed(loader.y)
    with as_it_was(model), switched(recording=False, warning=False):
        outputs = model.eval().batch(X)
        targets = y[:1] if is_row(y[0]) else list(dict.fromkeys(y))
        value = loss(outputs * len(targets), targets)
    if not isinstance(value, Value):
        raise TypeError(f"loss must give one Value, got {value!r:.60}; write the mean over all outputs and targets")
