"""Neurons, networks, losses and optimizers on top of the engine."""

from nn import init
from nn.data.loaders import DataLoader, Standardizer, standardize, train_test_split
from nn.data.toy_sets import circles, moons, spirals, xor, yin_yang
from nn.files.pytorch import from_torch, to_torch
from nn.files.weights import load, save
from nn.layers.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from nn.layers.attention import CausalSelfAttention
from nn.layers.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from nn.layers.dense import MLP, Layer, Linear, Neuron
from nn.layers.dropout import Dropout
from nn.layers.embedding import Embedding
from nn.layers.normalisation import BatchNorm1d, LayerNorm, RMSNorm
from nn.layers.recurrent import GRUCell
from nn.layers.sequential import Sequential
from nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mse_loss,
)
from nn.module import Module
from nn.optim.clipping import clip_grad_norm_, clip_grad_value_
from nn.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from nn.optim.schedules import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, Schedule, StepLR
from nn.training.diagnostics import Diagnostics, dead_relus, error_contributions, gradient_norms, update_ratios
from nn.training.early_stopping import EarlyStopping
from nn.training.fit import fit
from nn.training.history import History

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BatchNorm1d",
    "CausalSelfAttention",
    "Conv2d",
    "CosineAnnealingLR",
    "DataLoader",
    "Diagnostics",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "GRUCell",
    "History",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearLR",
    "MaxPool2d",
    "Module",
    "Neuron",
    "Optimizer",
    "RMSNorm",
    "RMSprop",
    "ReLU",
    "ReduceLROnPlateau",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Standardizer",
    "StepLR",
    "Tanh",
    "binary_cross_entropy_with_logits",
    "circles",
    "clip_grad_norm_",
    "clip_grad_value_",
    "cross_entropy",
    "dead_relus",
    "error_contributions",
    "fit",
    "from_torch",
    "gradient_norms",
    "hinge_loss",
    "init",
    "l1_loss",
    "l1_penalty",
    "l2_penalty",
    "load",
    "moons",
    "mse_loss",
    "save",
    "spirals",
    "standardize",
    "to_torch",
    "train_test_split",
    "update_ratios",
    "xor",
    "yin_yang",
]
