"""Optimization: what happens between ``loss.backward()`` and the next forward pass, as in `torch.optim`.

To read in this order: `clipping` (gradients kept small), `optimizers` (from a gradient to the next parameter),
`schedules` (learning rates that change as training goes on).
"""

from nn.optim.clipping import clip_grad_norm_, clip_grad_value_
from nn.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from nn.optim.schedules import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "LinearLR", "Optimizer",
    "RMSprop", "ReduceLROnPlateau", "Schedule", "SequentialLR", "StepLR", "clip_grad_norm_", "clip_grad_value_",
]  # fmt: skip
