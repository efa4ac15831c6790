"""Where the package says that it comes from. hatchling asks this file whenever it builds or installs the package."""

import os
import re
import subprocess
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE, LINK = r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)", r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)]+)\)"


class Origin(MetadataHookInterface):
    """The package's addresses, and the README as a page of its own, whose links lead to the repository."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add them to what pyproject.toml says."""
        root = Path(self.root)
        address = public_address(root)
        text = page((root / "README.md").read_text(encoding="utf-8"), address)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if address:
            changes = f"{address}/blob/main/CHANGELOG.md"
            metadata["urls"] = {"Source": address, "Issues": f"{address}/issues", "Changelog": changes}


def public_address(root: Path) -> str:
    """The repository's page: what CHALKGRAD_ADDRESS names, else what an sdist kept, else where git fetches it from.

    It is empty where that is no address on the web, such as a folder.
    """
    if address := os.environ.get("CHALKGRAD_ADDRESS"):
        return as_page(address)
    kept = root / "PKG-INFO"
    if kept.exists():
        urls = HeaderParser().parsestr(kept.read_text(encoding="utf-8")).get_all("Project-URL", [])
        return dict(url.split(", ", 1) for url in urls).get("Source", "")
    command = ["git", f"--git-dir={root / '.git'}", "config", "--get", "remote.origin.url"]
    try:
        return as_page(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, or none that it was fetched from
        return ""


def as_page(remote: str) -> str:
    """The page of what git fetches; a password that stands in the address does not go with it.

    >>> as_page("git@example.org:someone/chalkgrad.git"), as_page("https://me:secret@example.org/someone/chalkgrad")
    ('https://example.org/someone/chalkgrad', 'https://example.org/someone/chalkgrad')
    >>> as_page("../chalkgrad")
    ''
    """
    parts = urlsplit(re.sub(r"^[^/:@]+@([^/:]+):", r"ssh://\1/", remote))
    if parts.scheme not in ("http", "https", "ssh", "git") or "." not in (parts.hostname or ""):
        return ""
    return f"https://{parts.hostname}{parts.path.removesuffix('/').removesuffix('.git')}"


def page(readme: str, address: str) -> str:
    """The README outside the repository; without an address links become their words, and pictures are left out."""
    if not address:
        return re.sub(LINK, r"\1", re.sub(rf"{PICTURE}\n+", "", readme))
    readme = re.sub(PICTURE, rf"![\1]({address}/raw/main/\2)", readme)
    return re.sub(LINK, rf"[\1]({address}/blob/main/\2)", readme)
