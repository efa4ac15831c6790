"""Random programs, for tests that hold two ways to run the same against each other."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Step = tuple[Callable[..., Any], int]  # and of how many numbers


@st.composite
def programs(draw: st.DrawFn, steps: Sequence[Step], most: int = 10, inputs: int = 2) -> Callable[..., Any]:
    """A function of a few numbers. Every step may use every number before it, so that sub-expressions are shared."""
    plan = []
    for known in range(inputs, inputs + draw(st.integers(1, most))):
        step, operands = draw(st.sampled_from(steps))
        plan.append((step, [draw(st.integers(0, known - 1)) for _ in range(operands)]))

    def program(*numbers: Any) -> Any:
        known = list(numbers)
        for step, places in plan:
            known.append(step(*[known[place] for place in places]))
        return known[-1] + known[-1] * known[len(known) // 2]

    return program
