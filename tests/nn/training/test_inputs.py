"""Models of several inputs in `fit`: each list or array goes along with the others."""

import random

import numpy as np
import pytest

import nn
from engine import dot
from nn import SGD, fit, mse_loss


class Rating(nn.Module):
    """A person and a film, and how well they match."""

    def __init__(self, rng):
        self.people, self.films = nn.Embedding(3, 2, rng=rng), nn.Embedding(4, 2, rng=rng)

    def forward(self, person, film):
        return dot(self.people(person), self.films(film))


RATINGS = [0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 0, 3], [4.0, 1.0, 3.0, 2.0, 5.0, 2.5]


@pytest.mark.parametrize("kind", [list, np.array])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_of_several_inputs_learns_as_a_loop_by_hand(compiled, kind):
    model, other = (Rating(random.Random(0)) for _ in range(2))
    people, films, ratings = RATINGS
    data = nn.DataLoader(nn.TensorDataset(*map(kind, RATINGS)), batch_size=3)
    history = fit(model, data, mse_loss, SGD(model.parameters(), lr=0.05), 3, validation=tuple(map(kind, RATINGS)),
                  compiled=compiled, progress=False)  # fmt: skip
    optimizer = SGD(other.parameters(), lr=0.05)
    for epoch in range(3):
        losses = []
        for part in (slice(0, 3), slice(3, 6)):
            loss = mse_loss([other(*each) for each in zip(people[part], films[part])], ratings[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.data)
        whole = mse_loss([other(*each) for each in zip(people, films)], ratings).data
        assert history.loss[epoch] == pytest.approx(sum(losses) / 2, rel=1e-9)
        assert history.validation_loss[epoch] == pytest.approx(whole, rel=1e-9)
    assert [p.data for p in model.parameters()] == pytest.approx([p.data for p in other.parameters()], rel=1e-9)


def test_several_inputs_are_held_out_and_shuffled_together(tmp_path):
    seen = []

    class Spy(Rating):
        def forward(self, person, film):
            seen.append((int(person), int(film)))
            return super().forward(person, film)

    model = Spy(random.Random(0))
    fit(model, RATINGS, mse_loss, SGD(model.parameters(), lr=0.01), 2, 2, validation=1 / 3, compiled=False,
        checkpoint=tmp_path / "rating", progress=False)  # fmt: skip
    assert set(seen) == set(zip(*RATINGS[:2]))


def test_inputs_of_different_lengths_are_told():
    with pytest.raises(ValueError, match="X and y must have the same length, got 2 rows of X and 3 of y"):
        nn.TensorDataset([0, 1, 2], [0, 1], [1.0, 2.0, 3.0])
