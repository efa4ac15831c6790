"""Graphs that several tests of the player play."""

import random

from engine import Value
from nn import MLP, mse_loss


def labelled(value, label):
    value.label = label
    return value


def network(sizes=(16, 16, 1), fused=True, seed=0):
    """The loss of a network for one example, and the network."""
    model = MLP(2, list(sizes), activation="tanh", fused=fused, rng=random.Random(seed))
    loss = mse_loss([model([Value(0.5, "x1"), Value(-0.25, "x2")])], [1.0])
    return labelled(loss, "loss"), model
