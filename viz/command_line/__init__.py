"""The command `chalkgrad`: it copies lessons, plays any expression, writes worksheets, marks, and checks this computer.

    chalkgrad lessons FOLDER
    chalkgrad play "L = (a*b + c)*f" a=2 b=-3 c=10 f=-2
    chalkgrad worksheets --class names.txt
    chalkgrad mark FOLDER
    chalkgrad doctor

Read `expression` (text to a Value), `lessons`, `doctor`, and `commands`, which puts them on the command line.
"""

from viz.command_line.commands import main
from viz.command_line.expression import read_expression

__all__ = ["main", "read_expression"]
