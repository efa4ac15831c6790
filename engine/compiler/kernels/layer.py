"""The kernel of a layer: all dots over lanes that have the same inputs, and the relu that each may go through.

Its weights are shared by all lanes. A tile of results or inputs is computed at once (see tiles.py), in eight lanes, so
that what is loaded is used for each of its rows; where they do not fill the last tile, the last one is computed more
than once. The terms of each dot are added in order, each sum rounded.

Eight lanes, since a weight is then read from memory where it is multiplied. With sixteen it is loaded to a register
before, and a layer took 1.4 times as long; on AVX2 as well, where registers run out. Eight rows, where there are
registers for them: with four, the gradients of large layers took 1.1 to 1.25 times as long.

Operands: m, the number of results; n, that of inputs; 1 for relu, else 0; 1 if somebody reads the gradients of the
inputs; the check, a row that stays 0 unless a dot is not finite, which relu may hide; where among the gradients the
inputs can be copied to; then the m results, the first of the n weights of each, the m biases, and the n inputs, no two
of which are the same row if their gradients are read.
"""

import math
from typing import Any

import numba
import numpy as np

from engine import rules
from engine.compiler.kernels.codegen import to_numba, zero_absorbs
from engine.compiler.kernels.disk_cache import DEVICE_ONLY
from engine.compiler.kernels.simd import (
    add,
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
from engine.compiler.kernels.tiles import (
    ROWS,
    add_at,
    add_fused_products,
    add_products,
    clamped2,
    clamped4,
    clamped_rows,
    load_at,
    operands_at,
    positive_parts,
    splat_at,
    store_at,
    without_first,
    zeros,
)

RESULTS = np.int64(6)  # where the results begin


@numba.njit(**DEVICE_ONLY)
def row_size(n):
    """How many numbers there is room for, where n inputs of each lane are side by side."""
    return (n + 7) // 8 * 8


slope_of_relu = to_numba(rules.relu.partials).code


@numba.njit(**DEVICE_ONLY)
def _results(operands, v, rows, width):
    """Compute these results."""
    m, n, relu, check = np.int64(operands[0]), np.int64(operands[1]), operands[2], np.int64(operands[4])
    zs, ws = operands_at(operands, RESULTS, rows), operands_at(operands, RESULTS + m, rows)
    biases, inputs = operands_at(operands, RESULTS + 2 * m, rows), RESULTS + 3 * m
    for lane in range(0, width, 8):
        sums, bad = splat_at(v, biases), load8(v, check + lane)
        for k in range(n):
            sums = add_products(sums, v, ws, k, load8(v, np.int64(operands[inputs + k]) + lane))
        for each in sums:
            bad = multiply_add(bad, 0.0, each)
        store(v, check + lane, bad)
        store_at(v, zs, lane, positive_parts(sums) if relu else sums)


@numba.njit(**DEVICE_ONLY)
def _input_gradients(operands, v, g, k, width):
    """Add to the gradients of inputs, of as many as there are rows in a tile, from the k-th on."""
    m, n = np.int64(operands[0]), np.int64(operands[1])
    columns = clamped_rows(k, n)
    xs = operands_at(operands, RESULTS + 3 * m, columns)
    for lane in range(0, width, 8):
        sums = load_at(g, xs, lane)
        for j in range(m):
            upstream = load8(g, np.int64(operands[RESULTS + j]) + lane)
            sums = add_fused_products(sums, v, columns, np.int64(operands[RESULTS + m + j]), upstream)
        store_at(g, xs, lane, sums)


@numba.njit(**DEVICE_ONLY)
def _weight_gradients(operands, g, rows, count, whole, width):
    """Add to the gradients of weights: those of the first so many of these rows by the first inputs, eight at a time.

    Where fewer than eight are left, by the last eight, and 0 to those that had theirs before.
    """
    m, n, turned = np.int64(operands[0]), np.int64(operands[1]), np.int64(operands[5])
    zs, ws, step = operands_at(operands, RESULTS, rows), operands_at(operands, RESULTS + m, rows), row_size(n)
    for k in range(0, whole, 8):
        first: Any = min(k, n - 8)
        sums = zeros(rows)
        for lane in range(width):
            sums = add_fused_products(sums, g, zs, lane, load8(g, turned + first + lane * step))
        if first < k:
            sums = without_first(sums, k - first)
        add_at(g, ws, first, sums, count)


@numba.njit(**DEVICE_ONLY)
def _few_weight_gradients(operands, v, g, begin, width):
    """Add to the gradients of all weights of the inputs from `begin` on, as sums over lanes."""
    m, n = np.int64(operands[0]), np.int64(operands[1])
    for j in range(0, m, 2):
        results = clamped2(j, m)
        z0, z1 = operands_at(operands, RESULTS, results)
        w0, w1 = operands_at(operands, RESULTS + m, results)
        for k in range(begin, n, 2):
            x0, x1 = operands_at(operands, RESULTS + 3 * m, clamped2(k, n))
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
        x0, x1, x2, x3 = operands_at(operands, RESULTS + 3 * m, clamped4(k, n))
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
    m = np.int64(operands[0])
    for j in range(0, m, ROWS):
        if m - j <= 4:
            _results(operands, v, clamped4(j, m), width)
        else:
            _results(operands, v, clamped_rows(j, m), width)


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
        for k in range(0, n, ROWS):
            _input_gradients(operands, v, g, k, width)
    # For the few inputs that are left, or fewer than eight in all, eight at once would be mostly in vain.
    whole = n - n % 8 if n % 8 <= 4 or n < 8 else n
    if whole > 0:
        _turn(operands, v, g, whole, width)
        for j in range(0, m, ROWS):
            if m - j <= 4:
                _weight_gradients(operands, g, clamped4(j, m), m - j, whole, width)
            else:
                _weight_gradients(operands, g, clamped_rows(j, m), m - j, whole, width)
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
