// Byte code for all that a folder of Pyodide loads: its standard library, and each wheel. Without it every visit compiles
// thousands of files. It takes the place of the sources, but not of ours: the player's sliders are made of them.
// It is made by Pyodide itself: node bytecode.mjs PYODIDE FOLDER
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [pyodide, folder] = process.argv.slice(2);
const { loadPyodide } = await import(join(pyodide, "pyodide.mjs"));
const py = await loadPyodide({ indexURL: pyodide + "/" });
py.runPython(`
import compileall, py_compile, re, shutil, sys, zipfile
from pathlib import Path

def repack(name):
    """Make a zip file with byte code of another."""
    shutil.rmtree("/packages", ignore_errors=True)
    zipfile.ZipFile("/old.zip").extractall("/packages")
    fonts = Path("/packages/matplotlib/font_manager.py")  # which would warn in a lesson that it looks for fonts
    if fonts.exists():
        fonts.write_text(re.sub(r"_log.warning\\((\\s*'Matplotlib is building)", r"_log.info(\\1", fonts.read_text()))
    ours = name.startswith("chalkgrad-")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    prefix = "/lib/site" if name.endswith(".whl") else f"/lib/python{sys.version_info[0]}{sys.version_info[1]}.zip"
    compileall.compile_dir("/packages", quiet=2, legacy=not ours, invalidation_mode=mode, stripdir="/packages", prependdir=prefix)
    with zipfile.ZipFile("/new.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(Path("/packages").rglob("*")):
            if path.is_file() and not (path.suffix == ".py" and path.with_suffix(".pyc").exists()):
                archive.write(path, path.relative_to("/packages"))
`);
const repack = py.globals.get("repack");
for (const name of readdirSync(folder)) {
  if (name.endsWith(".whl") || name === "python_stdlib.zip") {
    py.FS.writeFile("/old.zip", new Uint8Array(readFileSync(join(folder, name))));
    repack(name);
    writeFileSync(join(folder, name), py.FS.readFile("/new.zip"));
  }
}
