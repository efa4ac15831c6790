"""Every concept of the course has its place: a heading in a notebook, and a section below it that speaks of it."""

import re

import pytest

from tests.lessons import LESSONS
from tests.notebooks.test_links import prose

# The word that must stand in the section, the notebook, and the heading.
CONCEPTS = [
    ("forward pass", "00", "1. The forward pass"),
    ("backward pass", "00", "3. The backward pass"),
    ("gradient descent", "00", "4. Adjust: gradient descent"),
    ("nudge", "01", "1. Slopes: nudge a number"),
    ("local derivative", "01", "2. Local derivatives"),
    ("chain rule", "01", "3. Along a path, multiply"),
    ("paths", "01", "4. Over paths, add"),
    ("local derivative", "02", "3. A memory"),
    ("order", "02", "5. In the right order"),
    ("topological order", "03", "2. Why a topological order"),
    ("+=", "03", "3. Why gradients are added: +="),
    ("weight", "04", "1. A neuron: weights and bias"),
    ("activation function", "04", "2. Activation functions and their derivatives"),
    ("feed-forward", "04", "3. Layers and feed-forward"),
    ("error contribution", "04", "5. The error contribution of each neuron"),
    ("squared error", "05", "1. Squared error"),
    ("cross-entropy", "05", "2. Cross-entropy"),
    ("hinge", "05", "3. Hinge loss"),
    ("learning rate", "05", "4. The learning rate"),
    ("local minim", "05", "5. The loss surface and local minima"),
    ("mini-batch", "05", "6. Batch, mini-batch, epoch"),
    ("epoch", "05", "6. Batch, mini-batch, epoch"),
    ("momentum", "06", "2. Momentum"),
    ("RMSprop", "06", "3. RMSprop"),
    ("Adam", "06", "4. Adam"),
    ("schedule", "06", "5. Schedules"),
    ("overfitting", "07", "1. Overfitting"),
    ("validation", "07", "2. Validation"),
    ("early stopping", "07", "3. Early stopping"),
    ("L1", "07", "4. L1 and L2"),
    ("L2", "07", "4. L1 and L2"),
    ("regulari", "07", "4. L1 and L2"),
    ("dropout", "07", "5. Dropout"),
    ("vanish", "08", "1. Vanishing gradients"),
    ("explod", "08", "2. Exploding gradients"),
    ("initiali", "08", "3. Initialization"),
    ("relu", "08", "4. Other activations"),
    ("clip", "08", "5. Clipping"),
    ("batch normali", "08", "6. Batch normalization"),
    ("derivatives of derivatives", "09", "1. Derivatives of derivatives"),
    ("forward mode", "09", "2. Forward mode"),
    ("machine code", "09", "3. From graph to machine code"),
    ("PyTorch", "09", "4. The same network in PyTorch"),
    ("reinforcement learning", "09", "5. Reinforcement learning: a policy gradient"),
    ("policy gradient", "09", "5. Reinforcement learning: a policy gradient"),
]


def section(text, heading):
    """A section with all that is below it, up to the next heading that is not deeper; nothing if it is not there."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*)", text, re.M | re.S)
    if not found:
        return ""
    depth = len(found[1])
    return found[0][: found.start(2) - found.start()] + re.split(rf"^#{{1,{depth}}} ", found[2], flags=re.M)[0]


@pytest.mark.parametrize(("word", "lesson", "heading"), CONCEPTS, ids=[concept for concept, *_ in CONCEPTS])
def test_a_concept_is_taught_where_the_table_says(word, lesson, heading):
    [path] = [path for path in LESSONS if path.stem.startswith(lesson)]
    assert word.casefold() in section(prose(path), heading).casefold()


def test_a_section_ends_where_the_next_begins():
    text = "# T\n\n## 1. A\n\na\n\n### A1\n\naa\n\n## 2. B\n\nb\n"
    assert section(text, "1. A") == "## 1. A\n\na\n\n### A1\n\naa\n\n"
    assert section(text, "A1") == "### A1\n\naa\n\n"
    assert section(text, "C") == ""
