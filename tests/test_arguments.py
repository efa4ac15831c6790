"""Arguments of the wrong kind: each is told by name, with what to write instead, and never by an error from inside."""

import random
import re

import pytest

import engine
import nn
import viz
from engine import RULES, Rule, Value
from nn import (
    MLP,
    SGD,
    BatchNorm1d,
    DataLoader,
    GRUCell,
    Layer,
    Linear,
    MultiheadAttention,
    Neuron,
    ReLU,
    Sequential,
    hinge_loss,
    moons,
)

ODD = {
    "None": None,
    "a name": "a",
    "2.5": 2.5,
    "[]": [],
    "(X, y)": ([1, 2], [3, 4]),
    "a Value": Value(2.0),
    "a function": lambda: 1.0,
    "a dict": {},
}
# what Python says from inside, where a list is iterated over or a function is called
INSIDE = re.compile(
    r"has no attribute|object is not|is not iterable|not callable|no len|unsupported operand|not supported between|"
    r"must be real number|cannot be interpreted|subscriptable|missing \d|unhashable|float\(\) argument|"
    r"could not convert|too many values|not enough values|can't multiply|positional argument|expected str, bytes"
)


def leaves():
    return [Value(1.0), Value(-2.0)]


def model():
    return MLP(2, [3, 1], rng=random.Random(0))


def graph():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    loss = a * b + a
    loss.label = "L"
    return loss, a


def trained():
    network = model()
    return [network, moons(8), hinge_loss, SGD(network.parameters(), 0.1), 1]


X, Y = [[0.0, 1.0], [1.0, 0.0]], [1, -1]
CALLS = {  # what each public function takes first; every one of these arguments is replaced, and every two are swapped
    engine: {
        "check_gradients": lambda: [lambda x: 1.0, 2.0],
        "clamp": lambda: [*leaves()[:1], 0.0, 1.0],
        "dot": lambda: [leaves(), [1.0, 2.0]],
        "grad": lambda: [lambda x: x * x],
        "gradients": lambda: list(graph()),
        "hessian": lambda: [lambda x: x * x],
        "jvp": lambda: [lambda x: x * x, [1.0], [1.0]],
        "leaky_relu": lambda: [*leaves()[:1], 0.1],
        "log_softmax": lambda: [leaves()],
        "logsumexp": lambda: [leaves()],
        "mean": lambda: [leaves()],
        "select": lambda: [leaves(), 1],
        "softmax": lambda: [leaves()],
        "value_and_grad": lambda: [lambda x: x * x],
        "where": lambda: [True, *leaves()],
        "Rule": lambda: ["cube", lambda x: x**3, lambda z, x: (3 * x**2,)],
        "Value": lambda: [1.0],
    },
    nn: {
        "DataLoader": lambda: [X, Y, 2],
        "Diagnostics": lambda: [model()],
        "EarlyStopping": lambda: [3],
        "Embedding": lambda: [3, 2],
        "GRUCell": lambda: [2, 3],
        "Layer": lambda: [2, 3, "relu"],
        "Linear": lambda: [2, 3],
        "MLP": lambda: [2, [3, 1], "relu"],
        "Neuron": lambda: [2, "relu"],
        "SGD": lambda: [model().parameters(), 0.1],
        "Sequential": lambda: [Linear(2, 3), ReLU()],
        "Standardizer": lambda: [X],
        "clip_grad_norm_": lambda: [model().parameters(), 1.0],
        "cross_entropy": lambda: [[leaves(), leaves()], [0, 1]],
        "dead_relus": lambda: [model(), X],
        "error_contributions": lambda: [model(), hinge_loss, X, Y],
        "fit": trained,
        "gradient_norms": lambda: [model()],
        "hinge_loss": lambda: [leaves(), [1, -1]],
        "load": lambda: [model(), "none.json"],
        "moons": lambda: [10, 0.1],
        "save": lambda: [model(), "none.pt"],
        "standardize": lambda: [X, X],
        "train_test_split": lambda: [X, Y],
        "update_ratios": lambda: [model(), model().state_dict()],
    },
    viz: {
        "backward_in_order": lambda: [graph()[0], "breadth-first"],
        "check_engine": lambda: [Value],
        "compare": lambda: [lambda x: x * x, 2.0],
        "draw_dot": lambda: list(graph()[:1]),
        "explain": lambda: list(graph()),
        "formula": lambda: list(graph()),
        "mark": lambda: ["no folder"],
        "nudge": lambda: [*graph(), 0.1],
        "play": lambda: list(graph()[:1]),
        "practice": lambda: [1, 1],
        "random_directions": lambda: [model(), 1],
        "worksheet": lambda: [1, "easy"],
        "worksheets": lambda: [2, 1],
    },
}
PLOTS = {
    "plot_confusion": lambda: [[0, 1], [1, 1]],
    "plot_decision_boundary": lambda: [model(), X, Y, None, 3],
    "plot_gradients": lambda: [{"L0": [1.0]}],
    "plot_loss": lambda: [[1.0, 2.0]],
    "plot_loss_surface": lambda: [lambda: 1.0, model(), None, None, None, 1.0, 3],
    "plot_neurons": lambda: [[2, 1], [[1.0]]],
}


def told(call, *arguments):
    """Whether the call worked, or its error is no error from inside; what a function of the user's own raises is."""
    try:
        call(*arguments)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, OSError, AssertionError) as error:
        return error.__class__ is not AttributeError and (
            not INSIDE.search(str(error)) or "<lambda>() takes" in str(error)
        )
    return True


def badly_told(module, name, take):
    arguments = take()
    for i in range(len(arguments)):
        for kind, odd in ODD.items():
            if not told(getattr(module, name), *[odd if i == j else x for j, x in enumerate(take())]):
                yield f"argument {i} {kind}"
    for i in range(len(arguments)):
        for j in range(i):
            swapped = take()
            swapped[i], swapped[j] = swapped[j], swapped[i]
            if not told(getattr(module, name), *swapped):
                yield f"arguments {j} and {i} swapped"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("module", "name"), [(module, name) for module in CALLS for name in CALLS[module]], ids=str)
def test_no_argument_of_the_wrong_kind_is_told_from_inside(module, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(badly_told(module, name, CALLS[module][name])) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PLOTS)
def test_nor_by_a_plot(name):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert list(badly_told(viz, name, PLOTS[name])) == []
    pyplot.close("all")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_nor_by_a_rule(rule):
    x = Value(0.5)
    for odd in (None, "a", [1.0], (1.0, 2.0), {}, lambda: 1.0):
        assert told(rule, odd)
        assert told(rule, x, odd)
        assert told(rule, odd, 1.0)
    assert told(rule)
    assert told(rule, x)
    assert told(rule, x, x, x)


TOLD = [
    (lambda: engine.sin("a"), "an operand of sin is one real number, got str 'a'; write float('a') if the text is a n"),
    (lambda: engine.exp([1.0, 2.0]), "an operand of exp is one number, got a list of 2; write [exp(x) for x in data]"),
    (lambda: engine.maximum(Value(1.0)), "maximum takes 2 numbers, got 1; write maximum(x, y)"),
    (lambda: engine.dot(2.0, [1.0]), "dot takes a list, got float 2.0; write dot([w1, w2], [x1, x2])"),
    (lambda: engine.mean(Value(1.0)), "mean takes a list, got Value(data=1.0, grad=—); write mean([x, y])"),
    (lambda: engine.grad(3.0), "grad takes a function, got float 3.0; write grad(lambda x: x * x)(3.0)"),
    (lambda: engine.gradients(Value(1.0), "a"), "gradients takes Values, got the text 'a'; write a, the Value itself"),
    (lambda: Rule("cube", 3.0, lambda z, x: (1.0,)), "a Rule takes its symbol, its value and its partials, got 'cube'"),
    (lambda: model()(1, 2), "takes one example at a time, got 2 numbers one by one; write model([1, 2])"),
    (lambda: model()(Value(1.0), 2), "takes one example at a time, got 2 numbers one by one; write model([1, 2])"),
    (lambda: Neuron(2)(1, 2), "takes one example at a time, got 2 numbers one by one; write model([1, 2])"),
    (lambda: Layer(2, 1)(1, 2), "takes one example at a time, got 2 numbers one by one; write model([1, 2])"),
    (lambda: Sequential(Linear(2, 1))(1, 2), "takes one example at a time, got 2 numbers one by one; write model("),
    (lambda: GRUCell(2, 1)(1, 2, 3), "takes one example at a time, got 3 numbers one by one; write model([1, 2])"),
    (lambda: model()([1, 2], [3, 4]), "takes one example at a time, got 2 arguments; write [model(x) for x in rows]"),
    (lambda: model()(), "cannot be called like this: missing a required argument: 'x'; write model(x)"),
    (lambda: MultiheadAttention(4, 2)([1.0]), "a required argument: 'key'; write model(query, key, value)"),
    (lambda: BatchNorm1d(2).batch(3), "batch takes a list, got int 3; write model.batch([x1, x2])"),
    (lambda: model().batch(1.0), "batch takes a list, got float 1.0; write model.batch([x1, x2])"),
    (lambda: Sequential(Linear(1, 1)).batch(1.0), "batch takes a list, got float 1.0; write model.batch([x1, x2])"),
    (lambda: MLP(2, 4, 1), "MLP takes a list of layer sizes, got 4, 1; write MLP(2, [4, 1])"),
    (lambda: MLP(2, 16, 16, 1), "MLP takes a list of layer sizes, got 16, 16, 1; write MLP(2, [16, 16, 1])"),
    (lambda: MLP(2, "4"), "MLP takes a list of layer sizes, got '4'; write MLP(2, [16, 1])"),
    (lambda: DataLoader(moons(8)), "two arguments, got a tuple of both as the first; write DataLoader(X, y)"),
    (lambda: DataLoader(([1.0, 2.0], [3.0, 4.0])), "got a tuple of both as the first; write DataLoader(X, y)"),
    (lambda: nn.train_test_split(X, None), "takes a target for each example, got None; write train_test_split(X, y)"),
    (lambda: nn.error_contributions(hinge_loss, model(), X, Y), "takes a Module, got <function hinge_loss"),
    (lambda: nn.error_contributions(model(), X, hinge_loss, Y), "loss must be a function of outputs and targets"),
    (lambda: nn.gradient_norms([]), "gradient_norms takes a Module, got list []; write gradient_norms(model)"),
    (lambda: nn.update_ratios(model(), None), "before is what model.state_dict() returned earlier, got None"),
    (lambda: nn.save(model(), 3), 'save takes the path of a file, got int 3; write save(model, "weights.json")'),
    (lambda: viz.formula(graph()[0], wrt="a"), "expected a Value of the graph, got the text 'a'; write a, the"),
    (lambda: viz.explain(graph()[0], "my a"), "got the text 'my a'; write x, the Value itself, without quotes"),
    (lambda: viz.play("L"), "expected the Value to play, got the text 'L'; write L, the Value itself, without quotes"),
    (lambda: viz.draw_dot(model()), "; give it what a call returns, such as loss() or model(x)"),
    (lambda: viz.draw_dot([graph()[0]]), "; pick one of them"),
    (lambda: viz.backward_in_order(graph()[0], lambda root: root), "an order takes a list, got Value"),
    (lambda: viz.worksheets(2.5), "a list of names, got 2.5; for one student write ['Ada'], for two write 2"),
    (lambda: viz.mark(None), 'mark takes the path of a folder, got None; write mark("notebooks")'),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), TOLD, ids=[message[:40] for _, message in TOLD])
def test_the_message_says_what_to_write(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_what_a_module_of_the_users_own_raises_is_left_alone():
    class Sum(nn.Module):
        def forward(self, x, y, scale=1.0):
            return (x + y) * scale + None if scale == 0.0 else (x + y) * scale

    assert Sum()(1.0, 2.0, scale=2.0) == 6.0
    with pytest.raises(TypeError, match="unsupported operand"):
        Sum()(1.0, 2.0, scale=0.0)
    wrong = Rule("wrong", lambda x: x + None, lambda z, x: (1.0,))
    for x in (1.0, Value(1.0)):
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong(x)


def test_arguments_of_explain_the_wrong_way_round_are_told():
    loss, a = graph()
    assert str(viz.explain(a, loss)) == (
        "a does not depend on L: ∂a/∂L = 0. It is the other way round: L was made from a. Write explain(L, a)."
    )
    assert "other way" not in str(viz.explain(a, Value(1.0, "b")))
