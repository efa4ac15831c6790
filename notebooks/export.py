"""Every lesson as a page that any browser shows, run, with its pictures and its players in it, and no network needed;
and `index.html`, which leads to those that are there.

python notebooks/export.py                      # to build/lessons
python notebooks/export.py --dark --to class    # for a dark room, to a folder of your own
"""

import argparse
import os
import re
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from engine.utils.console import make_output_readable

HERE = Path(__file__).parent
LESSONS = [*sorted((HERE / "lessons").glob("*.ipynb")), HERE / "glossary.ipynb"]
# The environment of a kernel.
PLOTS = {"light": {}, "dark": {"CHALKGRAD_THEME": "dark", "MATPLOTLIBRC": str(HERE / "dark.mplstyle")}}

# nbconvert's page without the scripts that it loads from elsewhere (for $formulas$ and widgets; the lessons have none),
# with letters that are read from the last row, with comments in code that are read on dark too, and with a way back.
# What a class is to predict is folded away until somebody asks for it; on paper it is all there, and no line is cut.
# On a phone nothing is wider than the screen.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
:root { --jp-content-font-size1: 17px; --jp-code-font-size: 16px; --jp-content-line-height: 1.5;
  --jp-content-font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, "Noto Sans CJK JP", "Hiragino Sans",
    "Yu Gothic", sans-serif;
  {% if resources.theme == "dark" %}color-scheme: dark;
  --jp-mirror-editor-comment-color: #8fc4c4; --jp-mirror-editor-operator-color: #c792ff
  {% else %}--jp-mirror-editor-comment-color: #2f6b6b; --jp-mirror-editor-operator-color: #8e0fe0;
  --jp-mirror-editor-number-color: #007300{% endif %} }
main { max-width: 1200px; margin: 0 auto }
.jp-RenderedMarkdown > :not(table, pre) { max-width: 960px }
.jp-RenderedHTMLCommon a:any-link { text-decoration: underline }
.jp-RenderedHTMLCommon table { margin-left: 0; font-size: 16px }
.jp-OutputArea-output img { max-width: 100%; height: auto }
.jp-OutputArea-output pre { font-size: 16px }
.jp-CodeCell { margin-bottom: 10px }
.jp-OutputArea-output:last-child pre { margin-bottom: 4px }
.back { display: block; text-align: right; font: 15px var(--jp-content-font-family);
  color: var(--jp-content-link-color) }
.jp-RenderedMarkdown > details { margin-bottom: 12px }
summary { margin: 4px 0; width: fit-content; cursor: pointer; font: 16px var(--jp-content-font-family);
  color: var(--jp-content-link-color) }
@media (max-width: 600px) {
  .jp-RenderedHTMLCommon table, .jp-RenderedHTMLCommon :is(td, th) code { font-size: 13px }
  .jp-RenderedHTMLCommon :is(td, th) { overflow-wrap: break-word; white-space: normal; padding: 4px 3px }
  .jp-RenderedHTMLCommon :not(pre) > code { overflow-wrap: anywhere; white-space: normal }
  .jp-RenderedSVG.jp-OutputArea-output { display: block; overflow-x: auto }
  .jp-RenderedSVG.jp-OutputArea-output img { max-width: none; zoom: 0.65 }
  .jp-RenderedHTMLCommon pre, .jp-InputArea pre, .jp-OutputArea-output pre {
    white-space: break-spaces; overflow-wrap: anywhere; font-size: 13px }
}
@media print {
  :root { --jp-content-font-size1: 13px; --jp-code-font-size: 12px }
  .jp-RenderedHTMLCommon table, .jp-OutputArea-output pre { font-size: 12px }
  h1, h2, h3 { break-after: avoid }
  .back, summary { display: none }
  .jp-InputArea pre { white-space: pre-wrap }
}
</style>
{%- endblock -%}
{%- block body_loop -%}
{% if nb.metadata.index %}<style>td:first-child { min-width: min(19em, 30vw) }</style>
{% else %}<a class="back" href="index.html">All lessons</a>{% endif %}
{{ super() }}
<script>
const folds = [...document.querySelectorAll("details")];
let closed = [];
addEventListener("beforeprint", () => {
  closed = folds.filter((fold) => !fold.open);
  for (const fold of closed) fold.open = true;
});
addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; });
const outputs = [...document.querySelectorAll(".output")];
outputs.forEach((output, i) => output.addEventListener("toggle", () => {
  if (output.open && outputs[i + 1]?.classList.contains("later")) outputs[i + 1].open = true;
}));
</script>
{%- endblock -%}
{%- block output_group -%}
{% if cell.metadata.fold %}
<details class="output {{ cell.metadata.fold }}"><summary>Run</summary>{{ super() }}</details>
{% else %}{{ super() }}{% endif %}
{%- endblock -%}
"""

PREDICT = re.compile(r"^\*\*Predict, then run:\*\*", re.M)
FOLDED = re.compile(r"^<details>.*?^</details>$", re.M | re.S)  # in Markdown: an explanation that waits for a click
OPENS = re.compile(r"^<details><summary>(.*)</summary>$", re.M)  # nbconvert would close it at the end of its line
HEADING = re.compile(r"^#+ ", re.M)
LINK = re.compile(r"(?<!!)\[([^][]*)\]\(([^)\s]+)\)")


def run(notebook: nbformat.NotebookNode, theme: str = "light", folder: Path = HERE) -> None:
    """Run the cells of a notebook from top to bottom, in its folder as in Jupyter, and keep what they show in it."""
    NotebookClient(
        notebook,
        kernel_name="python3",
        startup_timeout=600,  # however busy the machine
        coalesce_streams=True,  # what a cell prints is one text, and its lines are evenly spaced
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
    ).execute(env={**os.environ, **PLOTS[theme], "TQDM_DISABLE": "1"})  # no progress bars on a page


def page(notebook: nbformat.NotebookNode, title: str, theme: str = "light") -> str:
    """The HTML of a notebook that was run."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata["title"] = title
    fold_outputs(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(_relinked, cell.source)
            cell.source = OPENS.sub(r"\n\n%%opens \1\n\n", cell.source).replace("</details>", "%%closes")
    exporter = HTMLExporter(
        raw_template=TEMPLATE, theme=theme, embed_images=True, exclude_input_prompt=True, exclude_output_prompt=True
    )
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"path": str(HERE)}})
    html = re.sub("<p>%%opens (.*)</p>", r"<details><summary>\1</summary>", html)
    return html.replace("<p>%%closes</p>", "</details>")


def fold_outputs(notebook: nbformat.NotebookNode) -> None:
    """Mark the outputs that give an answer away: those between a prediction and the next heading.

    The first of them opens with a click, and with it those that come *later*, up to the next prediction.
    """
    fold = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata["fold"] = fold
            fold = fold and "later"
        elif PREDICT.search(cell.source):
            fold = "first"
        elif HEADING.search(FOLDED.sub("", cell.source)):
            fold = ""


def _relinked(link: re.Match[str]) -> str:
    """To another lesson's page; a link to a file that does not come along is only its words."""
    words, target = link.groups()
    path, hash, anchor = target.partition("#")
    name = path.rpartition("/")[2]
    if name in {lesson.name for lesson in LESSONS}:
        return f"[{words}]({name.removesuffix('.ipynb')}.html{hash}{anchor})"
    return link[0] if not path or ":" in path or path.endswith(".html") else words


def title_of(notebook: nbformat.NotebookNode) -> str:
    """Its first line."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def index(lessons: list[Path], theme: str = "light") -> str:
    """The HTML of a page that leads to lessons, and says which question each of them answers."""
    rows = []
    for path in lessons:
        notebook = nbformat.read(path, as_version=4)
        _, *paragraphs = notebook.cells[0].source.split("\n\n")
        question = LINK.sub(r"\1", " ".join(paragraphs[0].split())) if paragraphs else ""
        rows.append(f"| [{title_of(notebook)}]({quote(path.stem)}.html) | {question} |")
    table = "\n".join(["| lesson | what it asks |", "| --- | --- |", *rows])
    cell = nbformat.v4.new_markdown_cell(f"# chalkgrad\n\nFrom one derivative to a trained network.\n\n{table}")
    return page(nbformat.v4.new_notebook(cells=[cell], metadata={"index": True}), "chalkgrad", theme)


def write(html: str, path: Path) -> None:
    """Write a page whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(html, encoding="utf-8")
    os.replace(unfinished, path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run the lessons, and write each as a page of HTML.")
    parser.add_argument("lessons", nargs="*", type=Path, default=LESSONS, help="notebooks; all lessons without")
    parser.add_argument("--dark", action="store_true", help="light letters on a dark page")
    parser.add_argument("--to", type=Path, default=HERE.parent / "build" / "lessons", help="the folder to write to")
    options = parser.parse_args(arguments)
    theme = "dark" if options.dark else "light"
    for path in options.lessons:
        notebook = nbformat.read(path, as_version=4)
        run(notebook, theme, path.resolve().parent)
        file = options.to / f"{path.stem}.html"
        write(page(notebook, title_of(notebook), theme), file)
        print(file)
    known = {path.stem: path for path in (*HERE.glob("*.ipynb"), *LESSONS, *options.lessons)}
    order = sorted(known, key=lambda stem: (stem == "glossary", stem))
    there = [known[stem] for stem in order if (options.to / f"{stem}.html").exists()]
    write(index(there, theme), options.to / "index.html")
    print(options.to / "index.html")


if __name__ == "__main__":
    make_output_readable()
    main()
