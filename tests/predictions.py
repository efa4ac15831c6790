"""Predictions in a notebook: where they are, and what gives their answers away."""

import re

from notebooks.export import FOLDED, PREDICT

OPEN = "<details><summary>Answer</summary>\n\n"
SCREEN = 30  # lines, about as many as a projector shows
NUMBER = re.compile(r"(?<![\w.])(?<!e-)\d+(?:\.\d+)?(?![\w.]*\w)")


def predictions(cells):
    """Where the class is to predict what the next cell shows."""
    return [i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and PREDICT.search(cell.source)]


def misfolded(cells):
    """The predictions whose explanation stands in the open, by their ids."""
    return [
        cells[i].id
        for i in predictions(cells)
        if "\n\n" in cells[i].source[PREDICT.search(cells[i].source).start() :].strip()  # something stands between
        or [cell.cell_type for cell in cells[i + 1 : i + 3]] != ["code", "markdown"]
        or not cells[i + 2].source.startswith(OPEN)
        or cells[i + 2].source.count("<details>") != len(FOLDED.findall(cells[i + 2].source))
    ]


def on_screen(cells):
    """What can be read of cells that were not run, without a click, on a screen."""
    text = "\n".join(FOLDED.sub("", cell.source) if cell.cell_type == "markdown" else cell.source for cell in cells)
    return "\n".join([line for line in text.splitlines() if line][:SCREEN])


def given_away(cells, i, shown):
    """The numbers in what a cell shows that stand below it in the open, and nowhere above it."""
    above = "\n".join(cell.source for cell in cells[: i + 2])
    new = set(map(float, NUMBER.findall(shown))) - set(map(float, NUMBER.findall(above)))
    return [number for number in NUMBER.findall(on_screen(cells[i + 2 :])) if any(stands_for(number, x) for x in new)]


def stands_for(number, x):
    """Whether this text is that number, or that number rounded to three or more decimal places."""
    places = len(number.partition(".")[2])
    return float(number) == (round(x, places) if places > 2 else x)


def plain(outputs):
    """The text of what a cell shows."""
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
