"""Side by side with the peers, in one run: ``python -m tests.bench``.

Times on one machine mean little; their ratios, taken in the same minute, are what the targets are about. A peer that is
not installed is left out; ``make peers`` installs JAX and PyTorch.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from micrograd.engine import Value as MicrogradValue

from engine import Value, dot, softmax
from tests.bench import moons, nets, one_thread  # noqa: F401 - before the peers
from tests.bench.expression import REPEATS, readme
from tests.bench.footprint import bytes_per_node, import_seconds
from tests.bench.microgpt import EagerValue, training
from tests.bench.report import Claim, Report, Table, machine, of_race, versions
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

README = {name: readme(number) for name, number in NUMBERS.items()}

PEERS = {"NumPy": "by_numpy", "PyTorch": "by_torch", "JAX": "by_jax", "C": "by_c", "chalkgrad compiled": "by_compile"}

# Who is to be how many times as fast as whom.
TARGETS = [
    ("chalkgrad, chopped", "micrograd", 14),
    ("chalkgrad, fused", "micrograd", 55),
    ("chalkgrad compiled, in lanes", "micrograd", 8000),
    ("chalkgrad compiled, in lanes", "NumPy", 1),
    ("chalkgrad compiled, minimize", "NumPy, preallocated", 1.5),
    ("chalkgrad compiled, in lanes", "PyTorch, eager", 1),
    ("chalkgrad compiled, minimize", "JAX, jit", 1.8),
    ("chalkgrad compiled, minimize", "C, per example", 0.85),
    ("chalkgrad compiled, minimize", "C, batched", 0.3),
    ("chalkgrad compiled, one graph", "micrograd", 1500),
    ("chalkgrad compiled, one graph, minimize", "PyTorch, eager", 1),
]
MICROGPT_TARGETS = [
    ("chalkgrad, plain operators", "microgpt's Value", 1),
    ("chalkgrad, dot and softmax", "microgpt's Value", 3),
    ("chalkgrad compiled", "microgpt's Value", 300),
    ("chalkgrad compiled, minimize", "JAX, jit", 1.3),
]
README_TARGETS = [
    ("chalkgrad", "microgpt's Value", 1.2),
    ("chalkgrad compiled", "micrograd", 10),
    ("chalkgrad compiled", "JAX, jit, of floats", 2.5),
    ("chalkgrad compiled", "JAX, jit", 2.5),
]


SMALL_TARGETS = [("chalkgrad compiled, minimize", peer, 1) for peer in ("PyTorch, eager", "JAX, jit")]
LARGE_TARGETS = [*SMALL_TARGETS, ("chalkgrad compiled, minimize", "NumPy, preallocated", 0.8)]


class Bench:
    """The tables, each measured when it is asked for.

    Args:
        quick: one round of short turns, to see that it runs.
        large: go on to graphs of ten million instructions.
    """

    def __init__(self, quick: bool, large: bool) -> None:
        self.quick, self.large = quick, large
        self.rounds = 1 if quick else 7
        self.peers, self.left_out = peers()

    def moons(self) -> Table:
        title = "Two moons, 100 examples, MLP 2-16-16-1: one step of SGD on all"
        return of_race(title, self._race(TWO_MOONS, "MOONS"), TARGETS)

    def microgpt(self) -> Table:
        title = "microgpt, 4,192 parameters, 9 predictions: one step of Adam"
        return of_race(title, self._race(MICROGPT, "MICROGPT"), MICROGPT_TARGETS)

    def readme(self) -> Table:
        title = "The expression of micrograd's README, forward and backward"
        return of_race(title, self._race(README, "README"), README_TARGETS, REPEATS)

    def sizes(self) -> Table | None:
        if "chalkgrad compiled" not in self.peers:
            return None
        tables = []
        for net in nets.SMALL[:1] if self.quick else [*nets.SMALL, nets.CONV, *nets.LARGE]:
            contestants: dict[str, Callable[[], Any]] = {}
            for peer in self.peers.values():
                contestants |= {name: partial(start, net) for name, start in getattr(peer, "NETS", {}).items()}
            warm = (1, 3) if self.quick else (2, 17)
            race = Race(contestants, self.rounds, steps=1, seconds=1e-3, collector=(True,), warm=warm)
            table = of_race("", race, LARGE_TARGETS if net in nets.LARGE else SMALL_TARGETS)
            for row in table.rows:
                row["rate"] = net.operations / row["seconds"] / 1e9
                row["name"] = f"{net}: {row['name']}"
            for claim in table.claims:
                claim.text = f"{net}: {claim.text}"
            tables.append(table)
        title = "Networks of several sizes: one step of SGD on the cross-entropy of a mini-batch"
        return Table(title, [row for each in tables for row in each.rows], [c for each in tables for c in each.claims])

    def scaling(self) -> Table | None:
        if "chalkgrad compiled" not in self.peers:
            return None
        from tests.bench.scaling import instructions

        powers = range(3, 5 if self.quick else 8 if self.large else 7)
        rows = instructions([10**power for power in powers], self.rounds)
        bytes_of_tape = rows[-1]["bytes_of_tape"]
        claim = Claim("an instruction takes {} bytes on the tape", bytes_of_tape, 64, at_most=True)
        return Table("Compiled graphs, forward and backward: one instruction", rows, [claim])

    def memory(self) -> Table:
        nodes = 10_000 if self.quick else 100_000
        sizes = {name: bytes_per_node(number, nodes) for name, number in NUMBERS.items()}
        rows = [{"name": name, "bytes": size, "share": size / sizes["micrograd"]} for name, size in sizes.items()]
        claim = Claim("chalkgrad takes {} of micrograd's memory", rows[-1]["share"], 0.4, at_most=True)
        return Table("A node, after backward", rows, [claim])

    def imports(self) -> Table:
        rows = [
            {"name": names, "seconds": median(import_seconds(names) for _ in range(self.rounds))}
            for names in ("micrograd.nn", "engine", "engine, nn")
        ]
        return Table("Import", rows)

    def _race(self, contestants: dict[str, Callable[[], Any]], table: str) -> Race:
        for peer in self.peers.values():
            contestants = contestants | getattr(peer, table, {})
        if self.quick:
            return Race(contestants, self.rounds, steps=1, seconds=1e-3, collector=(True,), warm=(1, 3))
        return Race(contestants, self.rounds)


RESULTS = Path("build") / "bench.json"
TABLES = "moons", "microgpt", "readme", "sizes", "scaling", "memory", "imports"


def peers() -> tuple[dict[str, ModuleType], list[str]]:
    """Those that can be measured here, and which can't, and why."""
    found, left_out = {}, []
    for name, module in PEERS.items():
        try:
            found[name] = import_module(f"tests.bench.{module}")
        except ImportError as error:
            if (error.name or "").partition(".")[0] in ("engine", "nn", "tests"):
                raise
            reason = f"{error.name} is not installed" if isinstance(error, ModuleNotFoundError) else error
            left_out.append(f"{name}: left out, {reason}.")
    return found, left_out


def measured(bench: Bench, names: list[str]) -> Iterator[Table]:
    """The tables of these names, one after the other."""
    for name in names:
        table = getattr(bench, name)()
        if table is not None:
            table.name = name
            yield table


def main() -> None:
    """Measure and print; or print what was measured earlier."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)}; all, if none is named")
    parser.add_argument("--quick", action="store_true", help="one short round of each, to see that it runs")
    parser.add_argument("--large", action="store_true", help="graphs of up to ten million instructions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the numbers go (build/bench.json)")
    parser.add_argument("--markdown", action="store_true", help="measure nothing, print that file for the README")
    options = parser.parse_args()
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"no table is called {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    if options.markdown:
        print(Report.load(options.json or RESULTS).markdown())
        return

    bench = Bench(options.quick, options.large)
    report = Report(machine(), versions(bench.peers.values()), bench.rounds, bench.left_out)
    print(report)
    for table in measured(bench, options.tables or list(TABLES)):
        print(table, flush=True)
        report.tables.append(table)
    if options.json or not options.quick:
        report.save(options.json or RESULTS)


if __name__ == "__main__":
    main()
