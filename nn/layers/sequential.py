"""Modules in a row, each fed what the one before it gave.

>>> from nn import Linear, ReLU
>>> model = Sequential(Linear(2, 3), ReLU(), Linear(3, 1))
>>> len(model([1.0, 2.0])), list(model.state_dict())
(1, ['0.weight', '0.bias', '2.weight', '2.bias'])
"""

from collections.abc import Iterable, Iterator
from typing import Any, overload

from nn.module import Module, walk


class Sequential(Module):
    """Modules in a row. Its members are ``model[0]``, ``model[-1]``, and ``model[1:]`` is a `Sequential` of several.

    Parameters are labelled after their place, ``L0.n1.w2``, where the member has no label of its own, so that pictures
    can fold it.

    Args:
        modules: any modules; for a function write a `Module` around it.

    Raises:
        TypeError: if one of them is no module.
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                hint = "Sequential(*modules)" if isinstance(module, (list, tuple)) else "ReLU(), not ReLU or a function"
                raise TypeError(f"Sequential takes modules, got {module!r:.40}; write {hint}")
            setattr(self, str(i), module)  # the names that PyTorch has in the state
            label_within(module, f"L{i}")

    def forward(self, x: Any) -> Any:
        """What the last one gives for one example."""
        for module in self:
            x = module(x)
        return x

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        """What the last one gives for many examples; they go from member to member together."""
        xs = list(xs)
        for module in self:
            xs = module.batch(xs)
        return xs

    def __iter__(self) -> Iterator[Module]:
        return (part for name, part in vars(self).items() if name.isdigit())

    def __len__(self) -> int:
        return len(list(iter(self)))

    @overload
    def __getitem__(self, place: int) -> Module: ...
    @overload
    def __getitem__(self, place: slice) -> "Sequential": ...
    def __getitem__(self, place: int | slice) -> Module:
        members = list(self)
        return Sequential(*members[place]) if isinstance(place, slice) else members[place]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self))})"


def label_within(member: Module, name: str) -> None:
    """Put a name before the labels of a member and of all in it, unless it has one of its own."""
    if member.label:
        return
    member.label = name
    things = {id(thing): thing for _, thing, _ in walk(member) if thing is not member}
    for thing in things.values():
        if thing.label:
            thing.label = f"{name}.{thing.label}"
