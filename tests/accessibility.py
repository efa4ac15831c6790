"""What makes a page hard to use: what axe-core finds (contrast, names, landmarks), and what a small window cuts off."""

from axe_playwright_python.sync_playwright import Axe

# What ends further right than the window, and is not inside something that scrolls by itself.
CUT = """() => [...document.querySelectorAll('main *')]
  .filter((each) => !each.closest('[style*=overflow-x], .jp-RenderedSVG'))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => `${each.tagName}: ${each.textContent.trim().slice(0, 60)}`)"""


def violations(page):
    """The violated rules by name, each with the first elements that violate it."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return {rule["id"]: [node["html"][:120] for node in rule["nodes"][:3]] for rule in found}
