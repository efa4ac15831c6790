"""What arguments look like: told apart by all but their numbers, and rebuilt as they were."""

import re
from collections import OrderedDict, namedtuple
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value
from engine.compiler.pytree import NUMBER, flatten, is_array, leaf_paths, of_array, unflatten
from engine.utils.nested import tree_leaves

QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=100)

numbers = st.one_of(st.integers(-3, 3), st.floats(-2, 2))
others = st.one_of(st.booleans(), st.none(), st.sampled_from(["", "number", "list", "dict", "as it is", b"x"]))
names = st.one_of(st.text("ab", max_size=2), st.integers(0, 2))


def branches(tree):
    return st.one_of(
        st.lists(tree, max_size=3), st.lists(tree, max_size=3).map(tuple), st.dictionaries(names, tree, max_size=3)
    )


trees = st.recursive(st.one_of(numbers, others), branches, max_leaves=10)


def look(tree):
    return flatten(tree, [])


def leaves_of(tree):
    leaves = []
    flatten(tree, leaves)
    return leaves


def in_lists(tree):
    """The same, with lists for tuples."""
    if isinstance(tree, dict):
        return {name: in_lists(branch) for name, branch in tree.items()}
    return [in_lists(branch) for branch in tree] if isinstance(tree, (list, tuple)) else tree


def with_types(tree):
    """The same, but so that True is not 1: with every number's type."""
    if isinstance(tree, dict):
        return {name: with_types(branch) for name, branch in tree.items()}
    return [with_types(branch) for branch in tree] if isinstance(tree, list) else (type(tree), tree)


def without_numbers(tree):
    """What is to tell two arguments apart, written in another way."""
    if isinstance(tree, (list, tuple)):
        return "[" + ", ".join(map(without_numbers, tree)) + "]"
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{name!r}: {without_numbers(branch)}" for name, branch in tree.items()) + "}"
    return "·" if type(tree) in (int, float) else repr(tree)


@QUICK
@given(trees)
def test_what_was_taken_apart_is_rebuilt(tree):
    leaves = []
    signature = flatten(tree, leaves)
    rest = iter(leaves)
    assert with_types(unflatten(signature, rest)) == with_types(in_lists(tree))
    assert list(rest) == []
    hash(signature)


@QUICK
@given(trees, trees, st.randoms(use_true_random=False))
def test_two_look_alike_if_they_differ_in_numbers_alone(one, other, random):
    assert (look(one) == look(other)) == (without_numbers(one) == without_numbers(other))
    signature = look(one)
    again = unflatten(signature, iter([random.random() for _ in leaves_of(one)]))
    assert (look(again), hash(look(again))) == (signature, hash(signature))


@QUICK
@given(trees)
def test_every_leaf_has_a_name_that_leads_to_it(tree):
    leaves = []
    signature = flatten(tree, leaves)
    called = list(leaf_paths(signature, "x"))
    assert [eval(name, {"x": in_lists(tree)}) for name in called] == leaves
    assert len(set(called)) == len(leaves)


def test_names_of_leaves():
    signature = look({"a": [[1, 2], (3, {"b": 4})], "on": True, "c": 5})
    assert list(leaf_paths(signature, "x")) == [
        "x['a'][0][0]",
        "x['a'][0][1]",
        "x['a'][1][0]",
        "x['a'][1][1]['b']",
        "x['c']",
    ]
    assert list(leaf_paths(look([[1.0, 2.0]] * 2), "w")) == ["w[0][0]", "w[0][1]", "w[1][0]", "w[1][1]"]
    assert list(leaf_paths(NUMBER, "y")) == ["y"]
    assert list(leaf_paths(look([]), "x")) == list(leaf_paths(look("s"), "x")) == []


def test_true_and_one_and_names_of_numbers_are_told_apart():
    keys = [look(tree) for tree in (1, True, False, "1", "number", None, b"1", [1], [True], [[1]], [], {}, [[]])]
    assert len(set(keys)) == len(keys)
    assert look(1) == look(0) == look(2.5) == look(Value(3.0)) == NUMBER
    assert look([1, True]) != look([1, 1])
    assert look([1, 2]) != look([1, 2, 3])
    assert look([[1, 2], [3]]) != look([[1], [2, 3]])
    assert look({"a": 1}) != look({"b": 1})
    assert look({"a": 1, "b": [2]}) != look({"b": [2], "a": 1})  # leaves come in another order


def test_values_are_handed_on_as_they_are():
    a, b = Value(1.0), Value(2.0)
    assert leaves_of([a, {"b": (b, 3)}]) == [a, b, 3]


def test_tuples_and_ordered_dicts_look_like_lists_and_dicts():
    assert look(((1, 2), (3, 4))) == look([[1, 2], [3, 4]]) == (2, (2, NUMBER))
    assert look(OrderedDict(a=1)) == look({"a": 1})


def test_fractions_are_numbers():
    assert leaves_of([Fraction(1, 2), 2]) == [0.5, 2]
    assert type(leaves_of(Fraction(1, 2))[0]) is float


@pytest.mark.parametrize("thing", [{1}, bytearray(b"x"), SimpleNamespace(x=1)], ids=["set", "bytearray", "namespace"])
def test_what_has_no_hash_is_refused(thing):
    for tree in (thing, [1.0, thing], {"a": thing}):
        with pytest.raises(
            TypeError, match=rf"takes numbers and nested lists.* got {type(thing).__name__} {re.escape(repr(thing))}"
        ):
            look(tree)


def test_a_message_about_something_long_is_short():
    with pytest.raises(TypeError) as caught:
        look(set(range(1000)))
    assert len(str(caught.value)) < 150


def test_other_things_are_part_of_the_look():
    assert look(Decimal(1)) == ("as it is", Decimal, Decimal(1))
    assert look(1j) != look(2j)
    thing, other = object(), object()
    assert look(thing) == look(thing) != look(other)
    assert unflatten(look([thing, 1]), iter([2]))[0] is thing


def test_leaves_too_few_or_things_inside_a_row():
    assert unflatten((2, ("as it is", str, "a")), iter([])) == ["a", "a"]
    assert unflatten(look([["a", 1], ["a", 2]]), iter("xy")) == [["a", "x"], ["a", "y"]]


def test_a_namedtuple_stays_one():
    Point = namedtuple("Point", "x y")
    point = Point(1.0, [2.0, Point(3.0, True)])
    assert leaves_of(point) == [1.0, 2.0, 3.0]
    assert look(point) != look(tuple(point))
    assert look(point) != look(namedtuple("Other", "x y")(*point))
    assert unflatten(look(point), iter("abc")) == Point("a", ["b", Point("c", True)])
    assert type(unflatten(look(point), iter("abc"))) is Point
    assert list(leaf_paths(look(point), "p")) == ["p.x", "p.y[0]", "p.y[1].x"]


# Arrays.

np = pytest.importorskip("numpy", reason="no numpy: there are no arrays")


@QUICK
@given(st.lists(st.integers(0, 3), max_size=4), st.sampled_from(["float64", "float32", "int64", "uint8", "bool"]))
def test_an_array_looks_like_lists_of_its_shape(shape, kind):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    leaves = []
    signature = flatten(array, leaves)
    assert signature == of_array(array.shape) == look(array.astype(float).tolist())
    assert leaves == list(tree_leaves(array.tolist()))
    assert unflatten(signature, iter(leaves)) == array.tolist()


def test_arrays_of_any_layout_give_their_numbers_row_by_row():
    array = np.arange(6.0).reshape(2, 3)
    assert leaves_of(array.T) == [0, 3, 1, 4, 2, 5]
    assert leaves_of(array[:, ::-1]) == [2, 1, 0, 5, 4, 3]
    assert leaves_of([array[0], array[1]]) == [0, 1, 2, 3, 4, 5]
    assert look([array[0], array[1]]) == look(array)


def test_bool_arrays_are_numbers_and_python_bools_are_none():
    assert flatten(np.array([True, False]), leaves := []) == (2, NUMBER)
    assert leaves == [1, 0]
    assert look([True, False]) != (2, NUMBER)
    assert look(np.bool_(True)) == NUMBER


@pytest.mark.parametrize("one", [np.float64(2), np.float32(2), np.int64(2), np.uint8(2), np.array(2.0), np.array(2)])
def test_scalars_and_arrays_of_no_axes_are_numbers(one):
    assert flatten([one, 1.0], leaves := []) == (2, NUMBER)
    assert leaves == [2, 1]
    assert all(type(leaf) in (int, float) for leaf in leaves)


def test_arrays_of_values_are_numbers_and_of_strings_are_not():
    values = [Value(1.0), Value(2.0)]
    assert flatten(np.array(values), leaves := []) == (2, NUMBER)
    assert leaves == values
    assert look(np.array(["a", "b"])) == look(["a", "b"])
    assert not is_array(np.array(["a"]))
    assert not is_array(np.array([1j]))


def test_tables_are_their_arrays():
    table = type("Table", (), {"to_numpy": lambda self: np.ones((2, 2))})()
    assert look(table) == look(np.ones((2, 2)))
