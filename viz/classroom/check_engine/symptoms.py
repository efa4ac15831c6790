"""Mistakes that show without any comparison: errors, things that are not numbers, a backward pass that starts wrong."""

import re
from numbers import Real

from viz.classroom.check_engine.diagnosis import Diagnosis
from viz.classroom.check_engine.trials import Case, agree, has_method

_WHOLE = "There is a whole Value where a number is meant: is .data missing?"
_START = (
    "The pass starts from the derivative of the result with respect to itself, which is 1: set self.grad to 1, and do "
    "so after anything is set to 0, or it is wiped out."
)
# A pattern in an error's text, and what is behind it: the first that matches counts.
# fmt: off
_ERRORS = (
    ("RecursionError", "recursion", "A function keeps calling itself: what makes it stop? In an operator: is .data "
     "missing?"),
    ("'NoneType' object is not callable", "None is called", "Store the function itself, without (): out._backward = "
     "_backward. And a leaf needs one that does nothing."),
    ("'NoneType'(?! object has no)", "None for a number", "Something is None: start grad at 0.0, and make sure that "
     "functions return something."),
    ("'(int|float)' object has no attribute", "plain number", "There is a plain number where a Value is meant: "
     "other = other if isinstance(other, Value) else Value(other)."),
    ("'(function|method|type)'", "function not called", "There is a function where its result is meant: call it, "
     "with ()."),
    ("must be real number, not '?[A-Z]|not supported between", "Value for a number", _WHOLE),
    (r"unsupported operand.*('float' and '[A-Z]|'[A-Z]\w*' and 'float')", "Value beside a number", "A number meets a "
     "whole Value: is .data missing? Or is it __radd__ or __rmul__ that is missing?"),
    ("not iterable|must support iteration", "missing comma", "There is one thing where several are meant: a tuple of "
                                                             "one "
     "has a comma, (x,)."),
    ("", "error", "Python says where it happened; run the smallest program on its own."),
)
# fmt: on


def visible_mistake(case: Case) -> Diagnosis | None:
    """The mistake behind a case, if it shows at once."""
    if case.fault == "error" and case.error:
        if case.timed_out:
            return Diagnosis(
                "endless loop", "What makes the loop stop? A node that has been visited must not be visited again."
            )
        return next(Diagnosis(name, hint) for said, name, hint in _ERRORS if re.search(said, case.error.text))
    missing = next((i for i, x in enumerate(case.data) if x is None), None)
    if missing is not None and missing < len(case.program.leaves):
        return Diagnosis("no data", "Keep the number in __init__: self.data = data.")
    if missing is not None and isinstance(case.made[missing], Real):
        return Diagnosis("bare number returned", "The operation returns a bare number: make a Value of it.")
    if missing is not None:
        return Diagnosis("nothing returned", "The operation returns nothing that has data: is a return missing?")
    leaves = list(zip(case.data, case.program.leaves))
    if not all(agree(x, number) for x, number in leaves):
        return Diagnosis(
            "data changed", "It does not keep the number that it was given: write self.data = data, unchanged."
        )
    for x in (*case.data, *case.data_at_end, *case.grad):
        if has_method(x, "backward"):
            return Diagnosis("Value for a number", _WHOLE)
        if not isinstance(x, float | None):
            return Diagnosis("no number", f"There is an object of type {type(x).__name__} where a number is meant.")
    if case.fault == "changed":
        return Diagnosis(
            "data changed", "A number was changed after it had been made: make a new object for every result."
        )
    if case.fault == "gradient" and not case.program.is_twice:
        if not any(case.grad):
            return Diagnosis("no start", _START)
        if not case.program.lines and agree(case.grad[0], case.data[0]):
            return Diagnosis(
                "started from data",
                "The pass starts from the derivative of a with respect to itself, not from its data.",
            )
        if not case.program.lines:
            return Diagnosis(
                "wrong start", "The derivative of the result with respect to itself is 1: set self.grad to 1."
            )
    return None
