"""Several threads share a batch: the numbers are those of one thread, bit by bit."""

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("numba")

import engine
from engine import Value, compile, dot, exp, softmax, tanh
from engine.compiler import batched
from engine.utils import threads
from nn import MLP, SGD, Adam, cross_entropy


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Passes of eight examples each, and threads for all of them; afterwards one thread again."""
    monkeypatch.setattr(batched, "LANES", 8)
    monkeypatch.setattr(batched, "_FEW", 0)
    monkeypatch.setattr(batched, "_WORTH_A_THREAD", 0)
    yield
    engine.set_num_threads(1)


@pytest.fixture
def shared(monkeypatch):
    """How many other threads each run had."""
    had, running = [], threads.running
    monkeypatch.setattr(threads, "running", lambda f, calls: had.append(len(calls)) or running(f, calls))
    return had


def examples(n=90, size=6, classes=3):
    draw = random.Random(1)
    return [[draw.gauss(0, 1) for _ in range(size)] for _ in range(n)], [draw.randrange(classes) for _ in range(n)]


def classifier():
    """A net with a layer, an activation that is no relu, a softmax, and weights that are computed from others."""
    draw = random.Random(0)
    model = MLP(6, [16, 3], activation="tanh")
    for p in model.parameters():
        p.data = draw.gauss(0, 1)
    scale = [Value(draw.gauss(0, 1), label="scale", role="parameter") for _ in range(6)]

    def loss(x, y):
        shares = softmax([tanh(s) for s in scale])  # the same in each lane
        return cross_entropy(model([exp(s) * a for s, a in zip(shares, x)]), y) + dot(scale, x) ** 2 / 9

    return loss, [*model.parameters(), *scale]


def bits(number, of):
    engine.set_num_threads(number)
    return of()


def value_and_gradients():
    loss, parameters = classifier()
    compiled, (X, Y) = compile(loss), examples()
    found = []
    for _ in range(6):
        for p in parameters:
            p.grad = 0.0
        value = compiled.mean(X, Y)
        value.backward()
        found.append([value.data.hex(), *(p.grad.hex() for p in parameters)])
    return found, compiled.map(X, Y)


def training():
    loss, parameters = classifier()
    compiled, (X, Y), optimizer = compile(loss), examples(), Adam(parameters, lr=0.05)
    losses = [optimizer.minimize(compiled.mean, X, Y).hex() for _ in range(40)]
    return losses, [p.data.hex() for p in parameters]


@pytest.mark.parametrize("of", [value_and_gradients, training])
def test_the_numbers_are_those_of_one_thread_to_the_last_bit(of, shared):
    alone = bits(1, of)
    assert not shared
    for number in (2, 3, 8):
        shared.clear()
        assert bits(number, of) == alone
        assert {*shared} == {number - 1}


def test_the_number_of_threads_may_change_between_steps(shared):
    loss, parameters = classifier()
    compiled, (X, Y), optimizer = compile(loss), examples(), SGD(parameters, lr=0.05)
    losses = []
    for step in range(40):
        engine.set_num_threads(1 + step % 3)
        losses.append(optimizer.minimize(compiled.mean, X, Y))
    engine.set_num_threads(1)
    loss, parameters = classifier()
    compiled, optimizer = compile(loss), SGD(parameters, lr=0.05)
    assert losses == [optimizer.minimize(compiled.mean, X, Y) for _ in range(40)]
    assert {*shared} == {1, 2}


def test_the_first_example_that_goes_bad_is_the_one_that_is_told():
    w = Value(1.0, label="w", role="parameter")
    compiled = compile(lambda x: exp(w * x))
    xs = [0.5] * 90
    for _ in range(3):
        compiled.mean(xs)
    xs[11], xs[13], xs[57], xs[88] = 800.0, 900.0, 1000.0, 1100.0
    engine.set_num_threads(3)
    with pytest.warns(RuntimeWarning, match=r"800\.0.* gave inf"):
        assert compiled.mean(xs).data == float("inf")


def test_after_an_interrupt_no_thread_is_at_work_and_a_step_is_right(monkeypatch):
    loss, parameters = classifier()
    compiled, (X, Y), optimizer = compile(loss), examples(), SGD(parameters, lr=0.05)
    losses = [optimizer.minimize(compiled.mean, X, Y) for _ in range(10)]
    engine.set_num_threads(2)
    driver, calls, ended = batched.call_driver, [], threading.Event()

    def interrupted(*given):
        here = threading.current_thread()
        calls.append(here)
        if here is threading.main_thread() and calls.count(here) == 2:  # while the other one is at work
            raise KeyboardInterrupt
        done = driver(*given)
        if here is not threading.main_thread():
            ended.set()
        return done

    monkeypatch.setattr(batched, "call_driver", interrupted)
    before = [p.data for p in parameters]
    with pytest.raises(KeyboardInterrupt):
        optimizer.minimize(compiled.mean, X, Y)
    assert ended.is_set() or len({*calls}) == 1
    monkeypatch.setattr(batched, "call_driver", driver)
    assert [p.data for p in parameters] == before
    losses += [optimizer.minimize(compiled.mean, X, Y) for _ in range(10)]
    engine.set_num_threads(1)
    loss, parameters = classifier()
    compiled, optimizer = compile(loss), SGD(parameters, lr=0.05)
    assert losses == [optimizer.minimize(compiled.mean, X, Y) for _ in range(20)]


def test_one_thread_does_it_all_where_no_other_can_be_started(monkeypatch):
    alone = bits(1, training)

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    assert bits(2, training) == alone


def test_programs_that_run_at_the_same_time_do_not_disturb_each_other():
    alone = bits(1, value_and_gradients)
    engine.set_num_threads(2)
    with ThreadPoolExecutor(3) as pool:
        assert all(found == alone for found in pool.map(lambda _: value_and_gradients(), range(6)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    alone = bits(2, training)
    child = os.fork()
    if child == 0:
        os._exit(0 if training() == alone and threading.active_count() == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_small_batches_are_done_by_one_thread(monkeypatch, shared):
    monkeypatch.setattr(batched, "_WORTH_A_THREAD", 1_000_000)
    loss, parameters = classifier()
    compiled, (X, Y), optimizer = compile(loss), examples(), SGD(parameters, lr=0.05)
    engine.set_num_threads(2)
    for _ in range(5):
        optimizer.minimize(compiled.mean, X, Y)
    assert not shared


@pytest.mark.parametrize("number", [0, -1, 1.5, "two", None, [2]])
def test_a_number_of_threads_is_a_whole_number_from_one_on(number):
    with pytest.raises(ValueError, match="number must be a whole number of at least 1, got"):
        engine.set_num_threads(number)
    assert engine.get_num_threads() == 1
