"""One training step of microgpt, stated plainly, and the number it computes with.

The architecture, its sizes and the eager `Value` are Andrej Karpathy's (microgpt, 2026,
https://karpathy.github.io/2026/02/12/microgpt/); the words here are our own. The model is written once and takes any
number that knows + - * / **, exp, log and relu. What adds up many products, and what makes probabilities, is handed
to it: `plain_dot` and `plain_softmax` do it in single operations, `engine.dot` and `engine.softmax` in one node each.
"""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from random import Random
from typing import Any

from tests.bench.timing import Step

WIDTH, HEADS, BLOCK = 16, 4, 16
HEAD_SIZE = WIDTH // HEADS
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
BOUNDARY = len(ALPHABET)  # the token before and after every document
VOCABULARY = len(ALPHABET) + 1
TOKENS = [BOUNDARY, *map(ALPHABET.index, "isabella"), BOUNDARY]  # the document

RATE, DECAY, SQUARE_DECAY, EPSILON = 0.01, 0.85, 0.99, 1e-8  # of Adam

SHAPES = {
    "token": (VOCABULARY, WIDTH),
    "position": (BLOCK, WIDTH),
    "query": (WIDTH, WIDTH),
    "key": (WIDTH, WIDTH),
    "value": (WIDTH, WIDTH),
    "gather": (WIDTH, WIDTH),
    "widen": (4 * WIDTH, WIDTH),
    "narrow": (WIDTH, 4 * WIDTH),
    "score": (VOCABULARY, WIDTH),
}


class EagerValue:
    """A number as microgpt has it: each operation computes its local gradients at once and keeps them in a tuple."""

    __slots__ = ("data", "grad", "_children", "_local_gradients")

    def __init__(self, data: float, children: tuple[Any, ...] = (), local_gradients: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0
        self._children = children
        self._local_gradients = local_gradients

    def __add__(self, other):
        other = other if isinstance(other, EagerValue) else EagerValue(other)
        return EagerValue(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, EagerValue) else EagerValue(other)
        return EagerValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent):
        return EagerValue(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def exp(self):
        e = math.exp(self.data)
        return EagerValue(e, (self,), (e,))

    def log(self):
        return EagerValue(math.log(self.data), (self,), (1 / self.data,))

    def tanh(self):
        t = math.tanh(self.data)
        return EagerValue(t, (self,), (1 - t**2,))

    def relu(self):
        return EagerValue(max(0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self):
        return self * -1

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node._children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1
        for node in reversed(order):
            for child, local in zip(node._children, node._local_gradients):
                child.grad += local * node.grad


def plain_dot(ws: Iterable[Any], xs: Iterable[Any]) -> Any:
    """``Σ wᵢ·xᵢ`` in single multiplications and additions."""
    return sum(w * x for w, x in zip(ws, xs))


def plain_softmax(xs: list[Any]) -> list[Any]:
    """``exp(x) / Σ exp(x)`` in single operations, shifted by the largest, which is no part of the graph."""
    peak = max(x.data for x in xs)
    exps = [(x - peak).exp() for x in xs]
    total = sum(exps)
    return [e / total for e in exps]


class GPT:
    """A transformer of one layer that predicts the next token of a document.

    Args:
        number: makes a parameter of a float.
        dot: ``Σ wᵢ·xᵢ`` of two lists.
        softmax: the probabilities of a list of scores.
    """

    def __init__(self, number: Callable[[float], Any], dot: Any = plain_dot, softmax: Any = plain_softmax) -> None:
        rng = Random(1337)
        self.matrices = {
            name: [[number(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]
            for name, (rows, columns) in SHAPES.items()
        }
        self.dot, self.softmax = dot, softmax

    def parameters(self) -> list[Any]:
        return [p for matrix in self.matrices.values() for row in matrix for p in row]

    def loss(self, tokens: list[int]) -> Any:
        """The mean over the document of -log(the probability of the token that comes next)."""
        keys: list[Any] = []
        values: list[Any] = []
        losses = []
        for position, (token, target) in enumerate(pairwise(tokens)):
            probabilities = self.softmax(self.scores(token, position, keys, values))
            losses.append(-self.entry(probabilities, target).log())
        return sum(losses) / len(losses)

    def scores(self, token: int, position: int, keys: list[Any], values: list[Any]) -> list[Any]:
        """One score for each token that may come next. It leaves its key and value for the positions after it."""
        x = _plus(self.embedding(token), self.matrices["position"][position])
        x = self._normalised(x)
        x = _plus(x, self._attention(self._normalised(x), keys, values))
        x = _plus(x, self._perceptron(self._normalised(x)))
        return self._times("score", x)

    def embedding(self, token: int) -> list[Any]:
        return self.matrices["token"][token]

    def entry(self, values: list[Any], token: int) -> Any:
        return values[token]

    def _attention(self, x: list[Any], keys: list[Any], values: list[Any]) -> list[Any]:
        query = self._times("query", x)
        keys.append(self._times("key", x))
        values.append(self._times("value", x))
        gathered = []
        for start in range(0, WIDTH, HEAD_SIZE):
            head = slice(start, start + HEAD_SIZE)
            weights = self.softmax([self.dot(query[head], key[head]) / HEAD_SIZE**0.5 for key in keys])
            gathered += [self.dot(weights, column) for column in zip(*(value[head] for value in values))]
        return self._times("gather", gathered)

    def _perceptron(self, x: list[Any]) -> list[Any]:
        return self._times("narrow", [h.relu() for h in self._times("widen", x)])

    def _normalised(self, x: list[Any]) -> list[Any]:
        scale = (self.dot(x, x) / len(x) + 1e-5) ** -0.5
        return [xi * scale for xi in x]

    def _times(self, name: str, x: list[Any]) -> list[Any]:
        return [self.dot(row, x) for row in self.matrices[name]]


def _plus(xs: list[Any], ys: list[Any]) -> list[Any]:
    return [x + y for x, y in zip(xs, ys)]


def training(number: Callable[[float], Any], *maths: Any) -> Step:
    """Steps of Adam on one document, from the same start for every kind of number."""
    model = GPT(number, *maths)
    parameters = model.parameters()
    means, squares = [0.0] * len(parameters), [0.0] * len(parameters)
    steps = 0

    def step() -> float:
        nonlocal steps
        steps += 1
        for p in parameters:
            p.grad = 0
        loss = model.loss(TOKENS)
        loss.backward()
        for i, p in enumerate(parameters):
            means[i] = DECAY * means[i] + (1 - DECAY) * p.grad
            squares[i] = SQUARE_DECAY * squares[i] + (1 - SQUARE_DECAY) * p.grad**2
            mean = means[i] / (1 - DECAY**steps)
            square = squares[i] / (1 - SQUARE_DECAY**steps)
            p.data -= RATE * mean / (square**0.5 + EPSILON)
        return loss.data

    return step
