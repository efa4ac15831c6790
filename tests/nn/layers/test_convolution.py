"""Convolution and pooling against PyTorch's numbers, and what they refuse."""

import random

import numpy as np
import pytest

from engine import Value, compile, mean
from engine.graph import topological_order
from engine.utils.nested import tree_leaves
from nn import AvgPool2d, Conv1d, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential
from tests.torch_layers import cases, check


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases("Conv1d", "Conv2d", "MaxPool2d", "AvgPool2d"))
def test_images_and_gradients_are_pytorchs(name, compiled):
    check(name, compiled)


def test_an_output_is_one_node():
    [[[y]]] = Conv2d(2, 1, 3)([[[1.0] * 3] * 3] * 2)
    assert y.rule.name == "dot"
    assert len(topological_order(y)) == 2 * 18 + 1 + 1


def test_an_image_may_be_an_array():
    layer, image = Conv2d(1, 1, 2, rng=random.Random(0)), [[[1.0, 2.0], [3.0, 4.0]]]
    assert [y.data for y in tree_leaves(layer(np.array(image)))] == [y.data for y in tree_leaves(layer(image))]


def test_the_border_of_zeros_is_one_constant():
    layer, image = Conv2d(1, 1, 3, padding=1), [[[Value(1.0)]]]
    [[[y]]] = layer(image)
    y.backward()
    assert [leaf.data for leaf in topological_order(y) if leaf.role == "constant"] == [0.0]
    assert image[0][0][0].grad == layer.weight[0][0][1][1].data
    assert [p.grad for p in layer.parameters()] == [0.0] * 4 + [1.0] + [0.0] * 4 + [1.0]


def test_weights_start_as_those_of_a_neuron_with_relu_and_the_bias_at_zero():
    layer = Conv2d(2, 30, 3, rng=random.Random(0))
    weights = [p.data for p in tree_leaves(layer.weight)]
    bound = (6 / 18) ** 0.5
    assert 0.995 * bound < max(weights) <= bound
    assert -0.995 * bound > min(weights) >= -bound
    assert {b.data for b in layer.bias} == {0.0}
    assert weights == [p.data for p in tree_leaves(Conv2d(2, 30, 3, rng=random.Random(0)).weight)]


def test_parameters_are_labelled_and_named():
    layer = Conv2d(1, 1, (1, 2), label="edges")
    assert [p.label for p in layer.parameters()] == ["edges.weight0_0_0_0", "edges.weight0_0_0_1", "edges.bias0"]
    assert [name for name, _ in layer.named_parameters()] == ["weight.0.0.0.0", "weight.0.0.0.1", "bias.0"]
    assert len(Conv2d(1, 1, 2, bias=False).parameters()) == 4


def test_numbers_that_tie_for_the_largest_share_the_gradient():
    image = [[[Value(1.0), Value(1.0), Value(0.0)]]]
    [[[most]]] = MaxPool2d((1, 3))(image)
    most.backward()
    assert [x.grad for x in tree_leaves(image)] == [0.5, 0.5, 0.0]


def test_they_stand_in_a_sequential_with_the_names_of_pytorch():
    rng = random.Random(0)
    model = Sequential(Conv2d(1, 2, 2, rng=rng), ReLU(), MaxPool2d(2), Flatten(), Linear(2, 3, rng=rng))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "4.weight", "4.bias"]
    assert model[0].weight[0][0][0][1].label == "L0.weight0_0_0_1"
    image = [[[1.0, 2.0, 0.5], [0.0, 1.0, 2.0], [1.0, -1.0, 1.0]]]
    assert compile(model).map([image])[0] == pytest.approx([y.data for y in model(image)], rel=1e-12)


def test_flatten_makes_the_row_that_a_layer_takes():
    image = [[[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]], [[Value(5.0)] * 2] * 2]
    row = Flatten()(image)
    assert [x.data for x in row] == [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0]
    assert len(Layer(8, 2)(row)) == 2


@pytest.mark.parametrize(
    ("image", "got"),
    [
        ([[[1.0] * 4] * 4], r"\[1, 4, 4\]"),
        ([[1.0] * 4] * 2, r"\[2, 4\]"),
        ([[[1.0, 2.0], [3.0]]] * 2, "ragged or empty"),
        (1.0, r"\[\]"),
    ],
)
def test_what_is_no_such_image_is_told_with_its_shape(image, got):
    layer = Conv2d(2, 3, 2)
    expected = r"Conv2d\(2, 3, kernel.*\) expects an image of shape \[2, rows, columns\], got "
    with pytest.raises(ValueError, match=f"{expected}{got}$"):
        layer(image)


def test_pooling_takes_any_channels_but_wants_an_image():
    expected = r"MaxPool2d\(kernel.*\) expects an image of shape \[channels, rows, columns\], got \[4\]"
    with pytest.raises(ValueError, match=expected):
        MaxPool2d(2)([1.0] * 4)


@pytest.mark.parametrize("layer", [Conv2d(1, 1, (2, 3)), MaxPool2d((2, 3)), AvgPool2d((2, 3))])
@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (2, 2)])
def test_an_image_smaller_than_the_window_is_refused(layer, rows, columns):
    with pytest.raises(ValueError, match=f"expects at least 2 x 3 rows and columns, got {rows} x {columns}"):
        layer([[[1.0] * columns] * rows])


def test_what_is_no_such_series_is_told_with_its_shape():
    layer = Conv1d(2, 3, 4)
    expected = r"Conv1d\(2, 3, kernel_size=4, stride=1\) expects "
    with pytest.raises(ValueError, match=rf"{expected}a series of shape \[2, positions\], got \[1, 5\]"):
        layer([[1.0] * 5])
    with pytest.raises(ValueError, match=rf"{expected}at least 4 positions, got 3"):
        layer([[1.0] * 3] * 2)
    with pytest.raises(ValueError, match=r"kernel_size must be a whole number of at least 1, got \(3, 3\)"):
        Conv1d(1, 1, (3, 3))


def test_the_border_counts_as_part_of_the_image():
    assert len(Conv2d(1, 1, 3, padding=(0, 1))([[[1.0]] * 3])[0]) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 1, 3), "in_channels must be a whole number of at least 1, got 0"),
        (lambda: Conv2d(1, 1.5, 3), "out_channels must be a whole number of at least 1, got 1.5"),
        (lambda: Conv2d(1, 1, (3, 0)), r"kernel_size must be .* at least 1, or a pair of them, got \(3, 0\)"),
        (lambda: Conv2d(1, 1, (3, 3, 3)), "kernel_size must be"),
        (lambda: Conv2d(1, 1, 3, stride=0), "stride must be .* at least 1, or a pair of them, got 0"),
        (lambda: Conv2d(1, 1, 3, padding=-1), "padding must be .* at least 0, or a pair of them, got -1"),
        (lambda: MaxPool2d(True), "kernel_size must be"),
        (lambda: AvgPool2d(2, stride=(1, 0.5)), "stride must be"),
    ],
)
def test_impossible_windows_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_layers_say_what_they_are():
    assert repr(Conv2d(1, 2, 3, padding=1)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
    assert repr(Conv2d(1, 2, 3, bias=False)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), bias=False)"
    assert repr(Conv1d(1, 2, 3, padding=1)) == "Conv1d(1, 2, kernel_size=3, stride=1, padding=1)"
    assert repr(AvgPool2d(3, 1)) == "AvgPool2d(kernel_size=(3, 3), stride=(1, 1))"
    assert repr(Flatten()) == "Flatten()"


def test_windows_over_the_border_run_as_the_others_do_in_lanes():
    pytest.importorskip("numba")
    layer = Conv2d(1, 4, kernel_size=3, padding=1, rng=random.Random(1))
    draw = random.Random(2)
    images = [[[[draw.gauss(0, 1) for _ in range(4)] for _ in range(4)]] for _ in range(5)]

    def loss(image):
        return mean([x * x for channel in layer(image) for row in channel for x in row])

    found = []
    compiled = compile(loss)
    for value in (mean([loss(image) for image in images]), compiled.mean(images)):
        for p in layer.parameters():
            p.grad = 0.0
        value.backward()
        found.append([value.data, *[p.grad for p in layer.parameters()]])
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-12)
    (lanes,) = compiled._latest._batched.values()
    assert len(lanes.starts) == 16 + 64 + 1 + 1  # at each place a layer of four dots; the squares, their mean, the zero
