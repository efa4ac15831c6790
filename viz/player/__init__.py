"""viz/player."""
