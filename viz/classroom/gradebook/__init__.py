"""What a class has answered: the verdicts in students' saved notebooks, gathered in one table.

`mark` is public. Read `notebook` first (the verdicts that one saved notebook shows), then `gradebook` (the table, the
commonest mistakes, and how they are written) and `languages` (what the page says).
"""

from viz.classroom.gradebook.gradebook import Gradebook, mark

__all__ = ["Gradebook", "mark"]
