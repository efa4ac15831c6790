"""What the tests share among themselves works however pytest is called."""

import os
from pathlib import Path
from types import SimpleNamespace

from tests.conftest import pytest_configure


def test_without_a_cache_of_pytests_machine_code_has_a_folder_for_this_run_alone(monkeypatch):
    monkeypatch.setenv("CHALKGRAD_CACHE", "as it was")  # and is again afterwards
    at_the_end = []
    pytest_configure(SimpleNamespace(add_cleanup=at_the_end.append))  # -p no:cacheprovider
    folder = Path(os.environ["CHALKGRAD_CACHE"])
    assert folder.is_dir()
    for clean_up in at_the_end:
        clean_up()
    assert not folder.exists()
