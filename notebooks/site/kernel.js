// What JupyterLite's kernel loads in place of pyodide.js: Python, with all that a lesson imports there from the start.
// The browser itself unpacks it, out of one archive and while Python is being compiled; as packages of Pyodide, which
// are unpacked in Python, one file after another, it takes a second longer.
self.loadPyodide = async (options) => {
  const { indexURL } = options;
  const archive = fetch(`${indexURL}packages.bin`).then(({ ok, body, status }) => {
    if (!ok) throw new Error(`packages.bin, which has what the lessons import, was not sent: ${status}`);
    return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  });
  importScripts(`${indexURL}pyodide.js`); // which puts its own function in place of this one
  const fsInit = async (FS, { sitePackages }) => unpack(FS, new Uint8Array(await archive), sitePackages);
  const pyodide = await self.loadPyodide({ ...options, packages: [], fsInit });
  // The notebook's folder is looked into by way of the page, which takes a while, and is not needed for what follows.
  // IPython puts it where it has it everywhere: behind the standard library.
  pyodide.runPython("import sys; sys.path.remove('')");
  return pyodide;
};

// The files of a tar archive, as Python's tarfile.USTAR_FORMAT writes them.
function unpack(FS, tar, to) {
  const decoder = new TextDecoder();
  const field = (from, length) => decoder.decode(tar.subarray(from, from + length)).replace(/\0.*/s, "");
  for (let at = 0; tar[at]; ) {
    const size = parseInt(field(at + 124, 12), 8);
    const path = [to, field(at + 345, 155), field(at, 100)].filter(Boolean).join("/");
    if (field(at + 156, 1) === "5") FS.mkdir(path.replace(/\/$/, ""));
    else FS.writeFile(path, tar.subarray(at + 512, at + 512 + size), { canOwn: true });
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
