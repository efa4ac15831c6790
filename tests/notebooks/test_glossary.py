"""The glossary: every term of the course in three languages, with a line that runs and a link that leads somewhere."""

import ast
import re
from itertools import pairwise

import matplotlib.pyplot as plt
import nbformat
import pytest

from tests.lessons import NOTEBOOKS
from tests.notebooks.test_links import anchors

CELLS = nbformat.read(NOTEBOOKS / "glossary.ipynb", as_version=4).cells
ENTRIES = {
    cell.source.splitlines()[0].removeprefix("### "): (cell.source, code)
    for cell, code in pairwise(CELLS)
    if cell.source.startswith("### ")
}
each_term = pytest.mark.parametrize("term", ENTRIES)
COURSE = """
    accumulate, activation function, Adam, adversarial example, attention, backpropagation, backward pass, bag of
    words, batch, batch normalization, beam search, bias, chain rule, compile, computation graph, convolution,
    cross-entropy, dead ReLU, derivative, distribution shift, dropout, early stopping, embedding, epoch, error
    contribution, exploding gradient, feed-forward, forward mode, forward pass, gradient, gradient clipping,
    gradient descent, greedy decoding, Hessian, hinge loss, initialization, input, L1, L2, layer, leaf, learning
    rate, local derivative, local minimum, logit, loss, loss surface, mini-batch, momentum, multi-layer perceptron,
    neural network, neuron, node, optimizer, overfitting, padding, parameter, policy gradient, pooling, recurrent
    network, regularization, reinforcement learning, ReLU, reward, RMSprop, saliency, schedule, sigmoid, slope,
    softmax, squared error, supervised learning, tanh, tape, teacher forcing, topological order, validation,
    vanishing gradient, weight, weight decay
"""


def test_the_terms_of_the_course_are_there():
    terms = {" ".join(term.split()) for term in COURSE.split(",")}
    assert terms <= set(ENTRIES)


def test_the_table_leads_to_every_term_and_names_it_in_three_languages():
    rows = re.findall(r"^\| \[(.+)\]\(#(.+)\) \| (.+) \| (.+) \|$", CELLS[0].source, re.M)
    assert [row[0] for row in rows] == list(ENTRIES)
    for english, anchor, spanish, japanese in rows:
        assert anchor == english.replace(" ", "-")
        source, _ = ENTRIES[english]
        assert f"\n- **{spanish}**: " in source
        assert f"\n- **{japanese}**：" in source


@each_term
def test_a_term_has_a_sentence_in_each_language(term):
    source, _ = ENTRIES[term]
    english, spanish, japanese = re.findall(r"^- \*\*.+?\*\*[:：](.+)$", source, re.M)
    assert len(re.findall(r"[.](?:\s|$)", english)) == len(re.findall(r"[.](?:\s|$)", spanish)) == 1
    assert japanese.count("。") == 1
    assert english.isascii() or not re.search(r"[ぁ-んァ-ン一-龯]", english + spanish)
    assert re.search(r"[ぁ-ん]", japanese)
    assert english.strip() != spanish.strip()


@each_term
def test_a_term_has_a_link_that_leads_to_a_heading(term):
    source, _ = ENTRIES[term]
    [(name, anchor)] = re.findall(r"\]\(([\w/]+\.ipynb)#(\S+)\)$", source, re.M)
    assert anchor in anchors(NOTEBOOKS / name)


def test_the_line_of_each_term_runs_and_shows_something(monkeypatch, capsys):
    plots = []
    monkeypatch.setattr(plt, "show", lambda: plots.append("a plot"))
    names = {}
    first = next(i for i, cell in enumerate(CELLS) if cell.source.startswith("### "))
    for cell in CELLS[:first]:
        if cell.cell_type == "code":
            exec(cell.source, names)
    before = set(names)
    for term, (_, cell) in ENTRIES.items():
        assert cell.cell_type == "code", term
        *lines, last = ast.parse(cell.source).body
        exec(compile(ast.Module(lines, []), term, "exec"), own := dict(names))
        shown = eval(compile(ast.Expression(last.value), term, "eval"), own)
        assert shown is not None or capsys.readouterr().out or plots, term
        plots.clear()
    assert set(names) == before
    plt.close("all")
