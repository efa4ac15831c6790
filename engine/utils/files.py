"""Files that are replaced as a whole or not at all, whatever interrupts the writing.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = os.path.join(folder, "notes.txt")
...     write_file(path, "first")
...     write_file(path, "second")
...     Path(path).read_text(), os.listdir(folder)
('second', ['notes.txt'])
"""

import os
import sys
from pathlib import Path
from stat import S_IMODE
from uuid import uuid4


def write_file(path: str | os.PathLike[str], contents: bytes | str) -> None:
    """Replace the contents of a file all at once: a reader finds either the old ones or the new ones, whole.

    The new ones are written under another name in the same folder, and renamed once they are on disk. A symbolic link
    stays one, and its target is replaced; a file keeps its mode. If anything goes wrong, the old file is as it was,
    and nothing is left under the other name. Any number of processes may write the same file; the last one prevails.

    Args:
        path: the file. What is not a file on a disk, such as ``/dev/null``, is written to, not replaced.
        contents: bytes, or a text, which is written as UTF-8.

    Raises:
        FileNotFoundError: if there is no such folder.
        OSError: if the file cannot be written, for example because it is read-only.
    """
    data = contents.encode() if isinstance(contents, str) else contents
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target} cannot be saved: there is no folder {target.parent}; create it first")
    exists = target.exists()
    if exists and not target.is_file():
        target.write_bytes(data)
        return
    if exists and not os.access(target, os.W_OK):
        raise PermissionError(f"{target} cannot be saved: it is read-only")
    # JupyterLite takes what kind of file it is from its first name: a text, or base64 that it shows as such.
    ending = target.suffix if sys.platform == "emscripten" else ".tmp"
    temporary = target.with_name(f".{uuid4().hex}{ending}")  # in the same folder, so that renaming it is a single step
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # the contents must be on disk before the name is
        if exists:
            os.chmod(temporary, S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
