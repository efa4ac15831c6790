"""The page's script and style, without what only the readers of their sources need: comments, space and long names.

The script is written so that this can be simple: statements end with a semicolon, a division has a space after it and a
regular expression none at its beginning, and no template literal stands in another. A test looks for that.
"""

import re
from collections import Counter
from functools import lru_cache
from itertools import count, product
from string import ascii_letters

TOKEN = re.compile(
    r"""(?P<kept>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"""
    r"""|/(?![\s/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*)"""
    r"""|(?P<gap>(?:\s|//[^\n]*|/\*.*?\*/)+)|[\w$]+|.""",
    re.DOTALL,
)
_OPEN, _CLOSING = "\n;{,([:?=>&|+", "})]:?&|+."  # after these, and before those, the end of a line means nothing


@lru_cache(maxsize=32)  # players that use the same rules have the same script
def squeezed_script(text: str) -> str:
    """A script without comments, indentation, or signs that separate nothing.

    >>> squeezed_script("if (a) {\\n  b = 1; // one\\n  f(a - -b / 2);\\n}")
    'if(a){b=1;f(a- -b/2)}'
    """
    found = [""]
    matches = [*TOKEN.finditer(text)]
    for match, after in zip(matches, [*(match[0] for match in matches[1:]), ""]):
        token, last, following = "let" if match[0] == "const" else match[0], found[-1][-1:], after[:1]
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


@lru_cache(maxsize=32)
def with_short_names(script: str) -> str:
    """A script in which its own variables and functions have short names, unless anything else may be called the same.

    That may be a property, which is written after a dot, before a colon, or alone between braces; or a word in a text.

    >>> with_short_names("let first=1,last=2;function total(){return first+last}window.sums={last,total:total()}")
    'let $a=1,last=2;function total(){return $a+last}window.sums={last,total:total()}'
    """
    parts = [*TOKEN.finditer(script)]
    matches = [match for match in parts if not match["gap"]]
    tokens = ["", *(match[0] for match in matches), ""]
    own, others = set(), {word for match in matches if match["kept"] for word in re.findall(r"[\w$]+", match[0])}
    for i, (before, token, after) in enumerate(zip(tokens, tokens[1:], tokens[2:])):
        if before in ("let", "const", "function"):
            own.add(token)
        is_member = before == "." and tokens[i - 1 : i] != ["."]
        if is_member or before in ("get", "set") or after == ":" or (before in ("{", ",") and after in ("}", ",", "=")):
            others.add(token)
    times = Counter(tokens)
    long = sorted((name for name in own - others if len(name) > 3), key=lambda name: (-times[name], name))
    endings = ("".join(letters) for size in count(1) for letters in product(ascii_letters, repeat=size))
    short = {name: f"${ending}" for name, ending in zip(long, endings)}
    return "".join(short.get(match[0], match[0]) for match in parts)


@lru_cache(maxsize=32)
def squeezed_style(text: str) -> str:
    """A style sheet without comments, indentation, and space after signs.

    >>> squeezed_style("/* red */\\np {\\n  color: red;\\n}\\n")
    'p{color:red}'
    """
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r":\s+", ":", text)).replace(";}", "}").strip()
