"""For machine code: what is at an address, and the loops over it that the drivers need."""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from engine.compiler.kernels.disk_cache import DEVICE_ONLY, OPTIONS, jit_cached
from engine.compiler.kernels.simd import load4, store, transpose4


def pointer_to(kind: Any) -> Any:
    """A function that takes an address for a pointer, or for a record, of this kind."""

    @intrinsic
    def pointer(typing, address):
        def generate(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(kind))

        return kind(types.int64), generate

    return pointer


floats, integers, instructions = map(pointer_to, map(types.CPointer, (types.float64, types.int64, types.uint32)))


# Integers that several threads read and write.


def _integer_at(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, ir.IntType(64).as_pointer())


@intrinsic
def load_acquire(typing, address):
    """The integer at an address, and all that was written before it was."""

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(_integer_at(builder, arguments[0]), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def store_release(typing, address, number):
    """Write an integer to an address, after all else."""

    def generate(context, builder, signature, arguments):
        builder.store_atomic(arguments[1], _integer_at(builder, arguments[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def fetch_and_add(typing, address, number):
    """Add to the integer at an address; gives what it was before."""

    def generate(context, builder, signature, arguments):
        return builder.atomic_rmw("add", _integer_at(builder, arguments[0]), arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@numba.njit(**DEVICE_ONLY)
def fill(numbers, begin, end, x):
    """Set those from one place up to another to the same number."""
    for i in range(begin, end):
        numbers[i] = x


@numba.njit(fastmath={"reassoc", "contract"}, **DEVICE_ONLY)
def finite(numbers, begin, end):
    """Whether all of them from one place up to another are: 0 times any other number is nan."""
    total = 0.0
    for i in range(begin, end):  # no early exit, so that LLVM can vectorize it
        total += 0.0 * numbers[i]
    return total == 0.0


@numba.njit(**DEVICE_ONLY)
def convert(numbers, begin, whole, n):
    """Copy so many integers to floats, from a place on."""
    for i in range(n):
        numbers[begin + i] = np.float64(whole[i])


LOAD, STORE, TAKE, ADD = map(np.int64, range(4))


@numba.njit(**DEVICE_ONLY)
def move(blocks_, count, at, how):
    """Move numbers between some blocks, see `blocks`, and an address, where they are one after another.

    `LOAD` copies them from the blocks, `STORE` to the blocks, and `TAKE` leaves 0 at the address; `ADD` adds them to
    those in the blocks.
    """
    blocks = integers(blocks_)
    for i in range(count):
        n = blocks[2 * i + 1]
        apart, together = floats(blocks[2 * i]), floats(at)
        for k in range(n):
            if how == LOAD:
                together[k] = apart[k]
            elif how == ADD:
                apart[k] += together[k]
            else:
                apart[k] = together[k]
                if how == TAKE:
                    together[k] = 0.0
        at += 8 * n


@numba.njit(**DEVICE_ONLY)
def transpose(examples_, step, width, rows_, stride):
    """Copy so many numbers of each example to as many rows, which begin `stride` numbers apart."""
    examples, rows = floats(examples_), floats(rows_)
    whole, many = width - width % 4, step - step % 4
    for line in range(0, whole, 8):
        for i in range(0, many, 4):
            for lane in range(line, min(line + 8, whole), 4):  # eight numbers of a row are a cache line
                at = lane * step + i
                a, b = load4(examples, at), load4(examples, at + step)
                c, d = load4(examples, at + 2 * step), load4(examples, at + 3 * step)
                a, b, c, d = transpose4(a, b, c, d)
                to = i * stride + lane
                store(rows, to, a)
                store(rows, to + stride, b)
                store(rows, to + 2 * stride, c)
                store(rows, to + 3 * stride, d)
    for lane in range(width):
        for i in range(many if lane < whole else 0, step):
            rows[i * stride + lane] = examples[lane * step + i]


# What Python calls.


@jit_cached(numba.njit, "void(int64, int64, int64, int64)", **OPTIONS)
def move_at(blocks, count, at, how):
    """Move numbers between blocks and an address; see `move`."""
    move(blocks, count, at, how)


def blocks(addresses: Any) -> Any:
    """Where numbers at these addresses are, as blocks: a row with the address and the length of each.

    >>> blocks(np.array([800, 808, 816, 640]))
    array([[800,   3],
           [640,   1]])
    """
    begins = np.flatnonzero(np.diff(addresses, prepend=addresses[:1]) != 8)
    return np.stack([addresses[begins], np.diff(begins, append=len(addresses))], axis=1)
