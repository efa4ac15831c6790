"""How long the models of `notebooks/applications` train, beside PyTorch eager: ``python -m tests.bench.applications``.

Each notebook is run up to its training, on its own data; then the same model, with the same first weights, optimizer,
epochs and size of mini-batches, is trained by PyTorch in float64. Each on one thread. CPU seconds, once each: with the
recording and the checks that a training begins with, and with machine code from earlier runs. `make data` and
`make peers` fetch what it needs.
"""

import os
import random
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from time import process_time
from typing import Any

from tests.bench import one_thread  # noqa: F401 - before what works on many

os.environ |= {"TQDM_DISABLE": "1", "MPLBACKEND": "Agg"}

import nbformat
import numpy as np
import torch

import nn
from nn import fit
from tests.bench.report import machine
from tests.lessons import APPLICATIONS, code_cells, tags

torch.set_num_threads(1)
F = torch.nn.functional
Tensor = torch.Tensor


class Parts(torch.nn.Module):
    """A model whose parts PyTorch has; how they go together says `forward`, for a batch."""

    def __init__(self, model: nn.Module, forward: Callable[..., Any]) -> None:
        super().__init__()
        for name, part in vars(model).items():
            if isinstance(part, nn.Module):
                setattr(self, name, nn.to_torch(part))
        self.go = forward

    def forward(self, *inputs: Tensor) -> Any:
        return self.go(self, *inputs)


def tastes(net: Any, pairs: Tensor) -> Any:
    p, q = net.person(pairs[:, 0].long()), net.film(pairs[:, 1].long())
    guess = net.mean + p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(1)
    return guess, (p * p).sum(1) + (q * q).sum(1)


def tags_of(net: Any, windows: Tensor) -> Tensor:
    words, kinds = windows.long().unbind(1)
    return net.decide(torch.cat([net.word(words), net.kind(kinds)], dim=2).flatten(1))


def speakers(net: Any, moments: Tensor, lengths: Tensor) -> Tensor:
    packed = torch.nn.utils.rnn.pack_padded_sequence(moments, lengths, batch_first=True, enforce_sorted=False)
    return net.score(net.memory(packed)[1][0])


def translations(net: Any, words: Tensor, read: int) -> Tensor:
    rows = net.source(words[:, :read].long())
    keys, last = net.memory(rows)
    memory, scores = last.sum(0), []
    for word in net.target(words[:, read:].long()).unbind(1):
        memory = net.write(word, memory)
        shares = torch.softmax(keys @ net.question(memory)[:, :, None] / keys.shape[2] ** 0.5, dim=1)
        scores.append(net.score(torch.tanh(net.join(torch.cat([memory, (shares * rows).sum(1)], dim=1)))))
    return torch.stack(scores, dim=1)


def in_torch(name: str, model: Any, width: int) -> Any:
    """The same model, with the same weights; `width` is how many words a translation has."""
    if name == "recommendation":
        net = Parts(model, tastes)
        net.mean = torch.nn.Parameter(torch.tensor(model.mean.data, dtype=torch.float64))
        return net
    forward = {
        "part_of_speech": tags_of,
        "speech": speakers,
        "translation": lambda net, words: translations(net, words, words.shape[1] - width),
    }.get(name)
    return Parts(model, forward) if forward else nn.to_torch(model)


LOSSES: dict[Any, Callable[[Any, Tensor], Tensor]] = {
    nn.cross_entropy: lambda z, y: F.cross_entropy(z, y.long()),
    nn.binary_cross_entropy_with_logits: lambda z, y: F.binary_cross_entropy_with_logits(z.reshape(y.shape), y),
    nn.mse_loss: lambda z, y: F.mse_loss(z.reshape(y.shape), y),
}
OWN: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "recommendation": lambda z, y: ((z[0] - y) ** 2 + 0.1 * z[1]).mean(),
    "translation": lambda z, y: F.cross_entropy(z.flatten(0, 1), y.long().flatten()),
}


class Race:
    """In the place of `fit`: trains the model here and in PyTorch, and keeps the seconds and last losses of both."""

    def __init__(self, name: str) -> None:
        self.name, self.seconds, self.losses = name, list[float](), list[float]()

    def __call__(
        self, model: Any, data: Any, loss: Any, optimizer: Any, epochs: int, batch_size: int, **options: Any
    ) -> Any:
        net = in_torch(self.name, model, np.shape(data[-1])[-1])
        settings = {name: getattr(optimizer, name) for name in ("lr", "weight_decay")}
        rival = getattr(torch.optim, type(optimizer).__name__)(net.parameters(), **settings)
        measure = OWN.get(self.name) or LOSSES[loss]
        *inputs, y = (torch.tensor(np.array(part), dtype=torch.float64) for part in data)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(rival, epochs) if "schedule" in options else None

        start = process_time()
        history = fit(model, data, loss, optimizer, epochs, batch_size, **options)
        self.seconds.append(process_time() - start)
        self.losses.append(history.loss[-1])

        start = process_time()
        for _ in range(epochs):
            total = 0.0
            for rows in torch.randperm(len(y)).split(batch_size):
                rival.zero_grad()
                error = measure(net(*(part[rows] for part in inputs)), y[rows])
                error.backward()
                rival.step()
                total += error.item() * len(rows) / len(y)
            if schedule:
                schedule.step()
        self.seconds.append(process_time() - start)
        self.losses.append(total)
        return history


def through_physics(race: Race, names: dict[str, Any]) -> None:
    """Robotics has a loop of its own, through 100 steps of physics; the same in PyTorch, on 32 starts at once."""
    model = names["network"](0)
    net, rng = nn.to_torch(model), random.Random(0)
    start = process_time()
    costs = names["train"](model, 0)
    race.seconds.append(process_time() - start)
    race.losses.append(costs[-1])

    rival, steps = torch.optim.Adam(net.parameters(), lr=0.02), names["STEPS"]
    start = process_time()
    for step in range(steps):
        for group in rival.param_groups:
            group["lr"] = 0.02 * (1 - step / steps)
        state, cost = list(torch.tensor(names["starts"](rng), dtype=torch.float64).T), torch.zeros(())
        for _ in range(100):
            push = torch.tanh(net(torch.stack(state, dim=1))).flatten()
            state = names["physics"](state, push, torch.sin, torch.cos)
            cost = cost + (state[2] ** 2 + 0.3 * state[0] ** 2 + 0.05 * state[1] ** 2).mean()
        rival.zero_grad()
        cost.backward()
        rival.step()
    race.seconds.append(process_time() - start)
    race.losses.append(cost.item())


def run(path: Path) -> Race:
    """Run a notebook up to its training, and that as a race."""
    names: dict[str, Any] = {"__name__": "__main__"}
    race = Race(path.stem)
    nn.fit = race  # the notebook imports it
    try:
        for cell in code_cells(nbformat.read(path, as_version=4)):
            training = "measured" in tags(cell)
            if training and path.stem == "robotics":
                through_physics(race, names)
            else:
                with redirect_stdout(None):
                    exec(compile(cell.source, cell.id, "exec"), names)
            if training:
                return race
    finally:
        nn.fit = fit
    raise ValueError(f"no cell of {path.name} is marked as the one that is measured")


def main() -> None:
    """Run all, or those that are named, and print a row for each."""
    chosen = [path for path in APPLICATIONS if path.stem in (sys.argv[1:] or path.stem)]
    print(f"{machine()}; PyTorch {torch.__version__}\n")
    print("| application | chalkgrad, s | PyTorch eager, s | times as fast | last losses |")
    print("| --- | --- | --- | --- | --- |")
    for path in chosen:
        sys.path.insert(0, str(path.parent))
        race = run(path)
        ours, theirs = race.seconds
        losses = " and ".join(f"{loss:.3g}" for loss in race.losses)
        print(
            f"| {path.stem.replace('_', ' ')} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} | {losses} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
