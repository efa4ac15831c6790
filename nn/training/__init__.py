"""Training: `fit`, the loop that one would otherwise write by hand, and what helps to see whether a network learns.

To read in this order: `fit`, with what it is made of beside it, `history`, `early_stopping`, `objective` (the loss of a
mini-batch, compiled where that is possible), `checkpoint`, `surroundings`, `arguments`, `interrupts`, `progress`; then
`range_test`, which finds a learning rate, and `diagnostics`.
"""

from nn.training.diagnostics import Diagnostics, dead_relus, error_contributions, gradient_norms, update_ratios
from nn.training.early_stopping import EarlyStopping
from nn.training.fit import fit
from nn.training.history import History
from nn.training.range_test import LRRangeTest, find_lr

__all__ = [
    "Diagnostics", "EarlyStopping", "History", "LRRangeTest", "dead_relus", "error_contributions", "find_lr", "fit",
    "gradient_norms", "update_ratios",
]  # fmt: skip
