"""A fair race on a machine whose speed drifts: everybody runs in every round, and ratios are taken within a round."""

import gc
from collections.abc import Callable
from math import isclose
from statistics import median
from time import process_time
from typing import Any

Step = Callable[[], Any]  # one training step; it returns the loss before its update, as something that float() takes

WARM = 2  # steps before the clock starts: at the first there is no garbage yet, at the second `compile` checks its tape
WARM_COMPILED = 129  # the same of a compiled function, whose calls 2, 3, 5, 9, ..., 129 are compared with plain Python
CHECKED = 10  # steps whose losses must agree: far on, roundings decide on which side of a kink one stands


class Race:
    """The CPU times of several contestants that do the same work.

    Args:
        contestants: for each name, a function that makes a fresh start and returns the step to be timed.
        rounds: how many turns each gets.
        steps: how many steps make a turn, at least.
        seconds: how long a turn lasts, at least.
        collector: whether the garbage collector is on; each of these gets as many turns.
        warm: how many steps before the clock starts, and how many of what is compiled.

    Raises:
        AssertionError: if the losses of two contestants differ by more than 1e-9 of themselves at any of the first
            steps.
    """

    def __init__(
        self,
        contestants: dict[str, Callable[[], Step]],
        rounds: int,
        steps: int = 2,
        seconds: float = 0.01,
        collector: tuple[bool, ...] = (True, False),
        warm: tuple[int, int] = (WARM, WARM_COMPILED),
    ) -> None:
        self.names, self.collector = list(contestants), collector
        self.times: dict[tuple[str, bool], list[float]] = {}
        losses: dict[str, list[float]] = {}
        for _ in range(rounds):
            for collecting in collector:
                for name, start in contestants.items():
                    time, losses[name] = turn(start(), steps, seconds, collecting, warm["compiled" in name])
                    self.times.setdefault((name, collecting), []).append(time)
        longest = max(losses, key=lambda name: len(losses[name]))
        for name in losses:
            agree = all(map(lambda a, b: isclose(a, b, rel_tol=1e-9), losses[longest], losses[name]))
            assert agree, f"{name} has the losses {losses[name]}, {longest} has {losses[longest]}"

    def seconds(self, name: str, collecting: bool = True) -> float:
        """The median time of one step."""
        return median(self.times[name, collecting])

    def speed(self, name: str, reference: str, collecting: bool = True) -> float:
        """How many times as fast as the reference, the median over the rounds."""
        pairs = zip(self.times[reference, collecting], self.times[name, collecting])
        return median(slow / fast for slow, fast in pairs)


def turn(
    step: Step, steps: int = 2, seconds: float = 0.01, collecting: bool = True, warm: int = WARM
) -> tuple[float, list[float]]:
    """The time of one step of several in a row, and the losses of the first steps.

    Whoever is done too soon goes on with twice as many steps, and the last ones count: the quick are a hundred thousand
    times as fast as the slow, and a few of their steps would be too short to be timed. Of a compiled function it is the
    median of five times, since a comparison with plain Python may fall into one of them.
    """
    gc.collect()  # nobody pays for the garbage of the one before
    gc.freeze()  # nor for the packages of the peers, that the collector would look through again and again
    if not collecting:
        gc.disable()
    try:
        losses = [step() for _ in range(warm)]

        def batch() -> float:
            start = process_time()
            losses.extend([step() for _ in range(steps)])
            return process_time() - start

        while (time := batch()) < seconds:
            steps *= 2
        times = [time, *(batch() for _ in range(4 * (warm > WARM)))]  # into one of them a comparison may fall
        return median(times) / steps, [float(loss) for loss in losses[:CHECKED]]
    finally:
        gc.enable()
        gc.unfreeze()
