"""Training: `fit`, the loop that one would otherwise write by hand, and what helps to see whether a network learns.

To read in this order: `fit`, with what it is made of beside it, `history`, `early_stopping`, `objective` (the loss of a
mini-batch, compiled where that is possible), `checkpoint`, `surroundings`, `arguments`, `interrupts`, `progress`; then
`metrics` and `predict`; `decoding`, sequences token by token; `saliency`, what a score depends on; `range_test`, which
finds a learning rate, and `diagnostics`.
"""

from nn.training.decoding import Decoded, beam_decode, greedy_decode
from nn.training.diagnostics import Diagnostics, dead_relus, error_contributions, gradient_norms, update_ratios
from nn.training.early_stopping import EarlyStopping
from nn.training.fit import fit
from nn.training.history import History
from nn.training.metrics import accuracy, confusion, rmse, top_k
from nn.training.predict import predict
from nn.training.range_test import LRRangeTest, find_lr
from nn.training.saliency import saliency

__all__ = [
    "Decoded", "Diagnostics", "EarlyStopping", "History", "LRRangeTest", "accuracy", "beam_decode", "confusion",
    "dead_relus", "error_contributions", "find_lr", "fit", "gradient_norms", "greedy_decode", "predict", "rmse",
    "saliency", "top_k", "update_ratios",
]  # fmt: skip
