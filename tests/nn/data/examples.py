"""Examples in every form that a loader or a split takes."""

import numpy as np


class Frame:
    """What pandas' tables and columns have that is used."""

    def __init__(self, numbers):
        self.numbers = np.array(numbers)

    def to_numpy(self):
        return self.numbers


FORMS = {"lists": list, "tuples": lambda rows: tuple(map(tuple, rows)), "arrays": np.array, "frames": Frame}
N = 23
X = [[float(i), 100.0 - i] for i in range(N)]
Y = [i % 3 for i in range(N)]


def plain(part):
    return (
        part.tolist()
        if isinstance(part, np.ndarray)
        else [list(row) if isinstance(row, tuple) else row for row in part]
    )
