"""Words in colour: which of them speak for an answer, and which against it."""

from html import escape


def as_text(given):
    """A text as it is; anything else gets an error that says what to write."""
    if not isinstance(given, str):
        raise TypeError(f"expected a text, got {type(given).__name__} {given!r}; write it in quotes: 'some words'")
    return given


class Coloured:
    """A line of words, each on a ground of its own: blue above 0, orange below, the stronger the farther from 0.

    Args:
        words: the words.
        weights: a number for each.
        notes: a small text under each, or nothing.
        title: what stands before them.
        largest: the weight with the full colour; the largest of these weights if None.
    """

    def __init__(self, words, weights, notes=(), title="", largest=None):
        self.words, self.weights, self.title = list(words), list(weights), title
        self.notes = list(notes) or [""] * len(self.words)
        self.largest = largest or max(map(abs, self.weights), default=0) or 1

    def _repr_html_(self):
        cells = []
        for word, weight, note in zip(self.words, self.weights, self.notes):
            colour = "0,114,178" if weight > 0 else "230,159,0"
            share = min(1, abs(weight) / self.largest)
            small = f'<br><span style="font-size:16px">{escape(note)}</span>' if note else ""
            cells.append(
                f'<span style="display:inline-block;vertical-align:top;text-align:center;margin:2px;padding:2px 6px;'
                f'border-radius:4px;background:rgba({colour},{0.6 * share:.2f})">{escape(word)}{small}</span>'
            )
        cells = cells or ["(no words)"]
        style = "display:inline-block;vertical-align:top;min-width:5.5em;margin:2px .6em 2px 0;padding:2px 0"
        title = f'<span style="{style}">{escape(self.title)}</span>' if self.title else ""
        return f'<div style="font-size:20px;line-height:1.5;vertical-align:top">{title}{"".join(cells)}</div>'

    def __repr__(self):
        marked = [self.title] if self.title else []
        for word, weight, note in zip(self.words, self.weights, self.notes):
            marked.append(word + (f" ({weight:+.2f})" if weight else "") + (f"/{note}" if note else ""))
        return " ".join(marked) or "(no words)"


class Lines:
    """Several lines, one below the other."""

    def __init__(self, lines):
        self.lines = list(lines)

    def _repr_html_(self):
        return "".join(line._repr_html_() for line in self.lines)

    def __repr__(self):
        return "\n".join(map(repr, self.lines))
