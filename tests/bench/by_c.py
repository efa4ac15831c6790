"""The training step on two moons in C, compiled when this is imported: what the machine can do."""

import shutil
import subprocess
from ctypes import CDLL, c_double
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.moons import ALPHA, RATE, SIZES, first_weights, two_moons
from tests.bench.timing import Step

COMPILER = shutil.which("gcc") or shutil.which("cc")
if COMPILER is None:
    raise ImportError("no gcc and no cc are installed")

PLAIN = "-O3", "-march=native"
VECTORISED = *PLAIN, "-ffast-math"


def compiled(flags: tuple[str, ...]) -> CDLL:
    """The library that moons.c is compiled to.

    Raises:
        ImportError: if the compiler does not do it.
    """
    points, _ = two_moons()
    inputs, (hidden, _, _) = SIZES
    sizes = {"EXAMPLES": len(points), "INPUTS": inputs, "HIDDEN": hidden, "ALPHA": ALPHA, "RATE": RATE}
    macros = [f"-D{name}={number}" for name, number in sizes.items()]
    source = Path(__file__).with_name("moons.c")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps a loaded library
        path = Path(folder) / "moons.so"
        command = [COMPILER, *flags, *macros, "-shared", "-fPIC", "-o", str(path), str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ImportError(f"{' '.join(command)} failed: {done.stderr.strip()[:200]}")
        library = CDLL(str(path))
    library.per_example.restype = library.batched.restype = c_double
    return library


def per_example() -> Step:
    """A plain loop over the examples."""
    return _started(_plain).per_example


def batched() -> Step:
    """Loops over the examples innermost, so that the compiler makes vector instructions of them."""
    return _started(_vectorised).batched


def _started(library: CDLL) -> CDLL:
    points, moons = two_moons()
    numbers = first_weights(), list(chain.from_iterable(points)), moons
    library.start(*((c_double * len(each))(*each) for each in numbers))
    return library


_plain, _vectorised = map(compiled, (PLAIN, VECTORISED))

VERSIONS = {"C by": subprocess.run([COMPILER, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]}
MOONS = {"C, per example": per_example, "C, batched": batched}
