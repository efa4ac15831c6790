"""viz/classroom/worksheets."""
