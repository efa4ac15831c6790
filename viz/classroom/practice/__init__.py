"""Practice of the chain rule on a web page that needs no Python: random graphs with blanks, judged as they are typed.

`practice` is public. Read `tape` first (how answers are judged without Python), then `languages` (what the page says)
and `practice`, which joins them with `practice.js` and `practice.css`.
"""

from viz.classroom.practice.practice import Practice, practice

__all__ = ["Practice", "practice"]
