"""A training as an animation: as many pictures as there is time for, from the first step to the last."""

import random
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from PIL import Image

from nn import MLP, SGD, Adam, binary_cross_entropy_with_logits, cross_entropy, moons, mse_loss, spirals
from viz import play_training

X, Y = moons(30, seed=3)


def two():
    model = MLP(2, [4, 1], rng=random.Random(0))
    optimizers = {"slow": SGD(model.parameters(), lr=0.1), "fast": Adam(model.parameters(), lr=0.1)}
    return play_training(model, (X, Y), binary_cross_entropy_with_logits, optimizers, 5, compiled=False)


def classes():
    model = MLP(2, [30, 3], rng=random.Random(0))
    return play_training(model, spirals(30), cross_entropy, Adam(model.parameters(), lr=0.1), 2, compiled=False)


def surface():
    model = MLP(2, [4, 1], rng=random.Random(0))
    targets = [x * y for x, y in X]
    return play_training(model, (X, targets), mse_loss, Adam(model.parameters()), 2, compiled=False, lang="ja")


def curve():
    model = MLP(1, [4, 1], rng=random.Random(0))
    return play_training(model, (X[0], X[1]), mse_loss, SGD(model.parameters(), lr=1e5), 30, compiled=False)


def test_it_lasts_as_long_as_it_is_to_and_every_picture_is_another(tmp_path):
    with Image.open(two().save(tmp_path / "x.gif", seconds=0.6)) as gif:
        pictures, durations = [], []
        for i in range(gif.n_frames):
            gif.seek(i)
            pictures.append(np.asarray(gif.convert("RGB")))
            durations.append(gif.info["duration"])
    assert (len(pictures), pictures[0].shape) == (3, (540, 960, 3))
    assert durations == [200, 200, 2200]
    assert all((one != other).mean() > 0.001 for one, other in pairwise(pictures))
    assert all((picture[:, :600] > 250).all(axis=2).mean() < 0.9 for picture in pictures)


@pytest.mark.parametrize("make", [classes, surface, curve])
def test_what_else_a_page_shows_is_drawn_too(make, tmp_path):
    with Image.open(make().save(tmp_path / "x.gif", seconds=0.4)) as gif:
        assert gif.n_frames == 2
        assert len(gif.convert("RGB").getcolors(1 << 20)) > 20


def test_the_ending_says_what_is_saved(tmp_path):
    played = classes()
    assert played.save(tmp_path / "x.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(ValueError, match=r"must end in .html or .gif, got 'x.mp4'; write save\('x.html'\)"):
        played.save(tmp_path / "x.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    played = classes()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"animations need matplotlib; install it with `pip install 'chalkgrad\[pl"):
        played.save(tmp_path / "x.gif")
