"""A check of engines that somebody else has written: are their numbers right, and if not, what is the likely mistake?

`check_engine` is public. Read `programs` first (small programs to run), then `trials` (a program run in two engines),
`diagnosis` (which mistake gives these numbers), `symptoms` (mistakes that show without comparing), `failure` (a picture
of the smallest program that fails) and `report`, which does it all.
"""

from viz.classroom.check_engine.report import EngineReport, check_engine

__all__ = ["EngineReport", "check_engine"]
