"""Colours: readable, told apart without colour vision, and a scale of gradients that is the same in JavaScript."""

import itertools
import math
import re
import shutil
import subprocess
from math import inf, nan

import pytest

from engine import Rule, Value
from nn import MLP, mse_loss
from viz import draw_dot
from viz.graph import engines
from viz.graph.palette import DARK, LIGHT, by_gradient, gradient_limit, gradient_shade
from viz.graph.picture import picture
from viz.player.javascript import rule_functions

THEMES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


def linear(colour):
    """The linear red, green and blue of a colour in sRGB."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in channels]


def contrast(one, other):
    """As WCAG 2 defines it."""
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))]
    return (max(light) + 0.05) / (min(light) + 0.05)


@THEMES
def test_everything_is_readable_on_what_it_stands_on(palette):
    assert contrast(palette.line, palette.ground) >= 4.5
    shades = [palette.colour(i / 10, norm) for i in range(-10, 11) for norm in (False, True)]
    for fill in (palette.ground, *(style.fill for style in palette.styles.values()), *shades):
        assert contrast(palette.ink, fill) >= 4.5
    for style in palette.styles.values():
        assert contrast(style.border, palette.ground) >= 4.5


# What is seen without one of the three kinds of cones, in linear sRGB: G. Machado, M. Oliveira, L. Fernandes (2009).
CONES = {
    "all": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@THEMES
@pytest.mark.parametrize("cones", CONES.values(), ids=CONES)
def test_the_ends_of_the_scale_differ_for_everyone(palette, cones):
    seen = [
        [sum(w * c for w, c in zip(row, linear(colour))) for row in cones]
        for colour in (palette.negative, palette.zero, palette.positive)
    ]
    for one, other in itertools.combinations(seen, 2):
        assert math.dist(one, other) > 0.1


def test_the_scale_is_odd_grows_with_the_gradient_and_ends_at_the_limit():
    sizes = [1e-300, 1e-4, 1e-3, 0.002, 0.01, 0.5, 1.0, 7.0, inf]
    shades = [gradient_shade(size, 1.0) for size in sizes]
    assert shades == sorted(shades)
    assert shades[:3] == [0, 0, 0]
    assert shades[-3:] == [1, 1, 1]
    assert [gradient_shade(-size, 1.0) for size in sizes] == [-shade for shade in shades]
    assert gradient_shade(0.0, 1.0) == gradient_shade(nan, 1.0) == 0
    assert [gradient_limit(x) for x in (0.0, 0.02, 1.0, 1.1, 1e-300)] == pytest.approx([1, 0.1, 1, 10, 1e-300])
    assert gradient_shade(5e-324, gradient_limit(1.7e308)) == 0
    assert gradient_shade(-1.7e308, gradient_limit(1.7e308)) == -1
    assert gradient_shade(5e-324, gradient_limit(5e-324)) > 0.5


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_scale_is_the_same_in_javascript():
    rules = [
        (Rule("shade", gradient_shade, lambda *_: (0.0, 0.0)), 2),
        (Rule("limit", gradient_limit, lambda *_: (0.0,)), 1),
    ]
    points = [(x, limit) for x in (0.0, -0.3, 2e-3, 5.0, -7e4, 1e-9) for limit in (1.0, 10.0, 1e-3)]
    calls = ",".join(f"RULES[0].value({x}, {limit})" for x, limit in points)
    limits = ",".join(f"RULES[1].value({abs(x)})" for x, _ in points)
    script = f"{rule_functions(rules)}; console.log([{calls}, {limits}].join(' '))"
    shown = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout
    wanted = [gradient_shade(*point) for point in points] + [gradient_limit(abs(x)) for x, _ in points]
    assert list(map(float, shown.split())) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def expression():
    a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
    return (a * b + c) * -2


def test_boxes_have_the_colour_of_their_gradients():
    y = expression()
    y.backward()
    boxes, _ = picture(y)
    look = by_gradient(boxes)
    for box in boxes:
        wanted = LIGHT.colour(0.0 if box.gradient is None else gradient_shade(box.gradient, 10.0))
        assert look.fills[box.id] == ("#ececec" if box.role == "constant" else wanted)
    ((name, sizes),) = look.legend
    assert name == "grad"
    assert [size for size, _ in sizes] == ["-10", "-1", "-0.1", "0", "0.1", "1", "10"]
    assert [colour for _, colour in sizes] == [LIGHT.colour(gradient_shade(float(size), 10.0)) for size, _ in sizes]


def test_a_module_has_the_colour_of_the_norm_of_its_gradients():
    loss = mse_loss([MLP(2, [3, 1])([1.0, 2.0])], [0.5])
    loss.backward()
    boxes, _ = picture(loss, depth=1)
    look = by_gradient(boxes, DARK)
    limit = float(look.legend[0][1][-1][0])
    modules = [box for box in boxes if box.role == "module"]
    assert len(modules) == 2
    for box in modules:
        assert look.fills[box.id] == DARK.colour(gradient_shade(box.gradient, limit), of_norm=True)
    assert [name for name, _ in look.legend] == ["grad", "‖grad‖"]


@pytest.mark.parametrize("ways", ["all", "none"])
def test_the_picture_has_the_colours_and_their_legend(ways, monkeypatch):
    if ways == "none":
        monkeypatch.setattr(engines, "engines", list)
    y = expression()
    before = draw_dot(y, colour="grad").pipe(encoding="utf-8")
    assert "no gradients yet: call backward()" in before
    assert LIGHT.positive not in before
    y.backward()
    for palette, drawing in ((LIGHT, draw_dot(y, colour="grad")), (DARK, draw_dot(y, colour="grad", theme="dark"))):
        drawn = drawing.pipe(encoding="utf-8")
        fills = re.findall(r'fill="(#\w+)"', drawn)
        assert fills.count(palette.colour(gradient_shade(-2.0, 10.0))) == 3  # c, a * b and a * b + c
        assert {palette.ground, palette.positive, palette.negative} <= set(fills)
        assert "no gradients" not in drawn
        assert draw_dot(y, theme="dark").look.legend == ()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"colour": "gradient"}, ValueError, "colour must be 'role' or 'grad', got 'gradient'"),
        ({"theme": "black"}, ValueError, "theme must be 'light' or 'dark', got 'black'"),
        ({"color": "grad"}, TypeError, r"the option is spelt colour: write draw_dot\(\.\.\., colour='grad'\)"),
        ({"color": "red"}, TypeError, r"write draw_dot\(\.\.\., colour='role' or colour='grad'\)"),
    ],
)
def test_other_colours_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        draw_dot(Value(1.0), **options)


def test_gradients_that_are_not_finite_do_not_spoil_the_scale():
    x = Value(0.0, "x")
    y = x.sqrt() + Value(2.0, "z") * 3
    with pytest.warns(RuntimeWarning, match="the gradient of x = 0.0 is inf"):
        y.backward()
    boxes, _ = picture(y)
    look = by_gradient(boxes)
    assert look.fills[next(box.id for box in boxes if box.rows[0] == "x")] == LIGHT.positive
    assert look.legend[0][1][-1][0] == "10"
