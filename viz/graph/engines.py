"""Who turns a picture into a file: the system's `dot`, else the `graphviz-pure` of this Python environment.

Neither is needed for SVG: `dot.Drawing` falls back on `layout`. Nothing is downloaded, and PATH is left as it is.
"""

import os
import shutil
import subprocess
import sysconfig
import warnings

TIME_LIMIT = 30.0  # seconds: dot takes 0.1 s for 300 boxes, and minutes for a few thousand

REMEDY = (
    "install one with `pip install graphviz-pure` (svg, png), or Graphviz itself from https://graphviz.org/download"
)


def engines() -> list[list[str]]:
    """The commands that can draw here, best first."""
    scripts = sysconfig.get_path("scripts")  # a notebook's kernel often runs without it on PATH
    found = [shutil.which("dot"), shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=scripts)]
    return [[command] for command in found if command]


def draw(source: str, format: str, layout: str = "dot", time_limit: float = TIME_LIMIT) -> bytes | None:
    """A picture in Graphviz's language as a file's bytes; None if no engine here could draw it.

    An engine that fails, or takes longer than `time_limit` seconds, is passed over with a warning.
    """
    for command in engines():
        try:
            done = subprocess.run(
                [*command, f"-K{layout}", f"-T{format}"],
                input=source.encode(),
                capture_output=True,
                timeout=time_limit,
                check=True,
            )
            return done.stdout
        except subprocess.TimeoutExpired:
            reason = f"took longer than {time_limit:g} s"
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip() or f"ended with status {error.returncode}"
        except OSError as error:  # not to be run here: in a browser there are no processes
            reason = str(error)
        warnings.warn(f"{os.path.basename(command[0])} could not draw {format}: {reason}", RuntimeWarning, stacklevel=3)
    return None
