"""A process that is forked while another thread works can work itself."""

import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from engine import Value, versions
from engine.compiler import buffers
from engine.utils import locks
from engine.utils.locks import new_lock
from engine.value import grad_lock
from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
HANGS = 400  # seconds, after which a child counts as hanging: what it does takes a second, or a minute without a cache


def in_child(work, hangs=HANGS):
    """Whether a forked process gets through some work."""
    import signal

    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(hangs)
        status = 1
        with suppress(BaseException):
            work()
            status = 0
        os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def squared():
    x = Value(3.0)
    y = x * x
    x.data = 4.0
    y.forward().backward()
    assert x.grad == 8.0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12, which means just this
@pytest.mark.parametrize("lock", [grad_lock, buffers.lock, versions._lock], ids=["gradients", "buffers", "versions"])
def test_a_lock_that_another_thread_holds_for_ever_is_free_in_the_child(lock, monkeypatch):
    monkeypatch.setattr(locks, "LONGEST_WAIT", 0.05)
    held, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert in_child(lambda: (squared(), lock.acquire(), lock.release()))
    finally:
        done.set()
        thread.join()
    squared()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_waits_until_what_is_being_changed_is_whole():
    guard, whole, begun = new_lock(awaited=True), [0, 0], threading.Event()

    def change():
        for i in range(1, 200):
            with guard:
                whole[0] = i
                begun.set()
                threading.Event().wait(0.002)
                whole[1] = i

    thread = threading.Thread(target=change)
    thread.start()
    begun.wait()

    def look():
        assert whole[0] == whole[1]

    assert all(in_child(look) for _ in range(20))
    thread.join()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_waits_for_a_compiler_that_is_loaded_while_it_waits(monkeypatch):
    guard, compilers, loaded, whole, begun = new_lock(awaited=True), threading.RLock(), [], [0, 0], threading.Event()
    monkeypatch.setattr(locks, "_of_the_compiler", lambda: iter(loaded))

    def load_and_compile():
        with guard:
            begun.set()
            threading.Event().wait(0.05)
            loaded.append(compilers)
            compilers.acquire()
        whole[0] = 1
        threading.Event().wait(0.2)
        whole[1] = 1
        compilers.release()

    thread = threading.Thread(target=load_and_compile)
    thread.start()
    begun.wait()

    def look():
        assert whole == [1, 1]

    assert in_child(look)
    thread.join()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_thread_that_holds_a_lock_may_fork():
    with grad_lock:
        assert in_child(squared)
    with grad_lock:
        pass
    squared()


def test_locks_are_forgotten_with_their_owners():
    before = len(locks._all)
    lock = new_lock()
    assert len(locks._all) == before + 1
    del lock
    assert len(locks._all) == before


TRAINING = """
import os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from engine import Value, compile
from nn import MLP, Adam, mse_loss

compiled = sys.argv[1] == "compiled"
X = [[i / 20, (i * 7 % 20) / 20] for i in range(20)]
Y = [[x * y] for x, y in X]

def steps(count):
    model = MLP(2, [8, 1])
    optimizer = Adam(model.parameters(), lr=0.01)
    loss = lambda x, y: mse_loss(model(x), y)
    if compiled:
        loss = compile(loss)
    for _ in range(count):
        if compiled:
            last = optimizer.minimize(loss.mean, X, Y)
            model.parameters()[0].data  # from arrays to Values, and at the next step back again
        else:
            optimizer.zero_grad()
            value = mse_loss(model.batch(X), Y)
            value.backward()
            optimizer.step()
            last = value.data
        yield last

def train():
    losses = list(steps(6))
    assert losses[-1] < 2 * losses[0], losses

started, stop = threading.Event(), threading.Event()

def go_on():
    for _ in steps(10**9):
        started.set()
        if stop.is_set():
            return

thread = threading.Thread(target=go_on)
thread.start()
if sys.argv[2] == "late":
    started.wait()
children = []
for i in range(int(sys.argv[4])):
    time.sleep(i if sys.argv[2] == "early" else 0.013 * i)
    child = os.fork()
    if not child:
        signal.alarm(int(sys.argv[3]))
        train()
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
stop.set()
thread.join()
train()
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("how", ["plain", "compiled"])
def test_children_that_are_forked_while_another_thread_trains_train_too(how, when, tmp_path):
    if how == "compiled":
        pytest.importorskip("numba", reason="without numba there is no machine code")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if when == "early":  # machine code is made meanwhile
        environment["CHALKGRAD_CACHE"] = str(tmp_path)
    forks = 2 if when == "early" else 8  # each of them makes all the machine code
    command = [sys.executable, "-c", TRAINING, how, when, str(HANGS), str(forks)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.stdout == f"{[0] * forks}\n", ran.stderr
    assert not ran.returncode, ran.stderr
