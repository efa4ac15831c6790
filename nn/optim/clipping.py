"""Gradient clipping: keeping gradients small between ``loss.backward()`` and ``optimizer.step()``.

Then a single bad batch does little harm.
"""

import warnings
from collections.abc import Iterable
from math import hypot, isfinite
from typing import Any

from engine import Value
from engine.compiler.buffers import Binding
from engine.modes import callers_depth
from engine.utils.messages import brief
from nn.checks import check_at_least_0


def clip_grad_norm_(parameters: Value | Iterable[Value], max_norm: float, error_if_nonfinite: bool = False) -> float:
    """Shorten the gradient, taken as one long vector over all parameters, to `max_norm` if it is longer.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, 2013, https://arxiv.org/abs/1211.5063.

    Args:
        parameters: the Values; one that no backward pass has reached counts as 0.
        max_norm: the largest norm allowed; pass infinity to measure the norm without clipping.
        error_if_nonfinite: raise an error, instead of a warning, if the norm is inf or nan. The gradients are then
            useless after clipping, as in PyTorch: 0 or nan.

    Returns:
        The norm before clipping.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if there are no parameters, or `max_norm` is below 0.
        RuntimeError: if the norm is not finite, and `error_if_nonfinite` is set.

    >>> x, y = Value(1.0), Value(2.0)
    >>> (3 * x + 4 * y).backward()
    >>> clip_grad_norm_([x, y], max_norm=1.0)
    5.0
    >>> round(x.grad, 3), round(y.grad, 3)
    (0.6, 0.8)
    """
    check_at_least_0("max_norm", max_norm)
    norm = 0.0

    def shortened(gradients: Any) -> Any:
        nonlocal norm
        listed = gradients if isinstance(gradients, list) else gradients.tolist()
        norm = _length(listed, error_if_nonfinite)
        coefficient = min(max_norm / (norm + 1e-6), 1.0)  # PyTorch's 1e-6, in case the norm is 0
        return [coefficient * g for g in gradients] if gradients is listed else coefficient * gradients

    _change_gradients(parameters, shortened)
    return norm


def clip_grad_value_(parameters: Value | Iterable[Value], clip_value: float) -> None:
    """Limit every gradient to the range from ``-clip_value`` to `clip_value`.

    Args:
        parameters: the Values; one that no backward pass has reached is left alone.
        clip_value: the largest absolute value allowed.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if there are no parameters, or `clip_value` is below 0.
    """
    check_at_least_0("clip_value", clip_value)

    def clipped(gradients: Any) -> Any:
        if isinstance(gradients, list):
            return [min(max(g, -clip_value), clip_value) for g in gradients]  # in this order, nan stays nan
        return gradients.clip(-clip_value, clip_value)

    _change_gradients(parameters, clipped)


def _change_gradients(parameters: Value | Iterable[Value], change: Any) -> None:
    """Replace the gradients by ``change(gradients)``; they come as a list, or as an array if buffers have them."""
    listed = list(parameters) if hasattr(parameters, "__iter__") else [parameters]
    if not listed:
        raise ValueError("clipping takes at least one parameter, got none; write model.parameters()")
    for parameter in listed:
        if not isinstance(parameter, Value):
            raise TypeError(f"clipping takes Values, got {brief(parameter)}; write model.parameters()")
    binding = Binding(listed)
    if binding.in_buffers():  # the numbers are in arrays: see engine/compiler/buffers.py
        binding.change_gradients(change)
        return
    reached = [p for p in listed if p.has_grad]
    for parameter, gradient in zip(reached, change([p.grad for p in reached])):
        parameter.grad = gradient


def _length(gradients: list[float], error_if_nonfinite: bool) -> float:
    norm = hypot(*gradients)
    if not isfinite(norm):
        norm = sum(map(abs, gradients))  # hypot(inf, nan) is inf
        message = f"the norm of the gradients is {norm}; detect_anomaly() finds where it arose"
        if error_if_nonfinite:
            raise RuntimeError(message)
        warnings.warn(message, RuntimeWarning, stacklevel=callers_depth())
    return norm
