"""Several SIMD vectors at once, for kernels of matrices: what is loaded is used for every row of a tile.

A tile is a tuple of vectors of eight lanes. Each function does for all of them what it says; of the loop over them
nothing is left in machine code. ``places`` is a tuple of integers, one for each row: where among the numbers it is, but
for an offset that all have in common.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from engine.compiler.kernels.simd import Vector

_INTEGER = ir.IntType(64)
_EIGHT = Vector(8)


def clamped(size: int) -> Any:
    """``clamped(size)(i, n)``: so many indices from the i-th on, the last of n in place of more."""

    @intrinsic
    def indices(typing, i, n):
        def generate(context, builder, signature, arguments):
            i, last = arguments[0], builder.sub(arguments[1], _INTEGER(1))
            following = [builder.add(i, _INTEGER(k)) for k in range(size)]
            found = [builder.select(builder.icmp_signed("<", each, last), each, last) for each in following]
            return context.make_tuple(builder, signature.return_type, found)

        return types.UniTuple(types.int64, size)(types.int64, types.int64), generate

    return indices


def _has_avx512() -> bool:
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+avx512f" in features


# How many sums stay in registers: of these AVX-512 has twice as many, each twice as wide, as AVX2.
ROWS = np.int64(8 if _has_avx512() else 4)
clamped2, clamped4, clamped_rows = map(clamped, (2, 4, int(ROWS)))


@intrinsic
def operands_at(typing, operands, first, places):
    """The operands at these places, from the first on."""

    def generate(context, builder, signature, arguments):
        operands, first, places = arguments
        pointers = [builder.gep(operands, [builder.add(first, each)]) for each in unpack_tuple(builder, places)]
        found = [builder.zext(builder.load(pointer), _INTEGER) for pointer in pointers]
        return context.make_tuple(builder, signature.return_type, found)

    return places(operands, types.int64, places), generate


@intrinsic
def load_at(typing, numbers, places, offset):
    """The eight numbers at each place."""

    def generate(context, builder, signature, arguments):
        numbers, places, offset = arguments
        indices = [builder.add(place, offset) for place in unpack_tuple(builder, places)]
        found = [_EIGHT.load(builder, numbers, index) for index in indices]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(_EIGHT, len(places))(numbers, places, types.int64), generate


@intrinsic
def store_at(typing, numbers, places, offset, vectors):
    """Store a vector at each place."""

    def generate(context, builder, signature, arguments):
        numbers, places, offset, stored = arguments
        for place, vector in zip(unpack_tuple(builder, places), unpack_tuple(builder, stored)):
            _EIGHT.store(builder, numbers, builder.add(place, offset), vector)
        return context.get_dummy_value()

    return types.void(numbers, places, types.int64, vectors), generate


@intrinsic
def add_at(typing, numbers, places, offset, vectors, count):
    """Add a vector to the numbers at each of the first so many places."""

    def generate(context, builder, signature, arguments):
        numbers, places, offset, added, count = arguments
        for i, (place, vector) in enumerate(zip(unpack_tuple(builder, places), unpack_tuple(builder, added))):
            with builder.if_then(builder.icmp_signed(">", count, _INTEGER(i))):
                index = builder.add(place, offset)
                _EIGHT.store(builder, numbers, index, builder.fadd(_EIGHT.load(builder, numbers, index), vector))
        return context.get_dummy_value()

    return types.void(numbers, places, types.int64, vectors, types.int64), generate


@intrinsic
def splat_at(typing, numbers, places):
    """The number at each place, in all lanes."""

    def generate(context, builder, signature, arguments):
        numbers, places = arguments
        found = [builder.load(builder.gep(numbers, [place])) for place in unpack_tuple(builder, places)]
        return context.make_tuple(builder, signature.return_type, [_EIGHT.splat(builder, each) for each in found])

    return types.UniTuple(_EIGHT, len(places))(numbers, places), generate


@intrinsic
def zeros(typing, places):
    """For each place 0 in all lanes."""

    def generate(context, builder, signature, arguments):
        return context.make_tuple(builder, signature.return_type, [ir.Constant(_EIGHT.llvm, None)] * len(places))

    return types.UniTuple(_EIGHT, len(places))(places), generate


@intrinsic
def without_first(typing, vectors, count):
    """The vectors with 0 in the first so many lanes."""

    def generate(context, builder, signature, arguments):
        vectors, count = arguments
        counted = _EIGHT.splat(builder, count)
        gone = builder.icmp_signed("<", ir.Constant(counted.type, [*range(_EIGHT.size)]), counted)
        nothing = ir.Constant(_EIGHT.llvm, None)
        left = [builder.select(gone, nothing, each) for each in unpack_tuple(builder, vectors)]
        return context.make_tuple(builder, signature.return_type, left)

    return vectors(vectors, types.int64), generate


@intrinsic
def positive_parts(typing, vectors):
    """What is above 0 or nan in each vector, and 0 in place of all else."""

    def generate(context, builder, signature, arguments):
        found = [_EIGHT.positive_part(builder, each, each) for each in unpack_tuple(builder, arguments[0])]
        return context.make_tuple(builder, signature.return_type, found)

    return vectors(vectors), generate


def _adding_products(flags: tuple[str, ...]) -> Any:
    @intrinsic
    def add_products(typing, totals, numbers, places, offset, xs):
        def generate(context, builder, signature, arguments):
            totals, numbers, places, offset, xs = arguments
            sums = []
            for total, place in zip(unpack_tuple(builder, totals), unpack_tuple(builder, places)):
                number = builder.load(builder.gep(numbers, [builder.add(place, offset)]))
                product = builder.fmul(_EIGHT.splat(builder, number), xs, flags=flags)
                sums.append(builder.fadd(total, product, flags=flags))
            return context.make_tuple(builder, signature.return_type, sums)

        return totals(totals, numbers, places, types.int64, xs), generate

    return add_products


# Each total plus ``xs`` times the number at its place; rounded as two operations, or once where the processor can.
add_products, add_fused_products = _adding_products(()), _adding_products(("contract",))
