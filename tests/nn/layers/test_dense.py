"""Neurons, layers and networks: sizes, names, and the picture of each as plain additions and multiplications."""

import copy
import pickle
import random

import numpy as np
import pytest

from engine import Value
from engine.graph import topological_order
from nn import ACTIVATIONS, MLP, Layer, Linear, Module, Neuron


def test_fused_and_chopped_are_the_same_network():
    fused, chopped = (MLP(3, [4, 4, 2], fused=fused, rng=random.Random(0)) for fused in (True, False))
    gradients = []
    for model in (fused, chopped):
        sum(model([0.5, -1.0, 2.0])).backward()
        gradients.append([p.grad for p in model.parameters()])
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-12)
    neurons = [Neuron(3, fused=fused)([1.0, 2.0, 3.0]) for fused in (True, False)]
    assert [len([node for node in topological_order(y) if node.parents]) for y in neurons] == [2, 7]


def test_a_middle_layer_of_one_neuron_works():
    model = MLP(2, [3, 1, 2])
    out = model([1.0, 2.0])
    assert len(out) == 2
    sum(out).backward()


def test_the_last_layer_of_one_neuron_gives_one_value():
    assert isinstance(MLP(2, [3, 1])([1.0, 2.0]), Value)
    assert isinstance(Layer(2, 1)([1.0, 2.0]), list)


@pytest.mark.parametrize("row", [[1, 2], (1.0, 2.0), np.array([1.0, 2.0]), [Value(1.0), 2]])
def test_a_row_may_be_a_list_a_tuple_an_array_or_values(row):
    model = MLP(2, [1], rng=random.Random(0))
    assert model(row).data == model([1.0, 2.0]).data


def test_one_input_may_be_a_lone_number():
    neuron = Neuron(1)
    assert neuron(2.0).data == neuron([2.0]).data


@pytest.mark.parametrize("make", [Neuron, lambda nin: Layer(nin, 2), lambda nin: MLP(nin, [2, 1])])
def test_the_wrong_number_of_inputs_is_told_with_the_layer(make):
    model = make(3)
    with pytest.raises(ValueError, match=r"\(3.* expects 3 inputs, got 2"):
        model([1.0, 2.0])
    with pytest.raises(ValueError, match="expects 3 inputs, got 1"):
        model(1.0)


def test_a_batch_is_told_how_to_be_written():
    with pytest.raises(ValueError, match=r"write \[model\(x\) for x in rows\]"):
        MLP(2, [1])([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MLP(2, 16), TypeError, r"write MLP\(2, \[16\]\)"),
        (lambda: MLP(2, None), TypeError, r"got None; write MLP\(2, \[16, 1\]\)"),
        (lambda: MLP(2, []), ValueError, "at least one layer"),
        (lambda: MLP(0, [1]), ValueError, "nin must be a whole number of at least 1, got 0"),
        (lambda: MLP(2, [2.5]), ValueError, "nout must be a whole number of at least 1, got 2.5"),
        (lambda: Neuron(2, "rleu"), ValueError, "unknown activation 'rleu'; choose one of linear, relu"),
    ],
)
def test_impossible_networks_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains(name):
    neuron = Neuron(2, name, rng=random.Random(1))
    neuron([1.0, -0.5]).backward()
    assert neuron.b.has_grad


def test_an_activation_may_be_a_function():
    neuron = Neuron(1, lambda z: z * z)
    neuron.w[0].data, neuron.b.data = 2.0, 1.0
    assert neuron([3.0]).data == 49.0


def test_parameters_are_labelled_and_named_once():
    model = MLP(2, [3, 1])
    labels = [p.label for p in model.parameters()]
    assert labels[:3] == ["L0.n0.w0", "L0.n0.w1", "L0.n0.b"]
    assert len(set(labels)) == len(labels) == 13
    names = [name for name, _ in model.named_parameters()]
    assert names[:3] == ["layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1", "layers.0.neurons.0.b"]


@pytest.mark.parametrize("fused", [True, False])
def test_without_a_bias_only_the_weights_are_there(fused):
    neuron, biased = (Neuron(3, "tanh", fused, random.Random(0), bias=bias) for bias in (False, True))
    assert neuron.b is None
    assert neuron([1.0, 2.0, 3.0]).data == pytest.approx(biased([1.0, 2.0, 3.0]).data, rel=1e-15)
    assert [p.label for p in neuron.parameters()] == ["w0", "w1", "w2"]
    alone = Neuron(1, "linear", fused, bias=False)
    alone.w[0].data = 3.0
    assert alone(2.0).data == 6.0
    model = MLP(2, [3, 1], fused=fused, bias=False)
    assert list(model.state_dict()) == ["layers.0.weight", "layers.1.weight"]
    assert model([0.0, 0.0]).data == 0.0
    assert len(model.parameters()) == 9
    assert [layer.bias for layer in model.layers] == [[], []]


def test_linear_is_a_layer_without_activation():
    linear = Linear(2, 3, rng=random.Random(0), label="out")
    layer = Layer(2, 3, "linear", rng=random.Random(0), label="out")
    assert [y.data for y in linear([1.0, -2.0])] == [y.data for y in layer([1.0, -2.0])]
    assert [p.label for p in linear.parameters()] == [p.label for p in layer.parameters()]
    assert np.shape(linear.weight) == (3, 2)
    linear.load_state_dict({"weight": np.arange(6.0).reshape(3, 2), "bias": [1.0, 2.0, 3.0]})
    assert [y.data for y in linear([1.0, 10.0])] == [11.0, 34.0, 57.0]
    assert linear.weight[2][1].data == 5.0
    assert linear.bias[2].data == 3.0
    assert list(Linear(2, 3, False).state_dict()) == ["weight"]


def test_they_say_what_they_are():
    made = [Neuron(2), Layer(2, 3, bias=False), Linear(2, 3), Linear(2, 3, bias=False), MLP(2, [3, 1], bias=False)]
    assert list(map(repr, made)) == [
        "Neuron(2, activation='relu')",
        "Layer(2, 3, activation='relu', bias=False)",
        "Linear(2, 3)",
        "Linear(2, 3, bias=False)",
        "MLP(2, [3, 1], activation='relu', bias=False)",
    ]


def test_a_parameter_shared_by_two_modules_counts_once():
    class Twice(Module):
        def __init__(self):
            self.first = self.second = Neuron(2)

    assert len(Twice().parameters()) == 3


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match=r"Module has no forward method"):
        Module()(1.0)


def test_weights_come_from_the_rng():
    random.seed(1337)
    first = MLP(2, [4, 1])
    random.seed(1337)
    second = MLP(2, [4, 1])
    third = MLP(2, [4, 1], rng=random.Random(1337))
    weights = [[p.data for p in model.parameters()] for model in (first, second, third)]
    assert weights[0] == weights[1] == weights[2]


def test_the_first_weights_keep_the_signal_alive_through_twenty_layers():
    rng = random.Random(0)
    model = MLP(16, [16] * 20, rng=rng)
    out = model([rng.gauss(0, 1) for _ in range(16)])
    size = sum(abs(v.data) for v in out) / 16
    assert 0.02 < size < 50


def test_models_can_be_copied_and_pickled():
    model = MLP(2, [3, 1], rng=random.Random(0))
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again([1.0, 2.0]).data == model([1.0, 2.0]).data
        again.parameters()[0].data = 9.0
    assert model.parameters()[0].data != 9.0


def test_zero_grad_sets_every_gradient_to_zero():
    model = MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    model.zero_grad()
    assert {p.grad for p in model.parameters()} == {0.0}


def test_leaves_that_a_module_holds_are_its_parameters():
    class Line(Module):
        def __init__(self):
            self.slope, self.rest = Value(2.0), np.array([Value(1.0), Value(3.0)], dtype=object)
            self.last = self.slope * 2  # a result is none

        def forward(self, x, scale=1.0):
            return self.slope * x * scale

    line = Line()
    assert [name for name, _ in line.named_parameters()] == ["slope", "rest.0", "rest.1"]
    assert line(3.0, scale=10.0).data == 60.0
    neuron = Neuron(2)
    neuron.w[0] = Value(0.3)
    assert len(neuron.parameters()) == 3


def test_looking_for_parameters_uses_up_no_iterator_and_loses_no_row():
    class Grid(Module):
        def __init__(self):
            self.weights = np.array([[Value(float(3 * i + j)) for j in range(3)] for i in range(4)], dtype=object)
            self.batches, self.data = iter([1, 2]), np.zeros((2, 2))

    grid = Grid()
    assert [p.data for p in grid.parameters()] == [float(i) for i in range(12)]
    assert list(grid.batches) == [1, 2]


def test_modules_may_know_each_other():
    first, second = Neuron(1), Neuron(1)
    first.other, second.other = second, first
    assert len(first.parameters()) == 4


def test_anything_to_iterate_over_is_a_row():
    model = MLP(2, [1], rng=random.Random(0))
    assert model(range(2)).data == model(iter([0, 1])).data == model([0, 1]).data
    assert MLP(np.int64(2), [1])([1.0, 2.0]) is not None


def test_micrograds_nonlin_is_taken():
    assert (Neuron(2, nonlin=False).activation, Neuron(2, nonlin=False).nonlin) == ("linear", False)
    assert (Neuron(2, nonlin=True).activation, Neuron(2).nonlin) == ("relu", True)
    assert Neuron(2, "tanh", nonlin=True).activation == "tanh"
    assert Neuron(2, "linear", nonlin=False).nonlin is False
    layer = Layer(2, 1, nonlin=False)
    assert layer.neurons[0].nonlin is False
    layer.neurons[0].w[0].data, layer.neurons[0].w[1].data = -1.0, 0.0
    assert [y.data for y in layer([3.0, 1.0])] == [-3.0]  # a list, where micrograd has the Value itself


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nonlin": False, "activation": "tanh"}, "False means no activation, got False and 'tanh'"),
        ({"nonlin": True, "activation": "linear"}, "got activation='linear' too; leave one of them out"),
        ({"nonlin": "relu"}, "nonlin is True or False"),
        ({"nonlin": True, "activation": "foo"}, "nonlin is True or False|unknown activation"),
    ],
)
def test_a_nonlin_that_contradicts_the_activation_is_told(options, message):
    for make in (lambda: Neuron(2, **options), lambda: Layer(2, 1, **options)):
        with pytest.raises(ValueError, match=message):
            make()
