"""Animations: what is in a GIF is what was put into it, picture by picture, and says so where Pillow is missing."""

import sys
from io import BytesIO

import pytest

from viz.plots.gif import save_gif

Image = pytest.importorskip("PIL.Image")


def png(colour, size=(40, 30), mode="RGB"):
    file = BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


COLOURS = [(0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167)]


def test_pictures_come_one_after_another_and_the_last_one_stays(tmp_path):
    path = save_gif((png(colour) for colour in COLOURS), tmp_path / "x.gif", seconds=2.0)
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (4, (40, 30), 0)
        durations = []
        for i, colour in enumerate(COLOURS):
            gif.seek(i)
            durations.append(gif.info["duration"])
            found = gif.convert("RGB").getpixel((20, 15))
            assert max(abs(a - b) for a, b in zip(found, colour)) <= 8
    assert durations == [500, 500, 500, 2500]


def test_a_smaller_or_transparent_picture_is_on_white(tmp_path):
    path = save_gif([png("black"), png("black", (20, 10)), png((0, 0, 0, 0), mode="RGBA")], tmp_path / "x.gif")
    with Image.open(path) as gif:
        found = []
        for i in range(gif.n_frames):
            gif.seek(i)
            found.append([min(gif.convert("RGB").getpixel(at)) > 240 for at in ((1, 1), (20, 15))])
    assert found == [[False, False], [True, False], [True, True]]


def test_no_pictures_and_no_time_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one picture, got none"):
        save_gif([], tmp_path / "x.gif")
    with pytest.raises(ValueError, match="seconds must be above 0, got 0"):
        save_gif([png("red")], tmp_path / "x.gif", seconds=0)
    assert not list(tmp_path.iterdir())


def test_without_pillow_it_says_what_to_install(tmp_path, monkeypatch):
    picture = png("red")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"animations need Pillow; install it with `pip install 'chalkgrad\[plot\]'`"):
        save_gif([picture], tmp_path / "x.gif")
