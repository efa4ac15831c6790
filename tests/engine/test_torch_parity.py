"""Every rule that PyTorch has too, against PyTorch's numbers, which `data/make_torch_rules.py` wrote down.

They agree to twelve digits, in value and in every gradient, but for the places listed here with the reason. A place
that agrees may not stand in the list.
"""

import json
import math
from math import inf, nan

import pytest

from engine.rules import FAMILIES, RULES
from tests.paths import DATA
from tests.rule_samples import NAMED

RECORD = json.loads((DATA / "torch_rules.json").read_text())
TORCH = {
    name: [([*map(float, operands)], float(value), [*map(float, gradients)]) for operands, value, gradients in rows]
    for name, rows in RECORD["rules"].items()
}

NOT_IN_TORCH = {
    "step",
    "above",
    "equal",
    "stop_gradient",
    "zero_mul",
    "zero_div",
    "_log",
    "power_slope",
    "exp_difference",
}
NOT_IN_TORCH |= {"exp_difference", "cosine", "sech", "normal_pdf", "select", "between", "gather"}
NOT_IN_TORCH |= {"strong_mul", "greater", "less", "where", "sinc_slope", "sinc_curvature", "sinc_third"}

ANY_NAN = "a slope at nan is nan here; PyTorch gives the one of the branch that a comparison with nan falls into"
SQUARES = "PyTorch squares both operands, and the squares overflow or underflow"
LIMIT = "the limit exists; PyTorch meets inf/inf or 0*inf on the way and gives nan"

DISAGREEMENTS = [
    ("expm1", [-50.0, -20.0], "the slope is exp(x); PyTorch adds 1 to expm1(x), where the digits are gone"),
    ("tanh", [-50.0, -20.0, 20.0, 30.0, 40.0], "the slope is sech²(x); PyTorch's 1 - tanh² cancels"),
    ("sigmoid", [20.0, 30.0, 40.0], "the slope is s(x)·s(-x); PyTorch's 1 - s(x) cancels"),
    ("binary_cross_entropy", [[40.0, 1.0]], "PyTorch's slope s(x) - 1 cancels"),
    ("binary_cross_entropy", [[-40.0, 0.0]], "PyTorch's value rounds log(1 + exp(-40)) to 0"),
    ("normal_cdf", [-20.0], "PyTorch adds 1 to erf(x/√2) instead of using erfc, and gives 0"),
    ("gelu", [-20.0], "PyTorch uses erf too, and gives -0"),
    ("gelu", [inf, -inf], LIMIT),
    ("silu", [inf, -inf], LIMIT),
    ("pow", [[inf, -2.0]], LIMIT),
    ("hypot", [[0.0, 0.0]], "the subgradient 0, as for abs; PyTorch's 0/0 is nan"),
    ("hypot", [[0.0, inf], [1.0, inf], [-2.0, inf], [inf, 0.0], [inf, 1.0], [inf, -2.0], [inf, inf]], LIMIT),
    ("atan2", [[0.0, inf], [1.0, inf], [-2.0, inf], [inf, 0.0], [inf, 1.0], [inf, -2.0], [inf, inf]], LIMIT),
    ("atan2", [[1e300, 1e-300], [1e-300, 1e-300], [1e300, 1e300]], SQUARES),
    ("asinh", [1e300, -1e300], SQUARES),
    ("acosh", [1e300], SQUARES),
    ("acosh", [-1e300, -inf, -800.0], "below 1 there is no value, and no slope; PyTorch gives that of acosh(-x)"),
    ("sinc", [-50.0, -20.0, 20.0, 30.0, 40.0, 800.0, -800.0], "0 at whole numbers; PyTorch rounds πx before its sine"),
    ("sinc", [1e300, -1e300], "0 at whole numbers; PyTorch rounds πx before its sine"),
    ("sinc", [1e-300], "the slope is -π²x/3; PyTorch's cancels to 0"),
    ("sinc", [inf, -inf], LIMIT),
    ("sqrt", [-0.0], "the slope along the domain is inf; PyTorch takes the sign of the zero"),
    ("power(0.5)", [-0.0, -inf], "IEEE 754's pow, which PyTorch replaces by sqrt here"),
    ("power(-0.5)", [-0.0, -inf], "IEEE 754's pow, which PyTorch replaces by 1/sqrt here"),
    ("power(1.5)", [-inf], "IEEE 754's pow in the slope, which PyTorch replaces by sqrt here"),
    ("sign", [nan], "nan stays nan; PyTorch gives 0"),
    *((name, [nan], ANY_NAN) for name in ("absolute", "relu", "elu", "leaky_relu(0.01)", "leaky_relu(0.2)")),
    *((name, [nan], ANY_NAN) for name in ("clamp(-1.0, 1.0)", "clamp(0.0, 6.0)")),
    ("clamp(-1.0, 1.0)", [-1.0, 1.0], "the slope at an end is 0, as relu's at 0, and PyTorch's own since 2.14"),
    ("clamp(0.0, 6.0)", [0.0, -0.0, 6.0], "the slope at an end is 0, as relu's at 0, and PyTorch's own since 2.14"),
    *((name, [[nan, 1.0], [1.0, nan]], ANY_NAN) for name in ("maximum", "minimum")),
]
ALLOWED = {(name, str(p if isinstance(p, list) else [p])) for name, points, _ in DISAGREEMENTS for p in points}


def agree(a, b):
    return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-12)


def disagreeing(name):
    """The operands at which a number differs."""
    for operands, value, gradients in TORCH[name]:
        z = NAMED[name](*operands)
        ours, theirs = [z, *NAMED[name].evaluate_partials(z, *operands)], [value, *gradients]
        assert len(ours) == len(theirs)
        if not all(map(agree, ours, theirs)):
            yield name, str(operands)


@pytest.mark.parametrize("name", TORCH)
def test_value_and_gradients_are_pytorchs(name):
    assert {*disagreeing(name)} == {place for place in ALLOWED if place[0] == name}


def test_every_rule_is_compared_or_known_to_have_no_counterpart():
    compared = {name.split("(")[0] for name in TORCH}
    assert compared | NOT_IN_TORCH == {*RULES, *FAMILIES}
    assert not compared & NOT_IN_TORCH


def test_every_disagreement_is_about_a_recorded_place():
    assert {(name, str(operands)) for name, rows in TORCH.items() for operands, *_ in rows} >= ALLOWED
    assert len(ALLOWED) == sum(len(points) for _, points, _ in DISAGREEMENTS)


def test_the_record_says_which_pytorch_it_is_of():
    assert RECORD["torch"].startswith("2.")
