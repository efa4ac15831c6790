"""`chalkgrad doctor` names what is wrong with this computer."""

import os
import subprocess
import sys

import pytest

import viz.command_line.doctor as doctor
from tests.paths import ROOT
from viz.command_line import main


def said(folder, capsys):
    status = main(["doctor", str(folder)])
    return status, capsys.readouterr().out


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)


def test_in_a_folder_where_nothing_is_wrong(tmp_path, capsys):
    status, text = said(tmp_path, capsys)
    assert status == 0
    assert f"✓ no file in {tmp_path} hides engine, nn, viz" in text
    assert "✓ Python 3." in text
    assert "✓ chalkgrad 0." in text


def test_its_own_working_copy_hides_nothing(capsys):
    assert "hides engine, nn, viz, or what they need" in said(ROOT, capsys)[1]


@pytest.mark.parametrize("name", ["engine.py", "nn.py", "viz.py", "random.py", "numba.py"])
def test_a_file_that_hides_a_module_is_named(tmp_path, capsys, name):
    (tmp_path / name).write_text("class Value: pass\n")
    status, text = said(tmp_path, capsys)
    assert status == 1
    assert f"✗ {tmp_path / name} hides the {name.removesuffix('.py')} of" in text


def test_a_folder_that_hides_a_package_is_named_and_one_without_python_is_not(tmp_path, capsys):
    (tmp_path / "viz").mkdir()
    (tmp_path / "viz" / "picture.png").write_bytes(b"")
    assert said(tmp_path, capsys)[0] == 0
    (tmp_path / "viz" / "__init__.py").write_text("")
    assert f"✗ {tmp_path / 'viz'} hides the viz of chalkgrad" in said(tmp_path, capsys)[1]


def test_what_it_names_is_what_python_meets(tmp_path):
    (tmp_path / "engine.py").write_text("class Value: pass\n")
    code = "from viz import check_engine"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "'engine' is not a package" in ran.stderr


def test_a_cache_that_cannot_be_written_is_named(tmp_path, capsys, monkeypatch):
    pytest.importorskip("numba")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHALKGRAD_CACHE", str(tmp_path / "file" / "cache"))
    status, text = said(tmp_path, capsys)
    assert status == 1
    assert f"✗ machine code is kept in {tmp_path / 'file' / 'cache'}, where nothing can be written" in text
    assert "set CHALKGRAD_CACHE" in text


def test_what_is_not_installed_is_said_with_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "engines", list)
    status, text = said(tmp_path, capsys)
    assert status == 0
    assert "– numba is not installed (compiled functions run as machine code): pip install 'chalkgrad[fast]'" in text
    assert "– no Graphviz: pictures are SVG" in text
