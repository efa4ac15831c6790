"""The training steps on two moons and of networks of several sizes in eager PyTorch, on one thread."""

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


def of_size(net: nets.Net) -> Step:
    """A step as PyTorch's tutorials write it."""
    torch.set_num_threads(1)
    rows, labels = nets.batch(net)
    examples, targets = torch.tensor(rows, dtype=torch.float64), torch.tensor(labels)
    layers: list[torch.nn.Module] = []
    for weights in nets.first_weights(net):
        layer = torch.nn.Linear(len(weights[0]), len(weights), dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weights, dtype=torch.float64))
            layer.bias.zero_()
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=nets.RATE)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(examples), targets)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


VERSIONS = {"PyTorch": torch.__version__}
MOONS = {"PyTorch, eager": eager}
NETS = {"PyTorch, eager": of_size}
