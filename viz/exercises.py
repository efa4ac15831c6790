"""The exercises of the lessons, by a short name: `check` judges an answer, and names the mistake that gives it."""

from viz.classroom.exercises import check

__all__ = ["check"]
