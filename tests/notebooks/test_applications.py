"""The lessons on real data, in short: networks learn to read digits and to tell tumours apart."""

import re
from random import Random

import pytest

from nn import Conv2d, train_test_split
from notebooks.applications import diagnosis, digits

pytest.importorskip("numba", reason="without numba it takes minutes")
datasets = pytest.importorskip("sklearn.datasets")


def test_both_networks_learn_to_read_digits(monkeypatch, capsys):
    monkeypatch.setattr(digits, "EPOCHS", 8)
    digits.main()
    printed = capsys.readouterr().out
    dense, peer, convolutional = (float(x) for x in re.findall(r"^.*?([\d.]+)% +[\d.]+$", printed, re.MULTILINE))
    assert dense > 93  # where only the last layer learns, 88
    assert peer > 93
    assert convolutional > 97.5
    assert "1,437 images to learn from, and 360 held out" in printed
    wrong = int(re.search(r"misread (\d+)", printed)[1])
    assert wrong == round(360 * (1 - convolutional / 100))
    for answer, truth in re.findall(r"read as (\d), but it is a (\d)", printed):
        assert answer != truth


def test_the_windows_of_the_convolutional_network_learn_too(monkeypatch, capsys):
    monkeypatch.setattr(digits, "EPOCHS", 6)
    monkeypatch.setattr(digits, "FILTERS", 4)
    X, y = datasets.load_digits(return_X_y=True)
    images, held_out, y, _ = train_test_split(X.reshape(-1, 1, 8, 8) / 16, y, stratify=True)
    losses = []
    for frozen in (False, True):
        network = digits.convolutional_network(Random(0))
        if frozen:
            next(module for module in network if isinstance(module, Conv2d)).freeze()
        digits.learn_and_read(network, images, y, held_out, 0.01)
        losses.append(float(re.search(r"the best loss, ([\d.]+)", capsys.readouterr().out)[1]))
    learned, as_it_began = losses
    assert learned < 0.7 * as_it_began  # 0.18 and 0.41


def test_a_network_tells_tumours_apart(monkeypatch, capsys):
    monkeypatch.setattr(diagnosis, "EPOCHS", 10)
    diagnosis.main()
    printed = capsys.readouterr().out
    rows = re.findall(r"([\d.]+)% +(\d+) +(\d+) +[\d.]+$", printed, re.MULTILINE)
    ours, peer = ((float(right), int(missed), int(alarms)) for right, missed, alarms in rows)
    assert ours[0] > 96.5  # where only the last layer learns, 95
    assert ours[0] > peer[0] - 1.5
    for right, missed, alarms in (ours, peer):
        assert right == pytest.approx(100 * (1 - (missed + alarms) / 569), abs=0.05)
    lines = [(int(m), int(n)) for m, n in re.findall(r"^ +\d+% +(\d+) +(\d+)$", printed, re.MULTILINE)]
    assert lines[0] == ours[1:]
    missed, alarms = zip(*lines)  # the lower the line, the fewer are missed
    assert list(missed) == sorted(missed, reverse=True)
    assert list(alarms) == sorted(alarms)


def test_each_tumour_is_tested_once_by_a_network_that_has_not_seen_it():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    sizes = []

    def remembering(X_train, y_train, X_test, seed):
        assert X_train.mean(0) == pytest.approx([0.0] * 30, abs=1e-9)  # of these examples alone
        assert X_train.std(0) == pytest.approx([1.0] * 30)
        assert not {*map(tuple, X_train)} & {*map(tuple, X_test)}
        assert y_train.mean() == pytest.approx(y.mean(), abs=0.005)
        assert len(X_train) + len(X_test) == len(y)
        sizes.append(len(X_test))
        return [float(len(sizes))] * len(X_test)

    probabilities = diagnosis.cross_validated(remembering, X, y, 0)
    assert sizes == [114, 114, 114, 114, 113]
    assert [probabilities.count(i) for i in (1, 2, 3, 4, 5)] == sizes


def test_a_tumour_is_missed_below_the_line_and_an_alarm_false_above_it():
    assert diagnosis.errors([0.9, 0.5, 0.2, 0.6, 0.1], [1, 1, 1, 0, 0]) == (2, 1)
    assert diagnosis.errors([0.9, 0.5, 0.2, 0.6, 0.1], [1, 1, 1, 0, 0], line=0.05) == (0, 2)
