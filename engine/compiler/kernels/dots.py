"""Kernels for dots of one example: of weights, inputs and results that are each contiguous, a run of them at a time.

Operands of each dot: the result, n, the first weight, the first input, and optionally a bias. The results of a run are
contiguous, too, and none is an input of another. The terms of each dot are added in order, each sum rounded.
"""

import math

import numba
import numpy as np

from engine.compiler.kernels.codegen import zero_absorbs
from engine.compiler.kernels.disk_cache import DEVICE_ONLY
from engine.compiler.kernels.memory import finite
from engine.compiler.kernels.simd import (
    add,
    fused_multiply_add,
    joined,
    load4,
    load8,
    multiply,
    multiply_add,
    pack4,
    splat4,
    store,
    transpose4,
)

# contiguous dot: any of them. Four dots of equal length are computed at once, one in each SIMD lane.


def contiguous_dot(operands, repeats, count, width, uniform, v, g):
    a, end = 0, repeats * count
    while a < end:
        b, c, d = a + count, a + 2 * count, a + 3 * count
        n = np.int64(operands[a + 1])
        if d < end and n == operands[b + 1] and n == operands[c + 1] and n == operands[d + 1]:
            z = _biases(operands, a, count, v)
            wa, wb, wc, wd = operands[a + 2], operands[b + 2], operands[c + 2], operands[d + 2]
            xa, xb, xc, xd = operands[a + 3], operands[b + 3], operands[c + 3], operands[d + 3]
            for k in range(0, n - 3, 4):
                p, q = multiply(load4(v, wa + k), load4(v, xa + k)), multiply(load4(v, wb + k), load4(v, xb + k))
                r, s = multiply(load4(v, wc + k), load4(v, xc + k)), multiply(load4(v, wd + k), load4(v, xd + k))
                p, q, r, s = transpose4(p, q, r, s)
                z = add(add(add(add(z, p), q), r), s)
            store(v, operands[a], z)
            if n % 4:
                for first in (a, b, c, d):
                    _add_terms(operands, first, n - n % 4, n, v)
            a = d + count
        else:
            v[operands[a]] = _bias(operands, a, count, v)
            _add_terms(operands, a, 0, n, v)
            a += count


@numba.njit(**DEVICE_ONLY)
def _add_terms(operands, first, begin, end, v):
    """Add the terms from `begin` to `end` to the result of a dot."""
    z, w, x = v[operands[first]], operands[first + 2], operands[first + 3]
    for k in range(begin, end):
        z += v[w + k] * v[x + k]
    v[operands[first]] = z


@numba.njit(**DEVICE_ONLY)
def _bias(operands, first, count, v):
    """The initial value of a dot: its bias, or 0."""
    return v[operands[first + 4]] if count == 5 else 0.0


@numba.njit(**DEVICE_ONLY)
def _biases(operands, first, count, v):
    """Those of four dots."""
    b, c, d = first + count, first + 2 * count, first + 3 * count
    return pack4(
        _bias(operands, first, count, v), _bias(operands, b, count, v),
        _bias(operands, c, count, v), _bias(operands, d, count, v),
    )  # fmt: skip


@numba.njit(**DEVICE_ONLY)
def _dots_back(operands, repeats, count, v, g):
    for first in range((repeats - 1) * count, -1, -count):
        upstream = g[operands[first]]
        if upstream != 0.0:
            n, w, x = np.int64(operands[first + 1]), np.int64(operands[first + 2]), np.int64(operands[first + 3])
            upstreams = splat4(upstream)
            whole = n - n % 4 if math.isfinite(upstream) else 0  # how many are done four at a time
            for k in range(0, whole, 4):
                store(g, w + k, fused_multiply_add(load4(g, w + k), upstreams, load4(v, x + k)))
                store(g, x + k, fused_multiply_add(load4(g, x + k), upstreams, load4(v, w + k)))
            for k in range(whole, n):
                g[w + k] += zero_absorbs(upstream, v[x + k])
                g[x + k] += zero_absorbs(upstream, v[w + k])
            if count == 5:
                g[operands[first + 4]] += upstream


def contiguous_dot_back(operands, repeats, count, width, uniform, v, g):
    _dots_back(operands, repeats, count, v, g)


# matrix product: the weights of the first m dots are the rows of a matrix, and each m dots after them have the same
# rows and biases, and another input: a layer that is used at several places, such as for each token of a text.


@numba.njit(**DEVICE_ONLY)
def rows_of_matrix(operands, repeats, count):
    """How many dots, from the first on, have the same input."""
    m = 1
    while m < repeats and operands[m * count + 3] == operands[3]:
        m += 1
    return m


def matrix_product(operands, repeats, count, width, uniform, v, g):
    m, n, z = rows_of_matrix(operands, repeats, count), np.int64(operands[1]), np.int64(operands[0])
    for j in range(0, m - 7, 8):  # rows, one in each lane
        a, c = j * count, (j + 4) * count
        biases = joined(_biases(operands, a, count, v), _biases(operands, c, count, v))
        for i in range(0, repeats, m):
            store(v, z + i + j, biases)
        for k in range(0, n - 3, 4):
            a0, a1, a2, a3 = _columns(operands, a, count, k, v)
            c0, c1, c2, c3 = _columns(operands, c, count, k, v)
            w0, w1, w2, w3 = joined(a0, c0), joined(a1, c1), joined(a2, c2), joined(a3, c3)
            for i in range(0, repeats, m):
                x = np.int64(operands[i * count + 3]) + k
                s = multiply_add(multiply_add(load8(v, z + i + j), v[x], w0), v[x + 1], w1)
                store(v, z + i + j, multiply_add(multiply_add(s, v[x + 2], w2), v[x + 3], w3))
        if n % 4:
            for i in range(j, repeats, m):
                for first in range(i, i + 8):
                    _add_terms(operands, first * count, n - n % 4, n, v)
    for j in range(m - m % 8, m):
        for i in range(j, repeats, m):
            v[z + i] = _bias(operands, i * count, count, v)
            _add_terms(operands, i * count, 0, n, v)


@numba.njit(**DEVICE_ONLY)
def _columns(operands, first, count, k, v):
    """Of the rows of four dots, four columns, from the k-th on."""
    first += 2
    a, b, c, d = operands[first], operands[first + count], operands[first + 2 * count], operands[first + 3 * count]
    return transpose4(load4(v, a + k), load4(v, b + k), load4(v, c + k), load4(v, d + k))


def matrix_product_back(operands, repeats, count, width, uniform, v, g):
    m, n, z = rows_of_matrix(operands, repeats, count), np.int64(operands[1]), np.int64(operands[0])
    if not (finite(v, z, z + repeats) and finite(g, z, z + repeats)):  # perhaps a factor is not
        _dots_back(operands, repeats, count, v, g)
        return
    for j in range(m):
        _add_multiples(operands, 3, m * count, repeats // m, g, np.int64(operands[j * count + 2]), n, z + j, m, v)
        if count == 5:
            for i in range(j, repeats, m):
                g[operands[j * count + 4]] += g[z + i]
    for i in range(0, repeats, m):
        _add_multiples(operands, 2, count, m, g, np.int64(operands[i * count + 3]), n, z + i, 1, v)


@numba.njit(**DEVICE_ONLY)
def _add_multiples(operands, first, step, rows, g, to, n, factor, apart, v):
    """Add multiples of so many rows, n numbers each, to as many gradients.

    Where the rows begin stand in every `step`-th operand from the `first` on, and their factors are gradients, which
    are so far apart.
    """
    for k in range(0, n - 15, 16):
        at = to + k
        s0, s1, s2, s3 = load4(g, at), load4(g, at + 4), load4(g, at + 8), load4(g, at + 12)
        for i in range(rows):
            x, by = np.int64(operands[first + i * step]) + k, splat4(g[factor + i * apart])
            s0, s1 = fused_multiply_add(s0, by, load4(v, x)), fused_multiply_add(s1, by, load4(v, x + 4))
            s2, s3 = fused_multiply_add(s2, by, load4(v, x + 8)), fused_multiply_add(s3, by, load4(v, x + 12))
        store(g, at, s0)
        store(g, at + 4, s1)
        store(g, at + 8, s2)
        store(g, at + 12, s3)
    for k in range(n - n % 16, n):
        for i in range(rows):
            g[to + k] += g[factor + i * apart] * v[np.int64(operands[first + i * step]) + k]
