"""A whole training step as one call of machine code: a loss and its gradient, and the update of all parameters."""

from functools import cache
from typing import Any

import numpy as np

from engine.compiler.api import Compiled
from engine.compiler.buffers import Part, lending
from engine.compiler.runtime import (
    ALL,
    COUNT,
    FIRST,
    GRADIENTS,
    PLACES,
    SEED,
    SIZE,
    TOTAL,
    Single,
    driven,
    enter,
    entry,
    floats,
    integers,
)  # fmt: skip

# What a step is told: the driver and the job of the loss, and what the driver gives if all is finite; the machine code
# and the job of the update; where the gradients of a loan are; the first place of the parameters, and their count.
DRIVER, JOB, FINE, UPDATE, UPDATE_JOB, GRADIENT, BEGIN, PARAMETERS = range(8)


def _step(address):
    """Find the gradient; if all is finite, put it in the place of that of the parameters, and change them."""
    told = integers(address)
    if driven(told[DRIVER], told[JOB]) != told[FINE]:
        return 0
    job, count = integers(told[JOB]), told[PARAMETERS]
    found = floats(job[GRADIENTS], job[SIZE])
    gradient = floats(told[GRADIENT], 1 << 40)
    gradient[told[BEGIN] : told[BEGIN] + count] = 0.0
    places = integers(job[PLACES])
    for i in range(job[COUNT]):
        gradient[places[i]] += found[job[FIRST] + i]
    driven(told[UPDATE], told[UPDATE_JOB])
    return 1


def training_step(part: Part, loss: Compiled, how: str, args: tuple[Any, ...], rule: Any, whose: Any) -> float | None:
    """One step, and the loss before it; None if there is more to do, and nothing was done.

    Args:
        part: the parameters to change.
        loss: what is to become smaller.
        how: ``"call"``, ``"mean"`` or ``"sum"``.
        args: the arguments of that.
        rule: called as ``rule(whose, data, grad)``; gives the update, told all it needs, or None.
        whose: the optimizer.
    """
    loan = part.loan
    found = loss.gradient_job(how, args) if loan is not None and part.views is not None else None
    if found is None:
        return None
    program, job, parameters = found
    with lending:
        still = part.loan is loan and parameters.loan is loan and job.is_lent()
        update = rule(whose, *part.views) if still else None
        if update is None or loan is None or not loan.lent:
            program.put_back(job)
            return None
        told, address = _step_told()
        told[DRIVER], told[JOB], told[FINE] = program.address, job.address, ALL if isinstance(program, Single) else -1
        told[UPDATE], told[UPDATE_JOB] = update.address, update.job
        _, told[GRADIENT], told[BEGIN], told[PARAMETERS] = part.where
        done = enter(entry(_step).address, address)
        if done:
            part.changed(loan)
            if loan.unreached:
                loan.unreached.difference_update(part.values, parameters.values)
    number = program.results(job)[0] if isinstance(program, Single) else job.floats[TOTAL] * job.floats[SEED]
    program.put_back(job)
    return number if done else None


@cache
def _step_told() -> tuple[Any, int]:
    """What the steps of this process are told, one at a time, and where it is."""
    told = np.zeros(PARAMETERS + 1, np.int64)
    return told.data, told.ctypes.data
