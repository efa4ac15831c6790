"""nn/training."""
