"""SIMD vectors of floats for numba, and operations on them: for the loops in which most of the time is spent.

LLVM vectorizes loops by itself, but then each begins with a test whether the rows overlap, and every row is loaded and
stored once for every weight. Written out with vectors, a sum stays in a register until it is done.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model


class Vector(types.Type):  # type: ignore[misc]
    """This many floats in one SIMD register, as a numba type; its methods write instructions for LLVM."""

    def __init__(self, size: int) -> None:
        super().__init__(f"Vector({size})")
        self.size = size
        self.llvm = ir.VectorType(ir.DoubleType(), size)

    def load(self, builder: Any, numbers: Any, index: Any) -> Any:
        """The numbers from an index on."""
        loaded = builder.load(self._pointer(builder, numbers, index))
        loaded.align = 8
        return loaded

    def store(self, builder: Any, numbers: Any, index: Any, vector: Any) -> None:
        """Store a vector among numbers, from an index on."""
        builder.store(vector, self._pointer(builder, numbers, index)).align = 8

    def _pointer(self, builder: Any, numbers: Any, index: Any) -> Any:
        return builder.bitcast(builder.gep(numbers, [index]), self.llvm.as_pointer())

    def splat(self, builder: Any, number: Any) -> Any:
        """A vector of the same number in all places."""
        undefined = ir.Constant(ir.VectorType(number.type, self.size), ir.Undefined)
        one = builder.insert_element(undefined, number, ir.IntType(32)(0))
        return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), self.size), None))

    def positive_part(self, builder: Any, xs: Any, ys: Any) -> Any:
        """``xs`` where ``ys`` are above 0 or nan, and 0 elsewhere."""
        zeros = ir.Constant(self.llvm, None)
        return builder.select(builder.fcmp_unordered(">", ys, zeros), xs, zeros)


@register_model(Vector)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, kind.llvm)


def vector(size: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``load(numbers, index)``, so many of them from there on, and ``splat(number)``, the same one so many times."""
    kind = Vector(size)

    @intrinsic
    def load(typing, numbers, index):
        def generate(context, builder, signature, arguments):
            return kind.load(builder, *arguments)

        return kind(numbers, types.int64), generate

    @intrinsic
    def splat(typing, number):
        return kind(types.float64), lambda context, builder, signature, given: kind.splat(builder, given[0])

    return load, splat


load4, splat4 = vector(4)
load8, splat8 = vector(8)


@intrinsic
def store(typing, numbers, index, vector):
    """Store a vector among numbers, from an index on."""

    def generate(context, builder, signature, arguments):
        vector.store(builder, *arguments)
        return context.get_dummy_value()

    return types.void(numbers, types.int64, vector), generate


@intrinsic
def keep_positive(typing, xs, ys):
    """``xs`` where ``ys`` are above 0 or nan, and 0 elsewhere."""

    return xs(xs, ys), lambda context, builder, signature, arguments: xs.positive_part(builder, *arguments)


@intrinsic
def multiply_add(typing, total, number, numbers):
    """``total + number * numbers``, rounded as two operations."""

    def generate(context, builder, signature, arguments):
        total, number, numbers_ = arguments
        return builder.fadd(total, builder.fmul(numbers.splat(builder, number), numbers_))

    return numbers(numbers, types.float64, numbers), generate


@intrinsic
def fused_multiply_add(typing, total, xs, ys):
    """``total + xs * ys``, rounded once where the processor can."""

    def generate(context, builder, signature, arguments):
        total, xs, ys = arguments
        return builder.fadd(total, builder.fmul(xs, ys, flags=("contract",)), flags=("contract",))

    return xs(xs, xs, xs), generate


@intrinsic
def multiply(typing, xs, ys):
    """``xs * ys``."""
    return xs(xs, xs), lambda context, builder, signature, arguments: builder.fmul(*arguments)


@intrinsic
def add(typing, xs, ys):
    """``xs + ys``."""
    return xs(xs, xs), lambda context, builder, signature, arguments: builder.fadd(*arguments)


@intrinsic
def transpose4(typing, a, b, c, d):
    """The columns of a 4 by 4 matrix of which these are the rows."""

    def generate(context, builder, signature, arguments):
        def mixed(xs, ys, *places):
            return builder.shuffle_vector(xs, ys, ir.Constant(ir.VectorType(ir.IntType(32), 4), places))

        a, b, c, d = arguments
        even, odd = (0, 4, 2, 6), (1, 5, 3, 7)
        pairs = [(mixed(a, b, *places), mixed(c, d, *places)) for places in (even, odd)]
        columns = [mixed(x, y, *places) for places in ((0, 1, 4, 5), (2, 3, 6, 7)) for x, y in pairs]
        return context.make_tuple(builder, signature.return_type, columns)

    return types.UniTuple(a, 4)(a, a, a, a), generate


@intrinsic
def pack4(typing, a, b, c, d):
    """A vector of four numbers."""
    kind = Vector(4)

    def generate(context, builder, signature, arguments):
        result = ir.Constant(kind.llvm, ir.Undefined)
        for i, number in enumerate(arguments):
            result = builder.insert_element(result, number, ir.IntType(32)(i))
        return result

    return kind(*[types.float64] * 4), generate


@intrinsic
def joined(typing, xs, ys):
    """One vector of the numbers of two."""
    kind = Vector(2 * xs.size)

    def generate(context, builder, signature, arguments):
        places = ir.Constant(ir.VectorType(ir.IntType(32), kind.size), [*range(kind.size)])
        return builder.shuffle_vector(*arguments, places)

    return kind(xs, xs), generate


@intrinsic
def horizontal_sum(typing, numbers):
    """The sum of the numbers of a vector, in any order."""

    def generate(context, builder, signature, arguments):
        total, n = arguments[0], numbers.size
        while n > 1:
            n //= 2
            halves = [ir.Constant(ir.VectorType(ir.IntType(32), n), [*range(i, i + n)]) for i in (0, n)]
            total = builder.fadd(*[builder.shuffle_vector(total, total, places) for places in halves])
        return builder.extract_element(total, ir.IntType(32)(0))

    return types.float64(numbers), generate
