"""Training: from a model, data, a loss and an optimizer to a trained model, and the history of its training.

>>> import random
>>> from nn import MLP, SGD, binary_cross_entropy_with_logits, moons
>>> model = MLP(2, [8, 1], rng=random.Random(0))
>>> optimizer = SGD(model.parameters(), lr=0.3)
>>> history = fit(model, moons(60), binary_cross_entropy_with_logits, optimizer, epochs=20, progress=False)
>>> history.loss[-1] < history.loss[0] / 2
True

It is the loop that you would otherwise write by hand: for each mini-batch ``zero_grad``, the loss, ``backward``,
``step``.
"""

import os
import warnings
from collections.abc import Callable, Iterable
from itertools import islice
from math import isfinite, nan
from time import perf_counter
from typing import Any

from engine import Value, no_grad
from engine.compiler.guards import bump_module_version
from engine.modes import callers_depth, switched
from engine.utils.collector import collector_paused
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from nn.checks import check_integer, check_number
from nn.data import DataLoader
from nn.module import Module
from nn.optim import Optimizer, ReduceLROnPlateau, clip_grad_norm_
from nn.training.arguments import check_last_batch, check_parts, labels_of, loaders, try_loss
from nn.training.checkpoint import Checkpoint, Fingerprint, Randomness
from nn.training.early_stopping import EarlyStopping
from nn.training.history import History
from nn.training.interrupts import DeferredInterrupt
from nn.training.objective import Objective
from nn.training.predict import Evaluation, Metrics
from nn.training.progress import Progress
from nn.training.surroundings import preserve_training_mode


def fit(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Value],
    optimizer: Optimizer,
    epochs: int = 10,
    batch_size: int = 32,
    *,
    validation: Any = None,
    metrics: Metrics = (),
    schedule: Any = None,
    early_stopping: EarlyStopping | int | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    callbacks: Callable[[History], Any] | Iterable[Callable[[History], Any]] = (),
    compiled: bool | str = "auto",
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> History:
    """Train a model.

    Ctrl-C ends the training after the current mini-batch and returns the history so far; a second Ctrl-C does not wait.
    If the weights are no longer finite, as after steps that are too large, training ends at once with a warning, and
    the checkpoint of the previous epoch is kept.

    Args:
        model: the model. Its `training` is True during training, and what it was before afterwards.
        data: a pair ``(X, y)`` of lists, arrays or tables, split into mini-batches in a new order each epoch; or a
            `DataLoader`. For a model of several inputs, ``model(x1, x2)``, it is ``(X1, X2, y)``, as in PyTorch's
            `TensorDataset`.
        loss: a function of outputs and targets, for one example or for lists of them, such as `mse_loss`.
        optimizer: an optimizer of the model's parameters.
        epochs: how many times to go through the data; with a checkpoint, epochs done earlier count too.
        batch_size: how many examples are in a mini-batch; a `DataLoader` has its own.
        validation: examples to measure the loss on after each epoch: as `data`, or a share of `data` to hold out, such
            as 0.2.
        metrics: functions of all outputs and targets, such as ``[accuracy]``, or a dictionary of them by name. They are
            measured after each epoch on the examples of `validation`, or if there are none, on those of `data`; the
            numbers are in ``history.metrics`` and in the progress.
        schedule: takes a step after each epoch; `ReduceLROnPlateau` watches the validation loss, if there is one.
        early_stopping: how many epochs to allow without a better validation loss, or an `EarlyStopping`. At the end,
            unless training was interrupted, the model has the weights of the best epoch.
        clip: the largest norm that the gradient may have; a longer one is shortened by `clip_grad_norm_`.
        accumulate: how many mini-batches each step of the optimizer is for. Their gradients are added up, weighted by
            their numbers of examples, as if they were one mini-batch, for which the memory may not suffice; the last
            ones of an epoch may be fewer. (`BatchNorm1d` still normalizes each on its own, and a weighted
            `cross_entropy` is a weighted mean over each.)
        callbacks: a function, or several, called with the history after each epoch; one that returns True ends the
            training. A callback may change what the loss depends on, so compiled code is checked against a plain run
            of one example after each, which takes a little time.
        compiled: True, False, or ``"auto"``: compiled if numba is installed and the model allows it, and otherwise in
            plain Python.
        seed: the same seed gives the same order of examples, and holds out the same examples.
        checkpoint: a file in which everything is saved after each epoch. If it exists, training resumes from it, with
            the settings saved in it: these override those of the optimizer and the schedule, such as `lr`, as in
            PyTorch. If it was written for another model, that is an error; if for other data of the same size, or
            another loss, a warning.
        progress: show the progress, with tqdm if that is installed.

    Raises:
        TypeError, ValueError: if the arguments do not fit together. Nothing has been changed then.
        TraceError: if `compiled` is True, and the model or the loss cannot be compiled.
        FileNotFoundError: if the folder for the checkpoint does not exist.
    """
    epochs = check_integer("epochs", epochs)
    accumulate = check_integer("accumulate", accumulate)
    check_parts("fit", model, loss, optimizer, compiled)
    if schedule is not None and getattr(schedule, "optimizer", None) is not optimizer:
        raise ValueError(
            f"schedule must be a schedule of this optimizer, got {brief(schedule)}; write StepLR(optimizer, ...)"
        )
    if clip is not None:
        check_number("clip", clip, lambda x: x > 0, "a norm above 0")
    callbacks = [callbacks] if callable(callbacks) else list(callbacks)
    loader, held_out = loaders("fit", data, validation, batch_size, seed)
    patience = as_integer(early_stopping)
    stopping = early_stopping if patience is None else EarlyStopping(patience)
    if not isinstance(stopping, EarlyStopping | None):
        raise TypeError(f"early_stopping must be a number of epochs, or an EarlyStopping, got {brief(stopping)}")
    if stopping is not None and held_out is None:
        raise ValueError(f"early_stopping={brief(early_stopping)} watches a validation loss; add validation=0.2")
    check_last_batch(model, loader)
    for examples in (loader, held_out):
        if examples is not None:
            try_loss(model, loss, examples)
    evaluation = Evaluation(model, metrics, compiled)
    with preserve_training_mode(model) as train, switched(warning=False):
        train(False)
        evaluation(held_out or loader, 1)
    history = History(model, evaluation.names)
    if stopping is not None:
        stopping.begin(model)
    file = None
    if checkpoint is not None:
        parts = {"model": model, "optimizer": optimizer, "data": loader, "history": history}
        parts |= {"schedule": schedule} if schedule is not None else {}
        parts |= {"early stopping": stopping} if stopping is not None else {}
        fingerprint = Fingerprint(model, loss, {"data": loader, "validation": held_out})
        file = Checkpoint(checkpoint, {**parts, "random": Randomness(model), "fingerprint": fingerprint})
        if file.exists():
            file.load()
            history.stopped = stopping.reason if stopping is not None else ""
    diverged = ""
    labels = labels_of(loader)
    learning, measuring = Objective(model, loss, compiled, labels), Objective(model, loss, compiled, labels)

    def train_step(batches: list[tuple[Any, ...]]) -> list[float]:
        if len(batches) == 1:
            numbers = [learning.minimize(optimizer, *batches[0], clip=clip)]
        else:
            examples, numbers = sum(len(batch[-1]) for batch in batches), []
            optimizer.zero_grad()
            for batch in batches:
                value = learning(*batch)
                (value * (len(batch[-1]) / examples)).backward()
                numbers.append(value.data)
            if clip is not None:
                clip_grad_norm_(optimizer.parameters, clip)
            optimizer.step()
        for number in numbers:
            bar.batch()
            if not isfinite(number) and not all(isfinite(p.data) for p in optimizer.parameters):
                history.stopped = f"the weights are no longer finite, in epoch {history.epoch + 1}"
        return numbers

    with (
        preserve_training_mode(model) as train,
        Progress(progress, epochs, history.epoch, len(loader)) as bar,
        DeferredInterrupt() as interrupt,
    ):
        try:
            while history.epoch < epochs and not history.stopped:
                lr, begin, validation_loss = optimizer.lr, perf_counter(), None
                train(True)
                with collector_paused():
                    training_loss = _mean_loss(train_step, loader, accumulate, interrupt, history)
                diverged = history.stopped
                train(False)
                if held_out is not None:
                    with no_grad():
                        validation_loss = _mean_loss(
                            lambda batches: [measuring(*each).data for each in batches], held_out, 1, interrupt, history
                        )
                numbers = dict.fromkeys(evaluation.names, nan) if diverged else evaluation(held_out or loader)
                history.add(training_loss, validation_loss, lr, perf_counter() - begin, numbers)
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
                interrupt.raise_if_requested()
            if stopping is not None:
                stopping.restore(model)
            if diverged:
                advice = f"create the model and the optimizer again, with a learning rate below {history.lr[-1]:g}"
                warnings.warn(f"training was stopped: {diverged}; {advice}", RuntimeWarning, callers_depth())
        except KeyboardInterrupt:
            if interrupt.forced:
                raise
            history.interrupted, history.stopped = True, "interrupted"
    return history


def _mean_loss(
    losses_of: Callable[[list[tuple[Any, ...]]], list[float]],
    loader: DataLoader,
    together: int,
    interrupt: DeferredInterrupt,
    history: History,
) -> float:
    """The mean loss over the examples of an epoch, given the losses of this many mini-batches together.

    It ends when training is stopped.
    """
    total, examples, batches = 0.0, 0, iter(loader)
    while group := list(islice(batches, together)):
        for loss, (*_, ys) in zip(losses_of(group), group):
            total += loss * len(ys)
            examples += len(ys)
        interrupt.raise_if_requested()
        if history.stopped:
            break
    return total / examples
