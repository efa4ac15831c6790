"""The outputs of a trained model, as plain numbers.

>>> import random
>>> from nn import MLP
>>> model = MLP(2, [3, 2], rng=random.Random(0))
>>> rows = predict(model, [[0.5, -1.0], [1.0, 0.0], [0.0, 2.0]])
>>> len(rows), len(rows[0])
(3, 2)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine import TraceError, Value, no_grad
from engine.compiler.api import Compiled, compile
from engine.compiler.trace import machine_is_available
from engine.utils.messages import brief
from engine.utils.nested import tree_map
from nn.checks import is_number
from nn.data import DataLoader
from nn.data.validation import check_array
from nn.module import Module
from nn.training.objective import listed
from nn.training.surroundings import preserve_training_mode

Metric = Callable[[Any, Any], float]  # of all outputs and all targets
Metrics = Metric | Iterable[Metric] | Mapping[str, Metric]

_MANY = 200  # examples: fewer are done before they are compiled


def predict(model: Module, *inputs: Any, compiled: bool | str = "auto") -> list[Any]:
    """The outputs of a model for many examples, as floats in nested lists: those of `model.eval()`.

    They are what the model gives, the scores of a classifier for instance; `accuracy` and the other metrics take them.

    Args:
        model: the model. Its training mode is what it was before afterwards.
        inputs: a list or an array of examples; for a model of several inputs, one for each. They may differ in length,
            as texts do.
        compiled: True, False, or ``"auto"``: compiled if numba is installed, the model allows it, and there are many
            examples.

    Raises:
        TypeError: if the model is no Module, or an input no list.
        ValueError: if the inputs have different numbers of examples, or none.
        TraceError: if `compiled` is True, and the model cannot be compiled.
    """
    if not isinstance(model, Module):
        raise TypeError(f"predict takes a Module, got {brief(model)}; write predict(model, X)")
    examples = [check_array("X", each, ragged=True) for each in inputs]
    if len({len(each) for each in examples}) != 1:
        got = " and ".join(str(len(each)) for each in examples) or "none"
        raise ValueError(f"predict takes as many examples of each input, got {got}; write predict(model, X)")
    if compiled != "auto" and not isinstance(compiled, bool):
        raise ValueError(f"compiled must be True, False or 'auto', got {compiled!r}")
    many = compiled is True or (compiled == "auto" and len(examples[0]) >= _MANY and machine_is_available())
    with preserve_training_mode(model) as train, no_grad():
        train(False)
        return _outputs(model, compile(model) if many else None, examples, compiled is True)


def _outputs(model: Module, fast: Compiled | None, examples: Sequence[Any], must: bool) -> list[Any]:
    if fast is not None:
        try:
            return list(tree_map(float, fast.map(*examples)))
        except (TraceError, TypeError):
            if must:
                raise
    outputs = model.batch(*map(listed, examples))
    return list(tree_map(lambda x: x.data if isinstance(x, Value) else float(x), outputs))


class Evaluation:
    """The metrics of a model, measured again and again as it learns.

    Args:
        model: the model, in evaluation mode whenever it is measured.
        metrics: functions of all outputs and targets, or a dictionary of them by name.
        compiled: as in `predict`.

    Raises:
        TypeError, ValueError: if they are anything else, or two have the same name.
    """

    def __init__(self, model: Module, metrics: Metrics, compiled: bool | str) -> None:
        listed_metrics = [metrics] if callable(metrics) else metrics
        named = dict(listed_metrics) if isinstance(listed_metrics, Mapping) else {}
        for metric in () if named else listed_metrics:
            name = getattr(metric, "__name__", None) or getattr(getattr(metric, "func", None), "__name__", repr(metric))
            if name in named:
                raise ValueError(f"two metrics are called {name!r}; write metrics={{'name': metric, ...}}")
            named[name] = metric
        for metric in named.values():
            if not callable(metric):
                raise TypeError(f"metrics are functions of outputs and targets, got {brief(metric)}; write [accuracy]")
        self.names = list(named)
        self._model, self._metrics = model, named
        fast = compiled is True or (compiled == "auto" and machine_is_available())
        self._fast = compile(model) if fast and named else None

    def __call__(self, loader: DataLoader, most: int | None = None) -> dict[str, float]:
        """Measure them on the examples of a loader, or on the first ones alone."""
        if not self.names:
            return {}
        examples, targets = [each[:most] for each in loader.inputs], listed(loader.y[:most])
        with no_grad():
            outputs = _outputs(self._model, self._fast if most is None else None, examples, False)
        found = {name: metric(outputs, targets) for name, metric in self._metrics.items()}
        for name, x in found.items():
            if not is_number(x):
                raise TypeError(
                    f"a metric gives one number, and {name} gave {brief(x)}; call it with predict(model, X)"
                )
        return {name: float(x) for name, x in found.items()}
