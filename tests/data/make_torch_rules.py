"""Write `torch_rules.json`: PyTorch's value and gradients for every rule it has, at ordinary and at awkward points.

Run it in an environment with PyTorch; the tests only read the file:

    python tests/data/make_torch_rules.py
"""

import itertools
import json
import math
from pathlib import Path

inf, nan = math.inf, math.nan

LINE = [-2.3, -0.7, 0.4, 1.9]
RIGHT = [0.3, 1.0, 2.7, 11.0]
UNIT = [-0.83, -0.2, 0.35, 0.9]
EDGE = [0.0, -0.0, 1e-300, 1e300, -1e300, inf, -inf, nan, 800.0, -800.0]
TAIL = [-50.0, -20.0, 20.0, 30.0, 40.0]
PAIRS = [(1.5, 2.25), (-0.7, 3.1), (2.4, -1.3), (-1.9, -0.6)]
EDGES = [*itertools.product([0.0, 1.0, -2.0, inf], repeat=2), (nan, 1.0), (1.0, nan)]
EDGES += [(1e300, 1e-300), (1e-300, 1e-300), (1e300, 1e300)]
ROWS = [[0.3, -1.2, 2.1], [1.7, 0.4, -0.9], [-2.3, 1.1, 0.2]]
ROWS += [
    [800.0, -800.0, 0.0],
    [1.0, 1.0, 1.0],
    [2.0, 2.0, 1.0],
    [-800.0, -801.0, -802.0],
    [nan, 1.0, 2.0],
    [-inf, 0.0, 1.0],
]


def cases(torch):
    """Name of the rule: PyTorch's function, and the operands to try it on."""
    f, line, both = torch.nn.functional, LINE + EDGE + TAIL, PAIRS + EDGES
    one = {
        "neg": (torch.neg, line),
        "identity": (torch.clone, line),
        "sign": (torch.sign, line),
        "reciprocal": (torch.reciprocal, line),
        "exp": (torch.exp, line),
        "exp2": (torch.exp2, line),
        "expm1": (torch.expm1, line),
        "log": (torch.log, RIGHT + EDGE),
        "log2": (torch.log2, RIGHT + EDGE),
        "log10": (torch.log10, RIGHT + EDGE),
        "log1p": (torch.log1p, RIGHT + EDGE),
        "sqrt": (torch.sqrt, RIGHT + EDGE),
        "sin": (torch.sin, line),
        "cos": (torch.cos, line),
        "tan": (torch.tan, line),
        "asin": (torch.asin, [*UNIT, 0.0, 1.0, -1.0, 2.0, nan]),
        "acos": (torch.acos, [*UNIT, 0.0, 1.0, -1.0, 2.0, nan]),
        "atan": (torch.atan, line),
        "sinh": (torch.sinh, line),
        "cosh": (torch.cosh, line),
        "asinh": (torch.asinh, line),
        "acosh": (torch.acosh, [1.2, *RIGHT, *EDGE]),
        "atanh": (torch.atanh, [*UNIT, 0.0, 1.0, -1.0, 2.0, nan]),
        "sinc": (torch.sinc, line),
        "degrees": (torch.rad2deg, line),
        "radians": (torch.deg2rad, line),
        "absolute": (torch.abs, line),
        "relu": (torch.relu, line),
        "elu": (f.elu, line),
        "tanh": (torch.tanh, line),
        "sigmoid": (torch.sigmoid, line),
        "logsigmoid": (f.logsigmoid, line),
        "softplus": (f.softplus, line),
        "silu": (f.silu, line),
        "gelu": (f.gelu, line),
        "normal_cdf": (torch.special.ndtr, line),
        "leaky_relu(0.01)": (f.leaky_relu, line),
        "leaky_relu(0.2)": (lambda x: f.leaky_relu(x, 0.2), line),
        "clamp(-1.0, 1.0)": (lambda x: x.clamp(-1.0, 1.0), [*line, -1.0, 1.0]),
        "clamp(0.0, 6.0)": (lambda x: x.clamp(0.0, 6.0), [*line, 6.0]),
        **{f"power({n})": (lambda x, n=n: x**n, line) for n in (0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, 1.5, -0.5)},
    }
    two = {
        "add": (torch.add, both),
        "sub": (torch.sub, both),
        "mul": (torch.mul, both),
        "div": (torch.div, both),
        "mod": (torch.remainder, PAIRS),
        "fmod": (torch.fmod, PAIRS),
        "pow": (torch.pow, [(1.5, 2.25), (0.7, -1.3), (3.2, 0.5), (-1.5, 3.0), *EDGES]),
        "hypot": (torch.hypot, both),
        "atan2": (torch.atan2, both),
        "maximum": (torch.maximum, both),
        "minimum": (torch.minimum, both),
        "binary_cross_entropy": (
            f.binary_cross_entropy_with_logits,
            [(x, t) for x in [-2.1, 0.3, 0.0, 40.0, -40.0, 800.0, -800.0] for t in [0.0, 0.3, 1.0]],
        ),
    }
    rows = {
        "total": torch.sum,
        "mean": torch.mean,
        "largest": torch.amax,
        "smallest": torch.amin,
        "logsumexp": lambda xs: xs.logsumexp(0),
        **{f"softmax({i})": lambda xs, i=i: xs.softmax(0)[i] for i in range(3)},
        **{f"log_softmax({i})": lambda xs, i=i: xs.log_softmax(0)[i] for i in range(3)},
    }
    return {
        **{name: (function, [(x,) for x in xs]) for name, (function, xs) in one.items()},
        **two,
        **{name: (lambda *xs, f=function: f(torch.stack(xs)), ROWS) for name, function in rows.items()},
        "dot": (lambda v, w, x, y, b: torch.stack([v, w]) @ torch.stack([x, y]) + b, [(0.5, -1.5, 2.0, 0.75, 0.3)]),
    }


def main():
    import torch

    torch.set_default_dtype(torch.float64)

    def text(x):
        return x if math.isfinite(x) else str(x)  # JSON has no inf and no nan

    def row(function, operands):
        tensors = [torch.tensor(x, requires_grad=True) for x in operands]
        value = function(*tensors)
        value.backward()
        return [[text(x) for x in operands], text(value.item()), [text(x.grad.item()) for x in tensors]]

    rules = {name: [row(function, operands) for operands in tried] for name, (function, tried) in cases(torch).items()}
    rules = ",\n".join(f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in rules.items())
    written = f'{{"torch": "{torch.__version__}", "rules": {{\n{rules}\n}}}}\n'
    Path(__file__).with_name("torch_rules.json").write_text(written)


if __name__ == "__main__":
    main()
