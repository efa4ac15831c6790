"""The measured work in JAX, in float64 and compiled: each training step is one call of a jitted function.

Of the ways tried these are the quickest. All parameters are one array, for each array that is handed over costs time;
the state is donated; and the work is done where it is called, for work so small that is quicker than handing it to
another thread.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from tests.bench import microgpt, moons, nets
from tests.bench.expression import REPEATS, A, B, expression
from tests.bench.microgpt import GPT, HEAD_SIZE, HEADS, TOKENS, VOCABULARY, WIDTH
from tests.bench.timing import Step

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_enable_async_dispatch", False)

State = tuple[Any, ...]


def two_moons() -> Step:
    """The training step on two moons."""
    return _steps(_two_moons(), (jnp.array(moons.first_weights()),))


@cache
def _two_moons() -> Callable[..., Any]:
    points, targets = map(jnp.array, moons.two_moons())

    def loss(parameters: Any) -> Any:
        h = points.T
        for matrix in moons.matrices(parameters):
            scores = matrix[:, :-1] @ h + matrix[:, -1:]
            h = jax.nn.relu(scores)
        return jnp.maximum(1 - targets * scores[0], 0).mean() + moons.ALPHA * jnp.dot(parameters, parameters)

    @partial(jax.jit, donate_argnums=0)
    def step(state: State) -> tuple[State, Any]:
        (parameters,) = state
        value, gradient = jax.value_and_grad(loss)(parameters)
        return (parameters - moons.RATE * gradient,), value

    return step


def training() -> Step:
    """The training step of microgpt, on all positions at once."""
    step, parameters = _microgpt()
    state = jnp.copy(parameters), jnp.zeros_like(parameters), jnp.zeros_like(parameters), jnp.array(0.0)
    return _steps(step, state, jnp.array(TOKENS))


@cache
def _microgpt() -> tuple[Callable[..., Any], Any]:
    matrices: dict[str, Any] = {name: jnp.array(rows) for name, rows in GPT(float).matrices.items()}
    matrices["read"] = jnp.concatenate([matrices.pop(name) for name in ("query", "key", "value")])
    parameters, named = ravel_pytree(matrices)

    @partial(jax.jit, donate_argnums=0)
    def step(state: State, tokens: Any) -> tuple[State, Any]:
        parameters, mean, square, steps = state
        loss, gradient = jax.value_and_grad(lambda parameters: _loss(named(parameters), tokens))(parameters)
        steps = steps + 1
        mean = microgpt.DECAY * mean + (1 - microgpt.DECAY) * gradient
        square = microgpt.SQUARE_DECAY * square + (1 - microgpt.SQUARE_DECAY) * gradient**2
        full_mean, full_square = mean / (1 - microgpt.DECAY**steps), square / (1 - microgpt.SQUARE_DECAY**steps)
        parameters = parameters - microgpt.RATE * full_mean / (jnp.sqrt(full_square) + microgpt.EPSILON)
        return (parameters, mean, square, steps), loss

    return step, parameters


def _loss(matrices: dict[str, Any], tokens: Any) -> Any:
    """What `GPT.loss` gives, with a row for each position, and a mask where it has a loop over earlier ones."""
    now, following = (jax.nn.one_hot(each, VOCABULARY, dtype=float) for each in (tokens[:-1], tokens[1:]))
    positions = len(tokens) - 1
    x = _normalised(now @ matrices["token"] + matrices["position"][:positions])
    read = (_normalised(x) @ matrices["read"].T).reshape(positions, 3, HEADS, HEAD_SIZE)
    queries, keys, values = read.transpose(1, 2, 0, 3)
    scores = (queries[:, :, None] * keys[:, None]).sum(-1) / HEAD_SIZE**0.5
    weights = jax.nn.softmax(jnp.where(jnp.tri(positions, dtype=bool), scores, -jnp.inf))
    gathered = (weights[..., None] * values[:, None]).sum(2).transpose(1, 0, 2).reshape(positions, WIDTH)
    x = x + gathered @ matrices["gather"].T
    x = x + jax.nn.relu(_normalised(x) @ matrices["widen"].T) @ matrices["narrow"].T
    return -(jax.nn.log_softmax(x @ matrices["score"].T) * following).sum() / positions


def _normalised(x: Any) -> Any:
    return x * ((x * x).mean(1, keepdims=True) + 1e-5) ** -0.5


def _steps(jitted: Callable[..., Any], state: State, *inputs: Any) -> Step:
    def step() -> Any:
        nonlocal state
        state, loss = jitted(state, *inputs)
        return loss

    return step


def readme() -> Step:
    """The expression of micrograd's README and its gradients.

    It is called on arrays of no dimension, which is quicker than on floats, and gives such arrays. Making floats of
    them would take longer than all the rest, and is done once in each step.
    """
    a, b = jnp.array(A), jnp.array(B)
    compute = _readme()

    def step() -> float:
        for _ in range(REPEATS):
            value, gradients = compute(a, b)
        return float(value) + sum(map(float, gradients))

    return step


def readme_of_floats() -> Step:
    """The same from floats to floats, as all the others in that table are called."""
    compute = _readme()

    def step() -> float:
        total = 0.0
        for _ in range(REPEATS):
            value, (by_a, by_b) = compute(A, B)
            total += float(value) + float(by_a) + float(by_b)
        return total / REPEATS

    return step


@cache
def _readme() -> Callable[..., Any]:
    return jax.jit(jax.value_and_grad(partial(expression, relu=jax.nn.relu), argnums=(0, 1)))


def of_size(net: nets.Net) -> Step:
    """The training step of a network of dense layers."""
    step, parameters = _of_size(net)
    rows, labels = nets.batch(net)
    return _steps(step, (jnp.copy(parameters),), jnp.array(rows), jnp.array(labels))


@cache
def _of_size(net: nets.Net) -> tuple[Callable[..., Any], Any]:
    layers = [(jnp.array(weights), jnp.zeros(len(weights))) for weights in nets.first_weights(net)]
    parameters, separate = ravel_pytree(layers)

    def loss(parameters: Any, rows: Any, labels: Any) -> Any:
        h = rows
        for i, (weights, biases) in enumerate(separate(parameters)):
            if net.kernels and i == 0:
                windows = jax.lax.conv_general_dilated(
                    h.reshape(-1, 1, nets.SIDE, nets.SIDE), weights.reshape(-1, 1, nets.WINDOW, nets.WINDOW),
                    (nets.STRIDE, nets.STRIDE), "VALID",
                )  # fmt: skip
                scores = (windows + biases[:, None, None]).reshape(len(h), -1)
            else:
                scores = h @ weights.T + biases
            h = jax.nn.relu(scores)
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], 1).mean()

    @partial(jax.jit, donate_argnums=0)
    def step(state: State, rows: Any, labels: Any) -> tuple[State, Any]:
        (parameters,) = state
        value, gradient = jax.value_and_grad(loss)(parameters, rows, labels)
        return (parameters - nets.RATE * gradient,), value

    return step, parameters


VERSIONS = {"JAX": jax.__version__}
MOONS = {"JAX, jit": two_moons}
MICROGPT = {"JAX, jit": training}
README = {"JAX, jit": readme, "JAX, jit, of floats": readme_of_floats}
NETS = {"JAX, jit": of_size}
