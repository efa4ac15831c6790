"""The site as a reader finds it: every page, every public name, the search, and no request to anybody.

The site is built, or it is the one that the environment variable SITE names, such as build/site.
"""

import os
import re
from pathlib import Path

import pytest

from tests.accessibility import violations

pytest.importorskip("myst_nb", reason="the site needs pip install -e '.[site]'")

from notebooks.site import build, reference


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site without the lessons that run: those are tested beside this. Sphinx fails at its first warning."""
    if "SITE" in os.environ:
        return Path(os.environ["SITE"]).resolve()
    folder = tmp_path_factory.mktemp("site") / "site"
    build.main(["--no-browser", "--to", str(folder)])
    return folder


@pytest.fixture
def reader(browser):
    """A page, and all that it asks for or complains of."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.asked, page.complaints = [], []
    context.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


def test_every_public_name_has_its_place(site):
    for package in reference.PACKAGES:
        page = (site / f"{package.__name__}.html").read_text()
        there = set(re.findall(rf'id="(?:module-)?({package.__name__}\.[\w.]+)"', page))
        assert {f"{package.__name__}.{name}" for name in reference.public_names(package)} - there == set()


def test_every_lesson_is_there_with_what_its_cells_show(site):
    for path in sorted(build.NOTEBOOKS.glob("lessons/*.ipynb")):
        page = (site / "lessons" / f"{path.stem}.html").read_text()
        assert "<iframe srcdoc=" in page or "<svg" in page or "<img" in page, path.name
        assert "Traceback" not in re.sub(r'srcdoc="[^"]*"', "", page), path.name


def test_what_is_to_be_predicted_waits_for_a_click(site, reader):
    reader.goto((site / "lessons" / "03_backward_step_by_step.html").as_uri())
    fold = reader.locator("details:has(.cell_output)").first
    output = fold.locator(".cell_output").first
    assert not output.is_visible()
    fold.locator("summary").click()
    output.wait_for(state="visible")


def test_no_page_asks_anybody_for_anything(site, reader):
    for path in sorted(site.rglob("*.html")):
        if path.relative_to(site).parts[0] not in ("_modules", build.BROWSER):  # the second needs a server
            reader.goto(path.as_uri())
    assert [address for address in reader.asked if not address.startswith(("file:", "data:", "about:", "blob:"))] == []
    assert reader.complaints == []


def test_the_live_page_plays(site, reader):
    reader.goto((site / "index.html").as_uri())
    reader.get_by_role("link", name="the live page").click()
    reader.locator("iframe").first.wait_for(state="attached")
    assert reader.complaints == []


def test_the_player_on_the_first_page_plays(site, reader):
    reader.goto((site / "index.html").as_uri())
    player = reader.frame_locator("iframe[srcdoc]").first
    player.locator("#forward").click()
    assert player.locator("#counter").text_content().startswith("1 of")


def test_the_search_works_from_a_file(site, reader):
    reader.goto((site / "search.html").as_uri() + "?q=topological")
    reader.locator("#search-results li a").first.wait_for()
    assert reader.locator("#search-results li").count() > 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page_is_accessible(site, browser, scheme):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    assert violations(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
