"""What all parts of a network have in common: they have parameters, and are called with inputs.

>>> from nn import MLP
>>> model = MLP(2, [3, 1])
>>> [(name, len(numbers)) for name, numbers in model.state_dict().items()]
[('layers.0.weight', 3), ('layers.0.bias', 3), ('layers.1.weight', 1), ('layers.1.bias', 1)]
>>> MLP(2, [3, 1]).load_state_dict(model.state_dict())
"""

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from math import isfinite
from typing import Any, Self

from engine import Value
from engine.compiler.buffers import Binding
from engine.compiler.guards import bump_module_version
from engine.utils.arguments import described, several
from engine.utils.console import printable
from engine.utils.conversion import to_float
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_leaves, tree_map
from nn.summary import Summary, SummaryRow
from nn.tensors import format_shape, is_container, shape


@printable
class Module:
    """The base class of all layers and networks: it finds the parameters among its attributes.

    A subclass stores Values, other Modules, or lists or dicts of either as attributes, and defines `forward`. Its
    parameters are all Values among them that are leaves, and are neither constants nor buffers.

    Attributes:
        label: its name in pictures, if it has one.
        training: whether it is being trained. A module that behaves differently in use, such as `Dropout`, checks it.

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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        printable(cls)

    def __setattr__(self, name: str, thing: Any) -> None:
        if getattr(self, name, None) is not thing:
            bump_module_version()  # for compiled functions, which have recorded what it did before
        object.__setattr__(self, name, thing)

    def __delattr__(self, name: str) -> None:
        bump_module_version()
        object.__delattr__(self, name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; defined by each subclass, and called by calling the module."""
        raise TypeError(f"{type(self).__name__} has no forward method: define forward(self, x) in it")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Call `forward`."""
        try:
            return self.forward(*inputs, **options)
        except TypeError:
            self._check_call(inputs, options)
            raise

    def _check_call(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Raise TypeError, saying what to write, if `forward` cannot be called with these at all."""
        takes = signature(self.forward)
        try:
            takes.bind(*inputs, **options)
        except TypeError as error:
            needed = [name for name, x in takes.parameters.items() if x.default is x.empty]
            if len(inputs) < 2 or len(needed) > 1 or options:
                write = f"model({', '.join(needed)})"
                raise TypeError(f"{self!r} cannot be called like this: {error}; write {write}") from None
            if any(map(is_list_like, inputs)):
                got, instead = f"{len(inputs)} arguments", "[model(x) for x in rows]"
            else:
                got, instead = f"{len(inputs)} numbers one by one", "model([1, 2])"
            raise TypeError(f"{self!r} takes one example at a time, got {got}; write {instead}") from None

    def batch(self, *inputs: Any, **options: Any) -> list[Any]:
        """The outputs for many examples; overridden where examples affect one another, as in `BatchNorm1d`.

        Args:
            inputs: for each input of `forward` a list or an array, with one for each example.
            options: those of `forward`, the same for all.
        """
        columns = [several("batch", each, "model.batch([x1, x2])") for each in inputs]
        return [self(*each, **options) for each in zip(*columns)]

    # Its parts.

    def named_parameters(self, frozen: bool = False) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with its path, in the order in which the attributes were set.

        Args:
            frozen: include the parameters of frozen modules; see `freeze`.
        """
        leaves = [each for each in named_members(self) if isinstance(each[1], Value)]
        done = set() if frozen else {leaf for _, leaf, owner in leaves if owner._frozen}
        for path, leaf, _ in leaves:
            if leaf not in done:
                done.add(leaf)
                yield path, leaf

    def parameters(self, frozen: bool = False) -> list[Value]:
        """The same without the paths."""
        return [parameter for _, parameter in self.named_parameters(frozen)]

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly within this one: its attributes, and those in its lists, such as ``layers.0``."""
        for name, part in vars(self).items():
            for path, thing in _members_of(part, name):
                if isinstance(thing, Module):
                    yield path, thing

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """This module under the name ``""``, and every module within it once, with its path."""
        seen: set[int] = set()
        for path, module in _walk_modules(self, "", ()):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> "Iterator[Module]":
        """The same without the paths."""
        return (module for _, module in self.named_modules())

    def tensors(self) -> Iterator[tuple[str, Any]]:
        """The module's own parameters and buffers, not those of modules within it: names and nested lists of Values.

        They come in the order in which they were set. A Value is a tensor, and so is a nested list that is not ragged;
        any other list is split into its parts. A subclass that stores its parameters in another form overrides this.
        """
        for name, part in vars(self).items():
            yield from _tensors(part, name)

    def summary(self) -> Summary:
        """A table of all modules within: their names, the shapes of their tensors, how many parameters; print it."""
        uncounted, trainable = set(self.parameters(frozen=True)), set(self.parameters())
        rows = []
        for name, module in self.named_modules():
            tensors = dict(module.tensors())
            own = uncounted.intersection(value for tensor in tensors.values() for value in tree_leaves(tensor))
            uncounted -= own
            kind = type(module).__name__ if any(module.named_children()) else repr(module)
            shapes = ", ".join(f"{each} {format_shape(shape(tensor))}" for each, tensor in tensors.items())
            rows.append(SummaryRow(name, kind, shapes, len(own), len(own - trainable)))
        return Summary(rows)

    # Its state.

    def register_buffer(self, name: str, numbers: Any) -> None:
        """Set an attribute to numbers that belong to the state but are not parameters, such as a running mean.

        Args:
            name: the name of the attribute.
            numbers: a number or Value, or a nested list of them.
        """
        setattr(self, name, tree_map(lambda x: x if isinstance(x, Value) else Value(x), numbers))
        if name not in self._buffers:
            self._buffers = (*self._buffers, name)

    def state_dict(self) -> dict[str, Any]:
        """The numbers of all parameters and buffers, as nested lists of floats, with PyTorch's names and shapes.

        >>> from nn import Neuron
        >>> neuron = Neuron(1)
        >>> neuron.w[0].data = 2.0
        >>> neuron.state_dict()
        {'w': [2.0], 'b': 0.0}
        """
        return {name: tree_map(lambda value: value.data, tensor) for name, tensor in named_tensors(self)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all parameters and buffers to the numbers in a state dict, made by `state_dict` or by PyTorch.

        Args:
            state: for every name a number, a nested list of numbers, or an array.

        Raises:
            TypeError: if `state` is not a mapping.
            ValueError: if a name is missing or unknown, a shape differs, or something is not a finite number. Nothing
                is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict takes a dict, as state_dict() returns it, got {brief(state)}")
        tensors, numbers, mismatches = dict(named_tensors(self)), dict[str, Any](), list[str]()
        for name, tensor in tensors.items():
            if name not in state:
                mismatches.append(f"{name!r} is missing")
                continue
            try:
                numbers[name] = tree_map(to_float, state[name])
            except (TypeError, OverflowError) as error:
                mismatches.append(f"{name!r} holds something that is not a number ({error})")
                continue
            given, expected = shape(numbers[name]), shape(tensor)
            if given != expected:
                mismatches.append(f"{name!r} has shape {format_shape(given)}, not {format_shape(expected)}")
            elif bad := [number for number in tree_leaves(numbers[name]) if not isfinite(number)]:
                mismatches.append(f"{name!r} holds {bad[0]}")
        mismatches += [f"{name!r} is not in the model" for name in state if name not in tensors]
        if mismatches:
            raise ValueError(
                f"{type(self).__name__} was not changed, because the state does not fit: {'; '.join(mismatches)}"
            )

        def load() -> None:
            for name, tensor in tensors.items():
                for value, number in zip(tree_leaves(tensor), tree_leaves(numbers[name])):
                    value.data = number

        return load

    # Training.

    def train(self, mode: bool = True) -> Self:
        """Set `training` for this module and all modules within it; returns the module."""
        for module in self._every_module():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set `training` to False, for use after training; returns the module."""
        return self.train(False)

    def freeze(self) -> Self:
        """Leave its parameters, and those of all modules within it, out of `parameters()`; returns the module.

        An optimizer made afterwards does not change them. They stay in `state_dict()`.
        """
        return self._freeze(True)

    def unfreeze(self) -> Self:
        """Undo `freeze`, for this module and all modules within it; returns the module."""
        return self._freeze(False)

    def _freeze(self, frozen: bool) -> Self:
        for module in self._every_module():
            module._frozen = frozen
        return self

    def _every_module(self) -> "list[Module]":
        return [thing for _, thing, _ in named_members(self) if isinstance(thing, Module)]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, frozen ones included; do this before each backward pass."""
        Binding(self.parameters(frozen=True)).zero_grad()


def check_module(caller: str, given: Any, instead: str) -> None:
    """Raise TypeError unless a Module was given to the caller; `instead` is what to write."""
    if not isinstance(given, Module):
        raise TypeError(f"{caller} takes a Module, got {described(given)}; write {instead}")


def _is_leaf(thing: Any) -> bool:
    return isinstance(thing, Value) and thing.rule is None and thing.role != "constant"


def _members_of(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The leaves and modules in an attribute, with their paths, without looking inside those modules."""
    if _is_leaf(thing) or isinstance(thing, Module):
        yield path, thing
    else:
        for name, part in _named_items(thing, path):
            if _is_leaf(part):  # without a generator for each weight: a fifth of the time
                yield name, part
            else:
                yield from _members_of(part, name)


def _named_items(thing: Any, path: str) -> list[tuple[str, Any]]:
    """The items of a dict or a list, with their paths."""
    parts = thing.items() if isinstance(thing, dict) else enumerate(thing) if is_container(thing) else ()
    return [(f"{path}.{name}", part) for name, part in parts]


def named_members(module: Module, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any, Module]]:
    """All modules within, and all leaves that are not buffers, as ``(path, member, the module that has it)``."""
    seen = {id(module)} if seen is None else seen
    yield path, module, module
    for name, part in vars(module).items():
        if name not in module._buffers:
            for inner, thing in _members_of(part, f"{path}.{name}" if path else name):
                if not isinstance(thing, Module):
                    yield inner, thing, module
                elif id(thing) not in seen:
                    seen.add(id(thing))
                    yield from named_members(thing, inner, seen)


def _walk_modules(module: Module, path: str, above: tuple[Module, ...]) -> Iterator[tuple[str, Module]]:
    """A module, its children, their children, and so on; one that is shared comes up each time, as in PyTorch."""
    yield path, module
    for name, part in module.named_children():
        if not any(part is other for other in (*above, module)):
            yield from _walk_modules(part, f"{path}.{name}" if path else name, (*above, module))


def _tensors(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    if _all_leaves(thing) and shape(thing) is not None:
        yield name, thing
    else:
        for path, part in _named_items(thing, name):
            yield from _tensors(part, path)


def _all_leaves(thing: Any) -> bool:
    return _is_leaf(thing) or (is_container(thing) and all(map(_all_leaves, thing)))


def named_tensors(model: Module) -> Iterator[tuple[str, Any]]:
    """The names in `state_dict`, each with its nested list of Values."""
    for path, module in _walk_modules(model, "", ()):
        for name, tensor in module.tensors():
            yield f"{path}.{name}" if path else name, tensor
