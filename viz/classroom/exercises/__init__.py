"""The exercises of the lessons: `check` says whether an answer is right, and if not, which mistake leads to it."""

from viz.classroom.exercises.exercise import check

__all__ = ["check"]
