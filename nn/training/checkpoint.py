"""A training run in a file: all it takes to resume in another process as if nothing had happened.

>>> import os, tempfile
>>> from nn import MLP
>>> model, twin = MLP(2, [3, 1]), MLP(2, [3, 1])
>>> with tempfile.TemporaryDirectory() as folder:
...     path = os.path.join(folder, "moons.json")
...     Checkpoint(path, {"model": model}).save()
...     Checkpoint(path, {"model": twin}).load()
>>> twin.state_dict() == model.state_dict()
True
"""

import json
import os
import random
import warnings
from array import array
from collections.abc import Callable, Mapping
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import Any

from engine.compiler.pytree import is_array
from engine.modes import callers_depth
from engine.utils.files import write_file
from engine.utils.nested import tree_leaves
from nn.checks import check_state, is_number
from nn.data import DataLoader
from nn.module import Module, named_members


class Checkpoint:
    """A JSON file with the states of several objects. Python writes floats so that they are read back bit for bit.

    Args:
        path: the file. It is replaced as a whole, so it is never half written.
        parts: the objects, under the names to use in the file; each has ``state_dict()``,
            ``load_state_dict(state)`` and, if it is to be checked before anything is loaded, ``prepare_load(state)``.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """

    def __init__(self, path: str | os.PathLike[str], parts: Mapping[str, Any]) -> None:
        self.path, self.parts = Path(path), parts
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"the folder for a checkpoint must exist, got {self.path}; create {self.path.parent}"
            )

    def exists(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    def save(self) -> None:
        """Replace the file, once the new one is on disk."""
        write_file(self.path, json.dumps(self._states()))

    def load(self) -> None:
        """Give each part its state.

        Raises:
            ValueError: if the file does not fit these parts. Nothing is changed then.
        """
        data = self.path.read_bytes()
        try:
            loads = self._prepared(json.loads(data.decode()))
        except RecursionError as error:
            raise self._refusal("its lists are nested too deeply") from error
        except Exception as error:  # whatever a damaged file leads to
            raise self._refusal(str(error)) from error
        for load in loads:
            load()

    def _prepared(self, states: Any) -> list[Callable[[], None]]:
        """What loads the states, once all of them have been checked."""
        if not isinstance(states, dict) or states.keys() != self.parts.keys():
            found = ", ".join(states) if isinstance(states, dict) else "something else"
            raise ValueError(f"it should hold {', '.join(self.parts)}, but holds {found}")
        checked, unchecked = [], []
        for name, part in self.parts.items():
            if _checks_first(part):
                checked.append(part.prepare_load(states[name]))
            else:
                unchecked.append((part, states[name]))
        before = [(part, part.state_dict()) for part, _ in unchecked]
        try:
            for part, state in unchecked:
                part.load_state_dict(state)
        except Exception:
            for part, state in before:
                part.load_state_dict(state)
            raise
        return checked

    def _refusal(self, why: str) -> ValueError:
        return ValueError(
            f"{self.path} is not a checkpoint of this training run ({why}); choose another file, or start with "
            "the model, optimizer and data that it was written for"
        )

    def _states(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}


def _checks_first(part: Any) -> bool:
    """Whether a part has a ``prepare_load`` that does what its ``load_state_dict`` does, and not one of its own."""
    own, general = (
        next((i for i, kind in enumerate(type(part).__mro__) if name in vars(kind)), None)
        for name in ("load_state_dict", "prepare_load")
    )
    return (
        general is not None
        and (own is None or general <= own)
        and "load_state_dict" not in getattr(part, "__dict__", {})
    )


class Randomness:
    """The state of Python's `random`, and of every `random.Random` in a model, such as that of a `Dropout`.

    Args:
        model: the model.
    """

    def __init__(self, model: Module) -> None:
        self.generators: dict[str, Any] = {"random": random}
        for path, module in model.named_modules():
            for name, thing in vars(module).items():
                if isinstance(thing, random.Random):
                    self.generators[f"{path}.{name}"] = thing

    def state_dict(self) -> dict[str, Any]:
        """The states, as plain numbers."""
        states = {name: generator.getstate() for name, generator in self.generators.items()}
        return {name: [version, list(numbers), gauss] for name, (version, numbers, gauss) in states.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from what `state_dict` returned.

        Raises:
            ValueError: if the state belongs to other generators, or is not valid. Nothing is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        check_state("the set of random generators", state, self.generators, may_differ=self.generators)
        states = {}
        for name, given in state.items():
            try:
                version, numbers, gauss = given
                states[name] = version, tuple(numbers), None if gauss is None else float(gauss)
                random.Random().setstate(states[name])
            except (TypeError, ValueError, OverflowError) as error:
                raise ValueError(f"the state of the generator {name!r} is not valid ({error})") from error

        def load() -> None:
            for name, given in states.items():
                self.generators[name].setstate(given)

        return load


class Fingerprint:
    """What a training run is made of, to find out whether a checkpoint was written by the same one.

    Weights mean something else in another network, so another model is an error. Other examples, or another loss, are a
    warning: one may go on with corrected data, and the same data may differ in the last digit on another machine.

    Args:
        model: the model: the classes of its modules and their settings are noted, for example activations.
        loss: the loss, of which the name is noted.
        data: the examples and targets, of which a hash is noted, for each set by name; a set may be None.
    """

    def __init__(self, model: Module, loss: Any, data: Mapping[str, DataLoader | None]) -> None:
        self._own: dict[str, Any] = {
            "modules": {path: _describe(part) for path, part, _ in named_members(model) if isinstance(part, Module)},
            "loss": _name(loss),
            **{name: None if loader is None else _hash(loader) for name, loader in data.items()},
        }

    def state_dict(self) -> dict[str, Any]:
        """The notes, as texts."""
        return self._own

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Compare what `state_dict` returned with this run.

        Raises:
            ValueError: if it was another model.

        Warns:
            RuntimeWarning: if there were other examples, or another loss.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Compare, and return what warns."""
        check_state("the fingerprint of a training run", state, self._own, may_differ=self._own)
        then, now = state["modules"], self._own["modules"]
        if then != now:
            here = [path for path in now if not isinstance(then, dict) or then.get(path) != now[path]]
            path = here[0] if here else next(iter(then.keys() - now.keys()))
            was, is_now = (each.get(path) if isinstance(each, dict) else None for each in (then, now))
            raise ValueError(f"the model is a different one: {path or 'it'} is {is_now}, and was {was}")
        others = [name for name in self._own if name != "modules" and state[name] != self._own[name]]

        def load() -> None:
            if others:
                warnings.warn(
                    f"the checkpoint was written with another {' and another '.join(others)}; training goes on with "
                    "what it has been given now, and losses before and after are not comparable; choose another file "
                    "to start afresh",
                    RuntimeWarning,
                    callers_depth(),
                )

        return load


def _describe(module: Module) -> str:
    """The class of a module, and its settings: the attributes that its class is made with, if they are plain."""
    names = [name for name in signature(type(module)).parameters if name not in ("rng", "label", "fused")]
    texts = {name: _text(vars(module)[name]) for name in names if name in vars(module)}
    settings = [f"{name}={text}" for name, text in texts.items() if text]
    return f"{type(module).__qualname__}({', '.join(settings)})"


def _text(setting: Any) -> str:
    """A setting, the same whether a number is Python's or NumPy's; empty if it is neither number, text nor function."""
    if setting is None or isinstance(setting, (bool, str)):
        return repr(setting)
    if is_number(setting):
        return f"{float(setting)!r}"
    if isinstance(setting, (tuple, list)) and all(map(is_number, setting)):
        return f"({', '.join(map(_text, setting))})"
    return _name(setting) if callable(setting) and not isinstance(setting, Module) else ""


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _listed(examples: Any) -> Any:
    return examples.tolist() if is_array(examples) else examples


def _hash(loader: DataLoader) -> str:
    """The same for the same numbers in the same order, be they lists or arrays."""
    found = sha256()
    for examples in (*loader.inputs, loader.y):
        found.update(f"{len(examples)} ".encode() if examples is not None else b"-")
        for start in range(0, len(examples if examples is not None else ()), 1000):
            numbers = array("d", map(float, tree_leaves(_listed(examples[start : start + 1000]))))
            found.update(numbers.tobytes())
    return found.hexdigest()[:32]
