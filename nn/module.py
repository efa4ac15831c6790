"""What every part of a network is: something with parameters, that is called on its inputs.

>>> from nn import MLP
>>> model = MLP(2, [3, 1])
>>> [(name, len(numbers)) for name, numbers in model.state_dict().items()]
[('layers.0.weight', 3), ('layers.0.bias', 3), ('layers.1.weight', 1), ('layers.1.bias', 1)]
>>> MLP(2, [3, 1]).load_state_dict(model.state_dict())
"""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, Self

from engine import Value
from engine.compiler.buffers import Binding
from engine.compiler.guards import bump_module_version
from engine.conversion import to_float
from engine.nested import flat, mapped
from nn.summary import Summary, is_list, shape, written


class Module:
    """The base of all layers and networks: it finds the parameters among its attributes.

    A subclass sets Values, other Modules, or lists or dicts of either as attributes, and writes `forward`. Its
    parameters are those of the Values that are leaves, and neither constants nor buffers.

    Attributes:
        label: what it is called in pictures, if anything.
        training: whether it is being trained; what behaves otherwise once it is in use, as `Dropout`, looks at it.

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

    training = True
    label = ""
    _frozen = False
    _buffers: tuple[str, ...] = ()

    def __setattr__(self, name: str, thing: Any) -> None:
        if getattr(self, name, None) is not thing:
            bump_module_version()  # for compiled functions, which have recorded what it did before
        object.__setattr__(self, name, thing)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; written by each subclass, called by calling the module."""
        raise TypeError(f"{type(self).__name__} has no forward method: define forward(self, x) in it")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The module's `forward`."""
        return self.forward(*inputs, **options)

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        """The outputs for many examples; written anew where they mix, as in `BatchNorm1d`.

        Args:
            xs: the inputs, one for each example.
        """
        return [self(x) for x in xs]

    # What it is made of.

    def named_parameters(self, frozen: bool = False) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with the path to it, in the order in which the attributes were set.

        Args:
            frozen: give those of frozen modules as well; see `freeze`.
        """
        leaves = [each for each in walk(self) if isinstance(each[1], Value)]
        done = set() if frozen else {leaf for _, leaf, owner in leaves if owner._frozen}
        for path, leaf, _ in leaves:
            if leaf not in done:
                done.add(leaf)
                yield path, leaf

    def parameters(self, frozen: bool = False) -> list[Value]:
        """The same without the paths."""
        return [parameter for _, parameter in self.named_parameters(frozen)]

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules right within this one: its attributes, and those in lists, as ``layers.0``."""
        for name, part in vars(self).items():
            for path, thing in _inside(part, name):
                if isinstance(thing, Module):
                    yield path, thing

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """This module with the name ``""``, and every module within it once, with the path to it."""
        seen: set[int] = set()
        for path, module in _tree(self, "", ()):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> "Iterator[Module]":
        """The same without the paths."""
        return (module for _, module in self.named_modules())

    def tensors(self) -> Iterator[tuple[str, Any]]:
        """The state that is its own and not that of a module within it: names, and nested lists of Values.

        They are its parameters and buffers in the order set: a Value, or a list of as many at each place, is one
        tensor; of any other list, each part. A subclass whose parameters are kept in another shape writes it anew.
        """
        for name, part in vars(self).items():
            yield from _tensors(part, name)

    def summary(self) -> Summary:
        """A table of the modules within: names, the shapes of their tensors, how many parameters; to be printed."""
        return Summary(self)

    # Its state.

    def register_buffer(self, name: str, numbers: Any) -> None:
        """Set an attribute to numbers that belong to the state and are no parameters, such as a running mean.

        Args:
            name: what the attribute is called.
            numbers: a number or Value, or nested lists of them.
        """
        setattr(self, name, mapped(lambda x: x if isinstance(x, Value) else Value(x), numbers))
        if name not in self._buffers:
            self._buffers = (*self._buffers, name)

    def state_dict(self) -> dict[str, Any]:
        """The numbers of all parameters and buffers, as nested lists of floats, in PyTorch's shapes and by its names.

        >>> from nn import Neuron
        >>> neuron = Neuron(1)
        >>> neuron.w[0].data = 2.0
        >>> neuron.state_dict()
        {'w': [2.0], 'b': 0.0}
        """
        return {name: mapped(lambda value: value.data, tensor) for name, tensor in named_tensors(self)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all parameters and buffers to numbers that `state_dict` gave, or PyTorch's.

        Args:
            state: for every name a number, nested lists of them, or an array.

        Raises:
            TypeError: if `state` is no mapping.
            ValueError: if a name is missing or unknown, or has another shape, or something in it is no finite number.
                Then nothing is changed.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict takes what state_dict() gave, a dict of names, got {state!r:.40}")
        tensors, numbers, faults = dict(named_tensors(self)), dict[str, Any](), list[str]()
        for name, tensor in tensors.items():
            if name not in state:
                faults.append(f"no {name!r}")
                continue
            try:
                numbers[name] = mapped(to_float, state[name])
            except TypeError as error:
                faults.append(f"in {name!r} what is no number ({error})")
                continue
            if shape(numbers[name]) != shape(tensor):
                faults.append(f"{name!r} of shape {written(shape(numbers[name]))}, not {written(shape(tensor))}")
            elif bad := [number for number in flat(numbers[name]) if not isfinite(number)]:
                faults.append(f"{bad[0]} in {name!r}")
        faults += [f"{name!r}, which the model has not" for name in state if name not in tensors]
        if faults:
            raise ValueError(f"{type(self).__name__} is left as it was, for the state has {'; '.join(faults)}")
        for name, tensor in tensors.items():
            for value, number in zip(flat(tensor), flat(numbers[name])):
                value.data = number

    # How it is trained.

    def train(self, mode: bool = True) -> Self:
        """Set `training` of this module and of all within it; gives the module."""
        for module in self._all():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set `training` to False, as for use after training; gives the module."""
        return self.train(False)

    def freeze(self) -> Self:
        """Leave its parameters, and those of all within it, out of `parameters()`; gives the module.

        An optimizer made afterwards leaves them as they are. They stay in `state_dict()`.
        """
        return self._freeze(True)

    def unfreeze(self) -> Self:
        """Undo `freeze`, for this module and all within it; gives the module."""
        return self._freeze(False)

    def _freeze(self, frozen: bool) -> Self:
        for module in self._all():
            module._frozen = frozen
        return self

    def _all(self) -> "list[Module]":
        return [thing for _, thing, _ in walk(self) if isinstance(thing, Module)]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, as before each backward pass; of frozen ones too."""
        Binding(self.parameters(frozen=True)).zero_grad()


def _is_leaf(thing: Any) -> bool:
    return isinstance(thing, Value) and thing.rule is None and thing.role != "constant"


def _inside(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The leaves and modules in an attribute, with their paths; what is within such a module is left to it."""
    if isinstance(thing, Module) or _is_leaf(thing):
        yield path, thing
    else:
        for name, part in _parts(thing, path):
            yield from _inside(part, name)


def _parts(thing: Any, path: str) -> list[tuple[str, Any]]:
    """What is in a dict or a list, with its path."""
    parts = thing.items() if isinstance(thing, dict) else enumerate(thing) if is_list(thing) else ()
    return [(f"{path}.{name}", part) for name, part in parts]


def walk(module: Module, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any, Module]]:
    """Every module within, and every leaf that is no buffer: its path, itself, and the module that has it."""
    seen = {id(module)} if seen is None else seen
    yield path, module, module
    for name, part in vars(module).items():
        if name not in module._buffers:
            for inner, thing in _inside(part, f"{path}.{name}" if path else name):
                if not isinstance(thing, Module):
                    yield inner, thing, module
                elif id(thing) not in seen:
                    seen.add(id(thing))
                    yield from walk(thing, inner, seen)


def _tree(module: Module, path: str, above: tuple[Module, ...]) -> Iterator[tuple[str, Module]]:
    """A module and its children, their children, and so on; one that is shared is there twice, as in PyTorch."""
    yield path, module
    for name, part in module.named_children():
        if not any(part is other for other in (*above, module)):
            yield from _tree(part, f"{path}.{name}" if path else name, (*above, module))


def _tensors(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    if _only_leaves(thing) and shape(thing) is not None:
        yield name, thing
    else:
        for path, part in _parts(thing, name):
            yield from _tensors(part, path)


def _only_leaves(thing: Any) -> bool:
    return _is_leaf(thing) or (is_list(thing) and all(map(_only_leaves, thing)))


def named_tensors(model: Module) -> Iterator[tuple[str, Any]]:
    """The names in `state_dict`, each with its nested lists of Values."""
    for path, module in _tree(model, "", ()):
        for name, tensor in module.tensors():
            yield f"{path}.{name}" if path else name, tensor
