"""The training steps on two moons and of networks of several sizes in NumPy, with the backward pass written by hand."""

from typing import Any

import numpy as np
from numpy import dot, less_equal, maximum, multiply, putmask, subtract

from tests.bench import nets
from tests.bench.moons import ALPHA, RATE, first_weights, matrices, two_moons
from tests.bench.timing import Step


def plain() -> Step:
    """As the formulas are read, one array for each thing."""
    points, moons = map(np.array, two_moons())
    parameters = [
        part.copy() for matrix in matrices(np.array(first_weights())) for part in (matrix[:, :-1].T, matrix[:, -1])
    ]

    def step() -> Any:
        w1, b1, w2, b2, w3, b3 = parameters
        h1 = np.maximum(points @ w1 + b1, 0)
        h2 = np.maximum(h1 @ w2 + b2, 0)
        margins = np.maximum(1 - moons * (h2 @ w3 + b3)[:, 0], 0)
        loss = margins.mean() + ALPHA * sum((p * p).sum() for p in parameters)

        d3 = ((margins > 0) * moons * (-1 / len(moons)))[:, None]
        d2 = d3 @ w3.T * (h2 > 0)
        d1 = d2 @ w2.T * (h1 > 0)
        gradients = points.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0)
        for p, gradient in zip(parameters, gradients):
            p -= RATE * (gradient + 2 * ALPHA * p)
        return loss

    return step


def preallocated() -> Step:
    """In few calls, with nothing allocated but rows: the quickest of a dozen ways tried.

    Examples are columns. The parameters are one array that the matrices are views of, and so are the gradients; the
    biases are the last column of each matrix, which meets a row of ones.
    """
    parameters = np.array(first_weights())
    gradients = np.empty_like(parameters)
    w1, w2, w3 = matrices(parameters)
    g1, g2, g3 = matrices(gradients)
    points, moons = map(np.array, two_moons())
    x = np.vstack([points.T, np.ones(len(moons))])
    h1, h2 = (np.ones((len(w) + 1, len(moons))) for w in (w1, w2))
    a1, a2 = h1[:-1], h2[:-1]  # without the ones
    back2, back3 = w2[:, :-1].T, w3[:, :-1].T  # without the biases
    x_t, h1_t, h2_t = x.T, h1.T, h2.T
    d1, d2, zeros = np.empty_like(a1), np.empty_like(a2), np.zeros_like(a1)
    off = np.empty(a1.shape, bool)
    margins = np.empty((1, len(moons)))
    downhill = moons / -len(moons)

    def step() -> Any:
        maximum(dot(w1, x, out=a1), zeros, out=a1)
        maximum(dot(w2, h1, out=a2), zeros, out=a2)
        multiply(dot(w3, h2, out=margins), moons, out=margins)
        maximum(subtract(1, margins, out=margins), 0, out=margins)
        loss = margins.sum() / len(moons) + ALPHA * dot(parameters, parameters)

        d3 = (margins > 0) * downhill
        putmask(dot(back3, d3, out=d2), less_equal(a2, zeros, out=off), 0)
        putmask(dot(back2, d2, out=d1), less_equal(a1, zeros, out=off), 0)
        dot(d3, h2_t, out=g3)
        dot(d2, h1_t, out=g2)
        dot(d1, x_t, out=g1)
        multiply(gradients, RATE, out=gradients)
        multiply(parameters, 1 - 2 * RATE * ALPHA, out=parameters)
        subtract(parameters, gradients, out=parameters)
        return loss

    return step


def of_size(net: nets.Net) -> Step:
    """The training step of a network of dense layers, with every large array allocated once."""
    rows, labels = nets.batch(net)
    x, n = np.array(rows), net.examples
    weights = [np.array(each) for each in nets.first_weights(net)]
    if net.kernels:  # as one product: of the kernels and of all that they see
        images, kernels, bias = x, weights.pop(0), np.zeros((net.kernels, 1))
        corners, within = (
            [row * nets.SIDE + column for row in each for column in each]
            for each in (range(0, nets.SIDE - nets.WINDOW + 1, nets.STRIDE), range(nets.WINDOW))
        )
        seen = np.add.outer(within, corners)
        windows, maps = np.empty((n, *seen.shape)), np.empty((n, net.kernels, nets.PLACES))
        x, by_maps, dark = maps.reshape(n, -1), np.empty_like(maps), np.empty(maps.shape, bool)
    biases = [np.zeros(len(each)) for each in weights]
    outputs = [np.empty((n, len(each))) for each in weights]
    slopes = [np.empty_like(each) for each in outputs]
    by_weights, by_biases = [*map(np.empty_like, weights)], [*map(np.empty_like, biases)]
    off = [np.empty(each.shape, bool) for each in outputs]
    at = np.arange(n), np.array(labels)

    def step() -> Any:
        if net.kernels:
            np.take(images, seen, axis=1, out=windows)
            maximum(np.add(np.matmul(kernels, windows, out=maps), bias, out=maps), 0.0, out=maps)
        h = x
        for w, b, out in zip(weights, biases, outputs):
            np.add(dot(h, w.T, out=out), b, out=out)
            if out is not outputs[-1]:
                maximum(out, 0.0, out=out)
            h = out
        scores, slope = outputs[-1], slopes[-1]
        subtract(scores, scores.max(1, keepdims=True), out=scores)
        sums = np.exp(scores, out=slope).sum(1, keepdims=True)
        loss = (np.log(sums)[:, 0] - scores[at]).mean()
        multiply(slope, 1 / (n * sums), out=slope)
        slope[at] -= 1 / n
        for i in reversed(range(len(weights))):
            dot(slopes[i].T, outputs[i - 1] if i else x, out=by_weights[i])
            np.add.reduce(slopes[i], 0, out=by_biases[i])
            if i:
                dot(slopes[i], weights[i], out=slopes[i - 1])
                putmask(slopes[i - 1], less_equal(outputs[i - 1], 0.0, out=off[i - 1]), 0)
        if net.kernels:
            dot(slopes[0], weights[0], out=by_maps.reshape(n, -1))
            putmask(by_maps, less_equal(maps, 0.0, out=dark), 0)
            subtract(bias, nets.RATE * by_maps.sum((0, 2))[:, None], out=bias)
            subtract(kernels, nets.RATE * np.matmul(by_maps, windows.transpose(0, 2, 1)).sum(0), out=kernels)
        for part, gradient in zip([*weights, *biases], [*by_weights, *by_biases]):
            multiply(gradient, nets.RATE, out=gradient)
            subtract(part, gradient, out=part)
        return loss

    return step


VERSIONS = {"NumPy": np.__version__}
MOONS = {"NumPy": plain, "NumPy, preallocated": preallocated}
NETS = {"NumPy, preallocated": of_size}
