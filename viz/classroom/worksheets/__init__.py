"""Worksheets for practising the chain rule on paper: drawn at random, printed, and marked.

`worksheet` and `worksheets` are public. Read `problem` first (small random graphs), then `sheet` (the contents of a
worksheet), `drawing`, `languages` and `handout` (how it is printed), `marking` (what is said of an answer), `work`
(what each answer is compared with) and `worksheet`, which joins them.
"""

from viz.classroom.worksheets.marking import Marks, Verdict
from viz.classroom.worksheets.worksheet import Worksheet, Worksheets, worksheet, worksheets

__all__ = ["Marks", "Verdict", "Worksheet", "Worksheets", "worksheet", "worksheets"]
