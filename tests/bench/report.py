"""What was measured: as text, as Markdown for the README, and as JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.timing import Race


@dataclass
class Claim:
    """A number that is to reach a target.

    Attributes:
        text: what the number means, with {} where it belongs.
        measured: the number.
        target: what it is to be at least, or at most.
        at_most: which of the two.
        no_gc: the number with the garbage collector off.
    """

    text: str
    measured: float
    target: float
    at_most: bool = False
    no_gc: float | None = None

    @property
    def met(self) -> bool:
        return self.measured <= self.target if self.at_most else self.measured >= self.target

    def __str__(self) -> str:
        aside = "" if self.no_gc is None else f" ({short(self.no_gc)} with no gc)"
        bound = "at most" if self.at_most else "at least"
        verdict = "met" if self.met else "MISSED"
        return f"{self.text.format(short(self.measured))}{aside}; target {bound} {short(self.target)}: {verdict}"


@dataclass
class Table:
    """Measurements of the same kind.

    Attributes:
        title: what was measured.
        rows: for each, its name and its numbers, under keys of `COLUMNS`; the first row has them all.
        claims: what the numbers are to reach.
        name: what it is called on the command line.
    """

    title: str
    rows: list[dict[str, Any]]
    claims: list[Claim] = field(default_factory=list)
    name: str = ""

    def __str__(self) -> str:
        head, *rows = self._cells()
        width = max(38, *(len(name) + 2 for name, *_ in rows))
        line = f"  {{:{width}}}" + "{:>12}" * (len(head) - 1)
        return "\n".join(["", self.title, line.format(*head), *(line.format(*row) for row in rows), *self._notes("  ")])

    def markdown(self) -> str:
        """The same for the README."""
        head, *rows = self._cells()
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
        table = ["| " + " | ".join(cells) + " |" for cells in lines]
        return "\n".join(["", f"**{self.title}**", "", *table, "", *self._notes("- ")])

    def _cells(self) -> list[list[str]]:
        keys = [key for key in self.rows[0] if key in COLUMNS]
        body = [[row["name"], *(COLUMNS[key][1](row[key]) if key in row else "" for key in keys)] for row in self.rows]
        return [["", *(COLUMNS[key][0] for key in keys)], *body]

    def _notes(self, mark: str) -> list[str]:
        return [f"{mark}{claim}" for claim in self.claims]


def of_race(title: str, race: Race, targets: Iterable[tuple[str, str, float]], repeats: int = 1) -> Table:
    """The times of one step, and how many times as fast as the first contestant each is.

    Args:
        title: what a step does.
        race: who did it.
        targets: (a, b, how many times as fast as b a is to be); those of absent contestants are left out.
        repeats: how many times it is done in each step.
    """
    rows: list[dict[str, Any]] = []
    for name in race.names:
        row: dict[str, Any] = {"name": name}
        for collecting in race.collector:
            suffix = "" if collecting else "_no_gc"
            row["seconds" + suffix] = race.seconds(name, collecting) / repeats
            row["speed" + suffix] = race.speed(name, race.names[0], collecting)
        rows.append(row)
    claims = []
    for who, than, target in targets:
        if {who, than} <= set(race.names):
            no_gc = race.speed(who, than, False) if False in race.collector else None
            claims.append(Claim(f"{who} is {{}} times as fast as {than}", race.speed(who, than), target, no_gc=no_gc))
    return Table(title, rows, claims)


@dataclass
class Report:
    """All tables, and on what they were measured."""

    machine: str
    versions: dict[str, str]
    rounds: int
    left_out: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"On {self.machine}, with {self._versions()}.", self._how(), *self.left_out]
        return "\n".join(lines)

    def markdown(self) -> str:
        """The same and all tables, for the README."""
        return "\n".join([str(self).replace("\n", " "), *(table.markdown() for table in self.tables)])

    def save(self, path: Path) -> None:
        """Write it as JSON, each claim also in words."""
        content = asdict(self)
        for table, plain in zip(self.tables, content["tables"]):
            for claim, numbers in zip(table.claims, plain["claims"]):
                numbers |= {"met": claim.met, "words": str(claim)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Report":
        """What was saved."""
        content = json.loads(path.read_text(encoding="utf-8"))
        names = [each.name for each in fields(Claim)]
        for table in content["tables"]:
            table["claims"] = [Claim(*(claim[name] for name in names)) for claim in table["claims"]]
        return cls(**content | {"tables": [Table(**table) for table in content["tables"]]})

    def _versions(self) -> str:
        return ", ".join(f"{name} {number}" for name, number in self.versions.items())

    def _how(self) -> str:
        return f"CPU time, median of {self.rounds} interleaved rounds; ratios are taken within a round."


def machine() -> str:
    """The processor, how many cores there are, and the system."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return platform.processor() or platform.machine()


def versions(peers: Iterable[Any]) -> dict[str, str]:
    """Of Python, and of what the peers' modules name."""
    found = {"Python": platform.python_version(), "micrograd": version("micrograd")}
    for peer in peers:
        found |= peer.VERSIONS
    return found


def short(x: float) -> str:
    """Three digits that mean something: 1,230 and 12.3 and 0.123."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def duration(seconds: float) -> str:
    """In the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{short(seconds / size)} {unit}"
    return f"{short(seconds / 1e-9)} ns"


def times(ratio: float) -> str:
    """As a factor."""
    return f"{short(ratio)}x"


COLUMNS = {
    "seconds": ("time", duration),
    "speed": ("as fast", times),
    "seconds_no_gc": ("no gc", duration),
    "speed_no_gc": ("as fast", times),
    "rate": ("GFLOP/s", short),
    "bytes": ("bytes", short),
    "share": ("share", "{:.0%}".format),
    "seconds_per_instruction": ("instruction", duration),
    "bytes_of_tape": ("tape, bytes", short),
    "bytes_of_all": ("and arrays", short),
}
