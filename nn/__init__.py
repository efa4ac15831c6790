"""Neurons, networks, losses and optimizers on top of the engine."""

from nn import init
from nn.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from nn.attention import CausalSelfAttention
from nn.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from nn.dropout import Dropout
from nn.embedding import Embedding
from nn.graduation import from_torch, to_torch
from nn.layers import MLP, Layer, Linear, Neuron
from nn.losses import binary_cross_entropy_with_logits, cross_entropy, hinge_loss, mse_loss
from nn.module import Module
from nn.normalisation import BatchNorm1d, LayerNorm, RMSNorm
from nn.optim import SGD, Adam, AdamW, Optimizer
from nn.recurrent import GRUCell
from nn.sequential import Sequential
from nn.weights import load, save

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BatchNorm1d",
    "CausalSelfAttention",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "Neuron",
    "Optimizer",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "from_torch",
    "hinge_loss",
    "init",
    "load",
    "mse_loss",
    "save",
    "to_torch",
]
