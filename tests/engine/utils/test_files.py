"""The writer of files: whole or not at all, whatever happens; links, modes and neighbours stay."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from engine.utils.files import write_file
from tests.paths import ROOT


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.bin"
    write_file(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    write_file(str(path), "σ\n")
    assert path.read_bytes() == b"\xcf\x83\n"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_new_file_has_the_mode_that_any_other_has_and_an_old_one_keeps_its_own(tmp_path):
    path, plain = tmp_path / "a", tmp_path / "b"
    plain.write_text("")
    write_file(path, "1")
    assert path.stat().st_mode == plain.stat().st_mode
    for mode in (0o600, 0o664, 0o755):
        path.chmod(mode)
        write_file(path, "2")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    target, link, chain, dangling = (tmp_path / name for name in ("there/a", "link", "chain", "dangling"))
    target.write_text("old")
    link.symlink_to("there/a")
    chain.symlink_to("link")
    dangling.symlink_to("there/new")
    for path, file in ((link, target), (chain, target), (dangling, tmp_path / "there/new")):
        write_file(path, path.name)
        assert path.is_symlink()
        assert not file.is_symlink()
        assert file.read_text() == path.name
    assert sorted(os.listdir(tmp_path / "there")) == ["a", "new"]
    assert sorted(os.listdir(tmp_path)) == ["chain", "dangling", "link", "there"]


@pytest.mark.parametrize("where", ["write", "fsync", "chmod", "replace"])
@pytest.mark.parametrize("what", [OSError(errno.ENOSPC, "no space left on device"), KeyboardInterrupt(), MemoryError()])
def test_nothing_is_left_behind_and_the_old_file_stays(tmp_path, monkeypatch, where, what):
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*_):
        raise what

    if where == "write":
        monkeypatch.setattr("engine.utils.files.open", lambda name, mode: Full(name, fail), raising=False)
    else:
        monkeypatch.setattr(os, where, fail)
    with pytest.raises(type(what)):
        write_file(path, "new")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_text() == "old"


class Full:
    """A file that is made, and takes nothing."""

    def __init__(self, path, write):
        path.touch()
        self.write = write

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device here")
def test_a_device_is_written_to_and_not_replaced():
    write_file("/dev/null", "1")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(OSError, match=r"[Nn]o space"):
        write_file("/dev/full", "1")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_where_it_can_not_be_written_is_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"cannot be saved: there is no folder .*there; create it first"):
        write_file(tmp_path / "not" / "there" / "a", "1")
    path = tmp_path / "a"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for a user who may not, unlike root
    with pytest.raises(PermissionError, match="cannot be saved: it is read-only"):
        write_file(path, "1")
    assert path.read_text() == "old"


def test_a_name_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ("n" * 255)
    write_file(path, "1")
    assert path.read_text() == "1"


def test_processes_that_write_one_file_never_fail_and_each_version_is_whole(tmp_path):
    path = tmp_path / "a"
    code = (
        "import sys; from engine.utils.files import write_file\n"
        "for _ in range(15): write_file(sys.argv[1], sys.argv[2] * 50_000)"
    )
    write_file(path, "0" * 50_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT, stderr=subprocess.PIPE)
        for name in "123"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        assert len(text) == 50_000
        assert len(set(text)) == 1
        seen.add(text[0])
    assert [(writer.wait(), writer.communicate()[1]) for writer in writers] == [(0, b"")] * 3
    assert seen & set("123")
    assert os.listdir(tmp_path) == ["a"]
