"""Models taken to PyTorch and back. What needs PyTorch is skipped without it; it is in no extra that tests need."""

import copy
import os
import pickle
import random
import re
import subprocess
import sys

import pytest

import nn
from engine import Value, dot
from engine.utils.nested import tree_leaves, tree_map
from nn import (
    ELU,
    GELU,
    GRU,
    LSTM,
    MLP,
    SGD,
    AvgPool2d,
    BatchNorm1d,
    CausalSelfAttention,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    GRUCell,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LSTMCell,
    MaxPool2d,
    Module,
    MultiheadAttention,
    Neuron,
    ReLU,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    from_torch,
    load,
    save,
    to_torch,
)
from nn.files import pytorch
from nn.layers.activations import ACTIVATIONS
from nn.module import named_tensors
from nn.tensors import shape
from tests.paths import ROOT

EXACT = {"rel": 1e-12, "abs": 1e-12}

# Each: a model, and the shape of an example; of tokens, how many there are, and how many in a text.
CASES = {
    "neuron": (lambda: Neuron(3), (3,)),
    "neuron without bias": (lambda: Neuron(3, "tanh", bias=False), (3,)),
    "neuron in single operations": (lambda: Neuron(3, "sigmoid", fused=False), (3,)),
    **{f"layer with {name}": (lambda name=name: Layer(3, 4, name), (3,)) for name in ACTIVATIONS},
    "layer with a function": (lambda: Layer(3, 2, Value.tanh), (3,)),
    "layer without bias": (lambda: Layer(3, 1, bias=False), (3,)),
    "linear": (lambda: Linear(3, 4), (3,)),
    "linear without bias": (lambda: Linear(3, 1, bias=False), (3,)),
    "mlp": (lambda: MLP(3, [4, 2]), (3,)),
    "mlp of one output": (lambda: MLP(3, [4, 1], "tanh"), (3,)),
    "mlp of one layer": (lambda: MLP(3, [2], "linear"), (3,)),
    "mlp without bias": (lambda: MLP(3, [1, 2], "gelu", fused=False, bias=False), (3,)),
    "relu": (ReLU, (2, 3)),
    "leaky relu": (LeakyReLU, (3,)),
    "leaky relu with a slope": (lambda: LeakyReLU(0.3), (3,)),
    "elu": (ELU, (4,)),
    "elu with alpha": (lambda: ELU(0.7), (4,)),
    "gelu": (GELU, (4,)),
    "silu": (SiLU, (2, 2)),
    "softplus": (Softplus, (4,)),
    "sigmoid": (Sigmoid, (3,)),
    "tanh": (Tanh, (3,)),
    "softmax": (Softmax, (3,)),
    "softmax of rows": (Softmax, (2, 3)),
    "dropout": (lambda: Dropout(0.3), (5,)),
    "batch norm": (lambda: BatchNorm1d(3, eps=1e-3, momentum=0.3), (3,)),
    "batch norm of all batches": (lambda: BatchNorm1d(3, momentum=None), (3,)),
    "layer norm": (lambda: LayerNorm(4, eps=0.1), (4,)),
    "layer norm of rows": (lambda: LayerNorm(3, elementwise_affine=False), (2, 3)),
    "rms norm": (lambda: RMSNorm(4), (4,)),
    "rms norm of rows": (lambda: RMSNorm(3, eps=0.1, elementwise_affine=False), (2, 3)),
    "embedding": (lambda: Embedding(5, 3), ("tokens", 5)),
    "embedding of texts": (lambda: Embedding(5, 3), ("tokens", 5, 4)),
    "embedding with padding": (lambda: Embedding(5, 3, padding_idx=1), ("tokens", 5, 6)),
    "bag": (lambda: EmbeddingBag(5, 3), ("tokens", 5, 4)),
    "bag with padding": (lambda: EmbeddingBag(5, 3, mode="sum", padding_idx=0), ("tokens", 5, 6)),
    "convolution": (lambda: Conv2d(2, 3, (2, 3), stride=(2, 1), padding=(1, 0)), (2, 4, 5)),
    "convolution of a series": (lambda: Conv1d(2, 3, 3, stride=2, padding=1), (2, 6)),
    "convolution without bias": (lambda: Conv2d(1, 2, 2, bias=False), (1, 3, 3)),
    "max pool": (lambda: MaxPool2d(2, stride=1), (2, 3, 4)),
    "average pool": (lambda: AvgPool2d((2, 1)), (2, 4, 3)),
    "flatten": (Flatten, (2, 3, 2)),
    "gru cell": (lambda: GRUCell(3, 2), (3,)),
    "gru cell without bias": (lambda: GRUCell(2, 2, bias=False), (2,)),
    "lstm cell": (lambda: LSTMCell(3, 2), (3,)),
    "gru": (lambda: GRU(3, 2), (4, 3)),
    "gru in layers, both ways": (lambda: GRU(2, 2, num_layers=2, bidirectional=True), (3, 2)),
    "lstm": (lambda: LSTM(3, 2, num_layers=2), (4, 3)),
    "lstm both ways, without bias": (lambda: LSTM(2, 3, bias=False, bidirectional=True), (3, 2)),
    "attention": (lambda: CausalSelfAttention(6, heads=2), (4, 6)),
    "attention with bias": (lambda: CausalSelfAttention(4, heads=4, bias=True), (3, 4)),
    "multihead attention": (lambda: MultiheadAttention(4, 2), (3, 4)),
    "multihead attention without bias": (lambda: MultiheadAttention(4, 4, bias=False), (2, 4)),
    "a perceptron": (lambda: Sequential(Linear(3, 4), BatchNorm1d(4), ReLU(), Dropout(), Linear(4, 2)), (3,)),
    "a network of images": (
        lambda: Sequential(Conv2d(1, 2, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), MLP(8, [3, 1])),
        (1, 4, 4),
    ),
    "a network of texts": (
        lambda: Sequential(Embedding(5, 4), CausalSelfAttention(4, 2), LayerNorm(4), Flatten(), Layer(12, 3, "tanh")),
        ("tokens", 5, 3),
    ),
    "one in another": (lambda: Sequential(Sequential(Linear(2, 3), Tanh()), Sequential(Neuron(3))), (2,)),
}


class Own(Module):
    """A user's module."""

    def forward(self, x):
        return x


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="without PyTorch nothing can be held against it")


def with_random_numbers(model, rng):
    """The model with other numbers than it began with, and some variances that are above 0."""
    state = {name: tree_map(lambda _: rng.gauss(0, 1), tensor) for name, tensor in model.state_dict().items()}
    for name, tensor in state.items():
        if name.endswith("running_var"):
            state[name] = tree_map(lambda x: x * x + 0.1, tensor)
        elif name.endswith("num_batches_tracked"):
            state[name] = 3.0
    model.load_state_dict(state)
    return model


def some(sizes, rng, count=3, most=0):
    """A few examples, in a nested list."""
    if sizes[0] == "tokens":
        _, most, *sizes = sizes

    def draw():
        return rng.randrange(most) if most else rng.gauss(0, 2)

    def nested(sizes):
        return [nested(sizes[1:]) for _ in range(sizes[0])] if sizes else draw()

    return nested((count, *sizes))


def numbers(tree):
    return tree_map(lambda value: value.data if isinstance(value, Value) else value, tree)


def close(ours, theirs):
    """Whether nested lists and a tensor are alike, also in their shapes."""
    assert shape(ours) == tuple(theirs.shape)
    assert [*tree_leaves(ours)] == pytest.approx(theirs.detach().flatten().tolist(), **EXACT)


def first(outputs):
    """The output of a layer that gives its state too."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def call(model, x):
    """Of an attention with one input, that of rows to themselves."""
    return first(model(x, x, x) if type(model).__name__ == "MultiheadAttention" else model(x))


def alike(torch, model, network, sizes, rng):
    """The same outputs and gradients, and in training the same buffers afterwards."""
    xs = some(sizes, rng)
    outputs = [call(model, x) for x in xs] if isinstance(model, MultiheadAttention) else [*map(first, model.batch(xs))]
    theirs = call(network, torch.tensor(xs, dtype=torch.int64 if sizes[0] == "tokens" else torch.float64))
    assert theirs.dtype is torch.float64
    close(numbers(outputs), theirs)
    if not list(network.parameters()):
        return
    upstream = [rng.gauss(0, 1) for _ in tree_leaves(outputs)]
    for each in (model, network):
        each.zero_grad()
    dot(upstream, [*tree_leaves(outputs)]).backward()
    (theirs.flatten() * torch.tensor(upstream, dtype=torch.float64)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    for name, tensor in named_tensors(model):
        if name in gradients:
            close(tree_map(lambda value: value.grad or 0.0, tensor), gradients[name])
    for name, tensor in network.state_dict().items():
        close(model.state_dict()[name], tensor)


# Without PyTorch.


def test_every_module_of_nn_is_in_the_table():
    exported = {thing for thing in vars(nn).values() if isinstance(thing, type) and issubclass(thing, Module)}
    assert exported - {Module} == set(pytorch.CONVERSIONS)
    assert {kind.name for kind in pytorch._ACTIVATIONS} | {"linear"} == set(ACTIVATIONS)


def test_every_module_of_nn_is_tried_below():
    tried = {type(module) for make, _ in CASES.values() for _, module in make().named_modules()}
    assert tried >= set(pytorch.CONVERSIONS)


@pytest.mark.parametrize("act", [to_torch, from_torch])
def test_without_pytorch_it_says_how_to_install_it(act, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    message = "to_torch and from_torch need PyTorch; install it with `pip install torch`, or see https://pytorch.org/"
    with pytest.raises(ImportError, match=re.escape(message)):
        act(Linear(1, 1))


def test_pytorch_is_not_imported_with_nn():
    code = "import sys, nn; print('torch' in sys.modules, hasattr(nn.files.pytorch, 'absent'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False False\n", "")


# With PyTorch, and back.


@pytest.mark.parametrize("name", CASES)
def test_the_same_outputs_and_gradients_and_names(torch, name):
    make, sizes = CASES[name]
    rng = random.Random(name)
    model = with_random_numbers(make(), rng).eval()
    state = model.state_dict()
    network = to_torch(model)
    assert [*network.state_dict()] == [*state]
    assert {name: tensor.tolist() for name, tensor in network.state_dict().items()} == state
    assert {parameter.dtype for parameter in network.parameters()} <= {torch.float64}
    assert not any(module.training for module in network.modules())
    alike(torch, model, network, sizes, rng)
    again = from_torch(network)
    assert repr(again).replace("Value.tanh", "'tanh'") == repr(model).replace(repr(Value.tanh), "'tanh'")
    assert again.state_dict() == state == model.state_dict()
    assert [p.label for p in again.parameters()] == [p.label for p in model.parameters()]
    assert not any(module.training for _, module in again.named_modules())
    alike(torch, again, to_torch(again), sizes, rng)
    fresh = make()
    fresh.load_state_dict(network.state_dict())
    assert fresh.state_dict() == state


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("dropout", "a perceptron")])
def test_the_same_in_training(torch, name):
    make, sizes = CASES[name]
    rng = random.Random(name)
    model = with_random_numbers(make(), rng)
    network = to_torch(model)
    assert all(module.training for module in network.modules())
    alike(torch, model, network, sizes, rng)
    assert all(module.training for _, module in from_torch(network).named_modules())


def test_in_training_a_batch_is_normalised_by_itself_and_dropout_leaves_numbers_out(torch):
    rng = random.Random(0)
    model = Sequential(Linear(3, 4), BatchNorm1d(4), Tanh(), Linear(4, 2))
    network = to_torch(model)
    for _ in range(2):
        alike(torch, model, network, (3,), rng)
    assert network.state_dict()["1.num_batches_tracked"].item() == 2
    shares = to_torch(Dropout(0.25))(torch.ones(4000, 1)).flatten().tolist()
    assert {round(x, 6) for x in shares} == {0.0, round(1 / 0.75, 6)}
    assert 0.2 < shares.count(0.0) / len(shares) < 0.3


@pytest.mark.parametrize("x", [19.0, 20.5, 25.0, 39.99, 40.01, 700.0, 800.0, -40.0])
def test_softplus_keeps_its_tail(torch, x):
    for model in (Softplus(), Neuron(1, "softplus")):
        if isinstance(model, Neuron):
            model.load_state_dict({"w": [1.0], "b": 0.0})
        [y] = to_torch(model)(torch.tensor([[x]], dtype=torch.float64)).flatten().tolist()
        assert y == pytest.approx(Value(x).softplus().data, rel=1e-15, abs=1e-15)


def test_the_state_of_a_gru_goes_from_step_to_step(torch):
    rng = random.Random(0)
    cell = with_random_numbers(GRUCell(2, 3), rng)
    network, hidden, theirs = to_torch(cell), None, None
    for x in some((2,), rng):
        hidden, theirs = cell(x, hidden), network(torch.tensor([x], dtype=torch.float64), theirs)
        close([numbers(hidden)], theirs)


def test_the_same_training(torch):
    rng = random.Random(0)
    model = MLP(2, [4, 1], "tanh", rng=rng)
    network = to_torch(model)
    ours, theirs = SGD(model.parameters(), lr=0.1), torch.optim.SGD(network.parameters(), lr=0.1)
    xs, targets = some((2,), rng, 8), [rng.gauss(0, 1) for _ in range(8)]
    for _ in range(10):
        for optimizer in (ours, theirs):
            optimizer.zero_grad()
        loss = nn.mse_loss([model(x) for x in xs], targets)
        loss.backward()
        x, y = (torch.tensor(each, dtype=torch.float64) for each in (xs, targets))
        other = torch.nn.functional.mse_loss(network(x), y)  # PyTorch warns of shapes that do not fit
        other.backward()
        assert loss.data == pytest.approx(other.item(), **EXACT)
        for optimizer in (ours, theirs):
            optimizer.step()
    for name, tensor in network.state_dict().items():
        close(model.state_dict()[name], tensor)


STOCK = {
    "Linear(3, 2)": "nn.Linear(3, 2)",
    "Linear(3, 2, bias=False)": "nn.Linear(3, 2, bias=False)",
    "Sequential(Linear(2, 2), ReLU(), Linear(2, 1))": "nn.Sequential(nn.Linear(2, 2), nn.ReLU(True), nn.Linear(2, 1))",
    "LeakyReLU(0.2)": "nn.LeakyReLU(0.2)",
    "ELU(0.5)": "nn.ELU(0.5)",
    "Softplus()": "nn.Softplus()",
    "Dropout(0.3)": "nn.Dropout(0.3)",
    "BatchNorm1d(3)": "nn.BatchNorm1d(3, eps=0.1, momentum=0.5)",
    "LayerNorm(3)": "nn.LayerNorm([3], eps=0.1)",
    "RMSNorm(3)": "nn.RMSNorm(3)",
    "Embedding(4, 2)": "nn.Embedding(4, 2)",
    "Embedding(4, 2, padding_idx=3)": "nn.Embedding(4, 2, padding_idx=-1)",
    "EmbeddingBag(4, 2, padding_idx=0, mode='sum')": "nn.EmbeddingBag(4, 2, mode='sum', padding_idx=0)",
    "Conv1d(1, 2, kernel_size=3, stride=2, padding=1)": "nn.Conv1d(1, 2, 3, stride=2, padding=(1,))",
    "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))": "nn.Conv2d(1, 2, 3)",
    "Conv2d(1, 2, kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), bias=False)": (
        "nn.Conv2d(1, 2, (3, 2), (2, 1), padding=(1, 0), dilation=(1, 1), bias=False)"
    ),
    "MaxPool2d(kernel_size=(2, 2), stride=(2, 2))": "nn.MaxPool2d(2, padding=(0, 0))",
    "MaxPool2d(kernel_size=(2, 3), stride=(1, 1))": "nn.MaxPool2d((2, 3), 1)",
    "AvgPool2d(kernel_size=(2, 2), stride=(1, 2))": "nn.AvgPool2d(2, (1, 2))",
    "GRUCell(2, 3)": "nn.GRUCell(2, 3)",
    "GRUCell(2, 3, bias=False)": "nn.GRUCell(2, 3, bias=False)",
    "MultiheadAttention(4, 2, kdim=3, vdim=5)": "nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)",
    "LSTMCell(2, 3)": "nn.LSTMCell(2, 3)",
    "GRU(2, 3, bidirectional=True)": "nn.GRU(2, 3, bidirectional=True)",
    "LSTM(2, 3, num_layers=2, bias=False)": "nn.LSTM(2, 3, 2, bias=False, batch_first=True)",
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("text", STOCK)
def test_layers_that_were_made_in_pytorch(torch, text, dtype):
    module = eval(STOCK[text], {"nn": torch.nn}).to(getattr(torch, dtype))
    model = from_torch(module)
    assert repr(model) == text
    assert model.training
    assert model.state_dict() == {name: tensor.tolist() for name, tensor in module.state_dict().items()}
    for name in ("eps", "momentum"):
        if hasattr(model, name):
            assert getattr(to_torch(model), name) == (getattr(module, name) or sys.float_info.epsilon)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nn.GELU('tanh')", "has approximate='tanh'; nn supports only 'none'"),
        ("nn.Softmax()", "has dim=None; nn supports only -1"),
        ("nn.Softmax(1)", "has dim=1; nn supports only -1"),
        ("nn.Softplus(2)", "has beta=2; nn supports only 1"),
        ("nn.Softplus(1, 10)", "has threshold=10; nn has no threshold"),
        ("nn.GRU(2, 3, 2, dropout=0.5)", "has dropout=0.5; nn supports only 0"),
        ("nn.LSTM(2, 3, proj_size=1)", "has proj_size=1; nn supports only 0"),
        ("nn.MultiheadAttention(4, 2, dropout=0.1)", "has dropout=0.1; nn supports only 0"),
        ("nn.MultiheadAttention(4, 2, add_bias_kv=True)", "nn supports only None"),
        ("nn.Flatten(0)", "has start_dim=0; nn supports only 1"),
        ("nn.Flatten(1, 2)", "has end_dim=2"),
        ("nn.Dropout(1.0)", "p must be from 0 up to 1"),
        ("nn.BatchNorm1d(2, affine=False)", "has affine=False"),
        ("nn.BatchNorm1d(2, track_running_stats=False)", "has track_running_stats=False"),
        ("nn.LayerNorm([2, 3])", r"normalized_shape must be a whole number of at least 1, got \(2, 3\)"),
        ("nn.LayerNorm(2, bias=False)", "'bias' is missing"),
        ("nn.EmbeddingBag(3, 2, mode='max')", "mode must be 'mean' or 'sum', got 'max'"),
        ("nn.Embedding(3, 2, max_norm=1)", "has max_norm=1"),
        ("nn.Embedding(3, 2, scale_grad_by_freq=True)", "has scale_grad_by_freq=True"),
        ("nn.Conv2d(2, 2, 1, groups=2)", "has groups=2; nn supports only 1"),
        ("nn.Conv2d(1, 1, 2, dilation=2)", r"has dilation=\(2, 2\)"),
        ("nn.Conv2d(1, 1, 3, padding='same')", "padding must be a whole number .* got 'same'"),
        ("nn.Conv2d(1, 1, 3, padding_mode='circular')", "has padding_mode='circular'; nn supports only 'zeros'"),
        ("nn.MaxPool2d(2, padding=1)", "has padding=1"),
        ("nn.MaxPool2d(2, dilation=2)", "has dilation=2"),
        ("nn.MaxPool2d(2, ceil_mode=True)", "has ceil_mode=True"),
        ("nn.MaxPool2d(2, return_indices=True)", "has return_indices=True"),
        ("nn.AvgPool2d(2, padding=1)", "has padding=1"),
        ("nn.AvgPool2d(2, ceil_mode=True)", "has ceil_mode=True"),
        ("nn.AvgPool2d(2, divisor_override=3)", "has divisor_override=3"),
        (
            "nn.Sequential(OrderedDict(first=nn.Linear(1, 1)))",
            "numbers the members .* these are called first; omit",
        ),
        ("nn.utils.spectral_norm(nn.Linear(2, 2))", "'.*weight' is missing"),
        ("nn.Linear(2, 2, dtype=torch.complex64)", "'weight' holds something that is not a number"),
    ],
)
def test_options_that_nn_has_not_are_refused(torch, text, message):
    from collections import OrderedDict

    with pytest.raises(ValueError, match=message):
        from_torch(eval(text, {"nn": torch.nn, "torch": torch, "OrderedDict": OrderedDict}))


def test_a_number_that_is_not_finite_is_refused(torch):
    module = torch.nn.Linear(1, 1)
    module.bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="'bias' holds nan"):
        from_torch(module)


def test_a_module_of_ones_own_is_named(torch):
    class Theirs(torch.nn.Linear):
        pass

    name = re.escape(f"{__name__}.Own")
    for model in (Own(), Sequential(Linear(1, 1), Sequential(Own()))):
        with pytest.raises(TypeError, match=rf"the modules of nn, got {name}; write a torch\.nn\.Module with the"):
            to_torch(model)
    for module in (Theirs(1, 1), torch.nn.Sequential(torch.nn.ReLU(), Theirs(1, 1))):
        with pytest.raises(
            TypeError, match=r"PyTorch modules that nn has too, got .*\.Theirs; write a Module with the"
        ):
            from_torch(module)
    for thing in (torch.nn.Identity(), Linear(1, 1), None, torch.nn.Linear(1, 1).state_dict()):
        with pytest.raises(TypeError, match="knows the PyTorch modules"):
            from_torch(thing)
    with pytest.raises(TypeError, match=r"got builtins\.list"):
        to_torch([Linear(1, 1)])


def test_what_the_message_says_can_be_done(torch, tmp_path):
    """A user's own module goes the way of a file, or of a state."""

    class Ours(Module):
        def __init__(self):
            self.inner = Linear(2, 1)

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(2, 1).double()

    load_file = pytest.importorskip("safetensors.torch").load_file
    ours, theirs = Ours(), Theirs()
    save(ours, tmp_path / "own.safetensors")
    theirs.load_state_dict(load_file(tmp_path / "own.safetensors"))
    assert {name: tensor.tolist() for name, tensor in theirs.state_dict().items()} == ours.state_dict()
    theirs.inner.weight.data += 1.0
    ours.load_state_dict(theirs.state_dict())
    assert ours.state_dict() == {name: tensor.tolist() for name, tensor in theirs.state_dict().items()}


def test_other_activations_are_named(torch):
    def swish(x):
        return x * x.sigmoid()

    mixed = Layer(1, 2)
    mixed.neurons[0] = Neuron(1, "tanh")
    for model, got in (
        (Layer(1, 1, swish), "<function .*swish.*>"),
        (mixed, "tanh, relu"),
        (MLP(1, [1, 1], swish), "<"),
    ):
        with pytest.raises(TypeError, match=f"one activation per layer, one of linear, relu, .*, tanh, got {got}"):
            to_torch(model)
    network = to_torch(Layer(1, 1))
    for other in (torch.nn.LeakyReLU(0.5), torch.nn.Softmax(-1)):
        network.activation = other
        with pytest.raises(ValueError, match="an activation that ACTIVATIONS does not name; put "):
            from_torch(network)


def test_modes_of_the_parts_are_carried_over(torch):
    model = Sequential(Dropout(), Sequential(BatchNorm1d(1), Layer(1, 1)), MLP(1, [1, 1]))
    model[1].eval()
    model[1][0].train()
    model[2].layers[1].eval()
    network = to_torch(model)
    names = ["", "0", "1", "1.0", "1.1", "2", "2.layers.0", "2.layers.1"]
    expected = [True, True, False, True, False, True, True, False]
    assert [network.get_submodule(name).training for name in names] == expected
    again = dict(from_torch(network).named_modules())
    assert [again[name].training for name in names] == expected
    assert [module.training for module in again["1.1"].neurons] == [False]


def test_what_is_frozen_stays_so(torch):
    model = Sequential(Linear(1, 2), BatchNorm1d(2), MLP(2, [2, 1]), ReLU())
    model[0].freeze()
    model[2].freeze().layers[1].unfreeze()
    network = to_torch(model)
    learning = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert learning == ["1.weight", "1.bias", "2.layers.1.weight", "2.layers.1.bias"]
    again = from_torch(network)
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in model.named_parameters()]
    assert len(again.parameters()) == 7
    assert from_torch(to_torch(MLP(1, [2, 1]).freeze())).parameters() == []
    model[2].layers[1].neurons[0].freeze()
    model[0].unfreeze().neurons[0].freeze()
    with pytest.raises(ValueError, match=r"'0\.weight' of .* is partly frozen; PyTorch trains a tensor as a whole"):
        to_torch(model)
    network[0].bias.requires_grad_(True)
    with pytest.raises(ValueError, match="partly frozen; nn freezes a module as a whole"):
        from_torch(network)


def test_what_is_shared_stays_so(torch):
    rng = random.Random(0)
    layer, norm = Linear(2, 2), BatchNorm1d(2)
    for model in (
        Sequential(layer, norm, Tanh(), layer, norm),
        Sequential(layer, norm, Tanh(), Sequential(layer, norm)),
    ):
        network = to_torch(model)
        assert len(list(network.parameters())) == 4
        for _ in range(2):
            alike(torch, model, network, (2,), rng)
    with pytest.raises(ValueError, match="share a tensor; in nn they can only be the same module, used twice in"):
        from_torch(network)
    again = from_torch(to_torch(Sequential(layer, Tanh(), layer)))
    assert again[0] is again[2]
    assert len(again.parameters()) == 6


def test_tensors_that_are_shared_by_two_modules(torch):
    first, second = Linear(2, 2), Linear(2, 2)
    for ours, theirs in zip(first.neurons, second.neurons):
        ours.w = theirs.w
    model = Sequential(first, Tanh(), second)
    network = to_torch(model)
    assert network[0].weight is network[2].weight
    assert network[0].bias is not network[2].bias
    alike(torch, model, network, (2,), random.Random(0))
    with pytest.raises(ValueError, match=r"two modules of torch.* share a tensor; in nn they can only"):
        from_torch(network)
    first.neurons[0].w = Neuron(2).w
    with pytest.raises(ValueError, match=r"two tensors of .* share some of their Values; in PyTorch they cannot"):
        to_torch(model)


def test_modules_are_copied_and_pickled(torch):
    model = with_random_numbers(Sequential(MLP(2, [3, 2]), Layer(2, 2, "tanh"), Neuron(2)), random.Random(0))
    attention = CausalSelfAttention(2, 1)
    for ours, x in ((model, [[1.0, 2.0]]), (attention, [[[1.0, 2.0], [3.0, 4.0]]])):
        network, x = to_torch(ours), torch.tensor(x, dtype=torch.float64)
        for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert again(x).tolist() == network(x).tolist()
            assert from_torch(again).state_dict() == ours.state_dict()


@pytest.mark.parametrize("name", ["mlp of one output", "batch norm", "attention with bias", "a perceptron"])
def test_files_go_both_ways(torch, tmp_path, name):
    theirs = pytest.importorskip("safetensors.torch")
    path, (make, _) = tmp_path / "weights.safetensors", CASES[name]
    model, other = (with_random_numbers(make(), random.Random(i)) for i in range(2))
    save(model, path)
    network = to_torch(other)
    network.load_state_dict(theirs.load_file(path))
    assert {key: tensor.tolist() for key, tensor in network.state_dict().items()} == model.state_dict()
    theirs.save_file(network.state_dict(), path)
    load(other, path)
    assert other.state_dict() == model.state_dict()


def test_two_processes_train_a_model(torch):
    done = subprocess.run(
        [sys.executable, ROOT / "notebooks" / "applications" / "distributed.py"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    losses = {
        rank: [float(x) for x in re.findall(rf"rank {rank}   epoch \d+   loss ([\d.]+)\n", done.stdout)]
        for rank in "01"
    }
    for each in losses.values():
        assert len(each) == 3
        assert each[-1] < 0.3 < each[0] * 2
    assert losses["0"] != losses["1"]  # each has examples of its own
    assert "the copies are alike: True" in done.stdout
    assert int(re.search(r"back in Python: (\d+) of 100", done.stdout)[1]) >= 90
