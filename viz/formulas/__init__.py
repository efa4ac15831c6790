"""Gradients in formulas and words: expression trees, their printers, and the reports made of them.

`explain`, `formula`, `nudge`, `compare` and `backward_in_order` are public. Read `symbols` first (formulas as trees),
then `notation` (printers for text, LaTeX and MathML), `report` (sentences, equations, tables), `explain`, `compare`,
`orders` and `mistakes` (those that students make).
"""

from viz.formulas.compare import Comparison, compare
from viz.formulas.explain import Explanation, Nudge, explain, formula, nudge
from viz.formulas.orders import OrderReport, backward_in_order
from viz.formulas.report import Report

__all__ = [
    "Comparison", "Explanation", "Nudge", "OrderReport", "Report", "backward_in_order", "compare", "explain", "formula",
    "nudge",
]  # fmt: skip
