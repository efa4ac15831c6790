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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nn.module import Module


class Checkpoint:
    """A JSON file with the states of several objects. Python writes floats so that they are read back bit for bit.

    Args:
        path: the file. It is replaced as a whole, so it is never half written.
        parts: the objects, under the names to use in the file; each has ``state_dict()`` and
            ``load_state_dict(state)``.

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
        """Write the file under a temporary name, make sure it is on disk, and then replace the old one."""
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(self._states(), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def load(self) -> None:
        """Give each part its state.

        Raises:
            ValueError: if the file does not fit these parts. Nothing is changed then.
        """
        before = self._states()
        try:
            states = json.loads(self.path.read_text("utf-8"))
            if not isinstance(states, dict) or states.keys() != before.keys():
                found = ", ".join(states) if isinstance(states, dict) else "something else"
                raise ValueError(f"it should hold {', '.join(before)}, but holds {found}")
            for name, part in self.parts.items():
                part.load_state_dict(states[name])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            for name, part in self.parts.items():
                part.load_state_dict(before[name])
            raise ValueError(
                f"{self.path} is not a checkpoint of this training run ({error}); choose another file, or start with "
                "the model, optimizer and data that it was written for"
            ) from error

    def _states(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}


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
            ValueError: if the state belongs to other generators.
        """
        if state.keys() != self.generators.keys():
            raise ValueError(f"the generators are {', '.join(self.generators)}, but the state has {', '.join(state)}")
        for name, (version, numbers, gauss) in state.items():
            self.generators[name].setstate((version, tuple(numbers), gauss))
