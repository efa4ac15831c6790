"""nn/optim."""
