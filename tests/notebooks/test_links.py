"""Links lead somewhere: in the notebooks, in their solutions, and in what stands beside the code."""

import re

import nbformat
import pytest

from tests.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "notebooks").glob("*.md"))]  # those of the site are checked by Sphinx
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.py"))
LINK = re.compile(r"\]\(([^()\s]+)\)")


def prose(path):
    """What is read in a file, and not run."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text()
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def anchors(path):
    """Where a link into a file can lead.

    In a notebook to a heading's words with a hyphen for each space, in JupyterLab as in exported HTML, unless a sign in
    it has to be written otherwise in an address; on a page in small letters, and without signs.
    """
    headings = [heading.replace("`", "") for heading in re.findall(r"^#+ (.+?) *$", prose(path), re.M)]
    if path.suffix == ".ipynb":
        names = [heading.replace(" ", "-") for heading in headings]
        return [name for name in names if re.fullmatch(r"[\w.,;:?!+=*/@'-]+", name, re.ASCII)]
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS, *SOLUTIONS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(path):
    lost = []
    for link in LINK.findall(prose(path)):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_the_links_are_found():
    assert len(LINK.findall(prose(ROOT / "README.md"))) > 8


def test_a_heading_of_two_has_one_address_each():
    for path in NOTEBOOKS:
        found = [name for name in anchors(path) if re.match(r"\d+\.", name)]  # the sections
        assert len(found) == len(set(found)), path.name
