"""What the tests share among themselves works however pytest is called."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import WRITTEN, left_out, pytest_configure


def refused(name):
    raise PermissionError(name)


@pytest.mark.parametrize("options", [{}, {"cache": SimpleNamespace(mkdir=refused)}], ids=["none", "read-only"])
def test_without_a_cache_of_pytests_what_is_written_has_a_folder_for_this_run_alone(monkeypatch, options):
    for variable in WRITTEN:
        monkeypatch.setenv(variable, "as it was")  # and is again afterwards
    at_the_end = []
    pytest_configure(SimpleNamespace(add_cleanup=at_the_end.append, **options))
    folders = [Path(os.environ[variable]) for variable in WRITTEN]
    assert len({*folders}) == len(WRITTEN)
    assert all(folder.is_dir() for folder in folders)
    for clean_up in at_the_end:
        clean_up()
    assert not any(folder.exists() for folder in folders)


def test_what_was_skipped_is_told_in_a_line_for_each_reason():
    def skipped(why, when):
        return SimpleNamespace(longrepr=("test_a.py", 1, f"Skipped: {why}"), when=when)

    reports = [skipped("no PyTorch here", "setup")] * 3 + [skipped("not on Windows", "call")]
    longrepr = ("test_a.py", 1, "Skipped: without numba there is no machine code")
    whole_file = pytest.CollectReport("test_a.py", "skipped", longrepr, None)
    assert [*left_out([*reports, whole_file])] == [
        "3 tests were skipped: no PyTorch here. To run them: pip install torch",
        "1 test was skipped: not on Windows",
        "1 whole file was skipped: without numba there is no machine code. To run it: pip install 'chalkgrad[fast]'",
    ]
