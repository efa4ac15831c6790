"""The player's steps as pictures: each box fires once in each pass, and the gradients are the engine's."""

import random
from io import BytesIO
from itertools import pairwise
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from PIL import Image

from engine import Value
from engine.graph import topological_order
from nn import MLP, mse_loss
from viz import play
from viz.player.animation import pictures, states
from viz.player.languages import LANGUAGES


def shared():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    return ((a * b + a * 4).tanh() * a - 1) * Value(0.5)


def network(depth=None):
    model = MLP(2, [3, 1], rng=random.Random(1))
    return mse_loss([model([1.0, 2.0])], [1.0])


@pytest.mark.parametrize(("make", "depth"), [(shared, None), (network, 1), (network, 2), (network, 9)])
def test_each_box_fires_once_in_each_pass_and_the_gradients_are_the_engines(make, depth):
    root = make()
    graph = play(root, depth=depth).graph
    view, order = graph["views"][graph["first"]], topological_order(root)
    fired = {"": [], "forward": [], "backward": []}
    for state in states(graph, view):
        fired[state.phase].append(state.firing)
    assert fired[""] == [None]
    assert fired["backward"] == fired["forward"][::-1]
    assert len(set(fired["forward"])) == len(fired["forward"]) > 0
    root.backward()
    expected = {i: node.grad for i, node in enumerate(order) if node.role != "constant"}
    assert state.gradients == pytest.approx(expected, rel=1e-12)


def styles():
    roles = ("input", "parameter", "constant", "operation", "output", "module")
    return {role: SimpleNamespace(fill="#ffffff", border="#000000") for role in roles}


def test_there_is_a_picture_for_the_beginning_and_for_each_step():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    graph = play((a * b).tanh()).graph
    found = [Image.open(BytesIO(png)).convert("RGB") for png in pictures(graph, styles(), LANGUAGES["en"])]
    steps = sum(1 for parents in graph["parents"] if parents)
    assert len(found) == 1 + 2 * steps
    assert len({picture.size for picture in found}) == 1
    assert all((np.asarray(one) != np.asarray(other)).any() for one, other in pairwise(found))
    assert 600 < found[0].width <= 1280


def test_what_is_too_large_for_a_slide_is_refused():
    model = MLP(2, [16, 16, 1])
    graph = play(model([1.0, 2.0]), depth=3).graph
    with pytest.raises(ValueError, match=r"room for 60 boxes, and this view has \d+; play a smaller part, or fold"):
        next(pictures(graph, styles(), LANGUAGES["en"]))


def test_a_player_is_saved_as_an_animation(tmp_path):
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    player = play((a * b).tanh())
    with Image.open(player.save(tmp_path / "chain.gif")) as animation:
        assert (animation.format, animation.n_frames) == ("GIF", 5)
        assert animation.info["duration"] == 1000
    with pytest.raises(ValueError, match=r"an animation plays the right order; save a wrong one as a page"):
        play(a * b, order="=").save(tmp_path / "wrong.gif")
