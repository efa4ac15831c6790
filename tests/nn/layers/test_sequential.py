"""Modules in a row: what passes through them, what they are called, and how a picture folds them."""

import copy
import pickle
import random

import pytest

from engine.graph import topological_order
from nn import MLP, BatchNorm1d, Dropout, Layer, Linear, Module, ReLU, Sequential, Tanh
from viz.graph import folding


def test_each_member_is_fed_what_the_one_before_it_gave():
    model = Sequential(Linear(2, 3, rng=random.Random(0)), Tanh(), Linear(3, 1, rng=random.Random(1)))
    same = MLP(2, [3, 1], activation="tanh")
    same.load_state_dict({f"layers.{int(name[0]) // 2}{name[1:]}": x for name, x in model.state_dict().items()})
    rows = [[1.0, 2.0], [-0.5, 3.0]]
    for row, outputs in zip(rows, model.batch(rows)):
        assert [y.data for y in model(row)] == [y.data for y in outputs] == [same(row).data]


def test_a_batch_goes_through_the_members_as_a_whole():
    class Count(Module):
        def batch(self, xs):
            return [len(xs) for _ in xs]

    assert Sequential(ReLU(), Count()).batch(iter([[1.0], [2.0]])) == [2, 2]
    assert Sequential(Sequential(Count())).batch([[1.0], [2.0], [3.0]]) == [3, 3, 3]
    with pytest.raises(ValueError, match=r"BatchNorm1d\(1\) in training .* write model.batch\(rows\)"):
        Sequential(BatchNorm1d(1))([1.0])


def test_it_is_a_sequence():
    first, second, third = Linear(1, 2), ReLU(), Linear(2, 1)
    model = Sequential(first, second, third)
    assert list(model) == [model[0], model[1], model[-1]] == [first, second, third]
    assert len(model) == 3
    part = model[1:]
    assert isinstance(part, Sequential)
    assert list(part) == [second, third]
    assert len(Sequential()) == 0
    with pytest.raises(IndexError):
        model[3]


def test_names_are_pytorchs():
    model = Sequential(Linear(2, 3), BatchNorm1d(3), Sequential(ReLU(), Linear(3, 1, bias=False)))
    assert list(model.state_dict()) == [
        *("0.weight", "0.bias"),
        *("1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"),
        "2.1.weight",
    ]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1", "2", "2.0", "2.1"]
    assert next(model.named_parameters())[0] == "0.neurons.0.w.0"


def test_what_it_is_told_reaches_its_members():
    model = Sequential(Linear(1, 2), Dropout(), Sequential(Dropout(), Linear(2, 1)))
    assert not any(module.training for _, module in model.eval().named_modules())
    model[2].freeze()
    assert len(model.parameters()) == 4


def test_members_are_labelled_after_their_place_and_pictures_fold_by_them():
    model = Sequential(Linear(2, 2), Tanh(), Sequential(Linear(2, 2), ReLU()), MLP(2, [2, 1]), BatchNorm1d(1))
    labels = [p.label for p in model.parameters()]
    assert labels[0::6] == ["L0.n0.w0", "L2.L0.n0.w0", "L3.L0.n0.w0", "L3.L1.n0.w0"]
    assert labels[-2:] == ["L4.weight0", "L4.bias0"]
    assert len(set(labels)) == len(labels)
    output = model[:4]([1.0, 2.0])
    order = topological_order(output)
    paths = {path for path in folding.module_paths(order).values() if path[-1] != "parameters"}
    neurons = {("L0", f"n{i}") for i in (0, 1)} | {("L2", "L0", f"n{i}") for i in (0, 1)}
    assert paths >= neurons | {("L3", "L0", "n0"), ("L3", "L1", "n0")}
    boxes, _ = folding.collapse(order, folding.module_paths(order), folding.expanded_to(1))
    assert {box.name for box in boxes if isinstance(box, folding.Cluster)} == {"L0", "L2", "L3"}


def test_a_label_of_ones_own_stays():
    layer = Layer(1, 2, label="encoder")
    model = Sequential(layer, Linear(2, 1))
    again = Sequential(*model[:1], Linear(2, 1))
    assert [p.label for p in again.parameters()][:2] == ["encoder.n0.w0", "encoder.n0.b"]
    assert [p.label for p in again.parameters()][-1] == "L1.n0.b"
    assert Sequential(*again)[1].neurons[0].label == "L1.n0"


def test_a_member_that_is_there_twice_is_labelled_once():
    layer = Linear(1, 1)
    model = Sequential(layer, ReLU(), layer)
    assert [p.label for p in model.parameters()] == ["L0.n0.w0", "L0.n0.b"]
    assert len(model([2.0])) == 1


def test_it_can_be_copied_and_pickled():
    model = Sequential(Linear(2, 2), Dropout(0.5), ReLU()).eval()
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [y.data for y in again([1.0, 2.0])] == [y.data for y in model([1.0, 2.0])]


def test_it_shows_its_members():
    assert repr(Sequential(Linear(1, 2), ReLU())) == "Sequential(Linear(1, 2), ReLU())"
    lines = str(Sequential(Linear(1, 2), ReLU()).summary()).splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["Sequential"], ["0", "Linear(1,"], ["1", "ReLU()"]]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([[ReLU(), ReLU()]], r"takes modules, got \[ReLU\(\), ReLU\(\)\]; write Sequential\(\*modules\)"),
        ([ReLU], r"takes modules, got <class 'nn.layers.activations.ReLU'>; write ReLU\(\), not ReLU or a function"),
        ([Linear(1, 1), abs], "takes modules, got <built-in function abs>"),
    ],
)
def test_what_is_no_module_is_refused(members, message):
    with pytest.raises(TypeError, match=message):
        Sequential(*members)
