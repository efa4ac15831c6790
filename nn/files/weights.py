"""Weights in files, to use them again or to take them elsewhere.

>>> from tempfile import TemporaryDirectory
>>> from nn import MLP
>>> model, again = MLP(2, [3, 1]), MLP(2, [3, 1])
>>> with TemporaryDirectory() as folder:
...     save(model, f"{folder}/moons.json", {"made": "in a lesson"})
...     load(again, f"{folder}/moons.json")
{'made': 'in a lesson'}
>>> again.state_dict() == model.state_dict()
True

A file holds what `Module.state_dict` gives, under PyTorch's names. The end of its own name tells the format:
``.safetensors`` is read by PyTorch too (https://github.com/huggingface/safetensors), ``.json`` by eye.
"""

import json
import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any
from uuid import uuid4

from engine.nested import tree_leaves
from nn.module import Module

State = dict[str, Any]
Metadata = dict[str, str]
Write = Callable[[State, Metadata], bytes]
Read = Callable[[bytes], tuple[State, Metadata]]


def save(model: Module, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write the numbers of all parameters and buffers to a file; the old one stays until the new one is whole.

    Args:
        model: any module.
        path: a name that ends with ``.safetensors`` or ``.json``.
        metadata: texts to go with them, each by a name.

    Raises:
        ValueError: if the name ends otherwise, or a number is not finite.
        TypeError: if the metadata are not texts.
        OSError: if the file can't be written.
        ImportError: if the package safetensors is needed and not installed.
    """
    write, _ = _format(model, path, "save")
    texts = dict(metadata or {})
    if not _is_text(texts):
        raise TypeError(f"metadata are texts by name, as {{'epochs': '10'}}, got {metadata!r}")
    state = model.state_dict()
    for name, tensor in state.items():
        for number in tree_leaves(tensor):
            if not isfinite(number):
                raise ValueError(f"{path} is left as it was: there is {number} in {name!r}, which load would refuse")
    _replace(Path(path), write(state, texts))


def load(model: Module, path: str | os.PathLike[str]) -> Metadata:
    """Set all parameters and buffers to the numbers in a file; gives its metadata.

    A file that is damaged, or does not fit the model, changes nothing.

    Args:
        model: a module like the one that was saved.
        path: the file, by `save` or, as ``.safetensors``, from PyTorch; its numbers become those of Python's floats.

    Raises:
        ValueError: if the name ends otherwise, or the file is damaged, or what is in it does not fit.
        FileNotFoundError: if there is none.
        ImportError: if the package safetensors is needed and not installed.
    """
    _, read = _format(model, path, "load")
    data = Path(path).read_bytes()
    try:
        state, metadata = read(data)
        model.load_state_dict(state)
    except RecursionError:
        raise ValueError(f"{path} can't be loaded: its lists are nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path} can't be loaded: {error}") from error
    return metadata


def _format(model: Any, path: str | os.PathLike[str], verb: str) -> tuple[Write, Read]:
    """How the file is written, and how it is read."""
    if not isinstance(model, Module):
        raise TypeError(f"{verb} takes a model and then a path, got {model!r:.40}; write {verb}(model, path)")
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(
            f"weights are kept in {' or '.join(_FORMATS)} files, got {os.fspath(path)!r}; pickle, as in .pt, .pkl and "
            f".bin, is not read because it can run code: with PyTorch, write such a file anew as .safetensors"
        )
    return _FORMATS[suffix]


def _replace(path: Path, data: bytes) -> None:
    """Put all of the data in place of a file at once, or nothing."""
    path = path.resolve()  # a link remains one
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} can't be saved: there is no folder {path.parent}")
    temporary = path.with_name(f".{uuid4().hex}.tmp")  # a folder's files can be renamed in one step
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # the numbers are on the disk before the name is
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# JSON: a number is written so that the same one is read.

_VERSION = 1


def _to_json(state: State, metadata: Metadata) -> bytes:
    tensors = ",\n".join(f"{json.dumps(name)}: {json.dumps(tensor)}" for name, tensor in state.items())
    top = f'"version": {_VERSION}, "metadata": {json.dumps(metadata)}'
    return f'{{{top}, "tensors": {{\n{tensors}\n}}}}\n'.encode()


def _from_json(data: bytes) -> tuple[State, Metadata]:
    document = _parsed(data)
    if not isinstance(document, dict) or document.keys() != {"version", "metadata", "tensors"}:
        raise ValueError("it is not what save writes: an object of version, metadata and tensors")
    if document["version"] != _VERSION:
        raise ValueError(f"it is of another version than {_VERSION}, which is read here")
    state, metadata = document["tensors"], document["metadata"]
    if not isinstance(state, dict) or not _is_text(metadata):
        raise ValueError("its tensors must be lists by name, and its metadata texts by name")
    for name, tensor in state.items():
        if any(isinstance(number, bool) for number in tree_leaves(tensor)):
            raise ValueError(f"there are true and false in {name!r}, and not only numbers")
    return state, metadata


def _parsed(data: bytes) -> Any:
    """What JSON stands for. All numbers are floats: an int may be too large to become one."""
    try:
        return json.loads(data, parse_int=float, object_pairs_hook=_unique)
    except ValueError as error:
        raise ValueError(f"it is no proper JSON ({error})") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    things = dict(pairs)
    if len(things) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} is there twice")
    return things


def _is_text(metadata: Any) -> bool:
    return isinstance(metadata, dict) and all(isinstance(text, str) for pair in metadata.items() for text in pair)


# safetensors: the length of a header, the header in JSON, and the numbers as they are in memory.

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}  # PyTorch counts batches in I64


def _to_safetensors(state: State, metadata: Metadata) -> bytes:
    np, safetensors = _packages()
    data: bytes = safetensors.numpy.save({name: np.array(tensor) for name, tensor in state.items()}, metadata or None)
    return data


def _from_safetensors(data: bytes) -> tuple[State, Metadata]:
    np, safetensors = _packages()
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise ValueError(f"it is no proper safetensors file ({error})") from error
    header = _parsed(data[8 : 8 + int.from_bytes(data[:8], "little")])
    state = {}
    for name, tensor in tensors:
        dtype, sizes = tensor["dtype"], tensor["shape"]
        if dtype not in _DTYPES:
            raise ValueError(f"{name!r} is of type {dtype}, and not of {', '.join(_DTYPES)}")
        if 0 in sizes:  # of any number of empty rows
            raise ValueError(f"{name!r} of shape {sizes} is empty")
        numbers = np.frombuffer(tensor["data"], _DTYPES[dtype])
        if dtype == "BF16":  # the upper half of an F32
            numbers = (numbers.astype("<u4") << 16).view("<f4")
        with np.errstate(invalid="ignore"):  # there is more than one nan
            state[name] = numbers.astype(np.float64).reshape(sizes).tolist()
    return state, header.get("__metadata__") or {}


def _packages() -> tuple[Any, Any]:
    try:
        import numpy
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            ".safetensors files need the package of that name; install it with `pip install 'chalkgrad[weights]'`, or "
            "save as .json"
        ) from error
    return numpy, safetensors


_FORMATS: dict[str, tuple[Write, Read]] = {
    ".safetensors": (_to_safetensors, _from_safetensors),
    ".json": (_to_json, _from_json),
}
