"""Neurons, networks, losses and optimizers on top of the engine."""

from nn.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from nn.embedding import Embedding
from nn.layers import ACTIVATIONS, MLP, Layer, Neuron
from nn.losses import binary_cross_entropy_with_logits, cross_entropy, hinge_loss, mse_loss
from nn.module import Module
from nn.optim import SGD, Adam, AdamW, Optimizer
from nn.recurrent import GRUCell

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "Conv2d",
    "Embedding",
    "Flatten",
    "GRUCell",
    "Layer",
    "MaxPool2d",
    "Module",
    "Neuron",
    "Optimizer",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge_loss",
    "mse_loss",
]
