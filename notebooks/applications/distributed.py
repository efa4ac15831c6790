"""A network made here is trained by PyTorch, in two processes at once, and comes back.

Each process has a copy of the network and half of the examples. After every backward pass PyTorch's
DistributedDataParallel sets the gradients to their mean over the processes, so that the copies take the same step and
stay alike. Run it with `python notebooks/applications/distributed.py`; it needs PyTorch (`pip install torch`).
"""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from engine.utils.console import make_output_readable
from nn import MLP, from_torch, load, save, to_torch

PROCESSES, EPOCHS, BATCH = 2, 30, 16


def examples(count, rng):
    """Points in a square; those in two opposite quarters belong to one class, as with exclusive or."""
    points = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(count)]
    return points, [float(x * y > 0) for x, y in points]


def work(rank, folder, model, points, labels):
    """What one process does; `rank` is its number."""
    meeting = (folder / "meeting").as_uri()  # the processes find each other by this file
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=PROCESSES)
    torch.set_num_threads(1)
    data = TensorDataset(torch.tensor(points, dtype=torch.float64), torch.tensor(labels, dtype=torch.float64))
    share = DistributedSampler(data)  # each process draws different examples
    network = DistributedDataParallel(to_torch(model))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for epoch in range(1, EPOCHS + 1):
        share.set_epoch(epoch)  # shuffle anew
        losses = []
        for x, y in DataLoader(data, batch_size=BATCH, sampler=share):
            loss = binary_cross_entropy_with_logits(network(x), y)
            optimizer.zero_grad()
            loss.backward()  # here the processes exchange their gradients
            optimizer.step()
            losses.append(loss.item())
        if epoch % 10 == 0:
            print(
                f"rank {rank}   epoch {epoch}   loss {sum(losses) / len(losses):.3f}\n", end="", flush=True
            )  # in one piece
    save(from_torch(network.module), folder / f"rank{rank}.json")
    dist.destroy_process_group()


def main():
    model = MLP(2, [8, 1], activation="tanh", rng=Random(0))
    points, labels = examples(256, Random(1))
    with TemporaryDirectory() as name:
        folder = Path(name)
        mp.spawn(work, (folder, model, points, labels), nprocs=PROCESSES)  # each is a new Python, by the method spawn
        print("the copies are alike:", (folder / "rank0.json").read_text() == (folder / "rank1.json").read_text())
        load(model, folder / "rank0.json")
    points, labels = examples(100, Random(2))
    right = sum((model(point) > 0) == bool(label) for point, label in zip(points, labels))
    print(f"back in Python: {right} of 100 new points right")


if __name__ == "__main__":
    make_output_readable()
    main()
