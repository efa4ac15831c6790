"""Points in the plane to learn from, each data set hard in its own way.

Each function gives `n` points ``[x, y]`` and their labels, which count from 0, in shuffled order. `noise` is the
standard deviation of the noise added to each coordinate. The same `seed` gives the same points.
"""

from math import cos, dist, pi, sin
from random import Random

from nn.checks import as_seed, check_at_least_0, check_integer, check_share

Points = tuple[list[list[float]], list[int]]

_ARM_ANGLE = 4.0  # how far an arm of the spirals winds, in radians


def moons(n: int = 100, noise: float = 0.1, seed: int = 0, shuffle: bool = True) -> Points:
    """Two interlocking half circles, which no straight line separates. The curves are scikit-learn's.

    Args:
        n: the number of points, half of them (rounded down) in class 0.
        noise: see above.
        seed: see above.
        shuffle: if False, the points come in order along the curves.

    Raises:
        ValueError: if `n` is not a whole number of at least 2, one for each class, or `noise` is below 0.

    >>> moons(4, noise=0.0, shuffle=False)[1]
    [0, 0, 1, 1]
    """
    outer, inner = _class_sizes(n)
    top = [[cos(pi * s), sin(pi * s)] for s in _linspace(outer)]
    bottom = [[1 - cos(pi * s), 0.5 - sin(pi * s)] for s in _linspace(inner)]
    return _labelled([top, bottom], noise, seed, shuffle)


def circles(n: int = 100, noise: float = 0.05, seed: int = 0, factor: float = 0.5, shuffle: bool = True) -> Points:
    """A circle (class 0) around a smaller one (class 1); a feature such as ``x² + y²`` separates them.

    As in scikit-learn.

    Args:
        n: the number of points, half of them (rounded down) on the outer circle.
        noise: see above.
        seed: see above.
        factor: the radius of the inner circle; the outer one has radius 1.
        shuffle: if False, the points come in order along the circles.

    Raises:
        ValueError: if `n` is not a whole number of at least 2, `noise` is below 0, or `factor` is not from 0 up to 1.
    """
    check_share("factor", factor)
    outer, inner = _class_sizes(n)
    rings = [
        [[radius * cos(2 * pi * i / m), radius * sin(2 * pi * i / m)] for i in range(m)]
        for radius, m in ((1.0, outer), (factor, inner))
    ]
    return _labelled(rings, noise, seed, shuffle)


def spirals(n: int = 300, classes: int = 3, noise: float = 0.02, seed: int = 0, shuffle: bool = True) -> Points:
    """One arm for each class, wound around the others, so that the boundary must wind too.

    Args:
        n: the number of points, shared equally among the classes; if that leaves some over, the first classes have one
            more.
        classes: the number of arms.
        noise: see above.
        seed: see above.
        shuffle: if False, the points come in order along the arms.

    Raises:
        ValueError: if `classes` is not a whole number of at least 1, `n` is not one of at least `classes`, or `noise`
            is below 0.
    """
    classes = check_integer("classes", classes)
    n = check_integer("n", n, classes)
    arms = []
    for c in range(classes):
        m = len(range(c, n, classes))
        polar = [(i / m, _ARM_ANGLE * i / m + 2 * pi * c / classes) for i in range(1, m + 1)]
        arms.append([[radius * cos(angle), radius * sin(angle)] for radius, angle in polar])
    return _labelled(arms, noise, seed, shuffle)


def xor(n: int = 100, noise: float = 0.0, seed: int = 0) -> Points:
    """The square from -1 to 1, class 1 where ``x`` and ``y`` differ in sign: either of them alone tells you nothing.

    Args:
        n: the number of points, shared equally among the quarters, give or take one.
        noise: see above; it moves points after they have been given their class.
        seed: see above.

    Raises:
        ValueError: if `n` is not a whole number of at least 2, or `noise` is below 0.
    """
    n = check_integer("n", n, 2)
    rng = Random(f"xor {seed}")
    quarters = [(1, 1), (-1, 1), (-1, -1), (1, -1)]  # every other one is class 1
    points: list[list[list[float]]] = [[], []]
    for i in range(n):
        right, up = quarters[i % 4]
        points[i % 2].append([right * (1 - rng.random()), up * (1 - rng.random())])  # never 0
    return _labelled(points, noise, seed)


def yin_yang(n: int = 300, noise: float = 0.0, seed: int = 0) -> Points:
    """The yin-yang sign, with radius ½ around (½, ½): its halves are classes 0 and 1, and the two dots are class 2.

    It is small, yet a network without a hidden layer does far worse on it than a network with one.

    Source: L. Kriener, J. Göltz, M. Petrovici, 2021, https://arxiv.org/abs/2102.08211; this is the form with two
    inputs.

    Args:
        n: the number of points, shared equally among the classes; if that leaves some over, the first classes have one
            more.
        noise: see above; it moves points after they have been given their class. The paper has none.
        seed: see above.

    Raises:
        ValueError: if `n` is not a whole number of at least 3, or `noise` is below 0.
    """
    n = check_integer("n", n, 3)
    rng = Random(f"yin_yang {seed}")
    points: list[list[list[float]]] = [[], [], []]
    for i in range(n):
        while True:  # until a point lies in the circle and belongs to the class that is due
            point = [rng.random(), rng.random()]
            if dist(point, (0.5, 0.5)) <= 0.5 and _yin_yang_class(point) == i % 3:
                break
        points[i % 3].append(point)
    return _labelled(points, noise, seed)


def _yin_yang_class(point: list[float]) -> int:
    """The dots lie in the centres of two discs with half the sign's radius: the left disc belongs to class 1, as does
    the upper half, and the right disc to class 0, as does the lower half.
    """
    left, right = dist(point, (0.25, 0.5)), dist(point, (0.75, 0.5))
    if min(left, right) < 0.1:
        return 2
    return int(left <= 0.25 or (point[1] > 0.5 and right > 0.25))


def _class_sizes(n: int) -> tuple[int, int]:
    """The sizes of two classes."""
    n = check_integer("n", n, 2)
    return n // 2, n - n // 2


def _linspace(m: int) -> list[float]:
    """m evenly spaced numbers from 0 to 1, both included."""
    return [i / (m - 1) if i else 0.0 for i in range(m)]


def _labelled(classes: list[list[list[float]]], noise: float, seed: int, shuffle: bool = True) -> Points:
    """The points of all classes, with noise added and shuffled, and the class of each."""
    check_at_least_0("noise", noise)
    rng = Random(as_seed(seed))
    pairs = [(point, label) for label, points in enumerate(classes) for point in points]
    if noise:
        pairs = [([x + rng.gauss(0, noise) for x in point], label) for point, label in pairs]
    if shuffle:
        rng.shuffle(pairs)
    return [point for point, _ in pairs], [label for _, label in pairs]
