"""Who turns a picture into a file: the system's `dot`, else the `graphviz-pure` of this Python environment.

They draw everything where `layout` has placed it, so that pictures do not depend on who draws them. Neither is needed
for SVG, which `layout` writes itself. Nothing is downloaded, and PATH is left as it is.
"""

import math
import os
import shutil
import signal
import subprocess
import sysconfig
import warnings

TIME_LIMIT = 30.0  # seconds of the processor: dot takes 0.1 s for 300 boxes, and minutes for a few thousand
BY_THE_CLOCK = 10  # how many times as long an engine may take where the processor's time can't be limited: on Windows

REMEDY = (
    "install one with `pip install graphviz-pure` (svg, png), or Graphviz itself from https://graphviz.org/download"
)


def engines() -> list[list[str]]:
    """The commands that can draw here, best first."""
    scripts = sysconfig.get_path("scripts")  # a notebook's kernel often runs without it on PATH
    found = [shutil.which("dot"), shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=scripts)]
    return [[command] for command in found if command]


def draw(source: str, format: str, layout: str | None = "dot", time_limit: float = TIME_LIMIT) -> bytes | None:
    """A picture in Graphviz's language as a file's bytes; None if no engine here could draw it.

    Everything stands where the source says, if `layout` is None, and otherwise where that layout of Graphviz puts it.
    A source in which a node has no place, because a user has added it, is laid out by ``dot``.

    An engine that fails, or takes more than `time_limit` seconds, is passed over with a warning. They are whole
    seconds of processor time: how busy a machine is does not decide who draws, and so how a picture looks.
    """
    how = ["-Kneato", "-n2"] if layout is None else [f"-K{layout}"]
    seconds = max(1, math.ceil(time_limit))
    for command in engines():
        arguments = [*command, *how, f"-T{format}"]
        try:
            if os.name == "posix":
                limited = f'ulimit -S -t {seconds} 2>/dev/null; exec "$@"'
                return _drawn(["/bin/sh", "-c", limited, "sh", *arguments], source)
            return _drawn(arguments, source, BY_THE_CLOCK * seconds)
        except subprocess.TimeoutExpired as error:
            reason = f"took longer than {error.timeout:g} s"
        except subprocess.CalledProcessError as error:
            if layout is None and b"has no position" in error.stderr:
                return draw(source, format, "dot", time_limit)
            if os.name == "posix" and error.returncode == -signal.SIGXCPU:
                reason = f"took more than {seconds} s of the processor's time"
            else:
                reason = error.stderr.decode(errors="replace").strip() or f"ended with status {error.returncode}"
        except OSError as error:  # not to be run here: in a browser there are no processes
            reason = str(error)
        warnings.warn(f"{os.path.basename(command[0])} could not draw {format}: {reason}", RuntimeWarning, stacklevel=3)
    return None


def _drawn(command: list[str], source: str, timeout: float | None = None) -> bytes:
    return subprocess.run(command, input=source.encode(), capture_output=True, timeout=timeout, check=True).stdout
