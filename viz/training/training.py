"""Training to watch: a page with the network's answers, the loss, the weights and gradients at each step."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import Value
from engine.names import number
from viz.graph.dot import write
from viz.player.document import check_ending, check_look, document, frame
from viz.player.languages import LANGUAGES as PLAYER_LANGUAGES
from viz.plots.gif import save_gif
from viz.training.animation import pictures
from viz.training.languages import LANGUAGES
from viz.training.packing import packed
from viz.training.recording import Run, full_strength, largest_loss, record

if TYPE_CHECKING:
    from nn import Module, Optimizer

_HERE = files("viz.training")
_SHARED_PAGE = files("viz.player") / "page"
_SHARED = ("first", "back", "play", "pause", "forward", "last", "speed", "theme")  # words of the player's controls


def play_training(
    model: "Module",
    data: Any,
    loss: Callable[[Any, Any], Value],
    optimizer: "Optimizer | Mapping[str, Optimizer]",
    steps: int = 200,
    batch_size: int | None = None,
    *,
    compiled: bool | str = "auto",
    seed: int = 0,
    progress: bool = True,
    lang: str = "en",
    height: int = 720,
) -> "TrainingPlayer":
    """Train a model, and show the training: play it, pause it, and go to any step.

    A notebook shows the page; ``.save("training.html")`` writes it as a single file that needs no network, and
    ``.save("training.gif")`` as an animation for slides. It shows what the network answers (for two inputs the plane
    with the decision boundary, or for targets that are not classes a surface; for one input the curve), the loss, and
    the neurons. Each line between neurons is a weight: its width shows its size, dashes that it is negative, and its
    colour the gradient at that step: vermilion if positive, blue if negative. The arrow keys step, space plays, Home
    and End jump, and ``#12`` in the address is step 12.

    With a dictionary of optimizers, each of the same model, it shows their runs side by side, all from the weights that
    the model has now: ``{"lr 0.1": SGD(model.parameters(), lr=0.1), "Adam": Adam(model.parameters())}``. Runs of
    different models are put side by side by ``play_training(...).beside(play_training(...))``.

    Of more than 200 steps, 200 that are evenly spaced can be looked at (without numba 40); the loss is recorded at
    every step. What is drawn is rounded: outputs to 8 bits (curves to 16) of their range, weights and gradients to 16
    bits of the largest one of that step, losses to six digits. 200 steps of `nn.moons` take less than 2 MB.

    Args:
        model: the model. It is trained as by `fit`, and has the weights after the last step; with several optimizers,
            it and they are left as they were, because there is no single result.
        data: a pair ``(X, y)``, or a `DataLoader`.
        loss: a function of outputs and targets, such as `mse_loss`.
        optimizer: an optimizer of the model's parameters, or a dictionary with several and their names.
        steps: how many steps to take. Training ends earlier if the loss is no longer finite.
        batch_size: how many examples are in the mini-batch of each step; None for all of them. A `DataLoader` has its
            own.
        compiled: True, False, or ``"auto"``, as for `fit`.
        seed: the same seed gives the same order of examples.
        progress: show the progress, if tqdm is installed.
        lang: the language of the page, ``"en"``, ``"es"`` or ``"ja"``.
        height: the height of the frame in a notebook, in pixels.

    Raises:
        TypeError, ValueError: if the arguments do not fit together. Nothing has been changed then.
        TraceError: if `compiled` is True, and the model or the loss cannot be compiled.

    >>> import random
    >>> from nn import MLP, SGD, binary_cross_entropy_with_logits, moons
    >>> model = MLP(2, [4, 1], rng=random.Random(0))
    >>> optimizer = SGD(model.parameters(), lr=0.5)
    >>> played = play_training(model, moons(20), binary_cross_entropy_with_logits, optimizer, steps=5, compiled=False)
    >>> [len(losses) for losses in played.losses.values()], optimizer.steps
    ([6], 5)
    """
    from nn.checks import check_integer
    from nn.training.arguments import check_last_batch, check_parts, loaders, try_loss
    from nn.training.surroundings import Snapshot

    check_look(lang, LANGUAGES, height)
    steps = check_integer("steps", steps)
    several = isinstance(optimizer, Mapping)
    if several and not optimizer:
        raise ValueError("play_training takes at least one optimizer, got an empty dictionary")
    named: dict[str, Any] = dict(optimizer) if several else {"": optimizer}  # type: ignore[arg-type]
    for each in named.values():
        check_parts("play_training", model, loss, each, compiled)
    whole = len(data[0]) if isinstance(data, tuple) and data and hasattr(data[0], "__len__") else 1
    loader, _ = loaders("play_training", data, None, whole if batch_size is None else batch_size, seed)
    if len(loader.inputs) > 1:
        raise TypeError(f"play_training plays models of one input, got {len(loader.inputs)}; write fit(...)")
    check_last_batch(model, loader)
    try_loss(model, loss, loader)
    if not several:
        name = f"{type(optimizer).__name__}, lr = {number(named[''].lr)}"
        return TrainingPlayer([record(name, model, loader, loss, named[""], steps, compiled, progress)], lang, height)
    snapshot, runs = Snapshot(model, named.values(), loader), []
    for name, each in named.items():
        try:
            runs.append(record(str(name), model, loader, loss, each, steps, compiled, progress))
        finally:
            snapshot.restore()
    return TrainingPlayer(runs, lang, height)


class TrainingPlayer:
    """Recorded training runs. A notebook shows them; `save` writes a page or an animation.

    Attributes:
        runs: what was recorded of each training run.
    """

    def __init__(self, runs: list[Run], lang: str = "en", height: int = 720) -> None:
        self.runs, self.lang, self.height = runs, lang, height
        for i, run in enumerate(runs):  # so that each can be told by its name
            before = [other.name for other in runs[:i]]
            if run.name in before:
                runs[i] = replace(run, name=next(name for n in count(2) if (name := f"{run.name} ({n})") not in before))

    @property
    def losses(self) -> dict[str, list[float]]:
        """The losses of each training run, by its name: before each step, and after the last one; for `plot_loss`."""
        return {run.name: run.losses for run in self.runs}

    def beside(self, other: "TrainingPlayer") -> "TrainingPlayer":
        """Both, side by side.

        Raises:
            TypeError: if `other` is not a training run to play.
        """
        if not isinstance(other, TrainingPlayer):
            raise TypeError(f"beside takes what play_training returns, got {type(other).__name__}")
        return TrainingPlayer([*self.runs, *other.runs], self.lang, self.height)

    @property
    def title(self) -> str:
        """The title of the page."""
        return LANGUAGES[self.lang]["title"]

    @property
    def html(self) -> str:
        """The whole page, which loads nothing from elsewhere."""
        shared = {name: PLAYER_LANGUAGES[self.lang][name] for name in _SHARED}
        data = {
            "words": {**shared, **LANGUAGES[self.lang]},
            "runs": [*map(packed, self.runs)],
            "most": largest_loss(self.runs),
            "full": {kind: full_strength(self.runs, kind) for kind in ("weights", "gradients")},
        }
        style, script = (_HERE.joinpath(f"training.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
        elements, theme = ((_SHARED_PAGE / f"{part}.js").read_text(encoding="utf-8") for part in ("elements", "theme"))
        return document(self.title, self.lang, style, elements + script, data, before=theme)

    def save(self, path: str | Path, seconds: float = 10.0) -> Path:
        """Write the page, or an animation, to a file, whole or not at all, and return its path.

        Args:
            path: the file; its ending is ``.html`` or ``.gif``.
            seconds: how long the animation takes.

        Raises:
            ValueError: if the ending is another.
            ImportError: for an animation, if matplotlib or Pillow is not installed.
        """
        path = Path(path)
        if path.suffix.lower() == ".gif":
            return save_gif(pictures(self.runs, self.lang, seconds), path, seconds)
        check_ending(path, ".gif")
        write(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        return frame(self.html, self.title, self.height)
