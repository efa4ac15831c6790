"""What is recorded of a run is what a loop written by hand does; what is packed for the page is that, rounded."""

import base64
import json
import math
import random
import re
from itertools import pairwise

import numpy as np
import pytest

from engine import no_grad
from engine.utils.nested import tree_leaves
from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm1d,
    DataLoader,
    Dropout,
    Linear,
    Sequential,
    Tanh,
    binary_cross_entropy_with_logits,
    cross_entropy,
    moons,
    mse_loss,
    spirals,
)
from viz import TrainingPlayer, play_training
from viz.training.languages import LANGUAGES
from viz.training.packing import packed

X, Y = moons(40, seed=3)
LOSS = binary_cross_entropy_with_logits
LINE = [[i / 10] for i in range(-10, 11)]
CURVE = [x[0] ** 2 for x in LINE]


def mlp():
    return MLP(2, [8, 1], activation="tanh", rng=random.Random(4))


def by_hand(model, optimizer, loss, steps, batches):
    """The losses, and at each step the weights and gradients of the first layer's first neuron, and the outputs."""
    losses, weights, gradients, outputs = [], [], [], []
    for _, (xs, ys) in zip(range(steps + 1), batches):
        weights.append([w.data for w in model.layers[0].neurons[0].w])
        outputs.append([model(x).data for x in X])
        value = loss([model(x) for x in xs], ys)
        optimizer.zero_grad()
        value.backward()
        losses.append(value.data)
        gradients.append([w.grad for w in model.layers[0].neurons[0].w])
        if len(losses) <= steps:
            optimizer.step()
    return losses, weights, gradients, outputs


@pytest.mark.parametrize("compiled", [False, "auto"])
@pytest.mark.parametrize(
    ("kind", "settings", "batch_size"), [(SGD, {"lr": 0.5, "momentum": 0.9}, None), (Adam, {"lr": 0.1}, 16)]
)
def test_it_trains_as_a_loop_written_by_hand_does(kind, settings, batch_size, compiled):
    model, twin = mlp(), mlp()
    optimizer, other = kind(model.parameters(), **settings), kind(twin.parameters(), **settings)
    loss = LOSS
    played = play_training(model, (X, Y), loss, optimizer, 12, batch_size, compiled=compiled, seed=5)
    batches = DataLoader(X, Y, batch_size=batch_size or len(X), shuffle=True, seed=5)
    forever = (batch for _ in range(99) for batch in batches)
    losses, weights, gradients, outputs = by_hand(twin, other, loss, 12, forever)
    assert played.losses == {f"{kind.__name__}, lr = {settings['lr']}": pytest.approx(losses, rel=1e-9)}
    (run,) = played.runs
    assert [frame.step for frame in run.frames] == list(range(13))
    for frame, w, g, answers in zip(run.frames, weights, gradients, outputs):
        assert frame.weights[:2].tolist() == pytest.approx(w, rel=1e-6)  # recorded as float32
        assert frame.gradients[:2].tolist() == pytest.approx(g, rel=1e-5, abs=1e-8)
        assert frame.right == sum((answer > 0) == y for answer, y in zip(answers, Y))
    assert [p.data for p in model.parameters()] == pytest.approx([p.data for p in twin.parameters()], rel=1e-9)
    assert optimizer.steps == 12


def test_the_last_frame_leaves_no_trace():
    """Measured after the last step: gradients, running means, random numbers and loader are as if it were not."""
    ends = []
    for play in (True, False):
        rng = random.Random(4)
        layers = [Linear(2, 6, rng=rng), BatchNorm1d(6), Tanh(), Dropout(0.2, rng=random.Random(1))]
        model = Sequential(*layers, Linear(6, 1, rng=rng))
        optimizer = SGD(model.parameters(), lr=0.1)
        loader = DataLoader(X, Y, batch_size=16, shuffle=True)
        if play:
            play_training(model, loader, LOSS, optimizer, 5, compiled=False)
        else:
            for _, (xs, ys) in zip(range(5), (batch for _ in range(9) for batch in loader)):
                optimizer.zero_grad()
                LOSS(model.batch(xs), ys).backward()
                optimizer.step()
        gradients = [p.grad for p in model.parameters()]
        states = model.state_dict(), optimizer.state_dict(), layers[3].rng.getstate()
        ends.append((gradients, states, loader.epoch, loader.given, model.training))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("compiled", [False, "auto"])
def test_several_optimizers_start_from_the_same_weights_and_leave_them(compiled):
    model = mlp()
    optimizers = {"slow": SGD(model.parameters(), lr=0.1), "fast": Adam(model.parameters(), lr=0.1)}
    before = model.state_dict()
    played = play_training(model, (X, Y), LOSS, optimizers, 6, compiled=compiled)
    assert model.state_dict() == before
    assert [each.steps for each in optimizers.values()] == [0, 0]
    assert not any(p.has_grad for p in model.parameters())
    for name, make in (("slow", lambda p: SGD(p, lr=0.1)), ("fast", lambda p: Adam(p, lr=0.1))):
        twin = mlp()
        alone = play_training(twin, (X, Y), LOSS, make(twin.parameters()), 6, compiled=compiled)
        assert played.losses[name] == pytest.approx(*alone.losses.values(), rel=1e-12)


def test_outputs_are_the_models_and_are_packed_as_is_said():
    model = mlp()
    played = play_training(model, (X, Y), LOSS, SGD(model.parameters(), lr=0.5), 3, compiled=False)
    (run,) = played.runs
    places = run.view.places()
    with no_grad():
        scores = [model(place).data for place in places]
    assert run.frames[-1].outputs.tolist() == pytest.approx(scores, rel=1e-5, abs=1e-6)
    data = json.loads(json.dumps(packed(run), allow_nan=False))
    shares = np.frombuffer(base64.b64decode(data["view"]["outputs"]), "i1")[-len(places) :] / 127
    scale = data["view"]["scales"][-1]
    assert scale == pytest.approx(np.median(np.abs(scores)), rel=1e-5)
    assert np.abs(shares - [s / (scale + abs(s)) for s in scores]).max() <= 0.51 / 127
    for kind in ("weights", "gradients"):
        rows = np.frombuffer(base64.b64decode(data["network"][kind]["shares"]), "<i2").reshape(len(run.frames), -1)
        found = rows * np.array(data["network"][kind]["largest"])[:, None] / 32767
        exact = np.array([getattr(frame, kind) for frame in run.frames])
        assert np.abs(found - exact).max() <= np.abs(exact).max() * 2e-5
    assert data["losses"] == pytest.approx(run.losses, rel=1e-5)
    assert data["frames"] == [0, 1, 2, 3]


def view_of(nin, nout, data, loss, compiled=False):
    model = MLP(nin, [3, nout], rng=random.Random(0))
    played = play_training(model, data, loss, SGD(model.parameters(), lr=0.01), 2, compiled=compiled)
    assert json.dumps(packed(played.runs[0]), allow_nan=False)
    return played.runs[0].view


def test_what_is_drawn_depends_on_inputs_and_targets():
    signs = [2 * y - 1 for y in Y]
    assert view_of(2, 1, (X, signs), mse_loss).labels == ["-1", "1"]
    view = view_of(2, 3, spirals(30), cross_entropy)
    assert (view.kind, view.shape[0], view.labels) == ("classes", 3, ["0", "1", "2"])
    assert view.shape[0] * view.shape[1] ** 2 <= 2 * 20**2
    view = view_of(2, 1, (X, [x[0] * x[1] for x in X]), mse_loss)
    assert (view.kind, view.points[0]) == ("surface", (*X[0], X[0][0] * X[0][1]))
    view = view_of(1, 1, (LINE, [[y] for y in CURVE]), mse_loss)
    assert (view.kind, view.points[3]) == ("curve", (LINE[3][0], CURVE[3]))
    assert view_of(3, 1, ([[*x, 1.0] for x in X], Y), mse_loss) is None

    def distance(outputs, targets):
        return mse_loss([*tree_leaves(outputs)], [*tree_leaves(targets)])

    assert view_of(2, 2, (X, X), distance) is None


def test_inputs_may_be_numbers_arrays_and_compiled():
    pytest.importorskip("numba")
    model = MLP(1, [3, 1], rng=random.Random(0))
    played = play_training(model, (np.array(LINE), np.array(CURVE)), mse_loss, SGD(model.parameters(), lr=0.1), 3)
    with no_grad():
        expected = [model(place).data for place in played.runs[0].view.places()]
    assert played.runs[0].frames[-1].outputs.tolist() == pytest.approx(expected, rel=1e-5)

    class Slope(Linear):
        def forward(self, x):
            return self.weight[0][0] * x

    model = Slope(1, 1, bias=False, rng=random.Random(0))
    played = play_training(model, ([0.5, 1.0, 2.0], [1.0, 2.0, 4.0]), mse_loss, SGD(model.parameters(), lr=0.1), 30)
    assert model.weight[0][0].data == pytest.approx(2.0, abs=1e-3)
    assert played.runs[0].view.kind == "curve"


def test_of_many_steps_the_frames_are_evenly_spaced():
    model = MLP(1, [1])
    played = play_training(model, (LINE, CURVE), mse_loss, SGD(model.parameters(), lr=0.01), 150, compiled=False)
    (run,) = played.runs
    steps = [frame.step for frame in run.frames]
    assert (len(steps), steps[0], steps[-1], len(run.losses)) == (41, 0, 150, 151)
    assert {after - before for before, after in pairwise(steps)} == {3, 4}


def test_a_training_that_diverges_ends_there_and_nothing_warns():
    model = MLP(1, [4, 1], rng=random.Random(0))
    played = play_training(model, (LINE, CURVE), mse_loss, SGD(model.parameters(), lr=1e4), 50, compiled=False)
    (run,) = played.runs
    assert run.diverged == len(run.losses) - 1 < 50
    assert not math.isfinite(run.losses[-1])
    assert "diverged" in played.html
    json.dumps(packed(run), allow_nan=False)


def test_trainings_are_put_side_by_side_and_told_apart():
    players = []
    for width in (2, 4):
        model = MLP(2, [width, 1])
        players.append(play_training(model, (X, Y), LOSS, SGD(model.parameters(), lr=0.1), 2, compiled=False))
    both = players[0].beside(players[1])
    assert isinstance(both, TrainingPlayer)
    assert list(both.losses) == ["SGD, lr = 0.1", "SGD, lr = 0.1 (2)"]
    assert [run.network.sizes for run in both.runs] == [[2, 2, 1], [2, 4, 1]]
    assert list(players[1].losses) == ["SGD, lr = 0.1"]
    with pytest.raises(TypeError, match="beside takes what play_training returns, got list"):
        both.beside([])


def test_a_page_of_200_steps_of_two_moons_is_small():
    """As large as such a page can be: the numbers do not compress, whatever they are."""
    model = MLP(2, [16, 16, 1], rng=random.Random(4))
    played = play_training(model, moons(100), LOSS, SGD(model.parameters(), lr=0.1), 1)
    run = played.runs[0]
    if run.view.shape[1] < 40:
        pytest.skip("without numba, a page is smaller")
    run.frames[:] = [run.frames[0]] * 201
    run.losses[:] = [random.Random(0).random()] * 201
    assert len(played.html) < 1_000_000
    assert len(played.beside(played).html) < 2_000_000


def test_what_is_wrong_is_said_before_anything_is_changed():
    model = mlp()
    optimizer, loss = SGD(model.parameters(), lr=0.1), LOSS
    before = model.state_dict()
    for call, error, message in (
        (lambda: play_training(optimizer, (X, Y), loss, optimizer), TypeError, "play_training takes a Module"),
        (
            lambda: play_training(model, X, loss, optimizer),
            TypeError,
            r"data must be a pair .* write play_training\(model, ",
        ),
        (lambda: play_training(model, (X, Y), loss, {}), ValueError, "at least one optimizer, got an empty dictionary"),
        (lambda: play_training(model, (X, Y), loss, {"a": 1}), TypeError, "play_training takes an optimizer, got 1"),
        (lambda: play_training(model, (X, Y), loss, optimizer, 0), ValueError, "steps must be .* at least 1, got 0"),
        (
            lambda: play_training(model, (X, Y), loss, optimizer, lang="fr"),
            ValueError,
            "lang must be one of 'en', 'es', 'ja', got 'fr'",
        ),
        (
            lambda: play_training(model, (X, Y), loss, optimizer, height="720"),
            ValueError,
            "height must be a whole number of pixels above 0, such as 620, got '720'",
        ),
        (lambda: play_training(model, (X, Y), lambda a, b: a, optimizer), TypeError, "loss must give one Value"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert model.state_dict() == before


def test_every_language_has_every_word_and_each_is_used():
    from importlib.resources import files

    script = files("viz.training").joinpath("training.js").read_text(encoding="utf-8")
    used = set(re.findall(r"\bW\.(\w+)", script))
    for words in LANGUAGES.values():
        assert words.keys() == LANGUAGES["en"].keys()
        for name, text in words.items():
            assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", LANGUAGES["en"][name]))
    assert LANGUAGES["en"].keys() - used == {"title"}  # which Python writes
