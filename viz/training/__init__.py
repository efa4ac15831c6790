"""Training that one can watch, step by step, in one page; and as an animation for slides.

`play_training` is public. Read `training` first, then `recording` (what is measured at each step), `packing` (how it
gets into a page), `training.js` (what the page does), `animation` (the same drawn by matplotlib) and `languages`.
"""

from viz.training.training import TrainingPlayer, play_training

__all__ = ["TrainingPlayer", "play_training"]
