"""A fair race on a machine whose speed drifts: everybody runs in every round, and ratios are taken within a round."""

import gc
from collections.abc import Callable
from math import isclose
from statistics import median
from time import process_time

Step = Callable[[], float]  # one training step; it returns the loss before its update


class Race:
    """The CPU times of several contestants that do the same work.

    Args:
        contestants: for each name, a function that makes a fresh start and returns the step to be timed.
        rounds: how many turns each gets, with the garbage collector on, and as many with it off.
        steps: how many steps in a row make a turn, after one that is not timed: in a training loop no step but the
            first finds the memory empty of the garbage of the one before.

    Raises:
        AssertionError: if the losses of two contestants differ by more than 1e-9 of themselves at any step.
    """

    def __init__(self, contestants: dict[str, Callable[[], Step]], rounds: int, steps: int = 2) -> None:
        self.times: dict[tuple[str, bool], list[float]] = {}
        losses: dict[str, list[float]] = {}
        for _ in range(rounds):
            for collecting in (True, False):
                for name, start in contestants.items():
                    seconds, losses[name] = _turn(start(), steps, collecting)
                    self.times.setdefault((name, collecting), []).append(seconds)
        first = next(iter(losses))
        for name in losses:
            agree = all(map(lambda a, b: isclose(a, b, rel_tol=1e-9), losses[first], losses[name]))
            assert agree, f"{name} has the losses {losses[name]}, {first} has {losses[first]}"

    def seconds(self, name: str, collecting: bool = True) -> float:
        """The median time of one step."""
        return median(self.times[name, collecting])

    def speed(self, name: str, reference: str, collecting: bool = True) -> float:
        """How many times faster than the reference, the median over the rounds."""
        pairs = zip(self.times[reference, collecting], self.times[name, collecting])
        return median(slow / fast for slow, fast in pairs)


def _turn(step: Step, steps: int, collecting: bool) -> tuple[float, list[float]]:
    gc.collect()  # nobody pays for the garbage of the one before
    if not collecting:
        gc.disable()
    try:
        losses = [step()]
        start = process_time()
        losses += [step() for _ in range(steps)]
        return (process_time() - start) / steps, losses
    finally:
        gc.enable()
