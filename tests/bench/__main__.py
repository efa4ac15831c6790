"""Side by side with micrograd and microgpt, in one run: ``python -m tests.bench [--quick]``.

CPU times on one machine mean little; their ratios, taken in the same minute, are what the targets are about.
"""

import argparse
from functools import partial
from platform import python_version
from statistics import median

from micrograd.engine import Value as MicrogradValue

from engine import Value, dot, softmax
from tests.bench import moons
from tests.bench.footprint import bytes_per_node, import_seconds, readme
from tests.bench.microgpt import EagerValue, training
from tests.bench.timing import Race

NUMBERS = {"micrograd": MicrogradValue, "microgpt's Value": EagerValue, "chalkgrad": Value}

TWO_MOONS = {
    "micrograd": moons.micrograd,
    "microgpt's Value in micrograd's nn": partial(moons.micrograd, EagerValue),
    "chalkgrad's Value in micrograd's nn": partial(moons.micrograd, Value),
    "chalkgrad, chopped": moons.chopped,
    "chalkgrad, fused": moons.fused,
}

MICROGPT = {
    "microgpt's Value": partial(training, EagerValue),
    "chalkgrad, plain operators": partial(training, Value),
    "chalkgrad, dot and softmax": partial(training, Value, dot, softmax),
}

LINE = "  {:36}{:>10}{:>10}{:>10}{:>10}   {}"


def show(title: str, race: Race, targets: dict[str, float], unit: str = "ms", per: float = 1e3) -> None:
    """A table of the times of one step, and how many times faster than the first contestant each is."""
    names = list(dict.fromkeys(name for name, _ in race.times))
    print(f"\n{title}\n" + LINE.format("", unit, "faster", f"{unit} no gc", "faster", "target, gc on"))
    for name in names:
        cells = []
        for collecting in (True, False):
            speed = race.speed(name, names[0], collecting)
            cells += [f"{race.seconds(name, collecting) * per:.1f}", f"{speed:.2f}x"]
        print(LINE.format(name, *cells, verdict(race.speed(name, names[0]), targets.get(name))))


def verdict(speed: float, target: float | None) -> str:
    """Whether a ratio reaches its target."""
    return "" if target is None else f">= {target:g}x: {'met' if speed >= target else 'MISSED'}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of each, to see that it runs")
    rounds = 1 if parser.parse_args().quick else 7
    print(
        f"Python {python_version()}, CPU time, median of {rounds} interleaved rounds of two steps, after one to warm up"
    )

    race = Race(TWO_MOONS, rounds)
    show("Two moons, 100 examples, MLP 2-16-16-1: one step", race, {"chalkgrad, chopped": 6, "chalkgrad, fused": 50})

    race = Race(MICROGPT, rounds)
    targets = {"chalkgrad, plain operators": 1, "chalkgrad, dot and softmax": 3}
    show("microgpt, 4,192 parameters, 9 predictions: one step of Adam", race, targets)

    race = Race({name: readme(number) for name, number in NUMBERS.items()}, rounds)
    show("The expression of micrograd's README, forward and backward", race, {}, "us", 1e6 / 200)

    print("\nBytes per node, after backward")
    sizes = {name: bytes_per_node(number) for name, number in NUMBERS.items()}
    for name, size in sizes.items():
        share = size / sizes["micrograd"]
        target = f"<= 40%: {'met' if share <= 0.4 else 'MISSED'}" if name == "chalkgrad" else ""
        print(LINE.format(name, f"{size:.0f}", f"{share:.0%}", "", "", target))

    print("\nImport, ms of CPU time")
    for names in ("micrograd.nn", "engine", "engine, nn"):
        print(LINE.format(names, f"{median(import_seconds(names) for _ in range(rounds)) * 1e3:.1f}", "", "", "", ""))


if __name__ == "__main__":
    main()
