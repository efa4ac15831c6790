"""viz/plots."""
