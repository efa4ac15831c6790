"""A page in one file that loads nothing from elsewhere, and the frame that shows it in a notebook."""

import base64
import hashlib
import json
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any

from engine.utils.conversion import as_integer
from engine.utils.messages import brief

# What the frame in a notebook does: it sends its page the colour of the notebook's text, when it loads and whenever the
# notebook's theme changes. The page cannot look for itself, because it is in a sandbox.
_SEND_INK = (
    "const tell = (_, watch) => this.isConnected"
    " ? this.contentWindow.postMessage({ink: getComputedStyle(this).color}, '*') : watch.disconnect();"
    " tell(); new MutationObserver(tell).observe(document.body, {attributes: true})"
)


def document(title: str, lang: str, style: str, script: str, data: Any, before: str = "", unpacked: str = "") -> str:
    """A whole page. Its content security policy allows only its own script and style, by their hashes.

    Args:
        title: the title of the page.
        lang: its language.
        style: the style sheet.
        script: what runs in it. It finds the data as JSON in the element with the id ``data``.
        data: what JSON can hold.
        before: what runs before anything is drawn.
        unpacked: another script, which the page makes of its data.
    """
    scripts = " ".join(f"'{_hash(each)}'" for each in (before, script, unpacked) if each)
    policy = f"default-src 'none'; script-src {scripts}; style-src '{_hash(style)}'; base-uri 'none'"
    early = f"<script>{before}</script>\n" if before else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n{early}"
        f'</head>\n<body>\n<script type="application/json" id="data">{json_in_page(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def check_lang(lang: Any, languages: Collection[str]) -> None:
    """Check the language of a page, as a user has given it.

    Raises:
        ValueError: if it is not one of `languages`.
    """
    if not isinstance(lang, str) or lang not in languages:
        raise ValueError(f"lang must be one of {', '.join(map(repr, languages))}, got {brief(lang)}")


def check_look(lang: Any, languages: Collection[str], height: Any) -> None:
    """Check the language of a page and the height of its frame, as a user has given them.

    Raises:
        ValueError: if the language is not one of `languages`, or the height is not a whole number of at least 1.
    """
    check_lang(lang, languages)
    if (pixels := as_integer(height)) is None or pixels < 1:
        raise ValueError(f"height must be a whole number of pixels above 0, such as 620, got {brief(height)}")


def check_ending(path: Path, *others: str) -> None:
    """Check that the name of a file ends as a page's does, or in one of the others that are possible.

    Raises:
        ValueError: if it does not.
    """
    if path.suffix.lower() not in (".html", ".htm", *others):
        page = path.with_suffix(".html").name if path.name else "page.html"
        raise ValueError(
            f"the name of the file must end in {' or '.join(('.html', *others))}, got {brief(path.name)}; "
            f"write save({page!r})"
        )


def frame(html: str, title: str, height: int) -> str:
    """The frame that shows a page in a notebook."""
    return (
        f'<iframe srcdoc="{escape(html)}" title="{escape(title)}" width="100%" height="{height}" '
        f'sandbox="allow-scripts" onload="{escape(_SEND_INK)}" '
        'style="border:1px solid #8888;border-radius:6px;box-sizing:border-box"></iframe>'
    )


def json_in_page(data: Any) -> str:
    """JSON that is safe in a page: nothing in it can end the script element, which takes a ``<``, or a line."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace").decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
