"""Pictures of graphs, explanations of gradients, the step player, worksheets, and plots of networks."""

from viz.compare import Comparison, compare
from viz.dot import Drawing, draw_dot
from viz.explain import Explanation, Nudge, explain, formula, nudge
from viz.neurons import plot_neurons
from viz.orders import OrderReport, backward_in_order
from viz.player import Player, play
from viz.plots import plot_decision_boundary, plot_loss
from viz.report import Report
from viz.surface import plot_loss_surface, random_directions
from viz.training import plot_confusion, plot_gradients, plot_history
from viz.worksheet import Worksheet, Worksheets, worksheet, worksheets

__all__ = [
    "Comparison", "Drawing", "Explanation", "Nudge", "OrderReport", "Player", "Report", "Worksheet", "Worksheets",
    "backward_in_order", "compare", "draw_dot", "explain", "formula", "nudge", "play", "plot_confusion",
    "plot_decision_boundary", "plot_gradients", "plot_history", "plot_loss", "plot_loss_surface", "plot_neurons",
    "random_directions", "worksheet", "worksheets",
]  # fmt: skip
