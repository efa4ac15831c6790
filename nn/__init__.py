"""Neurons, networks, losses and optimizers, built on the engine, under PyTorch's names.

>>> from nn import MLP, SGD, fit, hinge_loss
>>> model = MLP(2, [4, 1])
>>> optimizer = SGD(model.parameters(), lr=0.1)

What is used most is here: ``from nn import MLP``. Each folder also shows what is in it, as in PyTorch:
``from nn.optim import Adam``, ``from nn.data import DataLoader``.

To read in this order; each needs only what stands above it:

- `module`: what layers and networks have in common, parameters above all; `summary` prints them as a table.
- `losses`: how wrong a network is, as one number. `init`: initial weights.
- `layers`: from a single neuron to attention.
- `optim`: gradient descent and its kin.
- `data`: toy data sets, splits and mini-batches.
- `files`: weights in files, and models taken to PyTorch and back.
- `training`: `fit`, and what to look at when a network does not learn.

(`tensors` and `checks` hold what they share: nested lists of Values, and checks on what a user passes in.)
"""

from nn import init
from nn.data import (
    DataLoader,
    Standardizer,
    circles,
    moons,
    pad_sequence,
    spirals,
    standardize,
    train_test_split,
    xor,
    yin_yang,
)
from nn.files import from_torch, load, save, to_torch
from nn.layers import (
    ACTIVATIONS,
    ELU,
    GELU,
    GRU,
    LSTM,
    MLP,
    AvgPool2d,
    BatchNorm1d,
    CausalSelfAttention,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    GRUCell,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LSTMCell,
    MaxPool2d,
    MultiheadAttention,
    Neuron,
    ReLU,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
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
from nn.optim import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    Optimizer,
    ReduceLROnPlateau,
    RMSprop,
    Schedule,
    SequentialLR,
    StepLR,
    clip_grad_norm_,
    clip_grad_value_,
)
from nn.training import (
    Diagnostics,
    EarlyStopping,
    History,
    LRRangeTest,
    dead_relus,
    error_contributions,
    find_lr,
    fit,
    gradient_norms,
    update_ratios,
)

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "MLP",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BatchNorm1d",
    "CausalSelfAttention",
    "Conv1d",
    "Conv2d",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "DataLoader",
    "Diagnostics",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "GRUCell",
    "History",
    "LRRangeTest",
    "LSTMCell",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearLR",
    "MaxPool2d",
    "Module",
    "MultiheadAttention",
    "Neuron",
    "Optimizer",
    "RMSNorm",
    "RMSprop",
    "ReLU",
    "ReduceLROnPlateau",
    "Schedule",
    "Sequential",
    "SequentialLR",
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
    "find_lr",
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
    "pad_sequence",
    "save",
    "spirals",
    "standardize",
    "to_torch",
    "train_test_split",
    "update_ratios",
    "xor",
    "yin_yang",
]
