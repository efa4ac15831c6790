"""Points in the plane to learn on, each kind hard in its own way.

Each function gives `n` points ``[x, y]`` and as many labels, counted from 0, in an order that is shuffled. `noise` is
the standard deviation of what is added to each coordinate. The same `seed` gives the same points.
"""

from math import cos, dist, pi, sin
from random import Random

from nn.checks import check_whole

Points = tuple[list[list[float]], list[int]]

_TURN = 4.0  # radians that an arm of the spirals winds


def moons(n: int = 100, noise: float = 0.1, seed: int = 0, shuffle: bool = True) -> Points:
    """Two half circles, each reaching into the other: no straight line parts them. The curves of scikit-learn.

    Args:
        n: the number of points, the first half of them (rounded down) of class 0.
        noise: see above.
        seed: see above.
        shuffle: if False, the points stand in order along the curves.

    Raises:
        ValueError: if `n` is not a whole number of at least 2, one for each class, or `noise` is below 0.

    >>> moons(4, noise=0.0, shuffle=False)[1]
    [0, 0, 1, 1]
    """
    outer, inner = _halves(n)
    top = [[cos(pi * s), sin(pi * s)] for s in _evenly(outer)]
    bottom = [[1 - cos(pi * s), 0.5 - sin(pi * s)] for s in _evenly(inner)]
    return _given([top, bottom], noise, seed, shuffle)


def circles(n: int = 100, noise: float = 0.05, seed: int = 0, factor: float = 0.5, shuffle: bool = True) -> Points:
    """A circle (class 0) around a smaller one (class 1): a feature such as ``x² + y²`` parts them. As in scikit-learn.

    Args:
        n: the number of points, half of them (rounded down) on the outer circle.
        noise: see above.
        seed: see above.
        factor: the radius of the inner circle; that of the outer one is 1.
        shuffle: if False, the points stand in order along the circles.

    Raises:
        ValueError: if `n` is not a whole number of at least 2, `noise` is below 0, or `factor` is not from 0 up to 1.
    """
    if not 0 <= factor < 1:
        raise ValueError(f"factor must be from 0 up to 1, got {factor}")
    outer, inner = _halves(n)
    rings = [
        [[radius * cos(2 * pi * i / m), radius * sin(2 * pi * i / m)] for i in range(m)]
        for radius, m in ((1.0, outer), (factor, inner))
    ]
    return _given(rings, noise, seed, shuffle)


def spirals(n: int = 300, classes: int = 3, noise: float = 0.02, seed: int = 0, shuffle: bool = True) -> Points:
    """An arm for each class, wound around the others: the boundary must wind too.

    Args:
        n: the number of points, as many of each class as of another, or one more of the first.
        classes: the number of arms.
        noise: see above.
        seed: see above.
        shuffle: if False, the points stand in order along the arms.

    Raises:
        ValueError: if `classes` is not a whole number of at least 1, `n` not one of at least `classes`, or `noise` is
            below 0.
    """
    check_whole("classes", classes, 1)
    check_whole("n", n, classes)
    arms = []
    for c in range(classes):
        m = len(range(c, n, classes))
        ends = [(i / m, _TURN * i / m + 2 * pi * c / classes) for i in range(1, m + 1)]
        arms.append([[radius * cos(angle), radius * sin(angle)] for radius, angle in ends])
    return _given(arms, noise, seed, shuffle)


def xor(n: int = 100, noise: float = 0.0, seed: int = 0) -> Points:
    """The square from -1 to 1, class 1 where the signs of ``x`` and ``y`` differ: neither of them alone tells anything.

    Args:
        n: the number of points, as many in each quarter as in another, or one more.
        noise: see above; it moves points after they have their class.
        seed: see above.

    Raises:
        ValueError: if `n` is not a whole number of at least 2, or `noise` is below 0.
    """
    check_whole("n", n, 2)
    rng = Random(f"xor {seed}")
    quarters = [(1, 1), (-1, 1), (-1, -1), (1, -1)]  # every other one is of class 1
    points: list[list[list[float]]] = [[], []]
    for i in range(n):
        right, up = quarters[i % 4]
        points[i % 2].append([right * (1 - rng.random()), up * (1 - rng.random())])  # never 0
    return _given(points, noise, seed)


def yin_yang(n: int = 300, noise: float = 0.0, seed: int = 0) -> Points:
    """The sign in a circle of radius ½ around (½, ½): its halves, classes 0 and 1, and the two dots, class 2.

    Small, and yet a network without a hidden layer stays far below one that has one. Source: L. Kriener, J. Göltz,
    M. Petrovici, 2021, https://arxiv.org/abs/2102.08211, of which this is the form with two inputs.

    Args:
        n: the number of points, as many of each class as of another, or one more of the first.
        noise: see above; it moves points after they have their class, and the paper has none.
        seed: see above.

    Raises:
        ValueError: if `n` is not a whole number of at least 3, or `noise` is below 0.
    """
    check_whole("n", n, 3)
    rng = Random(f"yin_yang {seed}")
    points: list[list[list[float]]] = [[], [], []]
    for i in range(n):
        while True:  # until a point is in the circle and of the class that is wanted
            point = [rng.random(), rng.random()]
            if dist(point, (0.5, 0.5)) <= 0.5 and _yin_yang_class(point) == i % 3:
                break
        points[i % 3].append(point)
    return _given(points, noise, seed)


def _yin_yang_class(point: list[float]) -> int:
    """The dots lie in the middle of two discs of half the sign's radius: the left disc is of class 1 with the upper
    half, the right one of class 0 with the lower half.
    """
    left, right = dist(point, (0.25, 0.5)), dist(point, (0.75, 0.5))
    if min(left, right) < 0.1:
        return 2
    return int(left <= 0.25 or (point[1] > 0.5 and right > 0.25))


def _halves(n: int) -> tuple[int, int]:
    check_whole("n", n, 2)
    return n // 2, n - n // 2


def _evenly(m: int) -> list[float]:
    """So many numbers from 0 to 1, both included."""
    return [i / (m - 1) if i else 0.0 for i in range(m)]


def _given(classes: list[list[list[float]]], noise: float, seed: int, shuffle: bool = True) -> Points:
    """The points of all classes, moved and shuffled, and the class of each."""
    if not noise >= 0:
        raise ValueError(f"noise must be at least 0, got {noise}")
    rng = Random(seed)
    pairs = [(point, label) for label, points in enumerate(classes) for point in points]
    if noise:
        pairs = [([x + rng.gauss(0, noise) for x in point], label) for point, label in pairs]
    if shuffle:
        rng.shuffle(pairs)
    return [point for point, _ in pairs], [label for _, label in pairs]
