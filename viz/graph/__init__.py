"""viz/graph."""
