"""Layers: modules that turn numbers into numbers, most of them with parameters to learn. All of PyTorch's shapes.

To read in this order: `dense` (a neuron, a layer, a network), `activations`, `sequential`; then, as you need them,
`dropout`, `normalisation`, `convolution`, `embedding`, `recurrent`, `attention`.
"""

from nn.layers.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from nn.layers.attention import CausalSelfAttention, MultiheadAttention
from nn.layers.convolution import AvgPool2d, Conv1d, Conv2d, Flatten, MaxPool2d
from nn.layers.dense import MLP, Layer, Linear, Neuron
from nn.layers.dropout import Dropout
from nn.layers.embedding import Embedding, EmbeddingBag
from nn.layers.normalisation import BatchNorm1d, LayerNorm, RMSNorm
from nn.layers.recurrent import GRU, LSTM, GRUCell, LSTMCell
from nn.layers.sequential import Sequential

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "GRU", "LSTM", "MLP", "AvgPool2d", "BatchNorm1d", "CausalSelfAttention", "Conv1d",
    "Conv2d", "Dropout", "Embedding", "EmbeddingBag", "Flatten", "GRUCell", "LSTMCell", "Layer", "LayerNorm",
    "LeakyReLU", "Linear", "MaxPool2d", "MultiheadAttention", "Neuron", "RMSNorm", "ReLU", "Sequential", "SiLU",
    "Sigmoid", "Softmax", "Softplus", "Tanh",
]  # fmt: skip
