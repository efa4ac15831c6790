"""viz/classroom/check_engine."""
