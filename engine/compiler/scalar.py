"""The order in which the instructions of a tape are run: level by level, like beside like.

An instruction's level is one more than the highest of its operands, so that no two of a level depend on each other.
Those of the same level and operation become one run, which costs one call, and their results stand side by side.
"""

from typing import Any

import numba
import numpy as np

from engine.compiler.codegen import INNER, OPTIONS, kept
from engine.compiler.nary_kernels import LOOPS
from engine.compiler.tape import Tape
from engine.rules import dot


def scheduled(tape: Tape) -> tuple[Any, Any, Any]:
    """The program as `replay` runs it, where each run begins, and the place of every slot."""
    program, starts = np.frombuffer(tape.program, np.uint32), np.frombuffer(tape.starts, np.uint32)
    groups = np.array([isinstance(what, str) for what, _ in tape.operations], np.bool_)
    alone = np.array([what in LOOPS for what, _ in tape.operations], np.bool_)
    dots = np.array([what is dot for what, _ in tape.operations], np.bool_)
    levels = _levels(program, starts, groups, tape.size)
    order = np.lexsort((program[starts], levels))
    integers, begins, place = _written(program, starts, groups, alone, dots, levels, order, tape.leaves, tape.size)
    return integers, begins, place


@kept(numba.njit, **OPTIONS)
def _levels(program, starts, groups, size):
    """The level of every instruction."""
    level_of, levels = np.zeros(size, np.int64), np.empty(len(starts), np.int64)
    for i in range(len(starts)):
        at, level = np.int64(starts[i]), np.int64(0)
        count = np.int64(program[at + 1])
        first = at + 3
        last = first + np.int64(program[at + 2]) if groups[program[at]] else at + 2 + count
        for k in range(first, last):
            level = max(level, level_of[program[k]])
        levels[i] = level + 1
        if groups[program[at]]:
            for k in range(last + 1, at + 2 + count, 2):
                level_of[program[k]] = level + 1
        else:
            level_of[program[at + 2]] = level + 1
    return levels


@kept(numba.njit, **OPTIONS)
def _written(program, starts, groups, alone, dots, levels, order, leaves, size):
    """The instructions in another order, with the places that results get in that order.

    A dot whose weights, and whose inputs, stand in a row is told by where the rows begin; its code is the one after all
    others.
    """
    place = np.empty(size, np.uint32)
    for slot in range(leaves):
        place[slot] = slot
    written, begins = np.empty(len(program) + len(starts), np.uint32), np.empty(len(starts), np.uint32)
    runs, free, n = 0, leaves, np.int64(0)
    code: Any = 0
    count: Any = 0
    end: Any = 0
    before: Any = -1
    latest: Any = 0
    for i in order:
        at = np.int64(starts[i])
        code, count = np.int64(program[at]), np.int64(program[at + 1])
        n = (count - 1) // 2
        rows = dots[code] and _in_a_row(program, place, at + 3, n) and _in_a_row(program, place, at + 3 + n, n)
        if rows:
            code, count = len(groups), 4 + (count - 1) % 2
        head = np.int64(begins[runs - 1])
        if code == before and count == written[head + 2] and (rows or not alone[code]) and levels[i] == latest:
            written[head + 1] += 1
        else:
            begins[runs] = end
            written[end], written[end + 1], written[end + 2] = code, 1, count
            end, runs = end + 3, runs + 1
        before = code
        latest = levels[i]
        if rows:
            place[program[at + 2]] = free
            written[end], written[end + 1] = free, n
            written[end + 2], written[end + 3] = place[program[at + 3]], place[program[at + 3 + n]]
            if count == 5:
                written[end + 4] = place[program[at + 3 + 2 * n]]
            free += 1
        elif groups[code]:
            n = np.int64(program[at + 2])
            written[end] = n
            for k in range(n):
                written[end + 1 + k] = place[program[at + 3 + k]]
            for k in range(n + 1, count, 2):
                place[program[at + 3 + k]] = free
                written[end + k], written[end + k + 1] = program[at + 2 + k], free
                free += 1
        else:
            place[program[at + 2]] = free
            written[end] = free
            free += 1
            for k in range(1, count):
                written[end + k] = place[program[at + 2 + k]]
        end += count
    return written[:end].copy(), begins[:runs].copy(), place


@numba.njit(**INNER)
def _in_a_row(program, place, first, n):
    """Whether these operands stand one beside the other."""
    begin = np.int64(place[program[first]])
    for k in range(1, n):
        if np.int64(place[program[first + k]]) != begin + k:
            return False
    return n > 1
