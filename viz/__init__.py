"""Pictures of graphs, explanations of gradients, the step player, worksheets, and plots of networks.

Each folder needs only those before it: graph, plots, formulas, player, live, training, classroom. Each folder's
`__init__.py` says what is public in it, and in which order to read its files.
"""

from viz.classroom.check_engine import EngineReport, check_engine
from viz.classroom.gradebook import Gradebook, mark
from viz.classroom.practice import Practice, practice
from viz.classroom.worksheets import Worksheet, Worksheets, worksheet, worksheets
from viz.formulas import (
    Comparison,
    Explanation,
    Nudge,
    OrderReport,
    Report,
    backward_in_order,
    compare,
    explain,
    formula,
    nudge,
)
from viz.graph import Drawing, draw_dot
from viz.live import Chalkboard, chalkboard
from viz.player import Player, play
from viz.plots import (
    plot_confusion,
    plot_decision_boundary,
    plot_find_lr,
    plot_gradients,
    plot_history,
    plot_loss,
    plot_loss_surface,
    plot_neurons,
    random_directions,
    set_theme,
)
from viz.training import TrainingPlayer, play_training

__all__ = [
    "Chalkboard", "Comparison", "Drawing", "EngineReport", "Explanation", "Gradebook", "Nudge", "OrderReport",
    "Player", "Practice", "Report", "TrainingPlayer", "Worksheet", "Worksheets", "backward_in_order",
    "chalkboard", "check_engine", "compare", "draw_dot", "explain", "formula", "mark", "nudge", "play",
    "play_training", "plot_confusion", "plot_decision_boundary", "plot_find_lr", "plot_gradients",
    "plot_history", "plot_loss", "plot_loss_surface", "plot_neurons", "practice", "random_directions",
    "set_theme", "worksheet", "worksheets",
]  # fmt: skip
