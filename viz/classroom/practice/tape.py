"""What each blank of a worksheet is compared with, as a list of instructions that a page can run without Python.

Nothing about the mistakes is written twice: `work` is run once with Values in place of answers, and what is computed
from them is recorded as for any other function of Values. The page then runs the same rules on what was typed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine import Rule, Value
from engine.modes import switched
from viz.classroom.worksheets import Worksheet
from viz.classroom.worksheets.work import Task, work
from viz.formulas.mistakes import MISTAKES


class Tape:
    """Instructions, each of them once. A number below the number of blanks refers to an answer, others to instructions.

    Attributes:
        instructions: a number, or a list of a rule and what it is applied to.
    """

    def __init__(self, answers: Sequence[Value], rules: dict[tuple[Rule, int], int]) -> None:
        self.instructions: list[Any] = []
        self._answers, self._rules = len(answers), rules
        self._known: dict[Any, int] = {answer: i for i, answer in enumerate(answers)}

    def reference(self, x: Any) -> int:
        """The place of a number, or of what a Value was computed by."""
        if not isinstance(x, Value):
            return self._place(float(x), float(x))
        if x not in self._known:
            self._known[x] = self._applied(x) if x.rule else self._place(x.data, x.data)
        return self._known[x]

    def _applied(self, x: Value) -> int:
        assert x.rule is not None
        operands = [self.reference(parent) for parent in x.parents]
        rule = self._rules.setdefault((x.rule, len(operands)), len(self._rules))
        return self._place((rule, *operands), [rule, *operands])

    def _place(self, key: Any, instruction: Any) -> int:
        if key not in self._known:
            self._known[key] = self._answers + len(self.instructions)
            self.instructions.append(instruction)
        return self._known[key]


def blanks_of(sheet: Worksheet, rules: dict[tuple[Rule, int], int]) -> dict[str, Any]:
    """The blanks of a worksheet and how their answers are judged, as plain data.

    Args:
        sheet: the worksheet, with all its blanks.
        rules: the rules that the page needs, with their numbers of operands; more are added here.
    """
    tasks: list[Task] = []
    answers: list[Value] = []

    def ask(task: Task) -> Any:
        tasks.append(task)
        answers.append(Value(float(sheet.key[task.blank])))
        return answers[-1]

    with switched(recording=True, warning=False):
        work(sheet.root, ask)
    place = {task.blank: i for i, task in enumerate(tasks)}
    tape = Tape(answers, rules)
    return {
        "blanks": [_blank(sheet, task, tape, place) for task in tasks],
        "tape": tape.instructions,
    }


def _blank(sheet: Worksheet, task: Task, tape: Tape, place: Mapping[str, int]) -> dict[str, Any]:
    following = tape.reference(task.following)
    suspects = []
    for mistake, here, everywhere in task.suspects:
        # what leads to the same number as no mistake at all is never named
        wrong = [number for number in map(tape.reference, here) if number != following]
        last = tape.reference(everywhere)
        if wrong or last != following:
            suspects.append([MISTAKES.index(mistake), wrong, last])
    return {
        "name": task.blank,
        "right": str(sheet.key[task.blank]),
        "following": following,
        "suspects": suspects,
        "used": sorted({place[name] for name in task.used if name in place}),
    }
