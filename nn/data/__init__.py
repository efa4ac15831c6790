"""nn/data."""
