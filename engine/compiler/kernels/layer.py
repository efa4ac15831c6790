"""The kernel of a layer: all dots over lanes that have the same inputs, and the relu that each may go through.

Its weights are shared by all lanes. Four results or four inputs are computed at once, in eight lanes, so that what is
loaded is used four times; where they are no multiple of four, the last one is computed more than once and written once.
The terms of each dot are added in order, each sum rounded.

Eight, since a weight is then read from memory where it is multiplied. With sixteen it is loaded to a register before,
and a layer took 1.4 times as long; on AVX2 as well, where registers run out.

Operands: m, the number of results; n, that of inputs; 1 for relu, else 0; 1 if somebody reads the gradients of the
inputs; the check, a row that stays 0 unless a dot is not finite, which relu may hide; where among the gradients the
inputs can be copied to; then the m results, the first of the n weights of each, the m biases, and the n inputs, no two
of which are the same row if their gradients are read.
"""

import math

import numba
import numpy as np

from engine import rules
from engine.compiler.kernels.codegen import to_numba, zero_absorbs
from engine.compiler.kernels.disk_cache import DEVICE_ONLY
from engine.compiler.kernels.simd import (
    add,
    element_of,
    fused_multiply_add,
    horizontal_sum,
    keep_positive,
    load4,
    load8,
    multiply_add,
    splat8,
    store,
    transpose4,
)

RESULTS = np.int64(6)  # where the results begin


@numba.njit(**DEVICE_ONLY)
def row_size(n):
    """How many numbers there is room for, where n inputs of each lane are side by side."""
    return (n + 7) // 8 * 8


slope_of_relu = to_numba(rules.relu.partials).code


@numba.njit(**DEVICE_ONLY)
def _four(operands, first, i, count):
    """The i-th operand of those that begin at `first`, and the three after it; the last one in place of more."""
    last = first + count - 1
    i += first
    return (
        np.int64(operands[i]),
        np.int64(operands[min(i + 1, last)]),
        np.int64(operands[min(i + 2, last)]),
        np.int64(operands[min(i + 3, last)]),
    )


@numba.njit(**DEVICE_ONLY)
def _results(operands, v, j, width):
    """Compute four results, from the j-th on."""
    m, n, relu, check = np.int64(operands[0]), np.int64(operands[1]), operands[2], np.int64(operands[4])
    inputs = RESULTS + 3 * m
    z0, z1, z2, z3 = _four(operands, RESULTS, j, m)
    w0, w1, w2, w3 = _four(operands, RESULTS + m, j, m)
    b0, b1, b2, b3 = _four(operands, RESULTS + 2 * m, j, m)
    for lane in range(0, width, 8):
        s0, s1, s2, s3 = splat8(v[b0]), splat8(v[b1]), splat8(v[b2]), splat8(v[b3])
        for k in range(n):
            x = load8(v, np.int64(operands[inputs + k]) + lane)
            s0, s1 = multiply_add(s0, v[w0 + k], x), multiply_add(s1, v[w1 + k], x)
            s2, s3 = multiply_add(s2, v[w2 + k], x), multiply_add(s3, v[w3 + k], x)
        bad = multiply_add(multiply_add(load8(v, check + lane), 0.0, s0), 0.0, s1)
        store(v, check + lane, multiply_add(multiply_add(bad, 0.0, s2), 0.0, s3))
        if relu:
            s0, s1, s2, s3 = keep_positive(s0, s0), keep_positive(s1, s1), keep_positive(s2, s2), keep_positive(s3, s3)
        store(v, z0 + lane, s0)
        store(v, z1 + lane, s1)
        store(v, z2 + lane, s2)
        store(v, z3 + lane, s3)


@numba.njit(**DEVICE_ONLY)
def _input_gradients(operands, v, g, k, width):
    """Add to the gradients of four inputs, from the k-th on."""
    m, n = np.int64(operands[0]), np.int64(operands[1])
    x0, x1, x2, x3 = _four(operands, RESULTS + 3 * m, k, n)
    k1, k2, k3 = min(k + 1, n - 1), min(k + 2, n - 1), min(k + 3, n - 1)
    for lane in range(0, width, 8):
        s0, s1, s2, s3 = load8(g, x0 + lane), load8(g, x1 + lane), load8(g, x2 + lane), load8(g, x3 + lane)
        for j in range(m):
            upstream = load8(g, np.int64(operands[RESULTS + j]) + lane)
            w = np.int64(operands[RESULTS + m + j])
            s0 = fused_multiply_add(s0, splat8(v[w + k]), upstream)
            s1 = fused_multiply_add(s1, splat8(v[w + k1]), upstream)
            s2 = fused_multiply_add(s2, splat8(v[w + k2]), upstream)
            s3 = fused_multiply_add(s3, splat8(v[w + k3]), upstream)
        store(g, x0 + lane, s0)
        store(g, x1 + lane, s1)
        store(g, x2 + lane, s2)
        store(g, x3 + lane, s3)


@numba.njit(**DEVICE_ONLY)
def _weight_gradients(operands, g, j, k, width):
    """Add to the gradients of weights: those of four results, from the j-th on, by eight inputs, from the k-th on."""
    m, n, turned = np.int64(operands[0]), np.int64(operands[1]), np.int64(operands[5]) + k
    z0, z1, z2, z3 = _four(operands, RESULTS, j, m)
    s0 = s1 = s2 = s3 = splat8(0.0)
    step = row_size(n)
    for lane in range(width):
        xs = load8(g, turned + lane * step)
        s0 = fused_multiply_add(s0, splat8(g[z0 + lane]), xs)
        s1 = fused_multiply_add(s1, splat8(g[z1 + lane]), xs)
        s2 = fused_multiply_add(s2, splat8(g[z2 + lane]), xs)
        s3 = fused_multiply_add(s3, splat8(g[z3 + lane]), xs)
    first, left = RESULTS + m + j, n - k
    for i, s in enumerate((s0, s1, s2, s3)):
        if j + i < m:
            w = np.int64(operands[first + i]) + k
            if left >= 8:
                store(g, w, add(load8(g, w), s))
            else:
                for c in range(left):
                    g[w + c] += element_of(s, c)


@numba.njit(**DEVICE_ONLY)
def _few_weight_gradients(operands, v, g, begin, width):
    """Add to the gradients of all weights of the inputs from `begin` on, as sums over lanes."""
    m, n = np.int64(operands[0]), np.int64(operands[1])
    for j in range(0, m, 2):
        z0, z1, _, _ = _four(operands, RESULTS, j, m)
        w0, w1, _, _ = _four(operands, RESULTS + m, j, m)
        for k in range(begin, n, 2):
            x0, x1, _, _ = _four(operands, RESULTS + 3 * m, k, n)
            s0 = s1 = s2 = s3 = splat8(0.0)
            for lane in range(0, width, 8):
                a, b, c, d = load8(g, z0 + lane), load8(g, z1 + lane), load8(v, x0 + lane), load8(v, x1 + lane)
                s0, s1 = fused_multiply_add(s0, a, c), fused_multiply_add(s1, a, d)
                s2, s3 = fused_multiply_add(s2, b, c), fused_multiply_add(s3, b, d)
            g[w0 + k] += horizontal_sum(s0)
            if k + 1 < n:
                g[w0 + k + 1] += horizontal_sum(s1)
            if j + 1 < m:
                g[w1 + k] += horizontal_sum(s2)
                if k + 1 < n:
                    g[w1 + k + 1] += horizontal_sum(s3)


@numba.njit(**DEVICE_ONLY)
def _turn(operands, v, g, whole, width):
    """Copy the first inputs to where those of each lane are side by side, with room for a multiple of eight."""
    m, n, turned = np.int64(operands[0]), np.int64(operands[1]), np.int64(operands[5])
    step = row_size(n)
    for k in range(0, whole, 4):
        x0, x1, x2, x3 = _four(operands, RESULTS + 3 * m, k, n)
        for lane in range(0, width, 4):
            a, b = load4(v, x0 + lane), load4(v, x1 + lane)
            c, d = load4(v, x2 + lane), load4(v, x3 + lane)
            a, b, c, d = transpose4(a, b, c, d)
            to = turned + lane * step + k
            store(g, to, a)
            store(g, to + step, b)
            store(g, to + 2 * step, c)
            store(g, to + 3 * step, d)


def layer(operands, repeats, count, width, uniform, v, g):
    check = np.int64(operands[4])
    for lane in range(0, width, 8):
        store(v, check + lane, splat8(0.0))
    for j in range(0, np.int64(operands[0]), 4):
        _results(operands, v, j, width)


def layer_back(operands, repeats, count, width, uniform, v, g):
    m, n, relu, check = np.int64(operands[0]), np.int64(operands[1]), operands[2], np.int64(operands[4])
    bad, total = splat8(0.0), 0.0
    for lane in range(0, width, 8):
        bad = add(bad, load8(v, check + lane))
    for j in range(m):
        z, arrived = np.int64(operands[RESULTS + j]), splat8(0.0)
        for lane in range(0, width, 8):
            upstream = load8(g, z + lane)
            if relu:
                upstream = keep_positive(upstream, load8(v, z + lane))
                store(g, z + lane, upstream)
            arrived = add(arrived, upstream)
        bias = horizontal_sum(arrived)
        g[operands[RESULTS + 2 * m + j]] += bias
        total += bias
    if not math.isfinite(total + horizontal_sum(bad)):  # perhaps a factor is not
        _one_by_one(operands, v, g, width)
        return
    if operands[3]:
        for k in range(0, n, 4):
            _input_gradients(operands, v, g, k, width)
    whole = n - n % 8 if n % 8 <= 4 else n  # for the few inputs that are left, eight at once would be mostly in vain
    if whole > 0:
        _turn(operands, v, g, whole, width)
        for j in range(0, m, 4):
            for k in range(0, whole, 8):
                _weight_gradients(operands, g, j, k, width)
    if whole < n:
        _few_weight_gradients(operands, v, g, whole, width)


@numba.njit(**DEVICE_ONLY)
def _one_by_one(operands, v, g, width):
    """The gradients of weights and inputs, where a zero absorbs what is not finite."""
    m, n, relu = np.int64(operands[0]), np.int64(operands[1]), operands[2]
    for j in range(m):
        z, w = np.int64(operands[RESULTS + j]), np.int64(operands[RESULTS + m + j])
        for lane in range(width):
            upstream, y = g[z + lane], v[z + lane]
            if upstream != 0.0 and relu and y != y:
                (slope,) = slope_of_relu(y, y)
                g[operands[RESULTS + 2 * m + j]] += upstream * slope - upstream
                upstream *= slope
            if upstream != 0.0:
                for k in range(n):
                    x = np.int64(operands[RESULTS + 3 * m + k]) + lane
                    g[w + k] += zero_absorbs(upstream, v[x])
                    g[x] += zero_absorbs(upstream, v[w + k])
