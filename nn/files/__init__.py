"""nn/files."""
