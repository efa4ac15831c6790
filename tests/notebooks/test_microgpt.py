"""The lesson's microgpt against the one in `bench/microgpt.py`, which is written in single operations of floats."""

import re
from random import Random

import pytest

from notebooks.applications import microgpt
from notebooks.applications.microgpt import BLOCK, NAMES, MicroGPT, loss_on, sample, tokens_of
from tests.bench.microgpt import GPT, TOKENS, EagerValue


@pytest.mark.parametrize("compiled", [False, True])
def test_from_the_same_weights_loss_and_gradients_are_those_of_microgpt(compiled):
    reference, model = GPT(EagerValue), MicroGPT(Random(1337))
    parameters = model.parameters()
    assert [p.data for p in parameters] == [p.data for p in reference.parameters()]
    loss = loss_on(model)
    if not compiled:
        loss = loss.__wrapped__
    assert tokens_of("isabella") == TOKENS
    for tokens in (TOKENS, tokens_of("jonathan")):  # of one length, and so of one recording
        for p in (*parameters, *reference.parameters()):
            p.grad = 0.0
        ours, theirs = loss(tokens), reference.loss(tokens)
        ours.backward()
        theirs.backward()
        assert ours.data == pytest.approx(theirs.data, rel=1e-9)
        assert [p.grad for p in parameters] == pytest.approx(
            [p.grad for p in reference.parameters()], rel=1e-9, abs=1e-12
        )


def test_the_lesson_trains_and_makes_up_names(monkeypatch, capsys):
    monkeypatch.setattr(microgpt, "STEPS", 200)
    microgpt.main()
    printed = capsys.readouterr().out
    assert "4,192 parameters" in printed
    losses = [float(number) for number in re.findall(r"step .* loss ([\d.]+)", printed)]
    assert len(losses) == 2
    assert losses[0] < 2.9
    assert losses[1] < 2.6
    made_up = printed.split("Made up:")[1].split()
    assert len(made_up) > 10
    assert all(re.fullmatch("[a-z]{1,16}", name) for name in made_up)


def test_a_name_ends_where_the_model_knows_no_more_places():
    model = MicroGPT(Random(0))
    for row in model.score.weight[1:]:  # all but a are out of the question
        for p in row:
            p.data = 0.0
    assert len(sample(model, Random(0), temperature=1e9)) <= BLOCK
    assert max(map(len, NAMES)) < BLOCK
