"""Layers held against the numbers of PyTorch, which `data/make_torch_layers.py` wrote down."""

import json

import pytest

import nn
from engine import Value, compile, dot
from engine.utils.nested import tree_leaves, tree_map
from tests.paths import DATA

CASES = json.loads((DATA / "torch_layers.json").read_text())["cases"]
OURS = {"Attention": "CausalSelfAttention"}


def cases(*layers):
    """The names of what PyTorch wrote of these layers."""
    return [name for name, case in CASES.items() if case["layer"] in layers]


def layer_of(case):
    """Our layer with PyTorch's weights, in eval mode."""
    name, options = OURS.get(case["layer"], case["layer"]), dict(case["options"])
    members = [getattr(nn, kind)(*sizes) for kind, *sizes in options.pop("members", [])]
    layer = getattr(nn, name)(*members, **options).eval()
    layer.load_state_dict(case["state"])
    assert layer.state_dict() == case["state"]
    assert list(layer.state_dict()) == list(case["state"])
    return layer


def close(numbers, expected):
    assert tree_map(type, numbers) == tree_map(type, expected)
    assert [*tree_leaves(numbers)] == pytest.approx([*tree_leaves(expected)], rel=1e-12, abs=1e-12)


def tensors(layer):
    """Every tensor of Values, by PyTorch's name."""
    for path, module in layer.named_modules():
        for name, tensor in module.tensors():
            yield f"{path}.{name}" if path else name, tensor


def check(name, compiled):
    """Output, and gradients by every weight and every input; tokens are plain numbers, unless compiled."""
    case = CASES[name]
    layer = layer_of(case)
    tokens = case["layer"] in ("Embedding", "EmbeddingBag")
    inputs = case["inputs"] if tokens and not compiled else tree_map(Value, case["inputs"])

    def call(*inputs):
        output = layer(*inputs, **case["call"])
        return [part for part in output if part is not None] if isinstance(output, tuple) else output

    def loss(*inputs):
        return dot(tree_leaves(case["upstream"]), tree_leaves(call(*inputs)))

    if compiled:
        output = compile(call).map(*([x] for x in case["inputs"]))[0]
        total = compile(loss)(*inputs)
    else:
        output = tree_map(lambda value: value.data, call(*inputs))
        total = loss(*inputs)
    close(tree_map(float, output), case["output"])
    total.backward()
    gradients = {key: tree_map(lambda value: value.grad or 0.0, tensor) for key, tensor in tensors(layer)}
    assert gradients.keys() == case["gradients"].keys()
    for key, gradient in gradients.items():
        close(gradient, case["gradients"][key])
    if not tokens:
        close([tree_map(lambda value: value.grad or 0.0, x) for x in inputs], case["input_gradients"])
