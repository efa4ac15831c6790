"""Plots of networks and of their training, on matplotlib axes; matplotlib is imported when the first one is drawn.

All functions named `plot_...` are public, `highlight_words`, which makes HTML, and `set_theme`, for dark pages. Read
`boundary` first, which has what all plots share, then `training`, `neurons`, `saliency` and `surface` in any order.
"""

from viz.plots.boundary import plot_decision_boundary, plot_loss
from viz.plots.neurons import plot_neurons
from viz.plots.saliency import HighlightedWords, highlight_words, plot_saliency
from viz.plots.surface import plot_loss_surface, random_directions
from viz.plots.theme import set_theme
from viz.plots.training import plot_confusion, plot_find_lr, plot_gradients, plot_history

__all__ = [
    "HighlightedWords", "highlight_words", "plot_confusion", "plot_decision_boundary", "plot_find_lr",
    "plot_gradients", "plot_history", "plot_loss", "plot_loss_surface", "plot_neurons", "plot_saliency",
    "random_directions", "set_theme",
]  # fmt: skip
