"""What axe-core finds wrong with a page: contrast, names, landmarks, and whatever else makes it hard to use."""

from axe_playwright_python.sync_playwright import Axe


def violations(page):
    """The violated rules by name, each with the first elements that violate it."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return {rule["id"]: [node["html"][:120] for node in rule["nodes"][:3]] for rule in found}
