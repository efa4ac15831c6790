"""Rules of any number of operands as loops over flat arrays, which numba makes machine code of.

The table has them for tuples of numbers, of any kind; here they are once more, for the numbers of a `Tape`, because no
compiler makes a loop of a tuple. A test holds each to its rule in the table. All have the same arguments, those of a
kernel (see `machine`): where the result goes, then where the operands are, all as places in the numbers ``v`` and the
gradients ``g``. Lanes are numbers side by side, one for each example; a place below `uniform` holds one number that all
examples share.
"""

import math

import numba
import numpy as np

from engine import ieee, rules
from engine.machine import OPTIONS, opened, translated

exp_difference = translated(ieee.exp_difference).code


@numba.njit(inline="always", **OPTIONS)
def at(place, lane, uniform):
    """Where the number of an example is."""
    return place + lane if place >= uniform else place


# A number that all examples share, as a row of lanes.


def spread(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    zs, x = v[operands[0] : operands[0] + width], v[operands[1]]
    for lane in range(width):
        zs[lane] = x


def spread_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    g[operands[1]] += added(g[operands[0] : operands[0] + width], width)


# Sums over lanes may be taken in any order, which lets the machine add several at a time.


@numba.njit(fastmath={"reassoc", "contract"}, **OPTIONS)
def added(xs, width):
    total = 0.0
    for lane in range(width):
        total += xs[lane]
    return total


@numba.njit(fastmath={"reassoc", "contract"}, **OPTIONS)
def multiplied(xs, ys, width):
    total = 0.0
    for lane in range(width):
        total += xs[lane] * ys[lane]
    return total


@numba.njit(**OPTIONS)
def live(gradient, number):
    """Their product; what no gradient reaches gets none, not even by way of an infinite number."""
    return gradient * number if gradient != 0.0 else 0.0


# dot: where the result goes, the weights, as many inputs, and perhaps a bias.


def dot(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    n = (count - 1) // 2
    if width == 1:
        z = v[operands[count - 1]] if count % 2 == 0 else 0.0
        for k in range(1, n + 1):
            z += v[operands[k]] * v[operands[n + k]]
        v[operands[0]] = z
        return
    zs = v[operands[0] : operands[0] + width]
    if count % 2 == 0:
        bias = operands[count - 1]
        for lane in range(width):
            zs[lane] = v[at(bias, lane, uniform)]
    else:
        for lane in range(width):
            zs[lane] = 0.0
    k = 1
    while k <= n:
        w, x = operands[k], operands[n + k]
        if k + 3 <= n and weighted(operands, k, n, uniform) == 4:  # four at a time spare the row of sums its traffic
            f0, f1, f2, f3 = v[w], v[operands[k + 1]], v[operands[k + 2]], v[operands[k + 3]]
            x0, x1 = v[x : x + width], v[operands[n + k + 1] : operands[n + k + 1] + width]
            x2, x3 = (
                v[operands[n + k + 2] : operands[n + k + 2] + width],
                v[operands[n + k + 3] : operands[n + k + 3] + width],
            )
            for lane in range(width):
                zs[lane] = zs[lane] + f0 * x0[lane] + f1 * x1[lane] + f2 * x2[lane] + f3 * x3[lane]
            k += 3
        elif w < uniform and x < uniform:
            shared = v[w] * v[x]
            for lane in range(width):
                zs[lane] += shared
        elif w < uniform or x < uniform:
            factor, xs = v[min(w, x)], v[max(w, x) : max(w, x) + width]
            for lane in range(width):
                zs[lane] += factor * xs[lane]
        else:
            ws, xs = v[w : w + width], v[x : x + width]
            for lane in range(width):
                zs[lane] += ws[lane] * xs[lane]
        k += 1


@numba.njit(**OPTIONS)
def weighted(operands, k, n, uniform):
    """How many of the next four factors are shared weights of inputs that are not shared."""
    found = 0
    for j in range(k, k + 4):
        if operands[j] < uniform and operands[n + j] >= uniform:
            found += 1
    return found


def dot_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    n = (count - 1) // 2
    if width == 1:
        upstream = g[operands[0]]
        if upstream != 0.0:
            for k in range(1, n + 1):
                g[operands[k]] += upstream * v[operands[n + k]]
            for k in range(1, n + 1):
                g[operands[n + k]] += upstream * v[operands[k]]
            if count % 2 == 0:
                g[operands[count - 1]] += upstream
        return
    gs = g[operands[0] : operands[0] + width]
    if not math.isfinite(added(v[operands[0] : operands[0] + width], width)):  # then some factor may not be finite
        for lane in range(width):
            for k in range(1, n + 1):
                w, x = at(operands[k], lane, uniform), at(operands[n + k], lane, uniform)
                g[w] += live(gs[lane], v[x])
                g[x] += live(gs[lane], v[w])
    else:
        k = 1
        while k <= n:
            w, x = operands[k], operands[n + k]
            if k + 3 <= n and weighted(operands, k, n, uniform) == 4:
                weighted_back(operands, k, n, width, v, g, gs)
                k += 3
            elif w < uniform and x < uniform:
                shared = added(gs, width)
                g[w] += shared * v[x]
                g[x] += shared * v[w]
            elif w < uniform or x < uniform:
                place, row = min(w, x), max(w, x)
                factor, xs, gxs = v[place], v[row : row + width], g[row : row + width]
                for lane in range(width):
                    gxs[lane] += factor * gs[lane]
                g[place] += multiplied(xs, gs, width)
            else:
                ws, xs, gws, gxs = v[w : w + width], v[x : x + width], g[w : w + width], g[x : x + width]
                for lane in range(width):
                    gws[lane] += gs[lane] * xs[lane]
                for lane in range(width):
                    gxs[lane] += gs[lane] * ws[lane]
            k += 1
    if count % 2 == 0:
        bias = operands[count - 1]
        if bias < uniform:
            g[bias] += added(gs, width)
        else:
            gbs = g[bias : bias + width]
            for lane in range(width):
                gbs[lane] += gs[lane]


@numba.njit(fastmath={"reassoc", "contract"}, **OPTIONS)
def weighted_back(operands, k, n, width, v, g, gs):
    """Four shared weights of inputs that are not shared."""
    w0, w1, w2, w3 = operands[k], operands[k + 1], operands[k + 2], operands[k + 3]
    x0, x1, x2, x3 = operands[n + k], operands[n + k + 1], operands[n + k + 2], operands[n + k + 3]
    xs0, xs1, xs2, xs3 = v[x0 : x0 + width], v[x1 : x1 + width], v[x2 : x2 + width], v[x3 : x3 + width]
    t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
    for lane in range(width):
        t0 += xs0[lane] * gs[lane]
        t1 += xs1[lane] * gs[lane]
        t2 += xs2[lane] * gs[lane]
        t3 += xs3[lane] * gs[lane]
    g[w0] += t0
    g[w1] += t1
    g[w2] += t2
    g[w3] += t3
    two_rows(g[x0 : x0 + width], g[x1 : x1 + width], v[w0], v[w1], gs, width)
    two_rows(g[x2 : x2 + width], g[x3 : x3 + width], v[w2], v[w3], gs, width)


@numba.njit(**OPTIONS)
def two_rows(gxs, gys, f, h, gs, width):
    for lane in range(width):
        gxs[lane] += f * gs[lane]
        gys[lane] += h * gs[lane]


# sum and mean.


def total(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        z = 0.0
        for k in range(1, count):
            z += v[at(operands[k], lane, uniform)]
        v[operands[0] + lane] = z


def total_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        for k in range(1, count):
            g[at(operands[k], lane, uniform)] += g[operands[0] + lane]


def mean(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
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


def mean_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    share = 1 / (count - 1)
    for lane in range(width):
        for k in range(1, count):
            g[at(operands[k], lane, uniform)] += g[operands[0] + lane] * share


# max and min of several, and what leans on them. `first` is the place of the first operand among the operands.


@numba.njit(**OPTIONS)
def peak(operands, first, n, lane, uniform, v, sign):
    """The largest of the operands, or the smallest; nan if one is."""
    best = sign * v[at(operands[first], lane, uniform)]
    for k in range(first, first + n):
        x = sign * v[at(operands[k], lane, uniform)]
        if x > best or x != x:
            best = x
        if best != best:
            break
    return sign * best


@numba.njit(**OPTIONS)
def share_of_ties(operands, count, lane, uniform, v, g):
    z, upstream, tied = v[operands[0] + lane], g[operands[0] + lane], 0.0
    if upstream != 0.0:
        for k in range(1, count):
            tied += 1.0 if v[at(operands[k], lane, uniform)] == z else 0.0
        for k in range(1, count):
            place = at(operands[k], lane, uniform)
            g[place] += upstream * ((1.0 if v[place] == z else 0.0) / tied)


def largest(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        v[operands[0] + lane] = peak(operands, 1, count - 1, lane, uniform, v, 1.0)


def smallest(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        v[operands[0] + lane] = peak(operands, 1, count - 1, lane, uniform, v, -1.0)


def ties_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        share_of_ties(operands, count, lane, uniform, v, g)


@numba.njit(**OPTIONS)
def others(operands, first, n, lane, uniform, v, top):
    """The sum of exp(x - top) over all operands but one that is the largest."""
    rest, skipped = 0.0, False
    for k in range(first, first + n):
        x = v[at(operands[k], lane, uniform)]
        if not skipped and (x == top or top != top):
            skipped = True
        else:
            rest += exp_difference(x, top)
    return rest


@numba.njit(**OPTIONS)
def probabilities(operands, first, n, lane, uniform, v):
    """softmax of the operands."""
    ps = np.empty(n)
    top, whole = peak(operands, first, n, lane, uniform, v, 1.0), 0.0
    for k in range(n):
        ps[k] = exp_difference(v[at(operands[first + k], lane, uniform)], top)
        whole += ps[k]
    for k in range(n):
        ps[k] /= whole
    return ps


def logsumexp(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        top = peak(operands, 1, count - 1, lane, uniform, v, 1.0)
        rest = others(operands, 1, count - 1, lane, uniform, v, top)
        v[operands[0] + lane] = top if math.isinf(top) else top + math.log1p(rest)


def logsumexp_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        upstream = g[operands[0] + lane]
        if upstream != 0.0:
            ps = probabilities(operands, 1, count - 1, lane, uniform, v)
            for k in range(1, count):
                g[at(operands[k], lane, uniform)] += upstream * ps[k - 1]


# softmax and log_softmax: all the outputs that are needed are computed by one instruction. The operands are how many
# inputs there are, the inputs, and for each output which input it belongs to and where it goes.


def softmax(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    n = operands[0]
    for lane in range(width):
        top = peak(operands, 1, n, lane, uniform, v, 1.0)
        rest = others(operands, 1, n, lane, uniform, v, top)
        for k in range(n + 1, count, 2):
            x = v[at(operands[1 + operands[k]], lane, uniform)]
            v[operands[k + 1] + lane] = exp_difference(x, top) / (1 + rest)


def log_softmax(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    n = operands[0]
    for lane in range(width):
        top = peak(operands, 1, n, lane, uniform, v, 1.0)
        rest = math.log1p(others(operands, 1, n, lane, uniform, v, top))
        for k in range(n + 1, count, 2):
            v[operands[k + 1] + lane] = v[at(operands[1 + operands[k]], lane, uniform)] - top - rest


@numba.njit(**OPTIONS)
def softmax_gradient(operands, count, lane, uniform, v, g, logarithm):
    n = operands[0]
    ps = probabilities(operands, 1, n, lane, uniform, v)
    for k in range(count - 2, n, -2):  # the last first, as in a backward pass
        chosen, upstream = operands[k], g[operands[k + 1] + lane]
        if upstream != 0.0:
            scale = 1.0 if logarithm else v[operands[k + 1] + lane]
            rest = 0.0
            for j in range(n):
                if j != chosen:
                    rest += ps[j]
            for j in range(n):
                local = scale * rest if j == chosen else -scale * ps[j]
                g[at(operands[1 + j], lane, uniform)] += upstream * local


def softmax_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        softmax_gradient(operands, count, lane, uniform, v, g, False)


def log_softmax_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        softmax_gradient(operands, count, lane, uniform, v, g, True)


# select: where the result goes, which one, and all of them. A choice that is none gives nan.


def take(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        i = v[at(operands[1], lane, uniform)]
        right = i == np.floor(i) and 0 <= i < count - 2
        v[operands[0] + lane] = v[at(operands[2 + int(i)], lane, uniform)] if right else np.nan


def take_back(operands_, repeats, count, width, uniform, v_, g_):
    operands, v, g = opened(operands_, v_, g_)
    for lane in range(width):
        i = v[at(operands[1], lane, uniform)]
        if i == np.floor(i) and 0 <= i < count - 2:
            g[at(operands[2 + int(i)], lane, uniform)] += g[operands[0] + lane]


LOOPS = {
    rules.dot: (dot, dot_back),
    rules.total: (total, total_back),
    rules.mean: (mean, mean_back),
    rules.largest: (largest, ties_back),
    rules.smallest: (smallest, ties_back),
    rules.logsumexp: (logsumexp, logsumexp_back),
    rules.take: (take, take_back),
    "softmax": (softmax, softmax_back),
    "log_softmax": (log_softmax, log_softmax_back),
    "spread": (spread, spread_back),
}
