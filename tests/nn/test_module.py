"""Module: what is found in it, its state, what is frozen, and the table of it."""

import copy
import pickle
import random

import numpy as np
import pytest

from engine import Value, compile
from nn import MLP, SGD, Layer, Linear, Module, Neuron


class Running(Module):
    """A weight, and a buffer that counts."""

    def __init__(self):
        self.weight = [Value(1.0), Value(2.0)]
        self.register_buffer("mean", [0.0, Value(0.5)])
        self.register_buffer("count", 0)
        self.constant, self.result = Value(3.0, role="constant"), self.weight[0] * 2


class Tree(Module):
    """Modules as attributes, in lists, and shared."""

    def __init__(self):
        self.first = Running()
        self.parts = [Layer(2, 3), (Running(), MLP(1, [1]))]
        self.again = self.first
        self.scale = Value(2.0)


def test_modules_are_found_once_and_the_root_is_the_first():
    tree = Tree()
    names = dict(tree.named_modules())
    assert list(names) == ["", "first", "parts.0", "parts.1.0", "parts.1.1", "parts.1.1.layers.0"]
    assert names[""] is tree
    assert names["parts.1.0"] is tree.parts[1][0]
    assert [name for name, _ in tree.named_children()] == ["first", "parts.0", "parts.1.0", "parts.1.1", "again"]


def test_modules_that_know_each_other_have_an_end():
    first, second = Neuron(1), Neuron(1)
    first.other, second.other = second, first
    assert [name for name, _ in first.named_modules()] == ["", "other"]
    assert list(first.state_dict()) == ["w", "b", "other.w", "other.b"]
    assert first.eval().other.training is False


def test_buffers_are_state_and_no_parameters():
    running = Running()
    assert [name for name, _ in running.named_parameters()] == ["weight.0", "weight.1"]
    assert running.state_dict() == {"weight": [1.0, 2.0], "mean": [0.0, 0.5], "count": 0.0}
    assert {value.__class__ for value in (*running.mean, running.count)} == {Value}
    running.mean = [Value(1.0), Value(1.0)]  # the name is what counts
    running.register_buffer("mean", [3.0, 3.0])
    assert len(running.parameters()) == 2
    assert running.state_dict()["mean"] == [3.0, 3.0]
    for again in (copy.deepcopy(running), pickle.loads(pickle.dumps(MLP(1, [1]).freeze()))):
        assert len(again.parameters(frozen=True)) == 2


def test_a_buffer_of_another_class_of_the_same_name_is_a_parameter():
    class Other(Module):
        def __init__(self):
            self.mean = Value(1.0)

    Running()
    assert len(Other().parameters()) == 1


def test_tensors_have_the_shapes_and_names_of_pytorch():
    state = MLP(2, [3, 1], rng=random.Random(0)).state_dict()
    assert {name: np.shape(numbers) for name, numbers in state.items()} == {
        "layers.0.weight": (3, 2),
        "layers.0.bias": (3,),
        "layers.1.weight": (1, 3),
        "layers.1.bias": (1,),
    }


def test_lists_that_are_no_tensor_are_told_part_by_part():
    class Ragged(Module):
        def __init__(self):
            self.rows = [[Value(1.0), Value(2.0)], [Value(3.0)]]
            self.mixed = [Value(4.0), Neuron(1), 5, Value(6.0)]
            self.grid = np.array([[Value(7.0)], [Value(8.0)]], dtype=object)
            self.nothing = []

    ragged = Ragged()
    ragged.mixed[1].w[0].data = 0.0
    assert ragged.state_dict() == {
        "rows.0": [1.0, 2.0],
        "rows.1": [3.0],
        "mixed.0": 4.0,
        "mixed.3": 6.0,
        "grid": [[7.0], [8.0]],
        "mixed.1.w": [0.0],
        "mixed.1.b": 0.0,
    }
    assert len(ragged.parameters()) == 9


def test_shared_modules_and_parameters_are_in_the_state_under_each_name():
    tree = Tree()
    state = tree.state_dict()
    assert next(iter(state)) == "scale"
    assert state["first.weight"] == state["again.weight"] == [1.0, 2.0]
    assert len(tree.parameters()) == 2 + 9 + 2 + 2 + 1


@pytest.mark.parametrize("form", [lambda x: x, np.array, lambda x: np.array(x, np.float32), tuple])
def test_a_state_is_loaded_into_another_model(form):
    model, other = MLP(2, [4, 3], rng=random.Random(0)), MLP(2, [4, 3], rng=random.Random(1))
    values = other.parameters()
    other.load_state_dict({name: form(numbers) for name, numbers in model.state_dict().items()})
    tolerance = 1e-6 if form([1.0]).__class__ is np.ndarray and form([1.0]).dtype == np.float32 else 0.0
    assert [p.data for p in other.parameters()] == pytest.approx([p.data for p in model.parameters()], rel=tolerance)
    assert other.parameters() == values  # the same Values, so that optimizers know them


def test_numbers_alone_are_loaded_too():
    running = Running()
    running.load_state_dict({"count": np.int64(7), "mean": np.array([1, 2]), "weight": (True, 0.25)})
    assert running.state_dict() == {"weight": [1.0, 0.25], "mean": [1.0, 2.0], "count": 7.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": None}, "^Running was not changed, because the state does not fit: 'weight' is missing$"),
        ({"bias": 1.0}, "'bias' is not in the model"),
        ({"mean": [1.0]}, r"'mean' has shape \[1\], not \[2\]"),
        ({"mean": 1.0}, r"'mean' has shape \[\], not \[2\]"),
        ({"mean": [[1.0], [1.0, 2.0]]}, r"'mean' has shape ragged or empty, not \[2\]"),
        ({"count": [1.0]}, r"'count' has shape \[1\], not \[\]"),
        ({"mean": [1.0, float("nan")]}, "'mean' holds nan"),
        ({"count": float("-inf")}, "'count' holds -inf"),
        ({"count": "many"}, r"'count' holds something that is not a number \(.*write float\('many'\)"),
        ({"count": Value(1.0)}, r"'count' holds something that is not a number \(.*x\.data"),
        ({"weight": None, "count": "one", "other": 2.0}, "'weight' is missing; 'count' holds .*; 'other' is not in"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    running = Running()
    state = {"weight": [5.0, 6.0], "mean": [7.0, 8.0], "count": 9.0} | change
    with pytest.raises(ValueError, match=message):
        running.load_state_dict({name: numbers for name, numbers in state.items() if numbers is not None})
    assert running.state_dict() == {"weight": [1.0, 2.0], "mean": [0.0, 0.5], "count": 0.0}


def test_a_state_is_a_mapping():
    with pytest.raises(TypeError, match=r"takes a dict, as state_dict\(\) returns it, got \[1.0\]"):
        Running().load_state_dict([1.0])


def test_training_is_set_in_all_modules_within():
    tree = Tree()
    assert tree.training
    assert tree.eval() is tree
    assert not any(module.training for _, module in tree.named_modules())
    assert tree.parts[0].train() is tree.parts[0]
    assert [name for name, module in tree.named_modules() if module.training] == ["parts.0"]
    assert all(module.training for _, module in tree.train().named_modules())


def test_frozen_modules_keep_their_numbers_while_others_learn():
    model = MLP(2, [3, 1], rng=random.Random(0))
    assert model.layers[0].freeze() is model.layers[0]
    names = [name for name, _ in model.named_parameters()]
    assert names == [f"layers.1.neurons.0.{name}" for name in ("w.0", "w.1", "w.2", "b")]
    assert len(model.parameters(frozen=True)) == 13
    before = model.state_dict()
    optimizer = SGD(model.parameters(), lr=0.1)
    model([1.0, 2.0]).backward()
    optimizer.step()
    after = model.state_dict()
    assert [name for name in before if before[name] != after[name]] == ["layers.1.weight", "layers.1.bias"]
    model.zero_grad()
    assert {p.grad for p in model.parameters(frozen=True)} == {0.0}


def test_a_part_of_what_is_frozen_can_be_freed():
    model = MLP(2, [3, 1]).freeze()
    assert model.parameters() == []
    assert model.layers[0].neurons[0].parameters() == []
    model.layers[1].unfreeze()
    assert len(model.parameters()) == 4
    assert len(model.unfreeze().parameters()) == 13
    model.layers[0].neurons[1].freeze()
    assert len(model.parameters()) == 10


def test_a_parameter_shared_with_a_frozen_module_is_frozen():
    first, second = Neuron(2), Neuron(2)
    second.w = first.w
    both = Module()
    both.parts = [first, second.freeze()]
    assert both.parameters() == [first.b]


def test_many_examples_are_called_one_by_one():
    model = MLP(2, [3, 1], rng=random.Random(0))
    rows = [[1.0, 2.0], [3.0, 4.0]]
    assert [y.data for y in model.batch(rows)] == [model(row).data for row in rows]


def test_the_summary_shows_names_shapes_and_counts():
    tree = Tree()
    tree.parts[0].freeze()
    summary = tree.summary()
    assert (summary.total, summary.trainable, summary.frozen) == (16, 7, 9)
    assert str(summary) == repr(summary)
    assert str(summary).splitlines() == [
        "name                module                            tensors                         parameters",
        "                    Tree                              scale []                                 1",
        "first               Running()                         weight [2], mean [2], count []           2",
        "parts.0             Layer(2, 3, activation='relu')    weight [3, 2], bias [3]                  9  9 frozen",
        "parts.1.0           Running()                         weight [2], mean [2], count []           2",
        "parts.1.1           MLP",
        "parts.1.1.layers.0  Layer(1, 1, activation='linear')  weight [1, 1], bias [1]                  2",
        "16 parameters: 7 trainable, 9 frozen",
    ]


def test_the_summary_counts_what_is_shared_where_it_is_first():
    both = Module()
    both.parts = [Layer(2, 2), Layer(2, 2)]
    both.parts[1].neurons[0].w = both.parts[0].neurons[0].w
    summary = both.summary()
    assert [count for *_, count, _ in summary.rows] == [0, 6, 4]
    assert summary.total == 10


def test_modules_in_a_dict_are_found():
    class Heads(Module):
        def __init__(self):
            self.heads = {"a": Linear(2, 1), "b": Linear(2, 1, bias=False)}

        def forward(self, x):
            return [self.heads["a"](x), self.heads["b"](x)]

    model = Heads()
    assert len(model.parameters()) == 5
    assert list(model.state_dict()) == ["heads.a.weight", "heads.a.bias", "heads.b.weight"]
    assert [name for name, _ in model.named_modules()] == ["", "heads.a", "heads.b"]


@pytest.mark.parametrize("how", ["call", "mean", "map", "minimize"])
def test_a_compiled_function_sees_another_part_of_a_model(how):
    class Net(Module):
        def __init__(self):
            self.scale, self.layer = 2.0, Linear(1, 1, rng=random.Random(0))

        def forward(self, x):
            return self.layer(x)[0] * self.scale

    net = Net()
    f, xs = compile(lambda x: net([x])), np.array([1.0])
    optimizer = SGD(net.parameters(), lr=1e-9)
    number = {
        "call": lambda: f(1.0).data,
        "mean": lambda: f.mean(xs).data,
        "map": lambda: f.map(xs)[0],
        "minimize": lambda: optimizer.minimize(f.mean, xs),
    }[how]
    for change in (
        lambda: None,
        lambda: setattr(net, "scale", -7.0),
        lambda: setattr(net, "layer", Linear(1, 1, rng=random.Random(1))),
        lambda: setattr(net.layer.neurons[0], "b", Value(5.0, role="parameter")),
    ):
        change()
        for _ in range(4):
            assert number() == pytest.approx(net([1.0]).data, rel=1e-6)


def test_a_compiled_model_is_copied_and_pickled():
    model = MLP(2, [2, 1], rng=random.Random(0))
    fast = compile(model)
    fast([1.0, 2.0])
    for again in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        assert again([1.0, 2.0]).data == pytest.approx(fast([1.0, 2.0]).data)


def test_a_number_that_no_float_can_hold_is_refused_and_nothing_is_changed():
    model = MLP(2, [1])
    before = model.state_dict()
    state = {**before, "layers.0.bias": [10**400]}
    with pytest.raises(ValueError, match=r"'layers.0.bias' holds something that is not a number"):
        model.load_state_dict(state)
    assert model.state_dict() == before
