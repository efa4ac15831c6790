"""Of the site, what can be tested without building it. The rest is in tests/site, which `make site-test` runs."""

import re

import pytest

from notebooks.site import browser, reference


@pytest.mark.parametrize("name", browser.SHORTER)
def test_what_is_shorter_in_a_browser_is_said_there(name):
    path = browser.NOTEBOOKS / "lessons" / name
    there = browser.lesson(path)
    assert there.cells[1].source == browser.SAID
    assert browser.lesson(path, plots=False).cells[2].source == browser.SAID_OF_PLOTS
    for before, now in browser.SHORTER[name].items():
        sources = [cell.source for cell in there.cells if cell.cell_type == "code"]
        assert any(now in source for source in sources)
        assert not any(before in source for source in sources if before not in now)


def test_what_is_to_be_shorter_must_be_there(monkeypatch):
    name, *_ = browser.SHORTER
    monkeypatch.setitem(browser.SHORTER, name, {"epochs=201": "epochs=3"})
    with pytest.raises(ValueError, match=f"{name} does not have 'epochs=201' any more"):
        browser.lesson(browser.NOTEBOOKS / "lessons" / name)


def test_no_lesson_waits_for_a_clock_that_stands_still_in_a_browser():
    for path in browser.NOTEBOOKS.rglob("*.ipynb"):
        assert not any("process_time" in cell.source for cell in browser.lesson(path).cells if cell.cell_type == "code")


@pytest.mark.parametrize("package", reference.PACKAGES, ids=lambda package: package.__name__)
def test_the_reference_has_every_public_name(package):
    page = reference.page(package)
    there = re.findall(rf"^\.\. (?:auto|py:)\w+:: (?:{package.__name__}\.)?(\w+)", page, re.MULTILINE)
    assert {*there} - {package.__name__} == {*reference.public_names(package)}
