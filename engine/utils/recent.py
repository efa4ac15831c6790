"""A dictionary that forgets what was not used for longest."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """A dictionary of so many items at most: those that were used last, the latest at the end.

    >>> recent = Recent(2)
    >>> for key in "abac":
    ...     recent.use(key, key.upper())
    >>> recent
    {'a': 'A', 'c': 'C'}
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def use(self, key: K, value: V) -> None:
        """Put it there as the latest; what was not used for longest makes room."""
        self.pop(key, None)
        self[key] = value
        while len(self) > self.most:
            del self[next(iter(self))]
