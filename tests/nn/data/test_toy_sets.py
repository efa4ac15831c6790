"""Points in the plane: scikit-learn's curves, where classes lie, and the same seed, the same points."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons

from nn.data import toy_sets as toys
from nn.data.toy_sets import circles, moons, spirals, xor, yin_yang

ALL = {"moons": moons, "circles": circles, "spirals": spirals, "xor": xor, "yin_yang": yin_yang}


@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_moons_are_scikit_learns(n):
    points, labels = moons(n, noise=0.0, shuffle=False)
    expected, classes = make_moons(n, shuffle=False, noise=None)
    assert np.allclose(points, expected, rtol=0, atol=1e-15)
    assert labels == classes.tolist()


@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_circles_are_scikit_learns(n):
    points, labels = circles(n, noise=0.0, factor=0.3, shuffle=False)
    expected, classes = make_circles(n, shuffle=False, noise=None, factor=0.3)
    assert np.allclose(points, expected, rtol=0, atol=1e-15)
    assert labels == classes.tolist()


@pytest.mark.parametrize("name", ALL)
def test_plain_lists_of_as_many_points_of_each_class(name):
    points, labels = ALL[name](61, noise=0.1)
    assert len(points) == len(labels) == 61
    assert {type(point) for point in points} == {list}
    assert {(len(point), type(point[0]), type(point[1])) for point in points} == {(2, float, float)}
    assert {type(label) for label in labels} == {int}
    counts = Counter(labels)
    assert sorted(counts) == list(range(len(counts)))
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_points_and_another_others(name):
    first, again, other = (ALL[name](30, noise=0.1, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ALL)
def test_classes_are_mixed(name):
    labels = ALL[name](60)[1]
    assert labels != sorted(labels)
    assert len(set(labels[:20])) == len(set(labels))


@pytest.mark.parametrize("make", [moons, circles, spirals])
def test_shuffling_keeps_every_point_with_its_class(make):
    ordered, shuffled = (make(40, noise=0.1, seed=3, shuffle=shuffle) for shuffle in (False, True))
    assert ordered[1] == sorted(ordered[1])
    assert ordered[0] != shuffled[0]
    assert sorted(zip(*ordered)) == sorted(zip(*shuffled))


@pytest.mark.parametrize("make", [moons, circles, spirals])
def test_noise_is_the_standard_deviation_of_each_coordinate(make):
    still, moved = (np.array(make(2000, noise=noise, seed=1, shuffle=False)[0]) for noise in (0.0, 0.3))
    assert np.std(moved - still, axis=0) == pytest.approx([0.3, 0.3], rel=0.06)
    assert np.mean(moved - still, axis=0) == pytest.approx([0, 0], abs=0.03)


@pytest.mark.parametrize("classes", [1, 2, 3, 5])
def test_spirals_are_one_arm_turned(classes):
    points, labels = spirals(20 * classes, classes=classes, noise=0.0, shuffle=False)
    assert labels == [c for c in range(classes) for _ in range(20)]
    first = [complex(*point) for point in points[:20]]
    assert [abs(z) for z in first] == pytest.approx([i / 20 for i in range(1, 21)])
    winding = sum(abs(math.remainder(np.angle(b) - np.angle(a), 2 * math.pi)) for a, b in pairwise(first))
    assert winding == pytest.approx(4 * 19 / 20)
    for c in range(classes):
        turned = [z * np.exp(2j * math.pi * c / classes) for z in first]
        assert [complex(*point) for point in points[20 * c : 20 * c + 20]] == pytest.approx(turned)


def test_xor_fills_the_quarters():
    points, labels = xor(400)
    assert all((x > 0) != (y > 0) if label else (x > 0) == (y > 0) for (x, y), label in zip(points, labels))
    assert all(0 < abs(x) <= 1 for point in points for x in point)
    assert Counter((x > 0, y > 0) for x, y in points) == dict.fromkeys(
        [(True, True), (True, False), (False, True), (False, False)], 100
    )
    assert np.mean(np.abs(points), axis=0) == pytest.approx([0.5, 0.5], abs=0.05)


# The middles of the dots, points of the two round ends beside them, and of the halves above and below.
SIGN = {
    (0.25, 0.5): 2, (0.75, 0.5): 2, (0.34, 0.5): 2, (0.66, 0.5): 2,
    (0.25, 0.35): 1, (0.1, 0.45): 1, (0.36, 0.5): 1, (0.25, 0.26): 1, (0.5, 0.9): 1, (0.05, 0.55): 1, (0.5, 0.6): 1,
    (0.75, 0.65): 0, (0.9, 0.55): 0, (0.64, 0.5): 0, (0.75, 0.74): 0, (0.5, 0.1): 0, (0.95, 0.45): 0, (0.5, 0.4): 0,
    (0.25, 0.24): 0, (0.75, 0.76): 1,
}  # fmt: skip


def test_the_yin_yang_is_drawn_as_in_its_paper():
    assert {point: toys._yin_yang_class(list(point)) for point in SIGN} == SIGN


def test_the_halves_of_the_yin_yang_are_each_other_turned():
    points, labels = yin_yang(300)
    turned = {0: 1, 1: 0, 2: 2}
    for (x, y), label in zip(points, labels):
        assert math.dist((x, y), (0.5, 0.5)) <= 0.5
        assert toys._yin_yang_class([x, y]) == label
        assert toys._yin_yang_class([1 - x, 1 - y]) == turned[label]
    assert Counter(labels) == {0: 100, 1: 100, 2: 100}


def test_the_points_of_the_yin_yang_fill_it_evenly():
    points, labels = (np.array(part) for part in yin_yang(3000, seed=2))
    assert np.mean(points[labels == 2], axis=0) == pytest.approx([0.5, 0.5], abs=0.03)
    # the upper half has its middle 2/(3π) above the centre, and gives away one disc of half the radius for another
    middle = np.mean(points[(labels != 2) & (points[:, 1] > 0.5)], axis=0)
    assert middle == pytest.approx([0.5, 0.5 + 2 / (3 * math.pi)], abs=0.06)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moons(1), "n must be a whole number of at least 2, got 1"),
        (lambda: circles(10.0), "n must be a whole number of at least 2, got 10.0"),
        (lambda: circles(10, factor=1.0), "factor must be from 0 up to 1, got 1.0"),
        (lambda: spirals(2), "n must be a whole number of at least 3, got 2"),
        (lambda: spirals(2, classes=0), "classes must be a whole number of at least 1, got 0"),
        (lambda: xor(1), "n must be a whole number of at least 2, got 1"),
        (lambda: yin_yang(2), "n must be a whole number of at least 3, got 2"),
        (lambda: moons(10, noise=-0.1), "noise must be at least 0, got -0.1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
