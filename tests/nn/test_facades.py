"""Every folder shows its public names, as torch.optim and torch.utils.data do; nn shows them all."""

import importlib

import pytest

import nn

FOLDERS = ["nn.layers", "nn.optim", "nn.data", "nn.files", "nn.training"]


@pytest.mark.parametrize("name", FOLDERS)
def test_what_a_folder_shows_is_what_nn_shows(name):
    folder = importlib.import_module(name)
    assert all(getattr(folder, each) is getattr(nn, each) for each in folder.__all__)
    assert folder.__doc__.count("in this order") == 1


def test_every_name_of_nn_is_shown_by_one_folder_or_stands_above_them():
    shown = [each for name in FOLDERS for each in importlib.import_module(name).__all__]
    above = [each for each in nn.__all__ if each not in shown]
    assert len(shown) == len(set(shown))
    assert {*above, *shown} == set(nn.__all__)
    assert all(getattr(nn, each).__module__ in ("nn.losses", "nn.module") for each in above if each != "init")


def test_names_are_where_pytorch_has_them():
    from nn.data import DataLoader
    from nn.init import kaiming_normal_
    from nn.layers import Linear, Sequential
    from nn.optim import SGD, Adam, Optimizer, StepLR, clip_grad_norm_

    assert callable(nn.fit)
    assert nn.init.kaiming_normal_ is kaiming_normal_
    assert (nn.DataLoader, nn.Linear, nn.Sequential) == (DataLoader, Linear, Sequential)
    assert (nn.SGD, nn.Adam, nn.Optimizer, nn.StepLR) == (SGD, Adam, Optimizer, StepLR)
    assert nn.clip_grad_norm_ is clip_grad_norm_
