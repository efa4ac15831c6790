"""The teacher's table: students and exercises, the commonest mistakes, and the files that could not be read."""

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from engine.utils.arguments import described
from engine.utils.console import printable
from engine.utils.messages import brief
from viz.classroom.exercises.exercise import LOOKS, Verdict
from viz.classroom.gradebook.languages import LANGUAGES
from viz.classroom.gradebook.notebook import DamagedNotebook, better, verdicts_in
from viz.formulas.notation import in_page
from viz.graph.dot import write
from viz.player.document import check_ending, check_lang

_STYLE = files("viz.classroom.gradebook") / "gradebook.css"
_OF_ITS_OWN = """body { margin: 1.5em; background: #fff; color: #1a1a1a }
@media screen and (prefers-color-scheme: dark) { body { background: #14181d; color: #f2f2f2; color-scheme: dark } }"""


def mark(folder: str | os.PathLike[str], lang: str = "en") -> "Gradebook":
    """A table of students and exercises, from what students' saved notebooks show; nothing in them is run.

    A notebook directly in the folder belongs to the student it is named after; all notebooks in a subfolder belong to
    the student that the subfolder is named after, and of two verdicts on the same exercise the better one counts. A
    notebook shows the table; ``.save("class.html")`` and ``.save("class.csv")`` write it.

    Anyone can edit saved outputs: run the notebooks again before you give a grade that counts.

    Args:
        folder: the folder with the notebooks.
        lang: the language of the table, ``"en"``, ``"es"`` or ``"ja"``; the mistakes are quoted as they were shown.

    Raises:
        TypeError: if `folder` is no path.
        NotADirectoryError: if there is no such folder.
        ValueError: if there is no notebook in it, or the language is unknown.
    """
    check_lang(lang, LANGUAGES)
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f'mark takes the path of a folder, got {described(folder)}; write mark("notebooks")')
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"expected a folder with students' notebooks, and {brief(str(root), 80)} is not one")
    paths = [path for path in sorted(root.rglob("*.ipynb")) if not _is_hidden(path.relative_to(root))]
    if not paths:
        raise ValueError(f"there is no notebook (a file that ends in .ipynb) in {brief(str(root), 80)}")
    verdicts: dict[str, dict[str, Verdict]] = {}
    damaged: dict[str, str] = {}
    for path in paths:
        within = path.relative_to(root)
        known = verdicts.setdefault(_student(within), {})
        try:
            found = verdicts_in(path)
        except DamagedNotebook as reason:
            damaged[str(within)] = str(reason)
            continue
        for name, verdict in found.items():
            known[name] = better(verdict, known.get(name, verdict))
    return Gradebook(verdicts, damaged, lang)


def _student(within: Path) -> str:
    """Whose notebook this is, by its path within the folder."""
    return within.parts[0] if len(within.parts) > 1 else within.stem


def _is_hidden(path: Path) -> bool:
    """Whether this is a copy that Jupyter keeps, or something else that is out of sight."""
    return any(part.startswith(".") for part in path.parts)


@printable
@dataclass(frozen=True)
class CommonMistake:
    """A known mistake that somebody has made.

    Attributes:
        exercise: in which exercise.
        hint: what was said of it.
        students: who made it.
    """

    exercise: str
    hint: str
    students: tuple[str, ...]


@printable
@dataclass(frozen=True)
class Gradebook:
    """What a class has answered: made by `mark`. A notebook shows it as a table.

    Attributes:
        verdicts: by student, the verdicts on the exercises that are in the student's notebooks.
        damaged: the files that could not be read, each with the reason.
        lang: the language of the table.

    >>> book = Gradebook({"Ada": {"01.1": Verdict("right")}, "Emmy": {"01.1": Verdict("hint", "The other operand.")}})
    >>> print(*str(book).splitlines()[:4], sep="\\n")
          01.1
    Ada   ✓
    Emmy  →
    1 × 01.1: The other operand.
    """

    verdicts: Mapping[str, Mapping[str, Verdict]]
    damaged: Mapping[str, str] = field(default_factory=dict)
    lang: str = "en"

    @property
    def students(self) -> tuple[str, ...]:
        """The students, in alphabetical order."""
        return tuple(sorted(self.verdicts, key=str.casefold))

    @property
    def exercises(self) -> tuple[str, ...]:
        """All exercises that are in some notebook."""
        return tuple(sorted({name for known in self.verdicts.values() for name in known}))

    @property
    def mistakes(self) -> tuple[CommonMistake, ...]:
        """The known mistakes that were made, the commonest first."""
        made: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for student in self.students:
            for name, verdict in self.verdicts[student].items():
                if verdict.state == "hint":
                    made[name, verdict.hint].append(student)
        found = [CommonMistake(name, hint, tuple(students)) for (name, hint), students in made.items()]
        return tuple(sorted(found, key=lambda mistake: (-len(mistake.students), mistake.exercise, mistake.hint)))

    @property
    def unread(self) -> Mapping[str, tuple[str, ...]]:
        """By student, the files of theirs that could not be read; what is in them is not known, and not 0."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.damaged:
            found[_student(Path(path))].append(path)
        return {student: tuple(found[student]) for student in self.students if student in found}

    def __str__(self) -> str:
        words, unread = LANGUAGES[self.lang], self.unread
        rows = [["", *self.exercises]]
        for student in self.students:
            known = self.verdicts[student]
            signs = [_sign(known.get(name), student in unread) for name in self.exercises]
            rows.append([_plain(student)[:30], *signs])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        lines += [f"{len(m.students)} × {m.exercise}: {_plain(m.hint)}" for m in self.mistakes]
        lines += [f"{_plain(path)}: {words[reason]}" for path, reason in self.damaged.items()]
        return "\n".join([*lines, words["edited"]])

    @property
    def csv(self) -> str:
        """The table as CSV: a row for each student, a column for each exercise, and a note on damaged files.

        Text that a spreadsheet would take for a formula gets an apostrophe in front.
        """
        words, text, unread = LANGUAGES[self.lang], io.StringIO(), self.unread
        writer = csv.writer(text, lineterminator="\r\n")
        named = [f"{words['exercise']} {name}" for name in self.exercises]  # 01.1 alone would become a number
        writer.writerow(map(_cell, [words["student"], *named, words["note"]]))
        for student in self.students:
            known = [self.verdicts[student].get(name) for name in self.exercises]
            absent = words["unread"] if student in unread else ""
            note = "; ".join(f"{path}: {words[self.damaged[path]]}" for path in unread.get(student, ()))
            row = [student, *(self._in_words(verdict) or absent for verdict in known), note]
            writer.writerow(map(_cell, row))
        return text.getvalue()

    def _in_words(self, verdict: Verdict | None) -> str:
        if verdict is None:
            return ""
        word = LANGUAGES[self.lang][verdict.state]
        return f"{word}: {verdict.hint}" if verdict.state in ("hint", "wrong") and verdict.hint else word

    @property
    def html(self) -> str:
        """A page with the table, the commonest mistakes, and the files that could not be read."""
        title = LANGUAGES[self.lang]["title"]
        return (
            f'<!DOCTYPE html>\n<html lang="{self.lang}">\n<head>\n<meta charset="utf-8">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_OF_ITS_OWN}</style>\n</head>\n<body>\n<main>\n"
            f"{self._body('h1', 'h2')}</main>\n</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table to a file, whole or not at all: a page if its name ends in ``.html``, else ``.csv``.

        Raises:
            ValueError: if it ends in something else.
        """
        path = Path(path)
        check_ending(path, ".csv")
        text = "\ufeff" + self.csv if path.suffix.lower() == ".csv" else self.html  # so that Excel reads it as UTF-8
        write(path, text.encode())
        return path

    def _repr_html_(self) -> str:
        return self._body("h3", "h4")

    def _body(self, first: str, second: str) -> str:
        """The table in HTML, with headings of these two levels."""
        words, parts = LANGUAGES[self.lang], [self._table()]
        parts.append(f"<{second}>{words['mistakes']}</{second}>\n{self._mistakes()}")
        if self.damaged:
            rows = "".join(
                f'<tr><th scope="row">{in_page(path)}</th><td>{words[reason]}</td></tr>\n'
                for path, reason in self.damaged.items()
            )
            head = f'<tr><th scope="col">{words["file"]}</th><th scope="col">{words["reason"]}</th></tr>'
            parts.append(f"<{second}>{words['damaged']}</{second}>\n{_scrolling(head, rows, words['damaged'])}")
        return (
            f'<style>{_STYLE.read_text(encoding="utf-8")}</style>\n<section class="gradebook">\n'
            f"<{first}>{words['title']}</{first}>\n"
            f'<p class="edited">{words["edited"]}</p>\n{"".join(parts)}</section>\n'
        )

    def _table(self) -> str:
        words, unread = LANGUAGES[self.lang], self.unread
        place = {(m.exercise, m.hint): i for i, m in enumerate(self.mistakes, 1)}
        head = "".join(f'<th scope="col">{in_page(name)}</th>' for name in self.exercises)
        head = f'<tr><th scope="col">{words["student"]}</th>{head}<th scope="col">{words["all"]}</th></tr>'
        rows, right = "", Counter[str]()
        for student in self.students:
            known, lost = self.verdicts[student], student in unread
            if lost and not known:  # nothing is known, which is not the same as nothing right
                reasons = ", ".join(words[self.damaged[path]] for path in unread[student])
                across = f'<td class="unread" colspan="{len(self.exercises) + 1}">{words["unread"]}: {reasons}</td>'
                rows += f'<tr><th scope="row">{in_page(student)}</th>{across}</tr>\n'
                continue
            cells = ""
            for name in self.exercises:
                verdict = known.get(name)
                number = f" {place[name, verdict.hint]}" if verdict and verdict.state == "hint" else ""
                look = f' class="{verdict.state}"' if verdict and verdict.state != "not yet" else ""
                said = in_page(self._in_words(verdict) or words["unread" if lost else "absent"])
                cells += f'<td{look} title="{said}">{_sign(verdict, lost)}{number}</td>'
                right[name] += verdict is not None and verdict.state == "right"
            count = str(sum(verdict.state == "right" for verdict in known.values())) if known else "–"
            if lost:
                count += " + ?"
            rows += f'<tr><th scope="row">{in_page(student)}</th>{cells}<td>{count}</td></tr>\n'
        totals = "".join(f"<td>{right[name]}</td>" for name in self.exercises)
        foot = f'<tfoot><tr><th scope="row">{words["all"]}</th>{totals}<td>{right.total()}</td></tr></tfoot>'
        key = "".join(
            f'<span class="{state if state != "not yet" else ""}">{looks[0][0]} {words[state]}</span>'
            for state, looks in LOOKS.items()
        )
        key += f"<span>– {words['absent']}</span>"
        if unread:
            key += f"<span>? {words['unread']}</span>"
        return f'<p class="key">{key}</p>\n{_scrolling(head, rows, words["table"], foot, "class")}'

    def _mistakes(self) -> str:
        words = LANGUAGES[self.lang]
        if not self.mistakes:
            answered = any(v.state != "not yet" for known in self.verdicts.values() for v in known.values())
            return f"<p>{words['none' if answered else 'unanswered']}</p>\n"
        head = "".join(f'<th scope="col">{words[name]}</th>' for name in ("number", "exercise", "mistake", "made"))
        rows = "".join(
            f'<tr><td>{i}</td><td>{in_page(mistake.exercise)}</td><td class="hintText">{in_page(mistake.hint)}</td>'
            f"<td>{len(mistake.students)}</td></tr>\n"
            for i, mistake in enumerate(self.mistakes, 1)
        )
        return _scrolling(f"<tr>{head}</tr>", rows, words["mistakes"])


def _scrolling(head: str, rows: str, label: str, foot: str = "", kind: str = "") -> str:
    """A table that scrolls by itself on a narrow screen; the Tab key reaches it, so that the arrow keys scroll it."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="{kind}">'
        f"<thead>{head}</thead>\n<tbody>{rows}</tbody>{foot}</table></div>\n"
    )


def _sign(verdict: Verdict | None, unread: bool) -> str:
    """The sign in a cell; where there is no verdict, it may be in a file that could not be read."""
    return LOOKS[verdict.state][0][0] if verdict else "?" if unread else "–"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _cell(text: str) -> str:
    """A text for a spreadsheet, which must not take it for a formula."""
    plain = _plain(text)
    return f"'{plain}" if plain.lstrip().startswith(tuple("=+-@＝＋－＠")) else plain
