"""viz/classroom."""
