"""The page's script and style, without what only the readers of their sources need: comments and space.

What the script may be written like is assumed, which `tests/viz/player/test_squeeze.py` checks: a division has a space
after it, a regular expression has none at its beginning, and no template literal stands in another.
"""

import re

_TOKEN = re.compile(
    r"""(?P<kept>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"""
    r"""|/(?![\s/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*)"""
    r"""|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<space>\s+)|(?P<word>[\w$]+)|.""",
    re.DOTALL,
)


def squeezed_script(text: str) -> str:
    """A script without comments, indentation, or spaces that separate nothing.

    >>> squeezed_script("const a = 1; // one\\n  f(a - -b / 2);")
    'const a=1;\\nf(a- -b/2);'
    """
    parts = [match for match in _TOKEN.finditer(text) if match.lastgroup != "comment"]
    written = ""
    found = []
    for match, following in zip(parts, [*(part[0] for part in parts[1:]), ""]):
        token = match[0]
        if match.lastgroup == "space":
            last = written[-1:]
            if "\n" in token:
                token = "" if last in ("\n", "") else "\n"
            else:
                token = " " if _joins(last, following[:1]) else ""
        if token:
            found.append(token)
            written = token
    return "".join(found)


def _joins(before: str, after: str) -> bool:
    """Whether two characters would become one token without a space between them."""
    return (_in_word(before) and _in_word(after)) or (before == after and before in "+-")


def _in_word(character: str) -> bool:
    return character.isalnum() or character in ("_", "$")


def squeezed_style(text: str) -> str:
    """A style sheet without comments and indentation.

    >>> squeezed_style("/* red */\\np {\\n  color: red;\\n}\\n")
    'p{color:red;}'
    """
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r":\s+", ":", text)).strip()
