"""The page's script and style, without what only the readers of their sources need: comments and space.

The script is written so that this can be simple: statements end with a semicolon, a division has a space after it and a
regular expression none at its beginning, and no template literal stands in another. A test looks for that.
"""

import re

TOKEN = re.compile(
    r"""(?P<kept>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"""
    r"""|/(?![\s/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*)"""
    r"""|(?P<gap>(?:\s|//[^\n]*|/\*.*?\*/)+)|[\w$]+|.""",
    re.DOTALL,
)
_OPEN, _CLOSING = "\n;{,([:?=>&|+", "})]:?&|+."  # after these, and before those, the end of a line means nothing


def squeezed_script(text: str) -> str:
    """A script without comments, indentation, or signs that separate nothing.

    >>> squeezed_script("if (a) {\\n  b = 1; // one\\n  f(a - -b / 2);\\n}")
    'if(a){b=1;f(a- -b/2)}'
    """
    found = [""]
    matches = [*TOKEN.finditer(text)]
    for match, after in zip(matches, [*(match[0] for match in matches[1:]), ""]):
        token, last, following = match[0], found[-1][-1:], after[:1]
        if match["gap"]:
            broken = "\n" in token and last not in _OPEN and following not in _CLOSING
            token = "\n" if broken else " " if _join(last, following) else ""
        if token == "}" and last == ";":
            found.pop()
        if token:
            found.append(token)
    return "".join(found)


def _join(before: str, after: str) -> bool:
    """Whether two characters would become one token without a space between them."""
    words = all(character.isalnum() or character in ("_", "$") for character in (before, after))
    return words or (before == after and before in "+-")


def squeezed_style(text: str) -> str:
    """A style sheet without comments, indentation, and space after signs.

    >>> squeezed_style("/* red */\\np {\\n  color: red;\\n}\\n")
    'p{color:red}'
    """
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r":\s+", ":", text)).replace(";}", "}").strip()
