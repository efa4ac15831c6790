"""The optimizers against PyTorch, step by step, and what they refuse."""

import copy
import gc
import json
import pickle
import random
import re
import warnings

import numpy as np
import pytest

from engine import Value, compile, no_grad
from nn import MLP, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, cross_entropy, hinge_loss
from tests.paths import DATA

TORCH = json.loads((DATA / "torch_nn.json").read_text())
KINDS = {"sgd": SGD, "momentum": SGD, "nesterov": SGD, "adam": Adam, "adamw": AdamW}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", TORCH["runs"])
def test_ten_steps_from_the_same_weights_give_pytorchs_losses(name, fused):
    sizes, run = TORCH["sizes"], TORCH["runs"][name]
    model = MLP(sizes[0], sizes[1:], activation="tanh", fused=fused)
    for layer, (weights, biases) in zip(model.layers, TORCH["weights"]):
        for neuron, row, bias in zip(layer.neurons, weights, biases):
            neuron.b.data = bias
            for weight, number in zip(neuron.w, row):
                weight.data = number
    optimizer = KINDS[name](model.parameters(), **run["options"])
    losses = []
    for _ in range(10):
        loss = cross_entropy([model(row) for row in TORCH["rows"]], TORCH["classes"])
        losses.append(loss.data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses == pytest.approx(run["losses"], rel=1e-9)


def test_a_step_without_a_backward_pass_is_told():
    with pytest.raises(RuntimeError, match=r"no parameter has a gradient; call loss.backward\(\) before"):
        SGD([Value(1.0)]).step()


@pytest.mark.parametrize(("given", "hint"), [(None, "is a return missing in it"), (3.0, "write it with Values")])
def test_minimize_needs_a_function_that_returns_a_value(given, hint):
    weight = Value(1.0)
    (weight * 2).backward()
    with pytest.raises(TypeError, match=f"a function that returns one Value, got {given} from it; {hint}"):
        SGD([weight], lr=0.1).minimize(lambda: given)
    assert (weight.data, weight.grad) == (1.0, 2.0)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_garbage_collector_rests_in_a_step_and_is_left_as_it_was(compiled, enabled):
    weight, seen, was = Value(1.0), [], gc.isenabled()

    def loss(x):
        seen.append(gc.isenabled())
        return (weight * x) ** 2

    optimizer, function = SGD([weight], lr=0.1), compile(loss) if compiled else loss
    try:
        (gc.enable if enabled else gc.disable)()
        optimizer.minimize(function, 1.0)
        function(2.0)
        assert gc.isenabled() is enabled
        with pytest.raises(TypeError):
            optimizer.minimize(lambda: None)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
    assert {*seen} == ({False} if compiled else {False, enabled})  # a plain call is as it is


def test_a_parameter_out_of_reach_has_the_gradient_zero():
    used, unused = Value(1.0), Value(1.0)
    (used * 2).backward()
    SGD([used, unused], lr=0.1, weight_decay=0.5).step()
    assert (used.data, unused.data) == (pytest.approx(0.75), pytest.approx(0.95))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD([]), ValueError, r"at least one parameter, got none; write model.parameters\(\)"),
        (lambda p: SGD([1.0]), TypeError, r"takes Values, got 1.0; write model.parameters\(\)"),
        (lambda p: SGD(p + p), ValueError, "each parameter once, got one of them twice"),
        (lambda p: Adam(p, eps=0), ValueError, "eps must be above 0, got 0"),
        (lambda p: SGD(p, lr=0), ValueError, "lr must be above 0, got 0"),
        (lambda p: Adam(p, lr=-1.0), ValueError, "lr must be above 0, got -1.0"),
        (lambda p: SGD(p, momentum=1.5), ValueError, "momentum must be from 0 up to 1, got 1.5"),
        (lambda p: SGD(MLP(2, [1])), TypeError, r"takes a list of Values, got MLP.*; write model.parameters\(\)"),
        (lambda p: SGD(p, lr="a"), ValueError, "lr must be above 0, got 'a'"),
        (lambda p: SGD(p, momentum="a"), ValueError, "momentum must be from 0 up to 1, got 'a'"),
        (lambda p: RMSprop(p, alpha=None), ValueError, "alpha must be from 0 up to 1, got None"),
        (lambda p: Adagrad(p, lr_decay=[1]), ValueError, r"lr_decay must be at least 0, got \[1\]"),
        (lambda p: Adam(p, eps="a"), ValueError, "eps must be above 0, got 'a'"),
        (lambda p: Adam(p, betas=(0.9,)), ValueError, r"betas must be two numbers from 0 up to 1, got \(0.9,\)"),
        (lambda p: Adam(p, betas=(0.9, 0.99, 0.999)), ValueError, "betas must be two numbers from 0 up to 1"),
        (lambda p: Adam(p, betas=0.9), ValueError, "betas must be two numbers from 0 up to 1, got 0.9"),
        (lambda p: Adam(p, betas=("a", 0.9)), ValueError, "betas must be two numbers from 0 up to 1"),
        (lambda p: SGD(p, nesterov=True), ValueError, "write momentum=0.9"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), ValueError, "betas must be two numbers from 0 up to 1"),
        (lambda p: AdamW(p, weight_decay=-1), ValueError, "weight_decay must be at least 0, got -1"),
        (lambda p: Optimizer(p, 0.1).update(1.0, 1.0), TypeError, "Optimizer has no update rule"),
    ],
)
def test_impossible_settings_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make([Value(1.0)])


@pytest.mark.parametrize("kind", [Adam, AdamW, Adagrad])
def test_an_update_that_counts_the_steps_is_told_that_there_was_none(kind):
    settings = {"lr_decay": 0.5} if kind is Adagrad else {}
    w = Value(1.0)
    optimizer = kind([w], lr=0.1, **settings)
    memory = [0.0] * len(optimizer.memory)
    message = rf"of {kind.__name__} depends on the number of steps, .* still 0; call optimizer.step\(\), or write optim"
    with pytest.raises(RuntimeError, match=message):
        optimizer.update(1.0, 2.0, *memory)
    optimizer.steps = 1
    expected, *_ = optimizer.update(1.0, 2.0, *memory)
    optimizer.steps = 0
    (2 * w).backward()
    optimizer.step()
    assert w.data == expected


def test_a_step_that_fails_changes_nothing():
    class Broken(SGD):
        def update(self, p, g, *memory):
            if p == 2.0:
                raise ZeroDivisionError
            return super().update(p, g, *memory)

    first, second = Value(1.0), Value(2.0)
    (first * second).backward()
    with pytest.raises(ZeroDivisionError):
        Broken([first, second], lr=0.1).step()
    assert (first.data, second.data) == (1.0, 2.0)


# The state of an optimizer.


def test_a_loaded_state_brings_every_setting_of_the_optimizer_that_was_saved():
    saved, resumed = (
        Adam([Value(1.0)], lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        Adam([Value(1.0)], lr=0.5, betas=(0.5, 0.6)),
    )
    for optimizer in (saved, resumed):
        (optimizer.parameters[0] ** 2).backward()
        optimizer.step()
    resumed.load_state_dict(json.loads(json.dumps(saved.state_dict())))
    assert (resumed.lr, resumed.betas, resumed.eps, resumed.weight_decay) == (0.02, (0.8, 0.95), 1e-6, 0.1)
    assert resumed.state_dict() == saved.state_dict()
    for optimizer in (saved, resumed):
        optimizer.parameters[0].data = 2.0
        optimizer.step()
    assert resumed.state_dict() == saved.state_dict()


@pytest.mark.parametrize("gone", ["lr", "steps", "betas", "eps", "weight_decay"])
def test_a_state_that_lacks_a_setting_is_refused_and_nothing_is_changed(gone):
    optimizer = Adam([Value(1.0)], lr=0.5)
    before, state = optimizer.state_dict(), Adam([Value(1.0)], lr=0.1).state_dict()
    del state["settings"][gone]
    with pytest.raises(ValueError, match="settings"):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


# Whole steps, in arrays and bit by bit.


def points(n=40):
    rng = random.Random(3)
    return [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(n)], [rng.choice([-1.0, 1.0]) for _ in range(n)]


MAKERS = {
    "sgd": lambda p: SGD(p, lr=0.05, weight_decay=0.01),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: Adam(p, lr=0.02, betas=(0.8, 0.99), weight_decay=0.01),
    "adamw": lambda p: AdamW(p, lr=0.02, weight_decay=0.1),
}


def trained(make, how, step):
    """The losses and the parameters after some steps, with a learning rate that changes."""
    model = MLP(2, [5, 1], activation="tanh", rng=random.Random(0))
    X, Y = points()
    optimizer = make(model.parameters())
    loss = compile(lambda x, y: hinge_loss(model(x), y))
    if how == "call":
        loss = compile(lambda X, Y: hinge_loss([model(x) for x in X], Y))
    losses = []
    for i in range(12):
        optimizer.lr = 0.05 if i < 6 else 0.01
        losses.append(step(optimizer, loss if how == "call" else getattr(loss, how), np.array(X), np.array(Y)))
    if step is not without_arrays:
        assert optimizer._fused._kernel is not None
    return losses + [p.data for p in model.parameters()]


def bit_by_bit(optimizer, function, *args):
    value = function(*args)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.data


def without_arrays(optimizer, function, *args):
    value = function(*args)
    optimizer.zero_grad()
    value.backward()
    assert all(type(p.data) is float for p in optimizer.parameters)  # who looks brings the numbers back
    optimizer.step()
    return value.data


@pytest.mark.parametrize("how", ["mean", "call"])
def test_a_whole_step_takes_lists_of_any_length(how):
    w = Value(1.0)
    loss, optimizer = compile(lambda x, y: (w * x[0] + x[1] - y) ** 2), SGD([w], lr=0.01)
    plain = 1.0
    for n in (3, 3, 3, 2, 5, 3):
        xs, ys = [[float(i), 1.0] for i in range(n)], [2.0 * i for i in range(n)]
        if how == "mean":
            optimizer.minimize(loss.mean, xs, ys)
            plain -= 0.01 * sum(2 * (plain * x + 1 - y) * x for (x, _), y in zip(xs, ys)) / n
        else:
            optimizer.minimize(loss, xs[1], ys[1])
            plain -= 0.01 * 2 * (plain + 1 - 2)
    assert w.data == pytest.approx(plain, rel=1e-12)


def test_a_gradient_that_was_taken_away_is_there_after_a_whole_step():
    w = Value(1.0)
    loss, optimizer = compile(lambda x: w * x), SGD([w], lr=0.01)
    for _ in range(4):
        optimizer.minimize(loss.mean, np.array([3.0]))
    w.grad = None
    loss(1.0).backward()
    w.grad = None
    optimizer._fused.buffer.adopt()
    assert optimizer.minimize(loss.mean, np.array([3.0])) == pytest.approx(3 * 0.88)
    assert w.grad == 3.0


@pytest.mark.parametrize("how", ["call", "mean", "sum"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_whole_step_does_what_its_parts_do(name, how):
    whole = trained(MAKERS[name], how, lambda optimizer, function, *args: optimizer.minimize(function, *args))
    assert whole == pytest.approx(trained(MAKERS[name], how, bit_by_bit), rel=1e-12)
    assert whole == pytest.approx(trained(MAKERS[name], how, without_arrays), rel=1e-12)
    assert len(set(whole[:12])) == 12


def test_a_whole_step_is_one_call_of_machine_code(monkeypatch):
    model = MLP(2, [5, 1], rng=random.Random(0))
    loss, optimizer = compile(lambda x, y: hinge_loss(model(x), y)), SGD(model.parameters(), lr=0.05)
    X, Y = map(np.array, points())
    for _ in range(5):  # the fifth is compared with plain Python
        optimizer.minimize(loss.mean, X, Y)
    monkeypatch.setattr(Optimizer, "zero_grad", None)
    before = optimizer.minimize(loss.mean, X, Y)
    assert optimizer.minimize(loss.mean, X, Y) < before


def test_a_whole_step_of_a_plain_function():
    w = Value(3.0)
    assert SGD([w], lr=0.5).minimize(lambda: w * w) == 9.0
    assert w.data == 0.0


def test_a_whole_step_that_finds_no_number_warns_as_its_parts_do():
    w = Value(1.0, "w")
    loss, optimizer = compile(lambda x: w * x.log()), SGD([w], lr=0.1)
    for _ in range(4):
        optimizer.minimize(loss.mean, np.array([1.0, 2.0]))
    steps = optimizer.steps  # a look at w would take its number back, and the step be done bit by bit
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer.minimize(loss.mean, np.array([1.0, 0.0]))
    told = [str(each.message) for each in caught]
    assert re.match(r"log\(.*\) gave -inf", told[0])
    assert "gradient of w" in told[1]
    assert optimizer.steps == steps + 1
    assert w.data == float("inf")


def test_a_whole_step_leaves_its_gradient():
    w, outside = Value(2.0), Value(3.0)
    loss, optimizer = compile(lambda x: w * x * outside), SGD([w], lr=0.1)
    for _ in range(5):
        optimizer.minimize(loss.mean, np.array([1.0, 3.0]))
    assert w.grad == pytest.approx(6.0)
    assert outside.grad == pytest.approx(8.0)  # of five steps: it is not the optimizer's, which sets only its own to 0


@pytest.mark.parametrize("compiled", [True, False])
def test_a_whole_step_sets_the_gradients_that_it_does_not_reach_to_0(compiled):
    w, beside = Value(2.0), Value(3.0)
    loss, optimizer = (lambda x: w * x), SGD([w, beside], lr=0.1)
    loss = compile(loss) if compiled else loss
    for _ in range(4):
        optimizer.minimize(loss, 1.0)
    beside.grad = None
    loss(1.0).backward()
    optimizer.minimize(loss, 1.0)
    assert (w.grad, beside.grad) == (1.0, 0.0)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_whole_step_in_no_grad_learns_nothing(compiled):
    w = Value(2.0)
    loss, optimizer = (lambda x: w * x), SGD([w], lr=0.25)
    loss = compile(loss) if compiled else loss
    for _ in range(4):
        optimizer.minimize(loss, 1.0)
    with no_grad():
        assert optimizer.minimize(loss, 1.0) == 1.0
    assert (w.data, w.grad) == (1.0, 0.0)


def test_a_rule_that_branches_runs_on_floats():
    class Signs(Optimizer):
        def update(self, p, g, *memory):
            return (p - self.lr if g > 0 else p + self.lr,)

    w = Value(1.0)
    loss, optimizer = compile(lambda x: (w - x) ** 2), Signs([w], lr=0.25)
    for _ in range(3):
        optimizer.minimize(loss, 0.25)
    assert w.data == 0.25


def test_a_rule_that_counts_runs_on_floats():
    class Counting(SGD):
        count = 0

        def update(self, p, g, *memory):
            self.count += 1
            return super().update(p, g, *memory)

    p, q = Value(1.0), Value(2.0)
    loss, optimizer = compile(lambda x: x * p * q), Counting([p, q], lr=0.1)
    for _ in range(3):
        optimizer.minimize(loss, 1.0)
    assert optimizer.count == 6


def test_a_step_that_nothing_led_to_is_told_when_the_numbers_are_in_buffers():
    p, q = Value(1.0), Value(2.0)
    compile(lambda x: x * p + 0 * q)(1.0).backward()
    lonely = Value(5.0)
    both = SGD([p, lonely], lr=0.1)
    both.step()
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        SGD([lonely], lr=0.1).step()


def test_two_optimizers_share_a_parameter_in_a_buffer():
    p, q = Value(1.0), Value(2.0)
    loss = compile(lambda x: x * p * q)
    first, second = SGD([q], lr=0.1), SGD([p, q], lr=0.01, momentum=0.5)
    for _ in range(8):
        first.minimize(loss, 1.0)
        second.minimize(loss, 1.0)
    a, b, velocity = 1.0, 2.0, [0.0, 0.0]
    for _ in range(8):
        b -= 0.1 * a
        velocity = [0.5 * velocity[0] + b, 0.5 * velocity[1] + a]
        a, b = a - 0.01 * velocity[0], b - 0.01 * velocity[1]
    assert (p.data, q.data) == pytest.approx((a, b), rel=1e-12)


def test_a_rule_with_randomness_of_its_own_runs_on_floats():
    class Noisy(Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, 0.1)
            self.rng = random.Random(0)

        def update(self, p, g, *memory):
            return (p - self.lr * g + self.rng.random(),)

    p, q, rng = Value(1.0), Value(2.0), random.Random(0)
    loss, optimizer, a, b = compile(lambda x: x * (p + q)), Noisy([p, q]), 1.0, 2.0
    for _ in range(4):
        optimizer.minimize(loss, 1.0)
        a, b = a - 0.1 + rng.random(), b - 0.1 + rng.random()
    assert (p.data, q.data) == pytest.approx((a, b))


def test_a_whole_step_heeds_a_step_of_ones_own():
    class Halving(SGD):
        def step(self):
            self.lr *= 0.5
            super().step()

    w = Value(1.0)
    loss, optimizer, expected = compile(lambda x: w * x), Halving([w], lr=1.0), 1.0
    for i in range(5):
        optimizer.minimize(loss.mean, np.array([1.0]))
        expected -= 0.5 ** (i + 1)
    assert w.data == pytest.approx(expected)


def test_a_rule_that_gives_no_tuple_is_told():
    class Bare(Optimizer):
        def update(self, p, g, *memory):
            return p - self.lr * g

    w = Value(1.0)
    (w * w).backward()
    with pytest.raises(TypeError, match=r"update must return the next \(p,\) as a tuple, got 0.8"):
        Bare([w], lr=0.1).step()


# A state from a file is checked as settings are.

STATES = {
    "SGD": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: Adam(p, lr=0.1),
    "AdamW": lambda p: AdamW(p, lr=0.1),
    "RMSprop": lambda p: RMSprop(p, lr=0.1, momentum=0.5),
    "Adagrad": lambda p: Adagrad(p, lr=0.1),
}
WRONG = ["x", None, [2], float("nan"), 10**400, {}, -5]


def stepped(kind):
    parameters = [Value(1.0), Value(-2.0)]
    optimizer = STATES[kind](parameters)
    (parameters[0] * parameters[1]).backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("kind", STATES)
def test_a_state_is_checked_as_settings_are_and_nothing_is_changed(kind):
    optimizer = stepped(kind)
    before = json.loads(json.dumps(optimizer.state_dict()))
    refused = [(key, wrong) for key in before["settings"] for wrong in WRONG]
    for key, wrong in refused:
        with pytest.raises((ValueError, TypeError)):
            optimizer.load_state_dict({**before, "settings": {**before["settings"], key: wrong}})
        assert optimizer.state_dict() == before
    assert len(refused) >= 7 * 4
    [name, *_] = before["memory"]
    for wrong in WRONG[:-1]:
        for memory in ({**before["memory"], name: wrong}, {**before["memory"], name: [0.0, wrong]}, wrong):
            with pytest.raises((ValueError, TypeError)):
                optimizer.load_state_dict({**before, "memory": memory})
    for wrong in (None, "state", [], {}, {**before, "kind": "Other"}, {**before, "more": 1}, {**before, "kind": []}):
        with pytest.raises((ValueError, TypeError)):
            optimizer.load_state_dict(wrong)
    assert optimizer.state_dict() == before
    other = STATES[kind]([Value(1.0), Value(-2.0)])
    other.load_state_dict(before)
    assert other.state_dict() == before


@pytest.mark.parametrize("kind", STATES)
def test_a_memory_that_no_run_leaves_is_refused_whichever_part_it_is_in(kind):
    optimizer = stepped(kind)
    before = json.loads(json.dumps(optimizer.state_dict()))
    for name, numbers in before["memory"].items():
        wrong = [[*numbers, 1.0], numbers[:1], [], [1.0, float("inf")], [float("nan"), 1.0], [[1.0], [1.0]]]
        wrong += [[1.0, -1e-300]] if name == "square" else []
        for other in wrong:
            with pytest.raises(ValueError, match=f"{name}|memory"):
                optimizer.load_state_dict({**before, "memory": {**before["memory"], name: other}})
            assert optimizer.state_dict() == before
    negative = {name: [-1.0, -2.0] if name != "square" else [0.0, 4.0] for name in before["memory"]}
    optimizer.load_state_dict({**before, "memory": negative})
    assert optimizer.state_dict()["memory"] == negative


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -5}, "lr must be at least 0, and finite, got -5"),
        ({"lr": float("inf")}, "lr must be at least 0, and finite, got inf"),
        ({"betas": [2, 0.5]}, "betas must be two numbers from 0 up to 1"),
        ({"betas": [0.5]}, "has betas=.*but the state has betas=.0.5."),
        ({"eps": 0}, "eps must be above 0, got 0"),
        ({"weight_decay": -1}, "weight_decay must be at least 0, got -1"),
        ({"steps": 1.5}, "steps must be a whole number of at least 0, got 1.5"),
        ({"steps": -1}, "steps must be a whole number of at least 0, got -1"),
        ({"parameters": []}, "settings of Adam takes a state of lr, .*; got .*parameters"),
        ({"state": {}}, "got .*state"),
        ({"update": 1}, "got .*update"),
        ({"initial_lr": -1.0}, "initial_lr must be above 0"),
    ],
)
def test_a_setting_out_of_range_is_told_by_its_name(change, message):
    optimizer = stepped("Adam")
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict({**before, "settings": {**before["settings"], **change}})
    assert optimizer.state_dict() == before
    assert len(optimizer.parameters) == 2


def test_a_setting_that_is_missing_is_told():
    state = stepped("Adam").state_dict()
    del state["settings"]["eps"]
    with pytest.raises(ValueError, match="the settings of Adam takes a state of lr, steps"):
        stepped("Adam").load_state_dict(state)


def test_a_learning_rate_of_0_and_an_initial_one_are_where_a_schedule_has_ended():
    optimizer = stepped("SGD")
    state = optimizer.state_dict()
    state["settings"].update(lr=0.0, initial_lr=0.5)
    optimizer.load_state_dict(json.loads(json.dumps(state)))
    assert (optimizer.lr, vars(optimizer)["initial_lr"]) == (0.0, 0.5)
    other = stepped("SGD").state_dict()
    optimizer.load_state_dict(other)
    assert optimizer.lr == 0.1


def test_numpys_settings_are_saved_too():
    state = SGD([Value(1.0)], lr=np.float32(0.25), momentum=np.float64(0.5)).state_dict()
    assert (state["settings"]["lr"], state["settings"]["momentum"]) == (0.25, 0.5)
    json.dumps(state)


# The list of parameters is the user's.


def by_hand(optimizer, loss):
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


@pytest.mark.parametrize("way", ["by hand", "minimize", "compiled"])
@pytest.mark.parametrize("make", [SGD, lambda p, lr: SGD(p, lr, momentum=0.9), Adagrad])
def test_a_parameter_that_is_added_later_is_updated_from_then_on(make, way):
    w, u = Value(1.0), Value(-2.0)
    a, b = Value(1.0), Value(-2.0)
    optimizer, ours, theirs = make([w], lr=0.1), make([a], lr=0.1), make([b], lr=0.1)

    def loss(v=w, t=u):
        return (v - 3) ** 2 + (t - 1) ** 2

    fast = compile(lambda: loss()) if way == "compiled" else loss

    def steps(n):
        for _ in range(n):
            by_hand(optimizer, loss) if way == "by hand" else optimizer.minimize(fast)

    def expected(each, n):
        for _ in range(n):
            for own in each:
                own.zero_grad()
            loss(a, b).backward()
            for own in each:
                own.step()

    steps(4)
    expected([ours], 4)
    assert (w.data, u.data) == pytest.approx((a.data, -2.0), rel=1e-12)
    optimizer.parameters.append(u)
    steps(4)
    expected([ours, theirs], 4)
    assert (w.data, u.data) == pytest.approx((a.data, b.data), rel=1e-12)
    assert all(len(numbers) == 2 for numbers in optimizer.state_dict()["memory"].values())
    optimizer.parameters.remove(w)
    steps(3)
    expected([theirs], 3)
    assert (w.data, u.data) == pytest.approx((a.data, b.data), rel=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_zero_grad_reaches_a_parameter_that_is_added_later(compiled):
    w, u = Value(1.0), Value(-2.0)
    optimizer = SGD([w], lr=0.1)
    loss = compile(lambda: w * u) if compiled else lambda: w * u
    optimizer.zero_grad()
    for _ in range(3):
        loss().backward()
    optimizer.parameters.append(u)
    optimizer.zero_grad()
    assert (w.grad, u.grad) == (0.0, 0.0)
    loss().backward()
    assert (w.grad, u.grad) == (-2.0, 1.0)


@pytest.mark.parametrize(("more", "error"), [(1.0, TypeError), ("again", ValueError)])
def test_what_can_not_be_a_parameter_is_told_at_the_next_step(more, error):
    w = Value(1.0)
    optimizer = SGD([w], lr=0.1)
    (w * w).backward()
    optimizer.parameters.append(w if more == "again" else more)
    with pytest.raises(error, match="an optimizer takes"):
        optimizer.step()
    assert w.data == 1.0


def test_a_copy_has_a_memory_of_its_own_parameters():
    w = Value(1.0)
    optimizer = SGD([w], lr=0.1, momentum=0.9)
    (w * w).backward()
    optimizer.step()
    optimizer.parameters.append(Value(2.0))
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert again.state["velocity"] == [2.0, 0.0]
        assert again.parameters[0] is not w
        again.parameters.append(Value(3.0))
        again.parameters[0].grad = 1.0
        again.step()
        assert again.state["velocity"] == pytest.approx([2.8, 0.0, 0.0])
