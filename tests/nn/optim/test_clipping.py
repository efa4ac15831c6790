"""Clipped gradients against PyTorch's, of single parameters and of those in buffers."""

import json
import math
import random
import warnings

import pytest

from engine import Value, compile
from engine.compiler.buffers import Binding, BufferedValue, ParameterBuffer
from engine.ieee import UNSET
from nn import SGD, Adam, clip_grad_norm_, clip_grad_value_, hinge_loss
from nn.layers.dense import MLP
from tests.paths import DATA

TORCH = json.loads((DATA / "torch_schedules.json").read_text())


def parameters(gradients):
    made = [Value(1.0, f"p{i}", role="parameter") for i in range(len(gradients))]
    for parameter, gradient in zip(made, gradients):
        parameter.grad = gradient
    return made


def adopt(made):
    """Put them into a buffer as they are."""
    pytest.importorskip("numba", reason="without numba nothing is in a buffer")
    ParameterBuffer(made).adopt()
    return made


def buffered(made):
    return [type(p) is BufferedValue for p in made]


FORMS = {"single": lambda made: made, "buffered": adopt}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TORCH["clip_grad_norm_"])
def test_norms_are_clipped_as_by_pytorch(name, form):
    case = TORCH["clip_grad_norm_"][name]
    made = FORMS[form](parameters(case["gradients"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        norm = clip_grad_norm_(made, case["max_norm"])
    assert buffered(made) == [form == "buffered"] * len(made)
    assert type(norm) is float
    assert norm == pytest.approx(case["norm"], rel=1e-15, nan_ok=True)
    assert_equal([p.grad for p in made], case["after"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TORCH["clip_grad_value_"])
def test_values_are_clipped_as_by_pytorch(name, form):
    case = TORCH["clip_grad_value_"][name]
    made = FORMS[form](parameters(case["gradients"]))
    clip_grad_value_(made, case["clip_value"])
    assert buffered(made) == [form == "buffered"] * len(made)
    assert_equal([p.grad for p in made], case["after"])


def assert_equal(gradients, expected):
    assert [g is UNSET or g is None for g in gradients] == [x is None for x in expected]
    for g, x in zip(gradients, expected):
        assert x is None or (type(g) is float and g == pytest.approx(x, rel=1e-14, nan_ok=True))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_norm_that_is_not_finite_is_warned_of_or_raised(form, bad):
    made = FORMS[form](parameters([1.0, bad]))
    with pytest.raises(RuntimeError, match=rf"the norm of the gradients is {bad}; detect_anomaly\(\) finds where"):
        clip_grad_norm_(made, 1.0, error_if_nonfinite=True)
    assert buffered(made) == [form == "buffered"] * 2
    assert [p.grad for p in made] == pytest.approx([1.0, bad], nan_ok=True)
    with pytest.warns(RuntimeWarning, match=rf"the norm of the gradients is {bad}; detect_anomaly") as caught:
        clip_grad_norm_(made, 1.0)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("form", FORMS)
def test_large_gradients_do_not_overflow(form):
    made = FORMS[form](parameters([3e200, 4e200]))
    assert clip_grad_norm_(made, 1.0) == pytest.approx(5e200)
    assert [p.grad for p in made] == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("form", FORMS)
def test_only_the_given_parameters_are_changed(form):
    made = FORMS[form](parameters([3.0, 100.0, 4.0]))
    assert clip_grad_norm_(made[::2], 1.0) == 5.0
    clip_grad_value_(made[2], 0.5)
    assert buffered(made) == [form == "buffered"] * 3
    assert [p.grad for p in made] == pytest.approx([0.6, 100.0, 0.5], rel=1e-6)


def test_parameters_of_several_buffers_and_of_none_are_clipped_together():
    a, b, c, d = parameters([1.0, 2.0, 4.0, None])
    adopt([a])
    adopt([b])
    assert clip_grad_norm_([a, b, c, d], math.inf) == math.sqrt(21)
    assert buffered([a, b, c, d]) == [True] * 4
    clip_grad_value_([a, b, c, d], 1.5)
    assert [p.grad for p in (a, b, c, d)] == [1.0, 1.5, 1.5, UNSET]


def test_one_that_was_not_reached_stays_clear_of_nan_and_is_reached_later():
    pytest.importorskip("numba", reason="without numba nothing is in a buffer")
    p, q = parameters([None, None])
    line = compile(lambda x: x * q)
    for _ in range(3):
        line(1.0).backward()  # is recorded, and checked twice, which brings numbers back
    p.grad, q.grad = math.nan, None
    adopt([p, q])
    with pytest.warns(RuntimeWarning, match="is nan"):
        clip_grad_norm_([p, q], 1.0)
    line(3.0).backward()
    assert buffered([p, q]) == [True, True]
    assert q.grad == 3.0
    assert p.grad != p.grad


def test_a_change_that_looks_at_a_value_is_made_all_the_same():
    p, q = adopt(parameters([1.0, 2.0]))
    Binding([p, q]).change_gradients(lambda g: g * (2.0 + 0.0 * p.grad))
    assert buffered([p, q]) == [True, True]
    assert (p.grad, q.grad) == (2.0, 4.0)


def test_a_change_gets_a_copy():
    p, q = adopt(parameters([1.0, 2.0]))
    kept = []
    Binding([p, q]).change_gradients(lambda g: kept.append(g) or 2 * g)
    kept[0][:] = 7.0
    assert (p.grad, q.grad) == (2.0, 4.0)


def test_gradients_that_nobody_has_have_the_norm_0():
    made = parameters([None, None])
    assert clip_grad_norm_(made, 1.0) == 0.0
    clip_grad_value_(made, 1.0)
    assert not any(p.has_grad for p in made)


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_clipped_training_is_the_same_compiled_and_plain(optimizer):
    import random

    pytest.importorskip("numba", reason="without numba nothing is in a buffer")
    rows, targets = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]
    runs = []
    for compiled in (True, False):
        model = MLP(2, [4, 1], rng=random.Random(3))
        steps, norms = optimizer(model.parameters(), lr=0.1), []
        example = compile(lambda row, target, model=model: hinge_loss(model(row), target))
        for _ in range(5):
            loss = example.mean(rows, targets) if compiled else hinge_loss([model(row) for row in rows], targets)
            steps.zero_grad()
            loss.backward()
            norms.append(clip_grad_norm_(model.parameters(), 0.1))
            clip_grad_value_(model.parameters(), 0.05)
            assert buffered(model.parameters()) == [compiled] * len(model.parameters())
            steps.step()
        assert min(norms) > 0.1
        runs.append([*norms, *(p.data for p in model.parameters())])
    assert runs[0] == pytest.approx(runs[1], rel=1e-9)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
@pytest.mark.parametrize(
    ("given", "limit", "error", "message"),
    [
        ([], 1.0, ValueError, r"clipping takes at least one parameter, got none; write model.parameters\(\)"),
        ([1.0], 1.0, TypeError, r"clipping takes Values, got 1.0; write model.parameters\(\)"),
        ([Value(1.0)], -1.0, ValueError, r"(max_norm|clip_value) must be at least 0, got -1.0"),
        ([Value(1.0)], math.nan, ValueError, r"(max_norm|clip_value) must be at least 0, got nan"),
        ([Value(1.0)], "a", ValueError, r"(max_norm|clip_value) must be at least 0, got 'a'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(clip, given, limit, error, message):
    with pytest.raises(error, match=message):
        clip(given, limit)


def test_a_model_in_place_of_its_parameters_is_told():
    with pytest.raises(TypeError, match=r"write model.parameters\(\)"):
        clip_grad_norm_(MLP(2, [1]), 1.0)


# In `minimize`.


def trained(compiled, clip, by_hand=False, scale=1.0):
    """Losses, weights and gradients after some steps on an MLP's hinge loss."""
    model = MLP(2, [4, 1], rng=random.Random(0))
    optimizer, weights = Adam(model.parameters(), lr=0.1), model.parameters()
    rows, signs = [[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9]], [1.0, -1.0, 1.0]
    loss = compile(lambda x, y: scale * hinge_loss(model(x), y)) if compiled else None
    losses = []
    for _ in range(8):
        if compiled and not by_hand:
            losses.append(optimizer.minimize(loss.mean, rows, signs, clip=clip))
            continue
        value = loss.mean(rows, signs) if compiled else scale * hinge_loss(model.batch(rows), signs)
        optimizer.zero_grad()
        value.backward()
        clip_grad_norm_(weights, clip)
        optimizer.step()
        losses.append(value.data)
    return losses, [p.data for p in weights], [p.grad for p in weights]


@pytest.mark.parametrize("clip", [0.05, 0.4, 1e6, math.inf])
def test_a_step_of_minimize_is_clipped_as_by_hand(clip):
    pytest.importorskip("numba", reason="without numba every step is plain")
    for mine, plain in zip(trained(True, clip), trained(False, clip), strict=True):
        assert mine == pytest.approx(plain, rel=1e-11, abs=1e-14)
    assert math.hypot(*trained(True, clip)[2]) < clip


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_square_of_a_norm_may_overflow_or_vanish(scale):
    for mine, by_hand in zip(
        trained(True, 0.5 * scale, scale=scale), trained(True, 0.5 * scale, True, scale), strict=True
    ):
        assert mine == pytest.approx(by_hand, rel=1e-11, abs=0.0)


def test_a_norm_that_overflows_is_told_and_makes_the_gradient_0():
    a, b = Value(1.0, role="parameter"), Value(1.0, role="parameter")
    loss, optimizer = compile(lambda x: x * a - x * b), SGD([a, b], lr=1.0)
    for _ in range(5):
        optimizer.minimize(loss, 1e-3, clip=1.0)
    before = a.data, b.data
    optimizer.minimize(loss, 1e-3, clip=1.0)
    weights = a.data, b.data
    assert weights != before
    with pytest.warns(RuntimeWarning, match="the norm of the gradients is inf"):
        optimizer.minimize(loss, 1.5e308, clip=1.0)
    assert (a.data, b.data, a.grad, b.grad) == (*weights, 0.0, 0.0)


@pytest.mark.parametrize("clip", [0.0, -1.0, math.nan, True, "1", [1.0]])
def test_a_norm_to_clip_to_is_above_0(clip):
    w = Value(1.0, role="parameter")
    with pytest.raises(ValueError, match="clip must be a norm above 0, got "):
        SGD([w], lr=0.1).minimize(lambda: w * w, clip=clip)
    assert w.data == 1.0
