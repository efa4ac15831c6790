"""Weights in files: what is written is read again, and what is damaged or fits not changes nothing."""

import json
import math
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import Value
from engine.compiler.buffers import BufferedValue, ParameterBuffer
from engine.utils.nested import tree_leaves
from nn import MLP, BatchNorm1d, Linear, Module, Neuron, Sequential, load, save
from tests.paths import DATA, ROOT

TORCH = DATA / "torch_weights.safetensors"
SUFFIXES = [".json", ".safetensors"]
AWKWARD = [0.1, -0.0, 5e-324, 1.7976931348623157e308, -1 / 3, 2.0**53 + 1, 1e22, 123456789.123456789, 1.0]


class Weights(Module):
    """Parameters and a buffer, of three shapes."""

    def __init__(self, numbers=(0.25, -1.5, 3.0)):
        first, second, third = numbers
        self.weight = [[Value(first), Value(second)]]
        self.register_buffer("mean", third)


def bits(model):
    """Every number bit for bit: 0.0 is not -0.0."""
    return [(name, struct.pack(f"<{len(row)}d", *row)) for name, row in rows(model.state_dict())]


def rows(state):
    return [(name, [*tree_leaves(tensor)]) for name, tensor in state.items()]


def safetensors(header, data=b""):
    """A file by the letter of the format."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def numbers_in(data, suffix):
    """What is in a file, read in another way."""
    if suffix == ".json":
        return rows(json.loads(data)["tensors"])
    size = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8 : 8 + size]), data[8 + size :]
    found = []
    for name, tensor in header.items():
        if name != "__metadata__":
            begin, end = tensor["data_offsets"]
            width, code = {"F64": (8, "d"), "F32": (4, "f"), "F16": (2, "e"), "I64": (8, "q"), "BF16": (2, "f")}[
                tensor["dtype"]
            ]
            parts = [numbers[i : i + width] for i in range(begin, end, width)]
            parts = [bytes(2) + part for part in parts] if tensor["dtype"] == "BF16" else parts
            found.append((name, [float(struct.unpack(f"<{code}", part)[0]) for part in parts]))
    return found


# There and back again.


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".JSON"])
def test_every_number_comes_back_bit_for_bit(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    source = random.Random(0)
    model, other = Sequential(Linear(4, 5), BatchNorm1d(5)), Sequential(Linear(4, 5), BatchNorm1d(5))
    draws = [*AWKWARD, *(struct.unpack("<d", source.randbytes(8))[0] for _ in range(40))]
    numbers = [number for number in draws if math.isfinite(number)]
    values = model.parameters()
    for value, number in zip(values, numbers):
        value.data = number
    assert len(numbers) > len(values) > len(AWKWARD)
    model[1].batch([[1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 1.0, 0.0, 1.0, 0.0]])
    parameters = other.parameters()
    assert save(model, path) is None
    assert bits(other) != bits(model)
    assert load(other, path) == {}
    assert bits(other) == bits(model)
    assert other.state_dict()["1.num_batches_tracked"] == 1.0
    assert other.parameters() == parameters  # the same Values, so that optimizers know them
    assert sorted(name for name, _ in numbers_in(path.read_bytes(), suffix.lower())) == sorted(model.state_dict())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("text", [str, Path, lambda path: path.name])
def test_metadata_go_with_the_numbers(tmp_path, monkeypatch, suffix, text):
    monkeypatch.chdir(tmp_path)
    path = text(tmp_path / f"weights{suffix}")
    metadata = {"made": "on a Monday", 'a "quote"': "</script>\n\x00é猫"}
    save(Weights(), path, metadata)
    assert load(Weights(), path) == metadata
    for wrong in ({"epochs": 10}, {1: "one"}, {"note": None}):
        with pytest.raises(TypeError, match=r"metadata must be a dict of strings, such as \{'epochs': '10'\}, got "):
            save(Weights(), path, wrong)
    assert load(Weights(), path) == metadata


def test_json_can_be_read_by_eye(tmp_path):
    save(Weights(), tmp_path / "weights.json", {"made": "by hand"})
    assert (tmp_path / "weights.json").read_text() == (
        '{"version": 1, "metadata": {"made": "by hand"}, "tensors": {\n"weight": [[0.25, -1.5]],\n"mean": 3.0\n}}\n'
    )


def test_safetensors_are_float64_in_the_shapes_of_the_model(tmp_path):
    save(Weights(), tmp_path / "weights.safetensors")
    data = (tmp_path / "weights.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert {name: (tensor["dtype"], tensor["shape"]) for name, tensor in header.items()} == {
        "weight": ("F64", [1, 2]),
        "mean": ("F64", []),
    }
    assert sorted(numbers_in(data, ".safetensors")) == [("mean", [3.0]), ("weight", [0.25, -1.5])]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_in_buffers_are_saved_and_loaded(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    model, other = MLP(2, [2]), MLP(2, [2])
    buffers = [ParameterBuffer(each.parameters()) for each in (model, other)]
    for buffer in buffers:
        assert buffer.adopt()
    assert {type(value) for each in (model, other) for value in each.parameters()} == {BufferedValue}
    buffers[0].data[:] = np.arange(6.0)  # in the arrays alone
    save(model, path)
    load(other, path)
    assert other.state_dict() == {"layers.0.weight": [[0.0, 1.0], [3.0, 4.0]], "layers.0.bias": [2.0, 5.0]}


def test_a_file_from_pytorch_is_loaded():
    model = Sequential(Linear(2, 3), BatchNorm1d(3))
    assert load(model, TORCH) == {"format": "pt"}
    assert model.state_dict() == {
        "0.weight": [[0.10009765625, -2.5], [3.0, 0.00099945068359375], [-0.0, 300.0]],  # bfloat16
        "0.bias": [0.0999755859375, -65504.0, 5.960464477539063e-08],  # float16
        "1.weight": [1 / 3, -1e300, 5e-324],
        "1.bias": [0.0, 0.0, 0.0],
        "1.running_mean": [0.03215910866856575, 0.038542453199625015, 0.023553354665637016],  # float32
        "1.running_var": [0.9177790880203247, 0.9159401655197144, 0.9144700765609741],
        "1.num_batches_tracked": 1.0,
    }


# What is refused.


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pkl", "model.bin", "model", "json", "a.json.gz"])
def test_other_formats_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    message = f"stored in .safetensors or .json files, got {str(path)!r}; pickle .* not read because they can run code"
    for act in (save, load):
        with pytest.raises(ValueError, match=message):
            act(Weights(), path)
    assert path.read_bytes().startswith(b"cos")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file_or_folder_is_named(tmp_path, suffix):
    path = tmp_path / "none" / f"weights{suffix}"
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        load(Weights(), path)
    with pytest.raises(FileNotFoundError, match=re.escape(f"{path} cannot be saved: there is no folder {path.parent}")):
        save(Weights(), path)


@pytest.mark.parametrize("act", [save, load])
def test_arguments_in_another_order_are_refused(act):
    for arguments in (("weights.json", Weights()), ({"weight": 1.0}, "weights.json")):
        with pytest.raises(
            TypeError, match=rf"takes a model and then a path, got .*; write {act.__name__}\(model, path"
        ):
            act(*arguments)


WHOLE = {"version": 1, "metadata": {}, "tensors": {"weight": [[1.0, 2.0]], "mean": 3.0}}


def changed(**tensors):
    return WHOLE | {"tensors": WHOLE["tensors"] | tensors}


def one(dtype, sizes, data, name="weight", **more):
    """A file of one tensor, and of a mean."""
    header = {
        "mean": {"dtype": "F64", "shape": [], "data_offsets": [0, 8]},
        name: {"dtype": dtype, "shape": sizes, "data_offsets": [8, 8 + len(data)]},
    }
    return safetensors(header | more, bytes(8) + data)


BAD_JSON = {
    "an empty file": (b"", "not valid JSON"),
    "text": (b"These are my weights.", "not valid JSON"),
    "bytes": (bytes(range(128, 256)), "not valid JSON"),
    "a pickle": (b"\x80\x04K\x01.", "not valid JSON"),
    "a safetensors file": (TORCH.read_bytes(), "not valid JSON"),
    "null": (b"null", "not what save writes"),
    "a number": (b"3.5", "not what save writes"),
    "a list": (b"[1, 2]", "not what save writes"),
    "a state alone": (json.dumps(WHOLE["tensors"]).encode(), "not what save writes: an object with version, metadata"),
    "more than that": (WHOLE | {"more": 1}, "not what save writes"),
    "another version": (WHOLE | {"version": 2}, "its version is not 1, the only one"),
    "tensors in a list": (WHOLE | {"tensors": [1.0]}, "must be an object of lists"),
    "metadata in a list": (WHOLE | {"metadata": ["x"]}, "metadata an object of strings"),
    "metadata of numbers": (WHOLE | {"metadata": {"x": 1}}, "metadata an object of strings"),
    "nothing": (
        WHOLE | {"tensors": {}},
        "Weights was not changed, because the state does not fit: 'weight' is missing; 'mean' is missing$",
    ),
    "a name too many": (changed(bias=1.0), "'bias' is not in the model"),
    "another shape": (changed(weight=[1.0, 2.0]), r"'weight' has shape \[2\], not \[1, 2\]"),
    "uneven rows": (changed(weight=[[1.0], [1.0, 2.0]]), "'weight' has shape ragged"),
    "an empty list": (changed(weight=[]), "'weight' has shape ragged"),
    "nan": (changed(mean=math.nan), "'mean' holds nan"),
    "inf": (changed(mean=-math.inf), "'mean' holds -inf"),
    "too large for a float": (json.dumps(WHOLE).replace("3.0", "1e999").encode(), "'mean' holds inf"),
    "too large an int": (json.dumps(WHOLE).replace("3.0", "9" * 5000).encode(), "'mean' holds inf"),
    "a text": (changed(mean="3.0"), "'mean' holds something that is not a number"),
    "null in a tensor": (changed(weight=[[1.0, None]]), "'weight' holds something that is not a number"),
    "true": (changed(mean=True), "'mean' holds true or false"),
    "an object": (changed(mean={"x": 1.0}), "'mean' holds something that is not a number"),
    "a tensor twice": (json.dumps(WHOLE).replace('"mean"', '"weight"').encode(), r"JSON \('weight' occurs twice\)"),
    "tensors twice": (json.dumps(WHOLE).replace('"metadata"', '"tensors"').encode(), "'tensors' occurs twice"),
    "deep lists": (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 100_000, "nested too deeply"),
    "a deep tensor": (changed(mean=json.loads("[" * 700 + "]" * 700)), "nested too deeply|ragged"),
    "a deep object in it": (
        changed(mean=json.loads('{"a":' * 700 + "1" + "}" * 700)),
        "nested too deeply|not a number",
    ),
}
BAD_SAFETENSORS = {
    "an empty file": (b"", "not a valid safetensors file"),
    "text": (b"These are my weights.", "not a valid safetensors file"),
    "a json file": (json.dumps(WHOLE).encode(), "not a valid safetensors file"),
    "a huge header": (b"\xff" * 200, "not a valid safetensors file"),
    "no tensors": (
        safetensors({}),
        "Weights was not changed, because the state does not fit: 'weight' is missing; 'mean' is missing$",
    ),
    "another name": (one("F64", [1, 2], bytes(16), "weights"), "'weight' is missing; 'weights' is not in the model"),
    "another shape": (one("F64", [2], bytes(16)), r"'weight' has shape \[2\], not \[1, 2\]"),
    "a shape without end": (one("F64", [1] * 900 + [2], bytes(16)), "cannot be loaded: .*dimension"),
    "billions of empty rows": (
        one("F64", [10**12, 0], b""),
        r"'weight' has shape \[1000000000000, 0\], which is empty",
    ),
    "too many numbers": (one("F64", [1, 2], bytes(24)), "not a valid safetensors file"),
    "nan": (one("F64", [1, 2], struct.pack("<dd", 1.0, math.nan)), "'weight' holds nan"),
    "inf": (one("F32", [1, 2], struct.pack("<ff", 1.0, math.inf)), "'weight' holds inf"),
    "every nan of half a float": (
        one("F16", [1, 2046], b"".join(struct.pack("<H", i) for i in range(0x7C01, 0x8000) for _ in "ab")),
        r"'weight' has shape \[1, 2046\]",
    ),
    "a nan that signals": (one("F32", [1, 2], struct.pack("<II", 0x7F800001, 0xFF800001)), "'weight' holds nan"),
    "truth": (one("BOOL", [1, 2], b"\1\0"), "'weight' has type BOOL, which is not one of F64, F32, F16, BF16, I64"),
    "bytes": (one("U8", [1, 2], b"\1\0"), "'weight' has type U8"),
    "complex numbers": (one("C64", [1, 2], bytes(16)), "'weight' has type C64"),
    "a tensor twice": (
        safetensors(one("F64", [1, 2], bytes(16))[8:-24].replace(b'"mean"', b'"weight"'), bytes(24)),
        "not a valid",
    ),
    "the same numbers twice": (
        safetensors(
            b'{"mean":{"dtype":"F64","shape":[],"data_offsets":[0,8]},'
            b'"mean":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}',
            bytes(8),
        ),
        "'mean' occurs twice",
    ),
    "metadata twice": (
        safetensors(
            b'{"__metadata__":{"a":"1","a":"2"},"mean":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}', bytes(8)
        ),
        "'a' occurs twice",
    ),
    "deep": (safetensors(b"[" * 200_000), "not a valid safetensors file"),
}


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        pytest.param(suffix, *case, id=f"{name}{suffix}")
        for suffix, cases in ((".json", BAD_JSON), (".safetensors", BAD_SAFETENSORS))
        for name, case in cases.items()
    ],
)
def test_a_bad_file_is_named_in_one_sentence_and_changes_nothing(tmp_path, suffix, content, message):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    model = Weights((-0.0, 5e-324, 7.0))
    before = bits(model)
    with pytest.raises(ValueError, match=message) as caught:
        load(model, path)
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(f"{path} cannot be loaded: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 300
    assert bits(model) == before


def test_a_file_of_these_whole_parts_is_loaded(tmp_path):
    """The cases above are refused for what is wrong with them, and not for what they are made of."""
    for name, content in (("a.json", json.dumps(WHOLE).encode()), ("a.safetensors", one("F64", [1, 2], bytes(16)))):
        (tmp_path / name).write_bytes(content)
        load(Weights(), tmp_path / name)


# Damage of every kind.


def try_out(path, data, model, fresh):
    """Load damaged data: all of what is there, or nothing; gives whether it was loaded."""
    path.write_bytes(data)
    before = bits(model)
    try:
        load(model, path)
    except (ValueError, OSError):  # any other error fails the test
        assert bits(model) == before
        return False
    found = {name: struct.pack(f"<{len(row)}d", *row) for name, row in numbers_in(data, path.suffix)}
    assert dict(bits(model)) == found
    model.load_state_dict(fresh)
    return True


def small_files(tmp_path):
    """A model of its own for each small file."""
    for suffix in SUFFIXES:
        path = tmp_path / f"small{suffix}"
        save(Weights(), path, {"m": "d"})
        yield path, path.read_bytes(), lambda: Weights((1.0, 2.0, -4.0))
    path = tmp_path / "torch.safetensors"
    path.write_bytes(TORCH.read_bytes())
    yield path, TORCH.read_bytes(), lambda: Sequential(Linear(2, 3), BatchNorm1d(3))


@pytest.mark.parametrize("which", range(3))
def test_a_file_cut_off_anywhere(tmp_path, which):
    path, data, make = [*small_files(tmp_path)][which]
    model = make()
    fresh = model.state_dict()
    loaded = [length for length in range(len(data) + 1) if try_out(path, data[:length], model, fresh)]
    blank = 1 if path.suffix == ".json" else 0  # the end of its last line may go
    assert loaded == [*range(len(data) - blank, len(data) + 1)]
    assert not any(try_out(path, data + more, model, fresh) for more in (b"\0", b"x", data))


@pytest.mark.parametrize("which", range(3))
def test_a_file_with_any_one_bit_flipped(tmp_path, which):
    path, data, make = [*small_files(tmp_path)][which]
    model = make()
    fresh = model.state_dict()
    loaded = 0
    for i in range(len(data)):
        for bit in range(8) if len(data) < 300 else [i % 8]:
            loaded += try_out(path, data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :], model, fresh)
    assert 0 < loaded < 8 * len(data)  # some flips make another number


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_random_bytes(tmp_path, suffix):
    source = random.Random(1)
    path = tmp_path / f"weights{suffix}"
    save(Weights(), path)
    data, model = path.read_bytes(), Weights()
    fresh = model.state_dict()
    for _ in range(300):
        assert not try_out(path, source.randbytes(source.randrange(200)), model, fresh)
        begin, end = sorted(source.choices(range(len(data)), k=2))
        try_out(path, data[:begin] + source.randbytes(source.randrange(4)) + data[end:], model, fresh)
        if suffix == ".safetensors":
            try_out(path, safetensors(source.randbytes(source.randrange(50)), bytes(24)), model, fresh)


# A save that fails.


def failing(error):
    def fail(*arguments):
        raise error

    return fail


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, suffix, name, error):
    path = tmp_path / f"weights{suffix}"
    save(Weights(), path)
    old = path.read_bytes()
    monkeypatch.setattr(os, name, failing(error))
    with pytest.raises(type(error)):
        save(Weights((1.0, 2.0, 3.0)), path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_new_file_is_whole_and_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"weights{suffix}"
    save(Weights(), path)
    old, synced, real = path.read_bytes(), [], os.replace

    def replace(source, target):
        assert path.read_bytes() == old
        assert Path(source).parent == tmp_path
        assert synced == [(os.stat(source).st_ino, os.stat(source).st_size)]
        other = Weights((0.0, 0.0, 0.0))
        real(source, whole := tmp_path / f"copy{suffix}")
        load(other, whole)
        assert bits(other) == bits(Weights((1.0, 2.0, 3.0)))
        real(whole, target)

    monkeypatch.setattr(os, "fsync", lambda file: synced.append((os.fstat(file).st_ino, os.fstat(file).st_size)))
    monkeypatch.setattr(os, "replace", replace)
    save(Weights((1.0, 2.0, 3.0)), path)
    assert path.read_bytes() != old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_that_is_not_finite_does_not_replace_one_that_is(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save(Weights(), path)
    for number in (math.nan, math.inf):
        with pytest.raises(
            ValueError, match=rf"was not changed, because 'weight' holds {number}, which load would reject"
        ):
            save(Weights((1.0, number, 2.0)), path)
    other = Weights((1.0, 2.0, 3.0))
    load(other, path)
    assert bits(other) == bits(Weights())


def test_a_link_remains_one(tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target.name)
    save(Weights(), link)
    assert link.is_symlink()
    assert json.loads(target.read_text())["tensors"]["mean"] == 3.0


# What it stands on.


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_json_needs_the_standard_library_alone_and_safetensors_say_what_they_need(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save(Neuron(1), path)
    for act in ("save", "load"):
        code = f"import sys; sys.path.insert(0, sys.argv[1]); import nn; nn.{act}(nn.Neuron(1), sys.argv[2])"
        root = str(ROOT)
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code, root, path], capture_output=True, text=True)
        if suffix == ".json":
            assert (done.returncode, done.stderr) == (0, "")
        else:
            assert (
                "ImportError: .safetensors files need the package of the same name; install it with `pip install"
                in (done.stderr)
            )
            assert "'chalkgrad[weights]'`, or save as .json" in done.stderr
