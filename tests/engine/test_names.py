"""What nodes are called: labels, variables, small names; and no two alike."""

from unittest.mock import MagicMock, Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value
from engine.graph import topological_order
from engine.names import in_brackets, node_names, number
from engine.utils.nested import is_list_like


def names_of(root, names=None):
    name = node_names(topological_order(root), names)
    return [name[node] for node in topological_order(root)]


def test_labels_win_over_variables_and_variables_over_small_names():
    a = Value(2.0, "speed")
    b = a * 3
    y = b * a + 1
    assert names_of(y, {"a": a, "b": b}) == ["speed", "3", "b", "v1", "1", "v2"]
    assert names_of(y, locals()) == ["speed", "3", "b", "v1", "1", "y"]


def test_a_label_keeps_its_name_where_a_variable_has_the_same():
    p, q = Value(2.0), Value(3.0, "w")
    name = node_names(topological_order(p * q), {"w": p})
    assert (name[q], name[p]) == ("w", "w_2")


def test_lists_name_their_parts():
    x, w = [Value(1.0), Value(2.0)], (Value(3.0),)
    y = x[0] * w[0] + x[1]
    assert names_of(y, {"x": x, "w": w}) == ["x[0]", "w[0]", "v1", "x[1]", "v2"]


def test_the_variable_of_a_loop_does_not_take_the_name_of_what_it_goes_over():
    x = [Value(1.0), Value(2.0)]
    y = x[0] * x[1]
    assert names_of(y, {"x": x, "y": y, "xi": x[1], "loss": y}) == ["x[0]", "x[1]", "y"]


def test_variables_of_a_notebook_itself_and_other_things_are_left_out():
    a = Value(2.0)
    y = a * 2
    names = {"_": y, "_12": y, "_y": y, "n": 3, "text": "y", "none": None, "rows": [[1, 2], "x"], "f": len}
    assert names_of(y, names) == ["v1", "2", "v2"]


def test_a_label_that_comes_twice_gets_a_number():
    a, b, c = Value(1.0, "x"), Value(2.0, "x"), Value(3.0, "x_2")
    assert names_of(a * b + c) == ["x", "x_3", "v1", "x_2", "v2"]


def test_small_names_do_not_collide_with_labels():
    a, b = Value(1.0, "v1"), Value(2.0, "v3")
    assert names_of(a * b + a) == ["v1", "v3", "v2", "v4"]


def test_constants_are_called_by_their_number():
    a = Value(1.0, "a")
    assert names_of((a * 2 + 2) * -0.5 + 1 / 3) == ["a", "2", "v1", "2", "v2", "(-0.5)", "v3", "0.3333", "v4"]


def test_a_constant_with_a_label_is_called_by_it():
    assert names_of(Value(1.0, "a") * Value(9.81, "g", role="constant")) == ["a", "g", "v1"]


def test_a_label_may_be_any_object_that_a_script_puts_there():
    a = Value(1.0)
    a.label = 7
    assert names_of(a * a) == ["(7)", "v1"]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["", "a", "a_2", "a_3", "v1", "v2", "v3"]), min_size=2, max_size=9),
    st.lists(st.sampled_from(["a", "a_2", "v1", "v2", "x"]), max_size=5, unique=True),
)
def test_no_two_nodes_are_called_alike(labels, variables):
    root = Value(1.0, labels[0])
    nodes = [root]
    for label in labels[1:]:
        root = root * root
        root.label = label
        nodes.append(root)
    name = node_names(nodes, dict(zip(variables, nodes)))
    assert len(set(name.values())) == len(nodes) == len(name)
    assert all(name[node].startswith(node.label) for node in nodes)
    assert all(any(name[node] == label for node in nodes if node.label == label) for label in labels if label)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (None, "—"),
        (2.0, "2"),
        (-0.5, "-0.5"),
        (2 / 3, "0.6667"),
        (123456.0, "1.235e+05"),
        (float("inf"), "inf"),
        (-0.0, "0"),
    ],
)
def test_numbers_have_four_digits(x, text):
    assert number(x) == text


def test_brackets_are_for_signs_alone():
    assert [in_brackets(text) for text in ("-3", "3", "-inf", "nan", "—")] == ["(-3)", "3", "(-inf)", "nan", "—"]


class Array:
    shape = np.arange(3)  # what it calls its shape is something else
    __iter__ = list


class Answers:
    def __getattr__(self, name):
        raise KeyError(name)


class Silent:
    def __getattribute__(self, name):
        raise RuntimeError(name)


class Nobody:
    __class__ = property(lambda self: 1 / 0)


class Unequal:
    __hash__ = None

    def __eq__(self, other):
        raise ValueError("cannot be compared")


class Closed(list):
    def __iter__(self):
        raise ValueError("cannot be read")


THINGS = {
    "an array of sorts": Array,
    "answers with KeyError": Answers,
    "answers nothing": Silent,
    "of no class": Nobody,
    "not to be compared": Unequal,
    "a closed list": lambda: Closed([1.0]),
    "a mock": Mock,
    "a magic mock": MagicMock,
    "an array": lambda: np.zeros((2, 2)),
}


@pytest.mark.parametrize("kind", THINGS)
def test_other_variables_may_be_anything(kind):
    x, thing = Value(2.0), THINGS[kind]()
    y = x * x
    for names in ({"thing": thing, "x": x, "y": y}, {"things": [thing, thing], "x": x, "y": y}):
        assert names_of(y, names) == ["x", "y"]


@pytest.mark.parametrize("kind", ["an array of sorts", "answers with KeyError", "not to be compared", "a mock"])
def test_what_is_no_number_is_told_so_whatever_it_is(kind):
    thing = THINGS[kind]()
    for use in (Value, lambda x: Value(1.0) * x, lambda x: x + Value(1.0), Value(1.0).clamp, Value(1.0).maximum):
        with pytest.raises(TypeError, match="a Value holds one"):
            use(thing)
    assert not is_list_like(Answers())
