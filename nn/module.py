"""What every part of a network is: something with parameters, that is called on its inputs."""

from collections.abc import Iterator
from typing import Any

from engine import Value
from engine.lending import Part


class Module:
    """The base of all layers and networks: it finds the parameters among its attributes.

    A subclass sets Values, other Modules, or lists of either as attributes, and writes `forward`. Its parameters are
    those of the Values that are leaves.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Value(2.0)
    ...
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line(3.0).data, list(line.named_parameters())
    (6.0, [('slope', Value(data=2.0, grad=—))])
    """

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; written by each subclass, called by calling the module."""
        raise TypeError(f"{type(self).__name__} has no forward method: define forward(self, x) in it")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The module's `forward`."""
        return self.forward(*inputs, **options)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with the path to it, in the order in which the attributes were set."""
        yield from _parameters(self, "", set())

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order in which the attributes were set."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, as before each backward pass."""
        Part(self.parameters()).zero_grad()


def _parameters(thing: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Value]]:
    if isinstance(thing, (Value, Module)):
        if id(thing) in seen:
            return
        seen.add(id(thing))
    if isinstance(thing, Value):
        if thing.rule is None and thing.role != "constant":
            yield path, thing
    elif isinstance(thing, Module):
        for name, part in vars(thing).items():
            yield from _parameters(part, f"{path}.{name}" if path else name, seen)
    elif isinstance(thing, (list, tuple)) or str(getattr(thing, "dtype", "")) == "object":  # an iterator is left alone
        for i, part in enumerate(thing):
            yield from _parameters(part, f"{path}.{i}", seen)
