"""What is in a model, as a table: its modules, the shapes of their tensors, and how many parameters there are.

>>> from nn import MLP
>>> MLP(2, [3, 1]).summary()
name      module                            tensors                  parameters
          MLP
layers.0  Layer(2, 3, activation='relu')    weight [3, 2], bias [3]           9
layers.1  Layer(3, 1, activation='linear')  weight [1, 3], bias [1]           4
13 parameters: 13 to train, 0 frozen
"""

from typing import TYPE_CHECKING, Any

from engine.nested import tree_leaves

if TYPE_CHECKING:
    from nn.module import Module


def is_list(thing: Any) -> bool:
    """Whether this holds several things, and may be looked through: an iterator would be used up."""
    return isinstance(thing, (list, tuple)) or str(getattr(thing, "dtype", "")) == "object"


def shape(tree: Any) -> tuple[int, ...] | None:
    """How many numbers nested lists hold along each axis: ``()`` of a number, None if they are empty or uneven.

    >>> shape([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (2, 3)
    """
    if not is_list(tree):
        return ()
    shapes = {shape(branch) for branch in tree}
    inner = shapes.pop() if len(shapes) == 1 else None
    return None if inner is None else (len(tree), *inner)


def written(shape: tuple[int, ...] | None) -> str:
    """A shape as text, ``[3, 2]``."""
    return "uneven" if shape is None else str(list(shape))


class Summary:
    """The table of a model, which shows itself at a prompt and in a notebook.

    Args:
        model: any module. A parameter that is shared counts where it is first; buffers are shown and do not count.

    Attributes:
        rows: for each module its name, the module as text, its tensors as text, how many parameters they hold, and how
            many of those are frozen.
        total, trainable, frozen: how many parameters in all.
    """

    def __init__(self, model: "Module") -> None:
        parameters, trainable = set(model.parameters(frozen=True)), set(model.parameters())
        self.total, self.trainable = len(parameters), len(trainable)
        self.frozen = self.total - self.trainable
        self.rows: list[tuple[str, str, str, int, int]] = []
        for name, module in model.named_modules():
            tensors = dict(module.tensors())
            own = parameters.intersection(value for tensor in tensors.values() for value in tree_leaves(tensor))
            parameters -= own
            kind = type(module).__name__ if any(module.named_children()) else repr(module)
            shapes = ", ".join(f"{each} {written(shape(tensor))}" for each, tensor in tensors.items())
            self.rows.append((name, kind, shapes, len(own), len(own - trainable)))

    def __str__(self) -> str:
        cells = [("name", "module", "tensors", "parameters", "")]
        for name, kind, shapes, count, frozen in self.rows:
            cells.append((name, kind, shapes, f"{count:,}" if shapes else "", f"{frozen:,} frozen" if frozen else ""))
        a, b, c, d, _ = (max(map(len, column)) for column in zip(*cells))
        lines = [f"{v:{a}}  {w:{b}}  {x:{c}}  {y:>{d}}  {z}".rstrip() for v, w, x, y, z in cells]
        end = f"{self.total:,} parameters: {self.trainable:,} to train, {self.frozen:,} frozen"
        return "\n".join([*lines, end])

    __repr__ = __str__
