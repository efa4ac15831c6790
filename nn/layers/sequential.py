"""Modules in a chain, each fed the output of the one before.

>>> from nn import Linear, ReLU
>>> model = Sequential(Linear(2, 3), ReLU(), Linear(3, 1))
>>> len(model([1.0, 2.0])), list(model.state_dict())
(1, ['0.weight', '0.bias', '2.weight', '2.bias'])
"""

from collections.abc import Iterable, Iterator
from typing import Any, overload

from engine.utils.arguments import several
from engine.utils.messages import brief
from nn.module import Module, named_members


class Sequential(Module):
    """A chain of modules: ``model[0]`` is the first, ``model[-1]`` the last, and ``model[1:]`` a shorter `Sequential`.

    A member without a label of its own is labelled by its position, ``L0``, and its parameters ``L0.n1.w2``, so that
    pictures can fold it.

    Args:
        modules: any modules; to use a function, write a `Module` around it.

    Raises:
        TypeError: if one of them is not a module.
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                hint = "Sequential(*modules)" if isinstance(module, (list, tuple)) else "ReLU(), not ReLU or a function"
                raise TypeError(f"Sequential takes modules, got {brief(module)}; write {hint}")
            setattr(self, str(i), module)  # the name in PyTorch's state dict too
            prefix_labels(module, f"L{i}")

    def forward(self, x: Any) -> Any:
        """The output of the last module for one example."""
        for module in self:
            x = module(x)
        return x

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        """The outputs of the last module for many examples, which go through the chain together."""
        xs = several("batch", xs, "model.batch([x1, x2])")
        for module in self:
            xs = module.batch(xs)
        return xs

    def __iter__(self) -> Iterator[Module]:
        return (part for name, part in vars(self).items() if name.isdigit())

    def __len__(self) -> int:
        return len(list(iter(self)))

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> Module:
        members = list(self)
        return Sequential(*members[index]) if isinstance(index, slice) else members[index]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self))})"


def prefix_labels(member: Module, name: str) -> None:
    """Label a member, and put the name before every label within it, unless the member has a label of its own."""
    if member.label:
        return
    member.label = name
    things = {id(thing): thing for _, thing, _ in named_members(member) if thing is not member}
    for thing in things.values():
        if thing.label:
            thing.label = f"{name}.{thing.label}"
