"""Kernels for rules with any number of operands: loops over flat arrays, which numba compiles.

The table in engine/nary_rules.py defines these rules on tuples of numbers of any kind. A compiler does not turn a tuple
into a loop, so they are written a second time here; a test compares each with its rule in the table.

All kernels have the same signature (see codegen.py): the integers of the instruction, which are indices into ``v``,
the numbers, and ``g``, the gradients; how many there are; and the number of lanes. An index below `uniform` is a single
number that all examples share. Any other is the start of a row with one SIMD lane for each example.
"""

import math

import numba
import numpy as np

from engine import ieee, nary_rules
from engine.compiler.kernels.codegen import to_numba, zero_absorbs
from engine.compiler.kernels.disk_cache import DEVICE_ONLY
from engine.compiler.kernels.dots import contiguous_dot, contiguous_dot_back, matrix_product, matrix_product_back
from engine.compiler.kernels.layer import layer, layer_back

exp_difference = to_numba(ieee.exp_difference).code


@numba.njit(**DEVICE_ONLY)
def at(place, lane, uniform):
    """The index of a number in one lane: its own, or in its row."""
    return place + lane if place >= uniform else place


# broadcast: copies a shared number to every lane of a row. Operands: the row, the number.


def broadcast(operands, repeats, count, width, uniform, v, g):
    z, x = operands[0], v[operands[1]]
    for lane in range(width):
        v[z + lane] = x


def broadcast_back(operands, repeats, count, width, uniform, v, g):
    g[operands[1]] += sum_lanes(g, operands[0], width)


# Reductions over lanes. They may be reassociated, so that LLVM can vectorize them.


@numba.njit(fastmath={"reassoc", "contract"}, **DEVICE_ONLY)
def sum_lanes(xs, x, width):
    total = 0.0
    for lane in range(width):
        total += xs[x + lane]
    return total


@numba.njit(fastmath={"reassoc", "contract"}, **DEVICE_ONLY)
def dot_lanes(xs, x, ys, y, width):
    total = 0.0
    for lane in range(width):
        total += xs[x + lane] * ys[y + lane]
    return total


# dot. Operands: the result, n weights, n inputs, and optionally a bias.


def dot(operands, repeats, count, width, uniform, v, g):
    n = (count - 1) // 2
    if width == 1:
        result = v[operands[count - 1]] if count % 2 == 0 else 0.0
        for k in range(1, n + 1):
            result += v[operands[k]] * v[operands[n + k]]
        v[operands[0]] = result
        return
    z = operands[0]
    if count % 2 == 0:
        bias = operands[count - 1]
        for lane in range(width):
            v[z + lane] = v[at(bias, lane, uniform)]
    else:
        for lane in range(width):
            v[z + lane] = 0.0
    for k in range(1, n + 1):
        w, x = operands[k], operands[n + k]
        if w < uniform and x < uniform:
            shared = v[w] * v[x]
            for lane in range(width):
                v[z + lane] += shared
        elif w < uniform or x < uniform:
            factor, row = v[min(w, x)], max(w, x)
            for lane in range(width):
                v[z + lane] += factor * v[row + lane]
        else:
            for lane in range(width):
                v[z + lane] += v[w + lane] * v[x + lane]


def dot_back(operands, repeats, count, width, uniform, v, g):
    n = (count - 1) // 2
    if width == 1:
        upstream = g[operands[0]]
        if upstream != 0.0:
            if math.isfinite(upstream):  # and so no product is 0 · inf
                for k in range(1, n + 1):
                    g[operands[k]] += upstream * v[operands[n + k]]
                for k in range(1, n + 1):
                    g[operands[n + k]] += upstream * v[operands[k]]
            else:
                for k in range(1, n + 1):
                    g[operands[k]] += zero_absorbs(upstream, v[operands[n + k]])
                    g[operands[n + k]] += zero_absorbs(upstream, v[operands[k]])
            if count % 2 == 0:
                g[operands[count - 1]] += upstream
        return
    z = operands[0]
    arrived = sum_lanes(g, z, width)
    if not math.isfinite(sum_lanes(v, z, width) + arrived):  # perhaps a factor is not
        for lane in range(width):
            for k in range(1, n + 1):
                w, x = at(operands[k], lane, uniform), at(operands[n + k], lane, uniform)
                g[w] += zero_absorbs(g[z + lane], v[x])
                g[x] += zero_absorbs(g[z + lane], v[w])
    else:
        for k in range(1, n + 1):
            w, x = operands[k], operands[n + k]
            if w < uniform and x < uniform:
                g[w] += arrived * v[x]
                g[x] += arrived * v[w]
            elif w < uniform or x < uniform:
                place, row = min(w, x), max(w, x)
                factor = v[place]
                for lane in range(width):
                    g[row + lane] += factor * g[z + lane]
                g[place] += dot_lanes(v, row, g, z, width)
            else:
                for lane in range(width):
                    g[w + lane] += g[z + lane] * v[x + lane]
                for lane in range(width):
                    g[x + lane] += g[z + lane] * v[w + lane]
    if count % 2 == 0:
        bias = operands[count - 1]
        if bias < uniform:
            g[bias] += arrived
        else:
            for lane in range(width):
                g[bias + lane] += g[z + lane]


# sum and mean. Operands: the result, and the numbers.


def total(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        z = 0.0
        for k in range(1, count):
            z += v[at(operands[k], lane, uniform)]
        v[operands[0] + lane] = z


def total_back(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        for k in range(1, count):
            g[at(operands[k], lane, uniform)] += g[operands[0] + lane]


def mean(operands, repeats, count, width, uniform, v, g):
    n = count - 1
    for lane in range(width):
        z = 0.0
        for k in range(1, count):
            z += v[at(operands[k], lane, uniform)]
        if math.isfinite(z):
            z /= n
        else:
            z = 0.0
            for k in range(1, count):
                z += v[at(operands[k], lane, uniform)] / n
        v[operands[0] + lane] = z


def mean_back(operands, repeats, count, width, uniform, v, g):
    share = 1 / (count - 1)
    for lane in range(width):
        for k in range(1, count):
            g[at(operands[k], lane, uniform)] += g[operands[0] + lane] * share


# The largest and smallest of several numbers, and logsumexp. Operands: the result, and the numbers. In the helpers, the
# numbers are the n operands from `first` on.


@numba.njit(**DEVICE_ONLY)
def peak(operands, first, n, lane, uniform, v, sign):
    """The maximum of the numbers for sign = 1, the minimum for sign = -1; nan if any is nan."""
    best = sign * v[at(operands[first], lane, uniform)]
    for k in range(first, first + n):
        x = sign * v[at(operands[k], lane, uniform)]
        if x > best or x != x:
            best = x
        if best != best:
            break
    return sign * best


@numba.njit(**DEVICE_ONLY)
def share_of_ties(operands, count, lane, uniform, v, g):
    """Divide the gradient of a maximum or minimum equally among the numbers that attain it."""
    z, upstream, tied = v[operands[0] + lane], g[operands[0] + lane], 0.0
    if upstream != 0.0:
        for k in range(1, count):
            tied += 1.0 if v[at(operands[k], lane, uniform)] == z else 0.0
        for k in range(1, count):
            place = at(operands[k], lane, uniform)
            g[place] += zero_absorbs(upstream, (1.0 if v[place] == z else 0.0) / tied)


def largest(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        v[operands[0] + lane] = peak(operands, 1, count - 1, lane, uniform, v, 1.0)


def smallest(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        v[operands[0] + lane] = peak(operands, 1, count - 1, lane, uniform, v, -1.0)


def ties_back(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        share_of_ties(operands, count, lane, uniform, v, g)


@numba.njit(**DEVICE_ONLY)
def sum_of_others(operands, first, n, lane, uniform, v, top):
    """The sum of exp(x - top) over all numbers except one maximum; nan if the maximum is infinite."""
    rest, skipped = top - top, False
    for k in range(first, first + n):
        x = v[at(operands[k], lane, uniform)]
        if not skipped and (x == top or top != top):
            skipped = True
        else:
            rest += exp_difference(x, top)
    return rest


@numba.njit(**DEVICE_ONLY)
def probabilities(operands, first, n, lane, uniform, v):
    """The softmax of the numbers."""
    ps = np.empty(n)
    top, whole = peak(operands, first, n, lane, uniform, v, 1.0), 0.0
    for k in range(n):
        ps[k] = exp_difference(v[at(operands[first + k], lane, uniform)], top)
        whole += ps[k]
    for k in range(n):
        ps[k] /= whole
    return ps


def logsumexp(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        top = peak(operands, 1, count - 1, lane, uniform, v, 1.0)
        rest = sum_of_others(operands, 1, count - 1, lane, uniform, v, top)
        v[operands[0] + lane] = top if math.isinf(top) else top + math.log1p(rest)


def logsumexp_back(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        upstream = g[operands[0] + lane]
        if upstream != 0.0:
            ps = probabilities(operands, 1, count - 1, lane, uniform, v)
            for k in range(1, count):
                g[at(operands[k], lane, uniform)] += zero_absorbs(upstream, ps[k - 1])


# softmax and log_softmax: one instruction computes all outputs that are in use. Operands: n, the n inputs, and for each
# output the index of its input, and the result.


def softmax(operands, repeats, count, width, uniform, v, g):
    n = operands[0]
    for lane in range(width):
        top = peak(operands, 1, n, lane, uniform, v, 1.0)
        rest, skipped = top - top, False
        if count == 3 * n + 1:  # all outputs are in use: each can hold its exponential until the sum is known
            for k in range(n + 1, count, 2):
                x = v[at(operands[1 + operands[k]], lane, uniform)]
                power = exp_difference(x, top)
                v[operands[k + 1] + lane] = power
                if not skipped and (x == top or top != top):
                    skipped = True
                else:
                    rest += power
            for k in range(n + 1, count, 2):
                v[operands[k + 1] + lane] /= 1 + rest
        else:
            rest = sum_of_others(operands, 1, n, lane, uniform, v, top)
            for k in range(n + 1, count, 2):
                x = v[at(operands[1 + operands[k]], lane, uniform)]
                v[operands[k + 1] + lane] = exp_difference(x, top) / (1 + rest)


def log_softmax(operands, repeats, count, width, uniform, v, g):
    n = operands[0]
    for lane in range(width):
        top = peak(operands, 1, n, lane, uniform, v, 1.0)
        rest = math.log1p(sum_of_others(operands, 1, n, lane, uniform, v, top))
        for k in range(n + 1, count, 2):
            v[operands[k + 1] + lane] = v[at(operands[1 + operands[k]], lane, uniform)] - top - rest


@numba.njit(**DEVICE_ONLY)
def softmax_gradient(operands, count, lane, uniform, v, g, logarithm):
    """Add the gradients of the outputs to the inputs, of a log_softmax if `logarithm`."""
    n = operands[0]
    ps = probabilities(operands, 1, n, lane, uniform, v)
    for k in range(count - 2, n, -2):  # in reverse, as in a backward pass
        chosen, upstream = operands[k], g[operands[k + 1] + lane]
        if upstream != 0.0:
            scale = 1.0 if logarithm else v[operands[k + 1] + lane]
            rest = 0.0
            for j in range(n):
                if j != chosen:
                    rest += ps[j]
            for j in range(n):
                local = scale * rest if j == chosen else -scale * ps[j]
                g[at(operands[1 + j], lane, uniform)] += zero_absorbs(upstream, local)


def softmax_back(operands, repeats, count, width, uniform, v, g):
    n = operands[0]
    for lane in range(width):
        if count == 3 * n + 1:
            for k in range(count - 2, n, -2):
                upstream, p, rest = g[operands[k + 1] + lane], v[operands[k + 1] + lane], 0.0
                if upstream != 0.0:
                    for j in range(n + 1, count, 2):
                        other, x = v[operands[j + 1] + lane], at(operands[1 + operands[j]], lane, uniform)
                        if j != k:
                            g[x] -= zero_absorbs(upstream, p * other)
                            rest += other
                    g[at(operands[1 + operands[k]], lane, uniform)] += zero_absorbs(upstream, p * rest)
        else:
            softmax_gradient(operands, count, lane, uniform, v, g, False)


def log_softmax_back(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        softmax_gradient(operands, count, lane, uniform, v, g, True)


# gather, which `select` uses. Operands: the result, the index, and the numbers. An index out of range gives nan.


def gather(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        i = v[at(operands[1], lane, uniform)]
        right = i == np.floor(i) and 0 <= i < count - 2
        v[operands[0] + lane] = v[at(operands[2 + int(i)], lane, uniform)] if right else np.nan


def gather_back(operands, repeats, count, width, uniform, v, g):
    for lane in range(width):
        i = v[at(operands[1], lane, uniform)]
        if i == np.floor(i) and 0 <= i < count - 2:
            g[at(operands[2 + int(i)], lane, uniform)] += g[operands[0] + lane]


NARY_KERNELS = {
    nary_rules.dot: (dot, dot_back),
    nary_rules.total: (total, total_back),
    nary_rules.mean: (mean, mean_back),
    nary_rules.largest: (largest, ties_back),
    nary_rules.smallest: (smallest, ties_back),
    nary_rules.logsumexp: (logsumexp, logsumexp_back),
    nary_rules.gather: (gather, gather_back),
    "softmax": (softmax, softmax_back),
    "log_softmax": (log_softmax, log_softmax_back),
    "broadcast": (broadcast, broadcast_back),
    "layer": (layer, layer_back),
    "contiguous dot": (contiguous_dot, contiguous_dot_back),
    "matrix product": (matrix_product, matrix_product_back),
}
