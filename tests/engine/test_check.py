"""The checker is checked: it passes what is right and fails what is wrong by a thousandth."""

import pytest

from engine import GradientError, Rule, check_gradients

cube = Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,))
nearly = Rule("cube", lambda x: x**3, lambda z, x: (3.003 * x**2,))


@pytest.mark.parametrize("at", [0.01, -0.4, 1.0, 3e3, 1e80])
def test_a_slope_wrong_by_a_thousandth_fails_at_any_size(at):
    assert check_gradients(cube, at).ok
    with pytest.raises(GradientError, match="DIFFERS"):
        check_gradients(nearly, at)


def test_the_table_shows_every_argument():
    report = str(check_gradients(lambda x, y: x * y * y, 2.0, 3.0))
    assert report.splitlines()[1].split() == ["0", "2", "9", "9", "ok"]
    assert report.splitlines()[2].split() == ["1", "3", "12", "12", "ok"]


def test_arguments_may_be_nested_lists():
    report = check_gradients(lambda w, b: (w[0][0] * w[1][0] + b) * w[1][0], [[2.0], [3.0]], 5)
    assert [row[:2] for row in report.rows] == [(2.0, 9.0), (3.0, 17.0), (5.0, 3.0)]
    assert check_gradients(lambda w: w[0] * w[1], (x for x in (1.0, 2.0))).rows[1][1] == 1.0
    with pytest.raises(GradientError, match="DIFFERS"):
        check_gradients(lambda w: w[0] * nearly(w[1]), [1.0, 2.0])
