"""The training steps on two moons and of networks of several sizes in eager PyTorch, on one thread."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch

from tests.bench import nets
from tests.bench.moons import ALPHA, RATE, first_weights, matrices, two_moons
from tests.bench.timing import Step


def eager() -> Step:
    """The parameters are one tensor that is split: the quickest of the ways tried, ahead of those with torch.optim."""
    torch.set_num_threads(1)  # two are no quicker on so little
    points, moons = (torch.tensor(each, dtype=torch.float64) for each in two_moons())
    layers = matrices(torch.tensor(first_weights(), dtype=torch.float64))
    parts = [part for matrix in layers for part in (matrix[:, :-1].T, matrix[:, -1])]
    sizes = [part.numel() for part in parts]
    parameters = torch.cat([part.reshape(-1) for part in parts]).requires_grad_()

    def step() -> torch.Tensor:
        w1, b1, w2, b2, w3, b3 = torch.split(parameters, sizes)
        h1 = torch.addmm(b1, points, w1.view(parts[0].shape)).relu()
        h2 = torch.addmm(b2, h1, w2.view(parts[2].shape)).relu()
        scores = torch.addmv(b3, h2, w3)
        loss = (1 - moons * scores).relu().mean() + ALPHA * torch.dot(parameters, parameters)
        parameters.grad = None
        loss.backward()
        with torch.no_grad():
            parameters.add_(parameters.grad, alpha=-RATE)
        return loss.detach()

    return step


def of_size(net: nets.Net, compiled: bool = False) -> Step:
    """A step as PyTorch's tutorials write it."""
    torch.set_num_threads(1)
    rows, labels = nets.batch(net)
    examples, targets = torch.tensor(rows, dtype=torch.float64), torch.tensor(labels)
    if net.kernels:
        examples = examples.view(-1, 1, nets.SIDE, nets.SIDE)
    model, loss_of = _of_size(net, compiled)
    weights = [torch.tensor(each, dtype=torch.float64) for each in nets.first_weights(net)]
    with torch.no_grad():
        for layer, numbers in zip((part for part in model if hasattr(part, "weight")), weights):
            layer.weight.copy_(numbers.view(layer.weight.shape))
            layer.bias.zero_()
    optimizer = torch.optim.SGD(model.parameters(), lr=nets.RATE)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(examples, targets)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


@cache
def _of_size(net: nets.Net, compiled: bool) -> tuple[Any, Callable[..., torch.Tensor]]:
    parts: list[torch.nn.Module] = []
    if net.kernels:
        parts += [torch.nn.Conv2d(1, net.kernels, nets.WINDOW, nets.STRIDE), torch.nn.ReLU(), torch.nn.Flatten()]
    for n, m in zip(net.sizes, net.sizes[1:]):
        parts += [torch.nn.Linear(n, m), torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts[:-1]).double()

    def loss(examples: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(model(examples), targets)

    return model, torch.compile(loss) if compiled else loss


VERSIONS = {"PyTorch": torch.__version__}
MOONS = {"PyTorch, eager": eager}
NETS = {"PyTorch, eager": of_size, "PyTorch, compiled": partial(of_size, compiled=True)}
