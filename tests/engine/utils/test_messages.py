"""What was given is named in every message as it is, or so that one sees that it was cut."""

import re

import pytest

from engine import grad
from engine.utils.messages import brief
from tests.paths import ROOT


def test_what_is_cut_ends_in_dots():
    assert [brief(given) for given in (3, "a", [1.5])] == ["3", "'a'", "[1.5]"]
    assert len(brief("a" * 38)) == 40
    assert brief("a" * 39) == f"'{'a' * 36}..."
    with pytest.raises(TypeError, match=r"got 'x{36}\.\.\.; write"):
        grad(lambda x: x, argnums="x" * 50)(1.0)


def test_no_message_cuts_in_another_way():
    files = [path for folder in ("engine", "nn", "viz") for path in (ROOT / folder).rglob("*.py")]
    found = [
        path.name for path in files if re.search(r"\{[^{}]*(![rs]:\.\d+|:\.\d\d+)\}", path.read_text(encoding="utf-8"))
    ]
    assert found == []
