"""Weights saved to files, to use again or to take elsewhere.

>>> from tempfile import TemporaryDirectory
>>> from nn import MLP
>>> model, again = MLP(2, [3, 1]), MLP(2, [3, 1])
>>> with TemporaryDirectory() as folder:
...     save(model, f"{folder}/moons.json", {"made": "in a lesson"})
...     load(again, f"{folder}/moons.json")
{'made': 'in a lesson'}
>>> again.state_dict() == model.state_dict()
True

A file holds what `Module.state_dict` returns, under PyTorch's names. The suffix of the file decides on the format:
``.safetensors`` can be read by PyTorch too (https://github.com/huggingface/safetensors), ``.json`` by people.
"""

import json
import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from engine.utils.arguments import described
from engine.utils.files import write_file
from engine.utils.messages import brief
from engine.utils.nested import tree_leaves
from nn.module import Module

State = dict[str, Any]
Metadata = dict[str, str]
Write = Callable[[State, Metadata], bytes]
Read = Callable[[bytes], tuple[State, Metadata]]


def save(model: Module, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write the numbers of all parameters and buffers to a file; an old file stays until the new one is complete.

    Args:
        model: any module.
        path: a name that ends in ``.safetensors`` or ``.json``.
        metadata: strings to store along with them, each under a name.

    Raises:
        ValueError: if the name has another suffix, or a number is not finite.
        TypeError: if the metadata are not strings.
        OSError: if the file cannot be written.
        ImportError: if the safetensors package is needed, but not installed.
    """
    write, _ = _format(model, path, "save")
    strings = dict(metadata or {})
    if not _maps_strings(strings):
        raise TypeError(f"metadata must be a dict of strings, such as {{'epochs': '10'}}, got {metadata!r}")
    state = model.state_dict()
    for name, tensor in state.items():
        for number in tree_leaves(tensor):
            if not isfinite(number):
                raise ValueError(f"{path} was not changed, because {name!r} holds {number}, which load would reject")
    write_file(path, write(state, strings))


def load(model: Module, path: str | os.PathLike[str]) -> Metadata:
    """Set all parameters and buffers to the numbers in a file; returns its metadata.

    If the file is damaged, or does not fit the model, nothing is changed.

    Args:
        model: a module like the one that was saved.
        path: a file written by `save` or, if it is ``.safetensors``, by PyTorch; its numbers become Python floats.

    Raises:
        ValueError: if the name has another suffix, or the file is damaged, or its contents do not fit.
        FileNotFoundError: if there is no such file.
        ImportError: if the safetensors package is needed, but not installed.
    """
    _, read = _format(model, path, "load")
    data = Path(path).read_bytes()
    try:
        state, metadata = read(data)
        model.load_state_dict(state)
    except RecursionError:
        raise ValueError(f"{path} cannot be loaded: its lists are nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error
    return metadata


def _format(model: Any, path: str | os.PathLike[str], verb: str) -> tuple[Write, Read]:
    """The functions that write and read the format of this file."""
    if not isinstance(model, Module):
        raise TypeError(f"{verb} takes a model and then a path, got {brief(model)}; write {verb}(model, path)")
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f'{verb} takes the path of a file, got {described(path)}; write {verb}(model, "weights.json")')
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(
            f"weights are stored in {' or '.join(_FORMATS)} files, got {os.fspath(path)!r}; pickle files such as .pt, "
            ".pkl and .bin are not read because they can run code: use PyTorch to convert them to .safetensors"
        )
    return _FORMATS[suffix]


# JSON: numbers are written with enough digits to read back the same ones.

_VERSION = 1


def _to_json(state: State, metadata: Metadata) -> bytes:
    tensors = ",\n".join(f"{json.dumps(name)}: {json.dumps(tensor)}" for name, tensor in state.items())
    top = f'"version": {_VERSION}, "metadata": {json.dumps(metadata)}'
    return f'{{{top}, "tensors": {{\n{tensors}\n}}}}\n'.encode()


def _from_json(data: bytes) -> tuple[State, Metadata]:
    document = _parse_json(data)
    if not isinstance(document, dict) or document.keys() != {"version", "metadata", "tensors"}:
        raise ValueError("it is not what save writes: an object with version, metadata and tensors")
    if document["version"] != _VERSION:
        raise ValueError(f"its version is not {_VERSION}, the only one that can be read here")
    state, metadata = document["tensors"], document["metadata"]
    if not isinstance(state, dict) or not _maps_strings(metadata):
        raise ValueError("its tensors must be an object of lists, and its metadata an object of strings")
    for name, tensor in state.items():
        if any(isinstance(number, bool) for number in tree_leaves(tensor)):
            raise ValueError(f"{name!r} holds true or false instead of a number")
    return state, metadata


def _parse_json(data: bytes) -> Any:
    """The contents of a JSON text. All numbers are read as floats, because an int may be too large to become one."""
    try:
        return json.loads(data, parse_int=float, object_pairs_hook=_reject_duplicates)
    except ValueError as error:
        raise ValueError(f"it is not valid JSON ({error})") from error


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} occurs twice")
    return unique


def _maps_strings(metadata: Any) -> bool:
    return isinstance(metadata, dict) and all(isinstance(each, str) for pair in metadata.items() for each in pair)


# safetensors: the length of the header, the header in JSON, and the numbers as they are in memory.

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}  # PyTorch counts batches with I64


def _to_safetensors(state: State, metadata: Metadata) -> bytes:
    np, safetensors = _import_packages()
    data: bytes = safetensors.numpy.save({name: np.array(tensor) for name, tensor in state.items()}, metadata or None)
    return data


def _from_safetensors(data: bytes) -> tuple[State, Metadata]:
    np, safetensors = _import_packages()
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise ValueError(f"it is not a valid safetensors file ({error})") from error
    header = _parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")])
    state = {}
    for name, tensor in tensors:
        dtype, sizes = tensor["dtype"], tensor["shape"]
        if dtype not in _DTYPES:
            raise ValueError(f"{name!r} has type {dtype}, which is not one of {', '.join(_DTYPES)}")
        if 0 in sizes:  # however many empty rows it claims to have
            raise ValueError(f"{name!r} has shape {sizes}, which is empty")
        numbers = np.frombuffer(tensor["data"], _DTYPES[dtype])
        if dtype == "BF16":  # the upper half of an F32
            numbers = (numbers.astype("<u4") << 16).view("<f4")
        with np.errstate(invalid="ignore"):  # some of the many nans are signalling ones
            state[name] = numbers.astype(np.float64).reshape(sizes).tolist()
    return state, header.get("__metadata__") or {}


def _import_packages() -> tuple[Any, Any]:
    try:
        import numpy
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            ".safetensors files need the package of the same name; install it with `pip install 'chalkgrad[weights]'`, "
            "or save as .json"
        ) from error
    return numpy, safetensors


_FORMATS: dict[str, tuple[Write, Read]] = {
    ".safetensors": (_to_safetensors, _from_safetensors),
    ".json": (_to_json, _from_json),
}
