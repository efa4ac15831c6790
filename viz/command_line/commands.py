"""The commands, one function each, and what they have in common: they ask before they replace a file."""

import argparse
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import engine
from engine.utils.console import make_output_readable
from engine.utils.messages import brief
from viz.classroom.gradebook import mark
from viz.classroom.worksheets import worksheets
from viz.command_line.doctor import findings
from viz.command_line.expression import read_expression
from viz.command_line.lessons import copy_lessons
from viz.player import play

_LANGUAGES = ("en", "es", "ja")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: as on the command line, which is also where they come from by default.

    Returns:
        The exit status: 0, or 1 if something is wrong, which was said on standard error.
    """
    make_output_readable()
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (ImportError, OSError, ValueError) as error:
        print(f"chalkgrad {options.command}: {error}", file=sys.stderr)
        return 1


def _lessons(options: argparse.Namespace) -> int:
    written, kept = copy_lessons(options.folder, _may_replace(options.overwrite))
    for path in kept:
        print(f"left as it was: {path}")
    print(f"{len(written)} files written to {options.folder}")
    print(f"To open the lessons: jupyter lab {options.folder}")
    return 0


def _play(options: argparse.Namespace) -> int:
    root = read_expression(options.expression, dict(map(_number, options.values)))
    player = play(root, lang=options.lang)
    if options.save:
        if _may_write(options.save, options):
            print(player.save(options.save))
        return 0
    page = player.save(Path(tempfile.mkdtemp(prefix="chalkgrad-")) / "player.html")
    if not webbrowser.open(page.as_uri()):
        print(f"no browser could be opened; open this file: {page}")
    return 0


def _worksheets(options: argparse.Namespace) -> int:
    text = options.names.read_text(encoding="utf-8-sig")
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise ValueError(f"there is no name in {options.names}; write one name a line")
    sheets = worksheets(names, seed=options.seed, difficulty=options.difficulty, lang=options.lang)
    if _may_write(options.save, options):
        print(f"{sheets.save(options.save, keys=options.keys)}: {len(names)} worksheets")
    return 0


def _mark(options: argparse.Namespace) -> int:
    book = mark(options.folder, lang=options.lang)
    print(book)
    if options.save and _may_write(options.save, options):
        print(book.save(options.save))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    found = []
    for finding in findings(options.folder):
        print(finding, flush=True)
        found.append(finding.state)
    return int("bad" in found)


def _number(text: str) -> tuple[str, float]:
    """A name and its number, from ``a=2``."""
    name, _, number = text.partition("=")
    try:
        if not name.strip().isidentifier():
            raise ValueError
        return name.strip(), float(number)
    except ValueError:
        raise ValueError(f"expected the value of a name, such as a=2, got {brief(text)}") from None


def _may_replace(overwrite: bool) -> Callable[[Path], bool]:
    """Whether a file may be replaced: asked of whoever sits at the keyboard; if nobody does, no."""
    answers = {"all": overwrite, "none": not sys.stdin.isatty()}

    def ask(path: Path) -> bool:
        if not (answers["all"] or answers["none"]):
            answer = input(f"{path} is there already, with other contents. Replace it? [y]es, [n]o, [a]ll: ").strip()
            answers["all"] = answer.lower() in ("a", "all")
            return answers["all"] or answer.lower() in ("y", "yes")
        return answers["all"]

    return ask


def _may_write(path: Path, options: argparse.Namespace) -> bool:
    if not path.exists() or _may_replace(options.overwrite)(path):
        return True
    raise FileExistsError(f"{path} is there already; name another file with --save, or add --overwrite")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chalkgrad", description="Learn and teach the chain rule.")
    parser.add_argument("--version", action="version", version=f"chalkgrad {engine.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        added.set_defaults(run=run)
        if name != "doctor":
            added.add_argument("--overwrite", action="store_true", help="replace files without asking")
        return added

    lessons = command("lessons", _lessons, "copy the lessons, exercises and applications to a folder")
    lessons.add_argument("folder", type=Path)

    play = command("play", _play, "step through both passes of an expression, in the browser")
    play.add_argument("expression", help='such as "L = (a*b + c)*f"; lines are separated by semicolons')
    play.add_argument("values", nargs="*", metavar="name=number", help="such as a=2 b=-3")
    play.add_argument("--save", type=Path, metavar="FILE", help="write the player to a file (.html, or .gif) instead")

    sheets = command("worksheets", _worksheets, "write a worksheet for each student of a class, to print")
    sheets.add_argument("--class", dest="names", type=Path, required=True, metavar="FILE", help="one name a line")
    sheets.add_argument("--seed", type=int, default=0, help="another number gives other worksheets (0)")
    sheets.add_argument("--difficulty", choices=("easy", "medium", "hard"), default="easy")
    sheets.add_argument("--no-keys", dest="keys", action="store_false", help="leave the answer keys out")
    sheets.add_argument("--save", type=Path, default=Path("worksheets.html"), metavar="FILE")

    marks = command("mark", _mark, "what a class has answered, from its saved notebooks")
    marks.add_argument("folder", type=Path, help="with a notebook, or a folder of them, for each student")
    marks.add_argument("--save", type=Path, metavar="FILE", help="write the table to a file, too (.html or .csv)")

    doctor = command("doctor", _doctor, "what on this computer keeps chalkgrad from working, and what to do about it")
    doctor.add_argument("folder", type=Path, nargs="?", default=Path(), help="where your own files are (this folder)")

    for subparser in (play, sheets, marks):
        subparser.add_argument("--lang", choices=_LANGUAGES, default="en")
    return parser
