"""Parameters in buffers: whoever looks at one sees the right number, and plain and compiled training agree."""

import copy
import gc
import math
import pickle
import random
import sys
import threading
import warnings
import weakref
from contextlib import contextmanager
from time import process_time

import numpy as np
import pytest

from engine import Value, compile, no_grad
from engine import sum as total
from engine.compiler import buffers
from engine.compiler.buffers import Binding, BufferedValue, ParameterBuffer
from engine.value import Leaf
from nn import MLP, SGD, Adam, AdamW, Optimizer, hinge_loss, mse_loss
from viz import draw_dot

pytest.importorskip("numba", reason="without numba nothing is in a buffer")

from engine.compiler import scalar
from engine.compiler.runtime import Program


def parameters(*numbers):
    return [Value(x, f"p{i}", role="parameter") for i, x in enumerate(numbers)]


def buffered(*values):
    return [type(value) is BufferedValue for value in values]


def twin(data, grad, label):
    """A plain parameter like one in a buffer."""
    value = Value(data, label, role="parameter")
    value.grad = grad
    return value


@pytest.fixture
def pair():
    """Two parameters in a buffer, p = 2 and q = 3, with the gradients 3 and 2, and the compiled product of both."""
    p, q = parameters(2.0, 3.0)
    product = compile(lambda x: x * p * q)
    product(1.0).backward()
    assert buffered(p, q) == [True, True]
    return p, q, product


# Looking.


LOOKS = {
    "data": lambda p: p.data == 2.0,
    "grad": lambda p: p.grad == 3.0,
    "repr": lambda p: repr(p) == "Value(data=2.0, grad=3.0, label='p0')",
    "text": lambda p: f"{p}|{p:.2f}" == "Value(data=2.0, grad=3.0, label='p0')|2.00",
    "order": lambda p: p < 2.5 and p >= 2.0 and max([p, Value(1.0)]) is p,
    "order from the right": lambda p: Value(1.0) < p and p < 2.5,
    "a plain graph": lambda p: (p * 4 + 1).data == 9.0,
    "a plain graph from the right": lambda p: (1 - p).data == -1.0,
    "a function of many": lambda p: total([1.0, p, p]).data == 5.0,
    "backward": lambda p: (p * p).backward() or p.grad == 3.0 + 4.0,
    "a leaf alone": lambda p: p.backward() or p.grad == 3.0 + 1.0,
    "no_grad": lambda p: no_grad()(lambda: p * 2)().data == 4.0,
    "detach": lambda p: p.detach().data == 2.0,
    "copy": lambda p: (copy.copy(p).data, copy.copy(p).grad) == (2.0, 3.0),
    "deepcopy": lambda p: repr(copy.deepcopy(p)) == repr(p),
    "pickle": lambda p: repr(pickle.loads(pickle.dumps(p))) == repr(p),
    "zero_grad": lambda p: p.zero_grad() or (p.data, p.grad) == (2.0, 0.0),
    "steps": lambda p: len(list((p * 1.0).backward_steps())) == 2 and p.data == 2.0,
    "forward": lambda p: p.forward().data == 2.0,
    "draw_dot": lambda p: draw_dot(p).source == draw_dot(twin(2.0, 3.0, "p0")).source,
    "draw_dot of a graph": lambda p: draw_dot(p * 2).source == draw_dot(twin(2.0, 3.0, "p0") * 2).source,
}


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_sees_the_right_number_and_brings_all_of_them_back(pair, look):
    p, q, _ = pair
    assert LOOKS[look](p)
    assert buffered(p, q) == [False, False]
    assert type(p) is type(q) is Leaf
    assert (q.data, q.grad) == (3.0, 2.0)


@pytest.mark.parametrize(
    "look", [lambda p, q: p.data, lambda p, q: q.grad, lambda p, q: p < q, lambda p, q: copy.copy(q)]
)
def test_whoever_looks_after_updates_in_arrays_sees_the_latest_numbers(look):
    p, q = parameters(0.0, 3.0)
    product, optimizer = compile(lambda x: (x - p) * q), SGD([p, q], lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        product(0.0).backward()  # -p·q: the gradients are -q and -p
        optimizer.step()
        assert buffered(p, q) == [True, True]
    look(p, q)
    assert buffered(p, q) == [False, False]
    p_first, q_first = 0.0 + 3.0, 3.0 + 0.0
    expected = p_first + q_first, q_first + p_first
    assert (p.data, q.data) == expected == (6.0, 6.0)
    assert (p.grad, q.grad) == (-3.0, -3.0)


def test_what_does_not_concern_the_numbers_leaves_them_in_the_buffer(pair):
    p, q, _ = pair
    assert (p.label, p.role, p.rule, p.parents, p.op) == ("p0", "parameter", None, (), "")
    assert p == p
    assert p != q
    assert len({p, q, p}) == 2
    assert isinstance(p, Value)
    assert type(p).__name__ == "Value"
    p.label = "renamed"
    assert buffered(p, q) == [True, True]
    assert repr(p) == "Value(data=2.0, grad=3.0, label='renamed')"


def test_a_buffer_keeps_no_parameter_alive():
    def train():
        p, q = parameters(2.0, 3.0)
        compile(lambda x: x * p * q)(1.0).backward()
        assert buffered(p, q) == [True, True]
        return weakref.ref(p)

    parameter = train()
    gc.collect()
    assert parameter() is None


# Writing.


def test_a_number_written_to_a_parameter_in_a_buffer_is_seen_by_the_next_call(pair):
    p, q, product = pair
    p.data = 10.0
    assert (p.data, q.data, product(1.0).data) == (10.0, 3.0, 30.0)
    value = product(1.0)
    value.backward()
    assert (p.grad, q.grad) == (3.0 + 3.0, 2.0 + 10.0)


@pytest.mark.parametrize("gradient", [0.0, -1.5, None])
def test_a_gradient_written_to_a_parameter_in_a_buffer_is_added_to(pair, gradient):
    p, q, product = pair
    p.grad = gradient
    assert (p.grad, q.grad) == (gradient, 2.0)
    product(1.0).backward()
    assert (p.grad, q.grad) == ((gradient or 0.0) + 3.0, 4.0)


def test_a_parameter_in_place_of_another_is_another_parameter():
    model = MLP(1, [1], rng=random.Random(0))
    neuron = model.layers[0].neurons[0]
    score = compile(model)
    score([1.0]).backward()
    neuron.b = Value(100.0, "b", role="parameter")
    checked = compile(model, check=True)
    assert checked([1.0]).data == pytest.approx(model([1.0]).data)


# Changes after the forward pass.


def change_by_hand(p, q, product):
    p.data = 5.0


def change_by_an_optimizer(p, q, product):
    SGD([p, q], lr=0.1).step()


def change_by_an_optimizer_in_arrays(p, q, product):
    product(1.0).backward()
    SGD([p, q], lr=0.1).step()
    assert buffered(p, q) == [True, True]


def change_to_the_same(p, q, product):
    q.data = q.data


CHANGES = [change_by_hand, change_by_an_optimizer, change_by_an_optimizer_in_arrays, change_to_the_same]


@pytest.mark.parametrize("change", CHANGES)
def test_a_parameter_changed_between_forward_and_backward_is_named(pair, change):
    p, q, product = pair
    value = product(1.0)
    change(p, q, product)
    gradients = p.grad, q.grad
    with pytest.raises(RuntimeError, match=r"p[01] = .* was changed after the forward pass that used it"):
        value.backward()
    assert (p.grad, q.grad) == gradients


@pytest.mark.parametrize("change", CHANGES)
def test_a_plain_graph_knows_too_that_a_parameter_was_changed_in_an_array(pair, change):
    p, q, product = pair
    plain = p * q
    product(1.0).backward()
    change(p, q, product)
    with pytest.raises(RuntimeError, match="was changed after the forward pass"):
        plain.backward()


def test_a_parameter_that_an_optimizer_leaves_alone_was_not_changed(pair):
    p, q, product = pair
    plain, value = q * 7, compile(lambda x: x * q)(1.0)
    product(1.0).backward()
    SGD([p], lr=0.1).step()
    assert buffered(p, q) == [True, False]
    value.backward()
    plain.backward()
    assert q.grad == 4.0 + 1.0 + 7.0


def test_a_second_backward_adds_and_a_later_forward_is_fresh(pair):
    p, q, product = pair
    value = product(1.0)
    value.backward()
    value.backward()
    assert (p.grad, q.grad) == (9.0, 6.0)
    SGD([p], lr=1.0).step()
    product(1.0).backward()
    assert (p.data, q.data, p.grad, q.grad) == (-7.0, 3.0, 12.0, -1.0)


# Training.


OPTIMIZERS = {
    "SGD": lambda ps: SGD(ps, lr=0.1),
    "momentum": lambda ps: SGD(ps, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda ps: SGD(ps, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda ps: Adam(ps, lr=0.02, weight_decay=0.1),
    "AdamW": lambda ps: AdamW(ps, lr=0.02, betas=(0.8, 0.9)),
}
ROWS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.1, 0.3], [-1.0, -1.0]]
TARGETS = [1, -1, -1, 1, 1]


def trained(optimizer_of, compiled, look=lambda step, model: None, chosen=lambda ps: ps, steps=20, clear="optimizer"):
    """The losses and the parameters after some steps, in plain Python or compiled."""
    model = MLP(2, [4, 1], activation="tanh", rng=random.Random(3))
    optimizer = optimizer_of(chosen(model.parameters()))

    def loss(x, y):
        return hinge_loss(model(x), y)

    machine = compile(loss)
    losses = []
    for step in range(steps):
        if compiled:
            value = machine.mean(ROWS, TARGETS)
        else:
            value = total([loss(x, y) for x, y in zip(ROWS, TARGETS)]) / len(ROWS)
        losses.append(value.data)
        (optimizer if clear == "optimizer" else model).zero_grad()
        value.backward()
        look(step, model)
        optimizer.step()
        if step == 9:
            optimizer.lr /= 2
    return losses + [p.data for p in model.parameters()] + [p.grad for p in model.parameters()]


@pytest.mark.parametrize("clear", ["optimizer", "model"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_those_of_plain_python(name, clear):
    plain = trained(OPTIMIZERS[name], compiled=False)
    assert trained(OPTIMIZERS[name], compiled=True, clear=clear) == pytest.approx(plain, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_the_same_whoever_looks_at_parameters_in_between(name, seed):
    rng = random.Random(seed)

    def look(step, model):
        parameter = rng.choice(model.parameters())
        rng.choice([repr, lambda p: p.grad, lambda p: p * 2, copy.deepcopy, pickle.dumps, len([]).__add__, id])(
            parameter
        )

    plain = trained(OPTIMIZERS[name], compiled=False)
    assert trained(OPTIMIZERS[name], compiled=True, look=look) == pytest.approx(plain, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(lambda ps: ps[4:9], id="a row"),
        pytest.param(lambda ps: ps[::3], id="every third"),
        pytest.param(lambda ps: ps[::-1], id="in another order"),
        pytest.param(lambda ps: ps[-1:], id="one"),
    ],
)
@pytest.mark.parametrize("name", ["momentum", "Adam"])
def test_an_optimizer_may_have_a_part_of_the_parameters(name, chosen):
    both = [trained(OPTIMIZERS[name], compiled, chosen=chosen, clear="model") for compiled in (True, False)]
    assert both[0] == pytest.approx(both[1], rel=1e-12, abs=1e-15)


def test_an_optimizer_may_have_parameters_that_no_compiled_function_knows():
    def run(compiled):
        p, q, other = parameters(2.0, 3.0, 4.0)
        f = compile(lambda x: (x * p - q) ** 2) if compiled else lambda x: (Value(x) * p - q) ** 2
        optimizer = Adam([other, q, p], lr=0.1, weight_decay=0.5)
        for i in range(5):
            optimizer.zero_grad()
            f(0.5 + i).backward()
            optimizer.step()
        return [p.data, q.data, other.data]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_two_losses_and_two_optimizers_may_share_parameters():
    def run(compiled):
        p, q, r = parameters(2.0, 3.0, -1.0)
        make = compile if compiled else lambda f: lambda x: f(Value(x))
        losses = [make(lambda x: (x * p - q) ** 2), make(lambda x: (x * r + p * q).tanh()), make(lambda x: r * x)]
        optimizers = [SGD([p, q], lr=0.01, momentum=0.5), Adam([r, q], lr=0.1)]
        seen = []
        for i in range(12):
            for optimizer in optimizers:
                optimizer.zero_grad()
            for loss in losses[i % 2 :]:
                value = loss(0.1 * i)
                value.backward()
                seen.append(value.data)
            optimizers[i % 2].step()
        return [*seen, p.data, q.data, r.data, p.grad, q.grad, r.grad]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_a_compiled_loss_may_be_a_part_of_a_plain_one():
    def run(compiled):
        model = MLP(2, [3, 1], rng=random.Random(0))
        f = (lambda x, y: mse_loss(model(x), y)) if not compiled else compile(lambda x, y: mse_loss(model(x), y))
        optimizer = SGD(model.parameters(), lr=0.05)
        for x, y in zip(ROWS, TARGETS):
            loss = f(x, y) * 0.5 + sum(p * p for p in model.parameters()) * 0.01
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return [p.data for p in model.parameters()]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_a_parameter_of_a_users_own_kind_is_in_no_buffer():
    class Noted(Value):
        def __init__(self, data):
            super().__init__(data, role="parameter")
            self.history = []

    def run(compiled):
        p, (q,) = Noted(2.0), parameters(3.0)
        f = compile(lambda x: (x * p - q) ** 2) if compiled else lambda x: (Value(x) * p - q) ** 2
        optimizer = Adam([p, q], lr=0.1)
        for i in range(5):
            optimizer.zero_grad()
            f(0.5 + i).backward()
            optimizer.step()
            assert type(p) is Noted
            assert type(q) is not BufferedValue
        return [p.data, q.data, p.grad]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_an_update_rule_may_look_at_parameters():
    class Watching(SGD):
        def update(self, p, g, *memory):
            self.seen = self.parameters[0].data
            return super().update(p, g, *memory)

    p, q = parameters(2.0, 3.0)
    optimizer = Watching([p, q], lr=0.5)
    compile(lambda x: x * p * q)(1.0).backward()
    optimizer.step()
    assert (optimizer.seen, p.data, q.data) == (2.0, 0.5, 2.0)


def test_an_update_that_fails_changes_nothing_in_arrays_either():
    class Broken(Optimizer):
        def update(self, p, g, *memory):
            raise ZeroDivisionError

    p, q = parameters(2.0, 3.0)
    compile(lambda x: x * p * q)(1.0).backward()
    with pytest.raises(ZeroDivisionError):
        Broken([p, q], lr=0.5).step()
    assert (p.data, q.data, p.grad, q.grad) == (2.0, 3.0, 3.0, 2.0)


def test_a_step_without_a_gradient_is_told_after_a_look_too(pair):
    p, q, _ = pair
    p.grad = q.grad = None
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        SGD([p, q]).step()


def test_weights_set_by_hand_in_the_middle_of_training_are_those_that_are_trained():
    def run(compiled):
        p, q = parameters(2.0, 3.0)
        f = compile(lambda x: (x * p - q) ** 2) if compiled else lambda x: (Value(x) * p - q) ** 2
        optimizer = SGD([p, q], lr=0.01, momentum=0.9)
        for i in range(8):
            optimizer.zero_grad()
            f(0.5 + i).backward()
            optimizer.step()
            if i % 3 == 1:
                p.data = 0.5 * p.data
                q.grad = 7.0
        return [p.data, q.data, p.grad, q.grad]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_models_and_optimizers_are_copied_in_the_middle_of_training():
    model = MLP(2, [3, 1], rng=random.Random(0))
    optimizer = Adam(model.parameters(), lr=0.05)
    loss = compile(lambda x, y: mse_loss(model(x), y))

    def step(model, optimizer, x, y):
        value = mse_loss(model(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    for x, y in zip(ROWS, TARGETS):
        optimizer.zero_grad()
        loss(x, y).backward()
        optimizer.step()
    assert all(buffered(*model.parameters()))
    copies = copy.deepcopy((model, optimizer)), pickle.loads(pickle.dumps((model, optimizer)))
    pairs = [(model, optimizer), *copies]
    for pair in pairs:
        step(*pair, [0.3, 0.7], 1.0)
        assert pair[1].parameters[0] is pair[0].parameters()[0]
    results = [[p.data for p in pair[0].parameters()] for pair in pairs]
    assert results[0] == results[1] == results[2]
    assert len({id(pair[0].parameters()[0]) for pair in pairs}) == 3


# Threads.


def test_many_threads_may_look_while_one_trains():
    p, q = parameters(2.0, 3.0)
    product, optimizer = compile(lambda x: (x - p) * (x - q)), SGD([p, q], lr=1e-3)
    plain = [2.0, 3.0]
    wrong, stopped = [], threading.Event()

    def look():
        while not stopped.is_set():
            for number in (p.data, q.data, p.grad or 0.0, (q * 2).data):
                if type(number) is not float:
                    wrong.append(number)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(400):
            optimizer.zero_grad()
            product(1.0).backward()
            optimizer.step()
            a, b = plain
            plain = [a - 1e-3 * -(1 - b), b - 1e-3 * -(1 - a)]
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert [p.data, q.data] == pytest.approx(plain, rel=1e-9)


def test_whoever_looks_while_another_trains_sees_a_number_that_there_was():
    steps = 150

    def run(compiled):
        p, q = parameters(2.0, 3.0)
        f = compile(lambda x: (x * p - q) ** 2) if compiled else lambda x: (Value(x) * p - q) ** 2
        optimizer = Adam([p, q], lr=0.05)
        f(1.0), f(1.0)  # recorded, so that no machine code is made below
        yield p, q
        for i in range(steps):
            optimizer.zero_grad()
            f(0.1 * (i % 10)).backward()
            optimizer.step()
            yield p, q

    history = [[p.data for p in pair] for pair in run(compiled=False)]
    training = run(compiled=True)
    pair = next(training)
    seen, errors, stopped = [set(), set()], [], threading.Event()

    def look(i):
        try:
            while not stopped.is_set():
                seen[i].add(pair[i].data)
                seen[i].add((pair[i] + 0.0).data)
                seen[i].add(copy.deepcopy(pair[i]).data)
                seen[i].add(pickle.loads(pickle.dumps(pair[i])).data)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=look, args=(i,)) for i in (0, 1, 0)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        list(training)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert not errors
    for i in (0, 1):
        assert pair[i].data == pytest.approx(history[-1][i], rel=1e-9)
        known = [numbers[i] for numbers in history]
        assert [x for x in seen[i] if min(abs(x - y) for y in known) > 1e-9] == []


def test_gradients_that_several_threads_give_add_up(pair):
    p, q, product = pair

    def work():
        for i in range(100):
            product(1.0).backward()
            if i % 10 == 0:
                repr(p)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (p.data, q.data, p.grad, q.grad) == (2.0, 3.0, 401 * 3.0, 401 * 2.0)


# What optimizers remember.


def steps_of(name, compiled, chosen=lambda ps: ps, steps=20, look=lambda i, ps: None):
    """Parameters, gradients and the optimizer's memory after some steps on one example at a time.

    `compiled` tells of each step whether it is.
    """
    p, q, r, bias = ps = parameters(2.0, -0.5, 0.25, 1.0)

    def loss(x, y):
        return ((p * x + q).tanh() * r + bias * x - y) ** 2

    machine, optimizer = compile(loss), OPTIMIZERS[name](chosen(ps))
    for i in range(steps):
        x, y = 0.1 * i - 1.0, (i % 3) - 1.0
        optimizer.zero_grad()
        (machine(x, y) if compiled(i) else loss(Value(x), Value(y))).backward()
        look(i, ps)
        optimizer.step()
    memories = [float(x) for memory in optimizer.state.values() for x in memory]
    return [*memories, *[value.data for value in ps], *[value.grad for value in ps]]


SWITCHES = {
    "compiled": lambda i: True,
    "first compiled": lambda i: i < 9,
    "first plain": lambda i: i >= 9,
    "in turn": lambda i: i % 2 == 0,
}


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_remembers_is_the_same_compiled_or_not(name, switch):
    plain = steps_of(name, lambda i: False)
    assert steps_of(name, SWITCHES[switch]) == pytest.approx(plain, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_it_remembers_is_the_same_whoever_looks(name):
    rng = random.Random(name)

    def look(i, ps):
        if rng.random() < 0.5:
            repr(rng.choice(ps))

    plain = steps_of(name, lambda i: False, lambda ps: ps[::-2])
    assert steps_of(name, SWITCHES["compiled"], lambda ps: ps[::-2], look=look) == pytest.approx(
        plain, rel=1e-12, abs=1e-14
    )


def test_what_an_optimizer_remembers_is_its_own():
    p, q = parameters(2.0, 3.0)
    product, optimizer = compile(lambda x: x * p * q), SGD([p, q], lr=0.5, momentum=0.5)
    product(1.0).backward()
    optimizer.step()
    optimizer.zero_grad()
    assert list(optimizer.state["velocity"]) == [3.0, 2.0]


def test_an_update_rule_may_change_what_it_is_given():
    class InPlace(Optimizer):
        memory = ("velocity", "before")
        fails = False

        def update(self, p, g, *memory):
            velocity, _ = memory
            before = p
            velocity += g
            g *= 2.0
            if self.fails:
                raise ZeroDivisionError
            return p - self.lr * velocity, velocity, before

    def run(compiled):
        p, q = parameters(2.0, 3.0)
        f = compile(lambda x: x * p * q) if compiled else lambda x: Value(x) * p * q
        optimizer, seen = InPlace([p, q], lr=0.5), []
        for fails in (False, False, True):
            f(1.0).backward()
            optimizer.fails = fails
            if fails:
                with pytest.raises(ZeroDivisionError):
                    optimizer.step()
            else:
                optimizer.step()
            memories = [float(x) for memory in optimizer.state.values() for x in memory]
            seen += [*memories, p.data, q.data, p.grad, q.grad]
        return seen

    assert run(True) == run(False)


# Out of reach. In plain Python `backward` gives the nodes behind the result a gradient and leaves others as they were,
# None say; `step` takes None for 0, and does not write it. So it is in buffers.


@pytest.mark.parametrize("compiled", [False, True])
def test_what_a_loss_does_not_reach_has_no_gradient(compiled):
    p, q, other = parameters(2.0, 3.0, 4.0)
    f = compile(lambda x: x * p * q) if compiled else lambda x: Value(x) * p * q
    optimizer = SGD([other, p, q], lr=0.5, weight_decay=0.5)
    f(1.0).backward()
    assert not compiled or buffered(p, q, other) == [True, True, False]
    optimizer.step()
    assert buffered(p, q, other) == [compiled] * 3
    assert (p.grad, q.grad, other.has_grad, other.data) == (3.0, 2.0, False, 3.0)
    f(1.0).backward()
    optimizer.step()
    optimizer.zero_grad()
    assert buffered(p, q, other) == [compiled] * 3
    assert (p.grad, q.grad, other.grad, other.data) == (0.0, 0.0, 0.0, 2.25)


def test_a_parameter_that_is_reached_late_has_a_gradient_from_then_on(pair):
    p, q, _ = pair
    (late,) = parameters(5.0)
    line = compile(lambda x: x * late)
    SGD([p, late], lr=1.0).step()
    assert buffered(p, q, late) == [True, False, True]
    line(2.0).backward()
    line(2.0).backward()
    assert (late.grad, late.data, p.grad, p.data) == (4.0, 5.0, 3.0, -1.0)


def test_a_parameter_may_be_an_argument_too(pair):
    p, q, product = pair
    line = compile(lambda x: x * p + q)
    for _ in range(3):
        p.grad = q.grad = 0.0
        product(0.0).backward()
        assert buffered(p, q) == [True, True]
        line(p).backward()
        assert (p.grad, q.grad) == (4.0, 1.0)


# Two models, two optimizers.


def test_two_optimizers_of_one_function_take_turns(pair):
    p, q, product = pair
    first, second = SGD([p], lr=1.0), SGD([q], lr=1.0, momentum=0.5)
    first.step()
    second.step()
    first.zero_grad()
    assert (p.data, q.data, p.grad, q.grad) == (-1.0, 1.0, 0.0, 2.0)
    product(1.0).backward()
    second.step()
    assert (p.data, q.data, p.grad, q.grad) == (-1.0, 1.0 - (0.5 * 2.0 + 1.0), 1.0, 1.0)


def test_zero_grad_brings_nothing_back():
    model = MLP(2, [3, 1], rng=random.Random(0))
    loss = compile(lambda x: model(x) ** 2)
    for clear in (model.zero_grad, SGD(model.parameters()[::2]).zero_grad, SGD(model.parameters()).zero_grad):
        loss([1.0, 2.0]).backward()
        clear()
        assert all(buffered(*model.parameters()))
    assert [p.grad for p in model.parameters()] == [0.0] * len(model.parameters())


def test_zero_grad_of_a_part_leaves_the_others_alone(pair):
    p, q, _ = pair
    SGD([q]).zero_grad()
    assert buffered(p, q) == [True, True]
    assert (p.grad, q.grad) == (3.0, 0.0)


def test_an_update_after_the_forward_pass_matters_to_those_it_changed_alone(pair):
    p, q, product = pair
    by_p, by_q = compile(lambda x: x * p), compile(lambda x: x * q)
    at_p, at_q = by_p(1.0), by_q(1.0)
    product(1.0).backward()
    SGD([q], lr=1.0).step()
    assert buffered(p, q) == [False, True]
    at_p.backward()
    with pytest.raises(RuntimeError, match=r"p1 = -1\.0 was changed after the forward pass"):
        at_q.backward()
    assert (p.grad, q.grad) == (7.0, 4.0)
    value = by_q(1.0)  # after the change
    value.backward()
    assert (value.data, q.grad) == (-1.0, 5.0)


def test_a_copy_of_an_optimizer_has_a_buffer_of_its_own(pair):
    p, q, _ = pair
    optimizer = SGD([p, q], lr=1.0)
    optimizer.step()
    assert buffered(p, q) == [True, True]
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert not again._fused.buffer.live
        assert again._fused.buffer.values == tuple(again.parameters)
        assert set(again.parameters).isdisjoint([p, q])


# Large numbers.


def test_large_numbers_overflow_as_quietly_as_floats_do():
    p, q = parameters(1.0, 1.0)
    large = compile(lambda x: x * p * q)
    optimizer = SGD([p, q], lr=1e308)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            large(1e308).backward()
        assert buffered(p, q) == [True, True]
        optimizer.step()
        assert buffered(p, q) == [True, True]
        assert (p.grad, p.data) == (float("inf"), -float("inf"))
        p.data = q.data = 1.0
        large(-1e308).backward()
        assert p.grad == float("inf")
        large(1.0).backward()
        assert buffered(p, q) == [True, True]
        Adam([p, q], lr=0.1).step()  # inf / inf
        assert buffered(p, q) == [True, True]
        assert p.data != p.data


# A cell is interrupted.


@contextmanager
def stopped_at_instructions(codes, do):
    """Something is done before every instruction of these pieces of code."""
    if sys.version_info >= (3, 12):
        tool, event = sys.monitoring.DEBUGGER_ID, sys.monitoring.events.INSTRUCTION
        sys.monitoring.use_tool_id(tool, "interrupts")
        sys.monitoring.register_callback(tool, event, do)
        for code in codes:
            sys.monitoring.set_local_events(tool, code, event)
        try:
            yield
        finally:
            for code in codes:
                sys.monitoring.set_local_events(tool, code, 0)
            sys.monitoring.register_callback(tool, event, None)
            sys.monitoring.free_tool_id(tool)
        return

    def at_opcode(frame, event, arg):
        if event == "opcode":
            do()
        return at_opcode

    def at_call(frame, event, arg):
        if frame.f_code in codes:
            frame.f_trace_opcodes = True
            return at_opcode
        return None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        yield
    finally:
        sys.settrace(before)


def interrupted(function, codes, place):
    """Call a function, and interrupt it at one of the instructions of these pieces of code; whether it was."""
    count = place

    def at_instruction(*_):
        nonlocal count
        count -= 1
        if count == -1:
            raise KeyboardInterrupt

    try:
        with stopped_at_instructions(codes, at_instruction):
            function()
    except KeyboardInterrupt:
        return True
    finally:
        while buffers.lock._is_owned():  # taken, before the block that gives it back: no signal comes there
            buffers.lock.release()
    return False


MOMENTS = {
    "adopt": ((ParameterBuffer._adopt, ParameterBuffer._give_back), lambda p, product: product(1.0).backward()),
    "materialize": ((ParameterBuffer.materialize, ParameterBuffer._give_back), lambda p, product: p.grad),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_wherever_a_buffer_is_interrupted_every_number_is_right(pair, moment):
    p, q, product = pair
    functions, act = MOMENTS[moment]
    codes = {function.__code__ for function in functions}
    place, was_interrupted = 0, True
    while was_interrupted:
        p.data, q.data, p.grad, q.grad = 2.0, 3.0, 3.0, 2.0
        if moment == "materialize":
            product(0.0).backward()
        was_interrupted = interrupted(lambda: act(p, product), codes, place)
        assert buffered(p, q) in ([True, True], [False, False])
        done = moment == "adopt" and not was_interrupted
        assert (p.data, q.data) == (2.0, 3.0)
        assert (p.grad, q.grad) == ((6.0, 4.0) if done else (3.0, 2.0))
        assert type(p) is type(q) is Leaf
        place += 1
    assert place > 50
    product(1.0).backward()
    assert (p.grad, q.grad) == (9.0, 6.0) if moment == "adopt" else (6.0, 4.0)


class Interrupting:
    """A slot that is written to so many times, and then interrupts once."""

    def __init__(self, slot, times):
        self.slot, self.times = slot, times

    def __get__(self, value, kind=None):
        return self.slot.__get__(value)

    def __set__(self, value, x):
        self.times -= 1
        if self.times == -1:
            raise KeyboardInterrupt
        self.slot.__set__(value, x)


@pytest.mark.parametrize("times", range(2))
@pytest.mark.parametrize("slot", ["_data", "_grad", "_version"])
def test_a_buffer_that_is_interrupted_at_a_slot_gives_every_number_back(pair, slot, times, monkeypatch):
    p, q, product = pair
    SGD([p, q], lr=1.0).step()
    assert buffered(p, q) == [True, True]
    with monkeypatch.context() as patch:
        patch.setattr(buffers, slot, Interrupting(getattr(buffers, slot), times))
        with pytest.raises(KeyboardInterrupt):
            repr(q)
    assert buffered(p, q) == [False, False]
    assert (p.data, q.data, p.grad, q.grad) == (-1.0, 1.0, 3.0, 2.0)
    if slot == "_data":
        with monkeypatch.context() as patch:
            patch.setattr(buffers, slot, Interrupting(getattr(buffers, slot), times))
            with pytest.raises(KeyboardInterrupt):
                product(1.0).backward()
        assert buffered(p, q) == [False, False]
        assert (p.data, q.data, p.grad, q.grad) == (-1.0, 1.0, 3.0, 2.0)
    product(1.0).backward()
    assert (p.grad, q.grad) == (4.0, 1.0)


# Buffers and bindings by themselves.


def test_a_buffer_holds_all_of_its_values_or_none():
    p, q, r = parameters(1.0, 2.0, 3.0)
    first, second = ParameterBuffer([p, q]), ParameterBuffer([q, r])
    assert first.adopt()
    assert not second.adopt(take=False)
    assert (first.live, second.live) == (True, False)
    assert second.adopt()
    assert (first.live, second.live, buffered(p, q, r)) == (False, True, [False, True, True])
    assert second.data.tolist() == [2.0, 3.0]
    assert [x.data for x in (p, q, r)] == [1.0, 2.0, 3.0]


def test_a_binding_finds_numbers_in_several_buffers_and_adopts_the_rest():
    p, q, r, _ = values = parameters(1.0, 2.0, 3.0, 4.0)
    first, second, binding = ParameterBuffer([r, p]), ParameterBuffer([q]), Binding(values)
    assert not binding.in_buffers()
    first.adopt()
    second.adopt()
    assert binding.in_buffers()
    assert buffered(*values) == [True] * 4
    assert binding.buffers[:2] == (first, second)
    binding.add_gradients(np.array([0.1, 0.2, 0.3, 0.4]))
    assert (first.grad.tolist(), second.grad.tolist()) == ([0.3, 0.1], [0.2])
    assert p.grad == 0.1  # who looks brings back one buffer alone
    assert buffered(*values) == [False, True, False, True]
    binding.add_gradients(np.array([1.0, 1.0, 1.0, 1.0]))
    assert first.live
    assert [x.grad for x in values] == [1.1, 1.2, 1.3, 1.4]


def test_a_binding_goes_back_to_the_buffers_where_it_was():
    p, q = parameters(1.0, 2.0)
    optimizer = SGD([q, p], lr=0.5)
    product = compile(lambda x: x * p * q)
    for _ in range(3):
        product(1.0).backward()
        optimizer.step()
        assert optimizer._fused.buffer.live
        repr(p)
        assert not optimizer._fused.buffer.live
        product(1.0).backward()
        assert optimizer._fused.buffer.live, "not a buffer of the function's own"


def test_a_frozen_parameter_is_trained_by_nobody_and_gets_its_gradient():
    def run(compiled):
        p, q, frozen = parameters(2.0, 3.0, -1.0)
        f = compile(lambda x: (x * p - q * frozen) ** 2) if compiled else lambda x: (Value(x) * p - q * frozen) ** 2
        optimizer = Adam([q, p], lr=0.1)
        losses = [optimizer.minimize(f, 0.5 + i) for i in range(8)]
        if compiled:
            assert buffered(p, q, frozen) == [True] * 3
        return [*losses, p.data, q.data, frozen.data, p.grad, q.grad, frozen.grad]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_optimizers_that_split_the_parameters_have_a_buffer_each():
    def run(compiled):
        ps = parameters(2.0, 3.0, -1.0, 0.5)
        loss = lambda x: (ps[0] * x - ps[1]) ** 2 + (ps[2] * x + ps[3] * ps[0]).tanh()  # noqa: E731
        f = compile(loss) if compiled else lambda x: loss(Value(x))
        optimizers, seen = [Adam(ps[::2], lr=0.05), SGD(ps[1::2], lr=0.01, momentum=0.9)], []
        for i in range(10):
            for optimizer in optimizers:
                optimizer.zero_grad()
            value = f(0.1 * i)
            value.backward()
            seen.append(value.data)
            for optimizer in optimizers:
                optimizer.step()
        assert [optimizer._fused.buffer.live for optimizer in optimizers] == [compiled] * 2
        return [*seen, *[p.data for p in ps], *[p.grad for p in ps]]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


@pytest.fixture
def long_runs(monkeypatch):
    """Runs of any length are calls of their own, during which other threads may do what they like."""
    monkeypatch.setattr(scalar, "BRIEF", 0)


def after_a_run(monkeypatch, act):
    """Call a function, once, when a program has run and the parameters are not updated yet."""
    execute, done = Program.execute, []

    def executed(program, job):
        found = execute(program, job)
        if not done:
            done.append(True)
            act()
        return found

    monkeypatch.setattr(Program, "execute", executed)
    return done


def test_whoever_looks_while_a_long_program_runs_makes_the_step_begin_anew(long_runs, monkeypatch):
    p, q = parameters(2.0, 3.0)
    product, optimizer = compile(lambda x: (x * p - q) ** 2), SGD([p, q], lr=0.01)
    for _ in range(5):
        optimizer.minimize(product, 1.0)
    seen = []

    def look():
        thread = threading.Thread(target=lambda: seen.append(p.data))
        thread.start()
        thread.join()

    after_a_run(monkeypatch, look)
    a, b = 2.0, 3.0
    for _ in range(5):
        a, b = a - 0.01 * 2 * (a - b), b + 0.01 * 2 * (a - b)
    steps = optimizer.steps
    assert optimizer.minimize(product, 1.0) == pytest.approx((a - b) ** 2)
    assert seen == pytest.approx([a])
    assert optimizer.steps == steps + 1
    assert (p.data, q.data) == pytest.approx((a - 0.01 * 2 * (a - b), b + 0.01 * 2 * (a - b)))


def test_a_step_of_another_optimizer_while_a_long_program_runs_makes_the_step_begin_anew(long_runs, monkeypatch):
    p, q = parameters(2.0, 3.0)
    product = compile(lambda x: (x * p - q) ** 2)
    optimizer, other = SGD([p], lr=0.01), SGD([q], lr=0.25)
    a, b = 2.0, 3.0
    for _ in range(5):
        optimizer.minimize(product, 1.0)
        a -= 0.01 * 2 * (a - b)
        other.minimize(product, 1.0)
        slope = -2 * (a - b)
        b -= 0.25 * slope
    moved = after_a_run(monkeypatch, other.step)
    b -= 0.25 * slope
    assert optimizer.minimize(product, 1.0) == pytest.approx((a - b) ** 2)
    assert moved
    assert (p.data, q.data) == pytest.approx((a - 0.01 * 2 * (a - b), b))


def test_whoever_looks_while_a_brief_step_is_made_waits_for_its_end(monkeypatch):
    (p,) = parameters(2.0)
    square, optimizer = compile(lambda x: (x * p) ** 2), SGD([p], lr=0.25)
    for _ in range(5):
        optimizer.minimize(square, 1.0)
    kernel, seen = optimizer._fused._kernel, []
    call, thread = kernel.call, threading.Thread(target=lambda: seen.append(p.data))

    def slow(driver, argument):
        thread.start()
        thread.join(0.05)
        assert not seen
        return call(driver, argument)

    monkeypatch.setattr(kernel, "call", slow)
    assert optimizer.minimize(square, 1.0) == (2.0 / 2**5) ** 2
    thread.join()
    assert seen == [2.0 / 2**6]


def test_a_run_has_a_call_of_its_own_where_another_thread_trains_too(monkeypatch):
    def training(p):
        square, optimizer = compile(lambda x: (x * p) ** 2), SGD([p], lr=0.25)
        for _ in range(10):
            optimizer.minimize(square, 1.0)
        return lambda: optimizer.minimize(square, 1.0)

    def elsewhere(step):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()

    (one, other), execute, runs = map(training, parameters(2.0, 4.0)), Program.execute, []
    monkeypatch.setattr(Program, "execute", lambda *given: runs.append(1) or execute(*given))
    seen = []
    for step in (one, other, one):
        assert step() > 0
        seen.append(len(runs))
    elsewhere(other)
    seen.append(len(runs))
    for _ in range(2):
        one()
        seen.append(len(runs))
    assert seen == [0, 0, 0, 1, 2, 2]


WARM = 10  # steps, after which one is repeated; the six after them are not compared with plain Python


def training_step(w, many):
    """A loss, hidden in which ``exp(x)`` can be infinite, and a step of training that takes one x, or many."""
    loss = compile(lambda x: w * w + w / x.exp())
    optimizer, X = Adam([w], lr=0.125), np.zeros(4)

    def step(x):
        X[0] = x
        return optimizer.minimize(loss.mean, X) if many else optimizer.minimize(loss, X[0])

    for _ in range(WARM):
        step(0.0)
    assert buffered(w) == [True]
    return optimizer, loss, step


@pytest.mark.parametrize("many", [False, True])
def test_a_number_that_is_infinite_on_the_way_is_told_by_a_repeated_step(many):
    (w,) = parameters(0.5)
    optimizer, _, step = training_step(w, many)
    with pytest.warns(RuntimeWarning, match=r"exp\(800.0\) gave inf"):
        step(800.0)
    assert optimizer.steps == WARM + 1


@pytest.mark.parametrize("many", [False, True])
def test_a_step_that_is_not_made_changes_nothing(many):
    (w,) = parameters(0.5)
    optimizer, loss, step = training_step(w, many)
    before = loss(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="gave inf"):
            step(800.0)
    assert optimizer.steps == WARM
    w.grad = 0.0
    before.backward()  # it would be refused if w had been changed
    assert w.grad == pytest.approx(2 * w.data + math.exp(-1.0))


def test_a_mean_is_finite_though_the_sum_is_not():
    (w,) = parameters(1e300)
    loss, optimizer, X = compile(lambda x: w * x), SGD([w], lr=1e-9), np.full(4, 1.0)
    for _ in range(WARM):
        optimizer.minimize(loss.mean, X)
    X[:] = 1e8
    assert optimizer.minimize(loss.mean, X) == pytest.approx(1e308)
    assert w.data == pytest.approx(1e300)


@pytest.mark.parametrize("first", ["mean", "sum"])
def test_the_mean_and_the_sum_over_the_same_arrays_take_turns(first):
    X = np.array([1.0, 2.0, 3.0, 4.0])
    (w,) = parameters(0.5)
    loss = compile(lambda x: w * x)
    optimizer = SGD([w], lr=0.125)
    expected = 0.5
    for how in 4 * [first] + ["mean", "sum", "sum", "mean"]:  # nobody looks at w, so that all is done in arrays
        slope = 2.5 if how == "mean" else 10.0
        assert optimizer.minimize(getattr(loss, how), X) == slope * expected
        expected -= 0.125 * slope
    assert buffered(w) == [True]
    assert w.data == expected


def test_a_warm_step_makes_a_dozen_calls():
    X, Y = np.array(ROWS), np.array(TARGETS, float)
    model = MLP(2, [4, 1], activation="tanh", rng=random.Random(3))
    optimizer, loss = Adam(model.parameters(), lr=0.01), compile(lambda x, y: hinge_loss(model(x), y))
    for _ in range(20):
        optimizer.minimize(loss.mean, X, Y)
    repr(model)  # who looks costs the next steps time, not all of them
    assert model.parameters()[0].data != 0.0
    for _ in range(2):
        optimizer.minimize(loss.mean, X, Y)
    calls = []

    def note(frame, event, arg):
        if event == "call" and "guard" not in frame.f_code.co_filename:
            calls.append(frame.f_code.co_qualname)

    sys.setprofile(note)
    try:
        optimizer.minimize(loss.mean, X, Y)
    finally:
        sys.setprofile(None)
    assert len(calls) <= 12, calls


def test_what_one_program_is_bound_to_follows_optimizers_memories_and_looks():
    X, Y = np.array(ROWS), np.array(TARGETS, float)

    def run(compiled):
        model = MLP(2, [4, 1], activation="tanh", rng=random.Random(3))
        ps = model.parameters()

        def loss(x, y):
            return hinge_loss(model(x), y)

        mean = compile(loss).mean if compiled else lambda X, Y: total(map(loss, X.tolist(), Y.tolist())) / len(Y)
        first, second = SGD(ps, lr=0.05, momentum=0.9), Adam(ps[::2], lr=0.01)
        seen = []
        for i in range(40):
            optimizer = (first, second)[i // 5 % 2]
            seen.append(optimizer.minimize(mean, X, Y))
            if i % 11 == 10:
                first.load_state_dict(first.state_dict())
            if i % 13 == 12:
                seen.append(ps[0].data)
            if i % 17 == 16:
                first.state = {"velocity": [0.0] * len(ps)}
        return [*seen, *[p.data for p in ps], *[p.grad for p in ps], *map(float, first.state["velocity"])]

    assert run(True) == pytest.approx(run(False), rel=1e-11, abs=1e-13)


def test_a_step_on_the_same_arrays_is_of_what_the_loss_does_now():
    X, (w,) = np.array([1.0, 2.0, 3.0]), parameters(1.0)
    power = 1

    def loss(x):
        return w * x if power == 1 else w * x * x

    compiled, optimizer = compile(loss), SGD([w], lr=0.0625)
    expected = 1.0
    for i in range(12):
        power = 1 if i < 6 else 2
        slope = 6.0 if power == 1 else 14.0
        assert optimizer.minimize(compiled.sum, X) == slope * expected
        expected -= 0.0625 * slope


def test_a_slope_that_is_not_finite_is_told_by_a_whole_step_too():
    X, (w,) = np.zeros(2), parameters(0.0625)
    loss, optimizer = compile(lambda x: w * x), SGD([w], lr=0.125)
    for _ in range(6):
        optimizer.minimize(loss.sum, X)
    X[:] = 1.5e308  # the sum of the slopes overflows, the sum of the results does not
    with pytest.warns(RuntimeWarning, match="gradient"):
        assert optimizer.minimize(loss.sum, X) == 0.125 * 1.5e308


def test_a_batch_whose_array_is_of_whole_numbers_is_read_anew_at_each_step():
    X = np.array([1, 2, 3, 4])
    (w,) = parameters(0.5)
    loss, optimizer, expected = compile(lambda x: w * x), SGD([w], lr=0.125), 0.5
    for i in range(8):
        X[0] = i
        assert optimizer.minimize(loss.sum, X) == (9 + i) * expected
        expected -= 0.125 * (9 + i)


def test_a_setting_that_is_no_number_may_change_between_compiled_steps():
    def run(compiled):
        (w,) = parameters(1.0)
        f = compile(lambda x: (w * x) ** 2) if compiled else lambda x: (w * Value(x)) ** 2
        optimizer = SGD([w], lr=0.05, momentum=0.9)
        for i in range(12):
            optimizer.nesterov = i >= 6
            optimizer.minimize(f, 1.0)
        return w.data

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_to_find_many_parameters_takes_linear_time():
    values = parameters(*map(float, range(10_000)))
    for value in values:
        value.grad = 0.0
    ParameterBuffer(values[1:] + values[:1]).adopt()
    binding = Binding(values[:2] + values[:1:-1])
    begin = process_time()
    assert binding.in_buffers()
    assert process_time() - begin < 1  # looking through all for each takes several seconds
    binding.change_gradients(lambda g: g + np.arange(10_000.0))
    assert [values[i].grad for i in (0, 1, 2, 9_999)] == [0.0, 1.0, 9_999.0, 2.0]
