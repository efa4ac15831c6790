"""A training step that is done once more asks whatever can change its answer, though it looks up nothing.

Each case changes one thing between steps. Compiled training must then do what plain training does.
"""

import math
import random
import warnings

import numpy as np
import pytest

from engine import Value, compile, no_grad
from engine import sum as total
from engine.value import as_value
from nn import MLP, SGD, Optimizer, hinge_loss

pytest.importorskip("numba", reason="without numba every step is plain")

ROWS = [[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9], [0.8, -1.5], [-1.2, 0.1]]
TARGETS = [1.0, -1.0, 1.0, -1.0, 1.0]
WARM = 10  # steps, after which a step is repeated; the six after them are not compared with plain Python


class Shrinking(Optimizer):
    """An update rule of a user's own, which sees a global name."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr)
        self.name = "plain"

    def update(self, p, g):
        rate = self.lr if self.name == "plain" else 0.5 * self.lr
        return (p * SHRINK - rate * g + getattr(self, "drift", 0.0),)


SHRINK = 1.0


class Training:
    """A model, its loss, and an optimizer; compiled or plain."""

    def __init__(self, compiled, optimizer, example=False):
        self.compiled, self.example = compiled, example
        self.model = MLP(2, [4, 1], activation="relu", rng=random.Random(3))
        self.parameters, self.scale = self.model.parameters(), [1.0]
        self.X, self.Y = np.array(ROWS), np.array(TARGETS)
        self.whole = np.array(TARGETS, int)
        self.optimizer = optimizer(self.parameters)
        self.loss = self.compiled_or_not(lambda x, y: self.scale[0] * hinge_loss(self.model(x), y))
        self.row, self.target = [*ROWS[0]], 1.0
        self.seen = []
        self.clip = None

    def compiled_or_not(self, loss):
        return compile(loss) if self.compiled else Plain(loss)

    def step(self):
        if self.example:
            self.seen.append(self.optimizer.minimize(self.loss, self.row, self.target, clip=self.clip))
        else:
            self.seen.append(self.optimizer.minimize(self.loss.mean, self.X, self.Y, clip=self.clip))

    def numbers(self):
        memory = [x for row in self.optimizer.state.values() for x in map(float, row)]
        gradients = [p.grad for p in self.parameters if p.has_grad]
        return [*self.seen, *[p.data for p in self.parameters], *gradients, *memory, self.optimizer.steps]


class Plain:
    """What `compile` gives, without machine code."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x, *more):
        return self.function([as_value(number) for number in x] if isinstance(x, list) else as_value(x), *more)

    def sum(self, *columns):
        return total([self(*each) for each in zip(*[column.tolist() for column in columns], strict=True)])

    def mean(self, *columns):
        return self.sum(*columns) / len(columns[0])


def momentum(parameters):
    return SGD(parameters, lr=0.05, momentum=0.9)


def shrinking(parameters):
    return Shrinking(parameters, 0.05)


def other_function(t):
    t.loss = t.compiled_or_not(lambda x, y: 3.0 * hinge_loss(t.model(x), y))


def sum_in_place_of_mean(t):
    t.seen.append(t.optimizer.minimize(t.loss.sum, t.X, t.Y))


def other_array(t):
    t.X = t.X[::-1].copy()


def other_numbers(t):
    t.X *= -0.5
    t.row[0] = 0.9


def resized(t):
    t.X.resize((3, 2), refcheck=False)
    t.Y.resize(3, refcheck=False)


def other_strides(t):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        t.X.strides = (0, 8)


def other_type(t):
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of NumPy 2.5
        t.X.dtype = np.int64
    t.X[:] = np.arange(10).reshape(5, 2)


def whole_numbers(t):
    t.Y = t.whole
    for _ in range(3):
        t.step()
    t.whole[:2] *= -1


def one_whole_number_for_all(t):
    t.Y = t.whole
    for _ in range(3):
        t.step()
    t.whole.resize(1, refcheck=False)
    with pytest.raises(ValueError, match=r"same number of examples|shorter"):
        t.step()
    t.Y = np.array(TARGETS)


def moved(t):
    t.X.resize((100_000, 2), refcheck=False)
    t.X.resize((5, 2), refcheck=False)
    t.X *= -0.5


def another_optimizer_of_the_rest(t):
    rest = SGD(t.parameters[3:], lr=0.1)
    t.optimizer = SGD(t.parameters[:3], lr=0.05)
    for _ in range(4):
        t.step()
        t.seen.append(rest.minimize(t.loss.mean, t.X, t.Y))


def a_value_of_the_loss(t):
    with no_grad():
        t.seen.append(t.loss.mean(t.X, t.Y).data)


def setting(t):
    t.optimizer.nesterov = True


def rate(t):
    t.optimizer.lr = 0.01


def new_setting(t):
    t.optimizer.name = "slow"


def one_setting_more(t):
    t.optimizer.drift = 0.125


def what_the_rule_sees(t):
    global SHRINK
    SHRINK = 0.5


def clipped(t):
    t.clip = 0.05


def clipped_and_not(t):
    t.clip = 0.05
    t.step()
    t.clip = None


def memory_of_zeros(t):
    t.optimizer.state = {"velocity": [0.0] * len(t.parameters)}


def one_memory_of_zeros(t):
    t.optimizer.state["velocity"] = [0.0] * len(t.parameters)


def one_parameter_more(t):
    t.optimizer.parameters.append(Value(1.0, role="parameter"))


def other_parameters(t):
    t.optimizer.parameters = [*t.parameters[:3]]


def what_the_loss_sees(t):
    t.scale[0] = -2.0


def another_loss_of_the_model(t):
    t.model.layers[0].neurons[0].w[0] = t.parameters[0] = Value(0.25, role="parameter")


def a_look(t):
    t.seen.append(t.parameters[0].data)


def a_number_by_hand(t):
    t.parameters[0].data = 0.75


def other_uses_of_the_loss(t):
    with no_grad():
        t.seen.append(t.loss.mean(t.X, t.Y).data)
        t.seen.append(t.loss.mean(t.X[:2], t.Y[:2]).data)


def gradients_of_the_loss(t):
    for _ in range(2):
        t.loss.mean(t.X, t.Y).backward()
        t.seen += [p.grad for p in t.parameters]


def an_infinite_number_for_a_while(t):
    t.X[1, 0] = math.inf
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        t.loss.mean(t.X, t.Y).backward()
    t.X[1, 0] = 1.1
    with no_grad():
        t.seen.append(t.loss.mean(t.X, t.Y).data)


def a_step_without_a_graph(t):
    with no_grad():
        t.step()


def an_argument_less(t):
    with pytest.raises((TypeError, RuntimeError), match=r"argument|different"):
        t.optimizer.minimize(t.loss.mean, t.X)


def a_value_among_the_arguments(t):
    t.row[0] = Value(0.9)
    t.step()
    t.seen.append(t.row[0].grad)


def another_structure(t):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=r"argument|takes|input|number|zip"):
        t.optimizer.minimize(t.loss, t.row[:1], [t.row[1], t.target])


def another_shape_between(t):
    t.seen.append(t.loss.sum(t.X[1:], t.Y[1:]).data)


CHANGES = [
    other_function, sum_in_place_of_mean, other_array, other_numbers, resized, other_strides, other_type,
    whole_numbers, one_whole_number_for_all, moved, another_optimizer_of_the_rest, a_value_of_the_loss, setting, rate,
    clipped, clipped_and_not,
    memory_of_zeros, one_memory_of_zeros, one_parameter_more, other_parameters, what_the_loss_sees,
    another_loss_of_the_model, a_look, a_number_by_hand, other_uses_of_the_loss, another_shape_between,
    gradients_of_the_loss, an_infinite_number_for_a_while, a_step_without_a_graph, an_argument_less,
]  # fmt: skip
OF_ONE_EXAMPLE = [
    other_function, other_numbers, setting, memory_of_zeros, what_the_loss_sees, a_look, a_value_among_the_arguments,
    another_structure,
]  # fmt: skip


def run(compiled, change, optimizer=momentum, example=False):
    global SHRINK
    SHRINK = 1.0
    training = Training(compiled, optimizer, example)
    for _ in range(WARM):
        training.step()
    if compiled:
        assert training.optimizer._fused.repeat is not None
    change(training)
    for _ in range(2):
        training.step()
    return training.numbers()


@pytest.mark.parametrize("change", CHANGES)
def test_a_step_after_a_change_is_that_of_plain_python(change):
    assert run(True, change) == pytest.approx(run(False, change), rel=1e-11, abs=1e-13)


def test_what_was_forgotten_meanwhile_is_recorded_again():
    """A change that was seen while the specialization was no longer kept has not made it doubtful."""
    scale = [1.0]
    w = Value(1.0, role="parameter")
    loss = compile(lambda x, *more: scale[0] * x if more else scale[0] * w * x)
    optimizer, X = SGD([w], lr=0.125), np.array([1.0, 2.0])
    for _ in range(WARM):
        optimizer.minimize(loss.sum, X)
    loss._latest.trusted_until = 1000
    loss._specializations.most = 1
    loss(1.0, 2.0)
    scale[0] = 2.0
    loss(1.0, 2.0)
    weight = 1.0 - WARM * 0.375  # nobody looks at w
    assert [optimizer.minimize(loss.sum, X) for _ in range(2)] == [6.0 * weight, 6.0 * (weight - 0.75)]


def test_a_repeated_step_is_compared_with_plain_python_as_often_as_any():
    training = Training(True, momentum)
    for _ in range(20):
        training.step()
    assert training.loss._latest._validated >= 16


@pytest.mark.parametrize("change", OF_ONE_EXAMPLE)
def test_a_step_on_one_example_after_a_change_is_that_of_plain_python(change):
    assert run(True, change, example=True) == pytest.approx(run(False, change, example=True), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("change", [rate, new_setting, one_setting_more, what_the_rule_sees])
def test_a_step_by_a_rule_of_a_users_own_after_a_change_is_that_of_plain_python(change):
    assert run(True, change, shrinking) == pytest.approx(run(False, change, shrinking), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_after_a_pass_of_another_loss_is_that_of_plain_python(frozen):
    """What that pass has left in the arrays is no part of the step; a frozen parameter's gradients add up."""
    X, found = np.array([1.0, 2.0]), []
    for maybe_compiled in (compile, Plain):
        a, b, c = (Value(x, role="parameter") for x in (1.0, 2.0, 3.0))
        optimizer = SGD([a, b], lr=0.125)
        loss = maybe_compiled(lambda x, a=a, c=c if frozen else 1.0: a * x * c)
        rest = maybe_compiled(lambda x, b=b, c=c: b * x * c)
        for _ in range(WARM):
            rest.mean(X).backward()
            optimizer.minimize(loss.mean, X)
        found.append([x for p in (a, b, c) for x in (p.data, p.grad)])
    assert found[0] == pytest.approx(found[1], rel=1e-12)
