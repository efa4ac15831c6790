"""Linear layers, networks, activations, and rows of modules against PyTorch's numbers; and that no layer is left out.

Where a layer has a test file of its own for what it is, as convolution has, it is held against PyTorch there.
"""

import inspect
import json

import pytest

import nn
from nn.layers.activations import Activation
from tests.paths import DATA
from tests.torch_layers import CASES, OURS, cases, check

NORMALISATIONS = json.loads((DATA / "torch_normalisation.json").read_text())["layers"]
HERE = ["Dropout", "Flatten", "Layer", "Linear", "MLP", "Neuron", "Sequential", "Softmax"]
ACTIVATIONS = [name for name, kind in vars(nn).items() if inspect.isclass(kind) and issubclass(kind, Activation)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases(*HERE, *ACTIVATIONS))
def test_outputs_and_gradients_are_pytorchs(name, compiled):
    check(name, compiled)


def test_every_layer_is_held_against_pytorch():
    layers = {name for name, kind in vars(nn).items() if inspect.isclass(kind) and issubclass(kind, nn.Module)}
    compared = {OURS.get(case["layer"], case["layer"]) for case in CASES.values()}
    compared |= {name.split()[0] for name in NORMALISATIONS}
    assert compared == layers - {"Module"}
