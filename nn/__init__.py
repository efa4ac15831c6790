"""Neurons, networks, losses and optimizers on top of the engine."""

from nn.clipping import clip_grad_norm_, clip_grad_value_
from nn.data import DataLoader, Standardizer, standardize, train_test_split
from nn.layers import ACTIVATIONS, MLP, Layer, Neuron
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
from nn.optim import SGD, Adam, AdamW, Optimizer
from nn.schedules import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, Schedule, StepLR
from nn.toys import circles, moons, spirals, xor, yin_yang

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "DataLoader",
    "Layer",
    "LinearLR",
    "Module",
    "Neuron",
    "Optimizer",
    "ReduceLROnPlateau",
    "Schedule",
    "Standardizer",
    "StepLR",
    "binary_cross_entropy_with_logits",
    "circles",
    "clip_grad_norm_",
    "clip_grad_value_",
    "cross_entropy",
    "hinge_loss",
    "l1_loss",
    "l1_penalty",
    "l2_penalty",
    "moons",
    "mse_loss",
    "spirals",
    "standardize",
    "train_test_split",
    "xor",
    "yin_yang",
]
