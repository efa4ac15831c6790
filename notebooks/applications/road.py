"""A small simulated road, for the notebook on steering: a car with a camera, gusts of wind, and an expert with the map.

Nothing of it is measured on a real road. A camera looks 0.8 m ahead and sees a row of 15 dots across the road. By day
the line in the middle is brighter than its ground; in tunnels it is darker.
"""

import math
import random

import numpy as np

DOTS = np.linspace(-0.7, 0.7, 15)  # metres to the left of where the camera looks
AHEAD, HALF_WIDTH = 0.8, 0.5  # metres
SPEED, STEP, TURN = 1.0, 0.1, 2.0  # metres a second; seconds; radians a second at full lock
LINE, GRAIN = 0.12, 0.1  # how wide the line is, in metres; how noisy the camera


class Road:
    """A closed road about 25 m long, different for every seed.

    Args:
        seed: which road.
        tunnels: whether a part of it lies in tunnels.
    """

    def __init__(self, seed, tunnels=True, n=400):
        rng = random.Random(seed)
        waves = [(i, rng.uniform(-0.45, 0.45) / i**0.5, rng.uniform(0, 2 * math.pi)) for i in (2, 3, 4, 5)]
        around = np.linspace(0, 2 * math.pi, n, endpoint=False)
        radius = 3.5 + sum(size * np.cos(i * around + phase) for i, size, phase in waves)
        self.middle = np.stack([radius * np.cos(around), radius * np.sin(around)], axis=1)
        along = np.roll(self.middle, -1, axis=0) - np.roll(self.middle, 1, axis=0)
        self.direction = np.arctan2(along[:, 1], along[:, 0])
        first = rng.randrange(n)
        self.dark = np.array([tunnels and (i - first) // 40 % 2 == 1 for i in range(n)])

    def where(self, x, y):
        """The nearest point of the middle line, by its number, and how far to the left of it the place lies."""
        dx, dy = x - self.middle[:, 0], y - self.middle[:, 1]
        i = int((dx * dx + dy * dy).argmin())
        return i, float(math.cos(self.direction[i]) * dy[i] - math.sin(self.direction[i]) * dx[i])

    def camera(self, x, y, heading, dark, rng, grain=GRAIN):
        """15 dots: above 0 is brighter than the ground, below 0 darker."""
        ahead = np.array([x + AHEAD * math.cos(heading), y + AHEAD * math.sin(heading)])
        places = ahead + np.outer(DOTS, [-math.sin(heading), math.cos(heading)])
        dx, dy = (places[:, None, axis] - self.middle[:, axis] for axis in (0, 1))
        squares = (dx * dx + dy * dy).min(axis=1)
        return (-1 if dark else 1) * np.exp(-squares / LINE**2) + rng.normal(0, grain, len(DOTS))

    def expert(self, x, y, heading, i):
        """What a driver with the map does: steer toward the middle line 0.8 m ahead; from -1, right, to 1, left."""
        to = self.middle.take(range(i, i + 60), axis=0, mode="wrap") - (x, y)
        target = to[np.argmax(np.hypot(*to.T) > AHEAD)]
        angle = (math.atan2(target[1], target[0]) - heading + math.pi) % (2 * math.pi) - math.pi
        return max(-1.0, min(1.0, 1.5 * angle))


def drive(road, policy, seed=0, gust=0.0, moments=400, grain=GRAIN):
    """Drive until the car leaves the road, or for so many moments (400 are 40 seconds, more than a lap).

    Args:
        road: where.
        policy: from the 15 dots to a steering from -1 to 1; None for the expert.
        seed: of the start, the wind and the camera's noise.
        gust: how far a gust turns the car, in radians, every two seconds.
        moments: when to stop.
        grain: how noisy the camera is.

    Returns:
        For each moment: place and heading, the dots, and what the expert would have done there.

    Raises:
        ValueError: if gust or grain is no number, or below 0.
    """
    for name, number in (("gust", gust), ("grain", grain)):
        if not (isinstance(number, (int, float)) and 0 <= number < math.inf):
            raise ValueError(f"{name} must be a number from 0 up, got {number!r}; write 0.5, for example")
    rng = np.random.RandomState(seed)
    start = rng.randint(len(road.middle))
    (x, y), heading, log = road.middle[start], road.direction[start], []
    i, _ = road.where(x, y)
    for moment in range(moments):
        dots, right = road.camera(x, y, heading, road.dark[i], rng, grain), road.expert(x, y, heading, i)
        log.append(((float(x), float(y), float(heading)), dots, right))
        heading += TURN * STEP * max(-1.0, min(1.0, right if policy is None else policy(dots)))
        if moment % 20 == 10:
            heading += rng.choice((-1, 1)) * gust
        x, y = x + SPEED * STEP * math.cos(heading), y + SPEED * STEP * math.sin(heading)
        i, beside = road.where(x, y)
        if abs(beside) > HALF_WIDTH:
            break
    return log
