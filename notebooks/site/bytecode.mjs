// Byte code for all that a lesson imports. Without it every visit compiles thousands of files. It takes the place of the
// sources, but not of ours: the player's sliders are made of them. It is made by Pyodide itself:
// node bytecode.mjs PYODIDE FOLDER PLACE, where PLACE is where Python will find what is in FOLDER
import { join } from "node:path";

const [pyodide, folder, place] = process.argv.slice(2);
const { loadPyodide } = await import(join(pyodide, "pyodide.mjs"));
const py = await loadPyodide({ indexURL: pyodide + "/" });
py.FS.mkdir("/folder");
py.FS.mount(py.FS.filesystems.NODEFS, { root: folder }, "/folder");
py.globals.set("place", place);
py.runPython(`
import compileall, py_compile
from pathlib import Path

mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for part in Path("/folder").iterdir():
    ours = part.name in ("engine", "nn", "viz")
    options = {"quiet": 2, "legacy": not ours, "invalidation_mode": mode, "stripdir": "/folder", "prependdir": place}
    if part.is_dir():
        compileall.compile_dir(part, **options)
    elif part.suffix == ".py":
        compileall.compile_file(part, **options)
    for source in part.rglob("*.py") if part.is_dir() else [part]:
        if source.with_suffix(".pyc").exists():
            source.unlink()
`);
