"""Pictures of graphs and plots of networks."""

from viz.dot import Drawing, draw_dot
from viz.plots import plot_decision_boundary, plot_loss

__all__ = ["Drawing", "draw_dot", "plot_decision_boundary", "plot_loss"]
