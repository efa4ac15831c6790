"""viz/formulas."""
