"""The exercises of the lessons: `check` says what is right, and which mistake gives what is not."""

from viz.classroom.exercises.exercise import check

__all__ = ["check"]
