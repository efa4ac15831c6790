"""Pictures of graphs, explanations of gradients, the step player, worksheets, and plots of networks."""

from viz.classroom.check_engine.report import EngineReport, check_engine
from viz.classroom.worksheets.worksheet import Worksheet, Worksheets, worksheet, worksheets
from viz.formulas.compare import Comparison, compare
from viz.formulas.explain import Explanation, Nudge, explain, formula, nudge
from viz.formulas.orders import OrderReport, backward_in_order
from viz.formulas.report import Report
from viz.graph.dot import Drawing, draw_dot
from viz.player.player import Player, play
from viz.plots.boundary import plot_decision_boundary, plot_loss
from viz.plots.neurons import plot_neurons
from viz.plots.surface import plot_loss_surface, random_directions
from viz.plots.training import plot_confusion, plot_gradients, plot_history

__all__ = [
    "Comparison", "Drawing", "EngineReport", "Explanation", "Nudge", "OrderReport", "Player", "Report", "Worksheet",
    "Worksheets", "backward_in_order", "check_engine", "compare", "draw_dot", "explain", "formula", "nudge", "play",
    "plot_confusion", "plot_decision_boundary", "plot_gradients", "plot_history", "plot_loss", "plot_loss_surface",
    "plot_neurons", "random_directions", "worksheet", "worksheets",
]  # fmt: skip
