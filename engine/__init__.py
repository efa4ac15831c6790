"""Numbers that remember how they were made, and their derivatives with respect to what they were made from.

>>> from engine import Value
>>> x = Value(3.0)
>>> (x * x).backward()
>>> x.grad
6.0

Read `graph`, `rules`, `value` and `functions` in this order: they are the whole of reverse mode. More rules and more
functions, in the same manner, are in `nary_rules` and `selection`. What a Value needs in daily life is beside them:
`ieee` (floats that never raise), `versions`, `anomaly`, `protocols`, `modes`; and in `utils` what has nothing to do
with derivatives. `functional`, `check`, `steps` and `names` are built on top; `compiler` turns a recorded graph into
machine code. What is in `__all__` is public.
"""

from engine import rules
from engine.check import GradientCheck, GradientError, check_gradients
from engine.compiler.api import compile as compile
from engine.functional import grad, gradients, hessian, jvp, value_and_grad
from engine.functions import (
    clamp,
    dot,
    leaky_relu,
    log_softmax,
    logsumexp,
    mean,
    softmax,
)
from engine.functions import max as max
from engine.functions import min as min
from engine.functions import sum as sum
from engine.modes import TraceError, detect_anomaly, no_grad, record_lines
from engine.rules import (
    RULES,
    Rule,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    binary_cross_entropy,
    cos,
    cosh,
    degrees,
    elu,
    exp,
    exp2,
    expm1,
    fmod,
    gelu,
    hypot,
    log,
    log1p,
    log2,
    log10,
    logsigmoid,
    maximum,
    minimum,
    radians,
    reciprocal,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinc,
    sinh,
    softplus,
    sqrt,
    step,
    tan,
    tanh,
)
from engine.rules import equal as eq
from engine.rules import greater as gt
from engine.rules import less as lt
from engine.rules import pow as pow
from engine.selection import select, where
from engine.steps import BackwardStep, ForwardStep
from engine.utils.threads import get_num_threads, set_num_threads
from engine.value import Value

__version__ = "0.1.0"
abs = rules.absolute  # a name of our own, and not only of an import: type checkers let it be imported from here


def __getattr__(name: str) -> object:
    """Say where a name that used to be here has moved."""
    if name in ("EngineReport", "check_engine"):
        raise ImportError(f"{name} draws pictures, so it is part of viz; write: from viz import {name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# All but `abs`, `compile`, `max`, `min`, `pow` and `sum`: after `from engine import *` those are still Python's own.
__all__ = [
    "RULES",
    "BackwardStep",
    "ForwardStep",
    "GradientCheck",
    "GradientError",
    "Rule",
    "TraceError",
    "Value",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "binary_cross_entropy",
    "check_gradients",
    "clamp",
    "cos",
    "cosh",
    "degrees",
    "detect_anomaly",
    "dot",
    "elu",
    "eq",
    "exp",
    "exp2",
    "expm1",
    "fmod",
    "gelu",
    "get_num_threads",
    "grad",
    "gradients",
    "gt",
    "hessian",
    "hypot",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "lt",
    "maximum",
    "mean",
    "minimum",
    "no_grad",
    "radians",
    "reciprocal",
    "record_lines",
    "relu",
    "select",
    "set_num_threads",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "tan",
    "tanh",
    "value_and_grad",
    "where",
]  # fmt: skip
