"""The picture: what it says, that no label can break it, and that it can be drawn with any engine and with none."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine import Value
from nn import MLP, Neuron
from viz import draw_dot
from viz.graph import engines

HOSTILE = [
    'say "hi"',
    "back\\slash",
    "ends in \\",
    "{a|b}",
    "<b>bold</b>",
    "<<TABLE>>",
    'x"]; evil [label="owned',
    "two\nlines\r\nthree",
    "日本語のラベル",
    "émoji 🎈 ∂L/∂w",
    "a & b &amp; &lt;",
    "port:n",
    "\\N \\G \\l",
    "nul\0bell\a\ud800",
    "</text><script>alert(1)</script>",
    "x" * 500,
    "  spaces  ",
]


def graph(label="x"):
    x, w = Value(3.0, label=label), Value(0.5, "w", role="parameter")
    y = (x * w + x * x).tanh() * 2
    y.label = "y"
    return y


def titles_and_texts(svg):
    root = ElementTree.fromstring(svg)
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    return len(re.findall(r'class="node"', svg.decode())), texts


@pytest.fixture(params=["system dot", "graphviz-pure", "none"])
def engine(request, monkeypatch, tmp_path):
    """A machine with the system's dot, with graphviz-pure in the environment alone, or with neither."""
    monkeypatch.setenv("PATH", str(tmp_path))
    if request.param == "none":
        monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    if request.param == "system dot":
        monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
        real = next(
            (p for p in ("/usr/bin/dot", "/usr/local/bin/dot", "/opt/homebrew/bin/dot") if Path(p).exists()), None
        )
        # where the machine has no dot, a stand-in of that name
        (tmp_path / "dot").symlink_to(real or Path(sys.executable).parent / "graphviz-pure")
    return request.param


def test_every_engine_draws_svg(engine):
    svg = draw_dot(graph(), edges="local").pipe()
    assert svg.decode().rstrip().endswith("</svg>")
    _, texts = titles_and_texts(svg)
    assert {"x", "w", "+", "tanh", "y: *", "data 3", "grad —"} <= {text.replace("\xa0", " ") for text in texts}
    assert len(engines.engines()) == (0 if engine == "none" else 1)


def test_png_takes_an_engine_and_says_how_to_get_one(engine):
    if engine == "none":
        with pytest.raises(RuntimeError, match=r"no engine here can draw png; .*pip install graphviz-pure"):
            draw_dot(graph(), format="png").pipe()
    else:
        assert draw_dot(graph(), format="png").pipe()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_breaks_the_drawing_or_adds_to_it(label, engine):
    drawing = draw_dot(graph(label))
    svg = drawing.pipe()
    nodes, texts = titles_and_texts(svg)
    plain, plain_texts = titles_and_texts(draw_dot(graph()).pipe())
    assert nodes == plain
    assert len(texts) == len(plain_texts)
    shown = re.sub(r"\s", "", "".join(texts))
    wanted = re.sub(r"[\s\x00-\x1f\ud800]", "", label)
    assert wanted[:55] in shown


def test_the_same_graph_gives_the_same_text_in_another_process():
    code = (
        "import random; from nn import MLP; from viz import draw_dot;"
        "print(draw_dot(MLP(2, [3, 1], rng=random.Random(0), fused=False)([1.0, 2.0]), edges='local').source)"
    )
    texts = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    assert len(texts) == 1
    assert "n1" in texts.pop()


def test_an_operand_used_twice_has_two_arrows():
    x = Value(3.0)
    assert [(a.tail, a.head) for a in draw_dot(x * x).arrows] == [("n0", "n1"), ("n0", "n1")]


def test_gradients_are_a_dash_until_backward_has_run():
    y = graph()
    assert "grad\\ —" in draw_dot(y).source
    assert "grad\\ 0" not in draw_dot(y).source
    y.backward()
    assert "—" not in draw_dot(y).source


def test_local_derivatives_stand_on_the_arrows_on_request():
    y = Value(3.0) / Value(2.0)
    assert [arrow.label for arrow in draw_dot(y, edges="local").arrows] == ["0.5", "-0.75"]
    assert [arrow.label for arrow in draw_dot(y).arrows] == ["", ""]


def test_a_picture_is_dark_on_a_white_ground_of_its_own_whatever_the_page(engine):
    picture = ElementTree.fromstring(draw_dot(graph(), edges="local").pipe())
    shapes = [node for node in picture.iter() if node.tag.endswith(("}polygon", "}rect"))]
    ground, width = shapes[0], float(picture.get("viewBox").split()[2])
    assert ground.get("fill") == "#ffffff"
    corners = [float(point.split(",")[0]) for point in ground.get("points", "").split()]
    assert ground.get("width") == "100%" or max(corners) - min(corners) > width - 1
    texts = list(picture.iter("{http://www.w3.org/2000/svg}text"))
    assert "0.5" in {text.text for text in texts}  # a local derivative
    assert {text.get("fill") for text in texts} == {"#1a1a1a"}


def test_roles_differ_in_more_than_colour():
    y = graph()
    roles = {box.role for box in draw_dot(y).boxes}
    assert roles == {"input", "parameter", "constant", "operation", "output"}
    looks = set()
    for box in draw_dot(y).boxes:
        line = next(line for line in draw_dot(y).source.splitlines() if line.strip().startswith(f"{box.id} ["))
        looks.add((box.role, *re.findall(r'(?:shape|penwidth)=\S+|style="?[a-z,]+', line)))
    assert len({look[1:] for look in looks}) == len(roles)


def test_parameters_are_named():
    source = draw_dot(MLP(2, [2, 1])([1.0, 2.0])).source
    assert {"L0.n0.w0", "L0.n1.b", "L1.n0.w1"} <= set(re.findall(r"L\d\.n\d\.\w+", source))


def test_a_graph_too_large_to_read_is_refused_before_an_engine_is_called(monkeypatch):
    monkeypatch.setattr(engines, "draw", lambda *_: pytest.fail("an engine was called"))
    y = MLP(2, [16, 16, 1], fused=False)([1.0, 2.0])
    with pytest.raises(ValueError, match=r"this graph has 979 boxes, too many .* depth=2 folds it .* max_nodes=979"):
        draw_dot(y, depth=4)
    assert len(draw_dot(y, max_nodes=2000).boxes) == 979
    x = Value(1.0)
    for _ in range(200):
        x = x + x
    with pytest.raises(ValueError, match=r"this graph has 201 boxes, too many .*; draw a smaller part"):
        draw_dot(x, max_nodes=200)


def test_an_engine_that_takes_too_long_is_passed_over(monkeypatch, tmp_path):
    slow = tmp_path / "dot"
    slow.write_text("#!/bin/sh\nwhile :; do :; done\n")
    slow.chmod(0o755)
    monkeypatch.setattr(engines, "engines", lambda: [[str(slow)]])
    with pytest.warns(RuntimeWarning, match=r"dot could not draw svg: took more than 1 s of processor time"):
        assert engines.draw("digraph {}", "svg", time_limit=0.2) is None


@pytest.mark.skipif(os.name != "posix", reason="on Windows an engine is timed by the clock")
def test_an_engine_that_waits_for_a_busy_machine_is_not_passed_over(monkeypatch, tmp_path):
    """Its seconds are the processor's: the same graph gives the same picture, however long it takes by the clock."""
    waiting = tmp_path / "dot"
    waiting.write_text("#!/bin/sh\n/bin/sleep 1.5\necho drawn\n")
    waiting.chmod(0o755)
    monkeypatch.setattr(engines, "engines", lambda: [[str(waiting)]])
    assert engines.draw("digraph {}", "svg", time_limit=1) == b"drawn\n"


def test_where_the_processors_time_cannot_be_limited_the_clock_stops_an_engine(monkeypatch):
    """As on Windows: after ten times as long."""
    given = {}

    def run(command, **options):
        given.update(options, command=command)
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(engines, "os", SimpleNamespace(name="nt", path=os.path))
    monkeypatch.setattr(engines.subprocess, "run", run)
    monkeypatch.setattr(engines, "engines", lambda: [["dot.exe"]])
    with pytest.warns(RuntimeWarning, match=r"dot.exe could not draw svg: took longer than 300 s"):
        assert engines.draw("digraph {}", "svg") is None
    assert given["command"] == ["dot.exe", "-Kdot", "-Tsvg"]


def test_an_engine_that_fails_is_passed_over(monkeypatch):
    pure = shutil.which("graphviz-pure", path=str(Path(sys.executable).parent))
    monkeypatch.setattr(engines, "engines", lambda: [["/does/not/exist"], [pure]])
    with pytest.warns(RuntimeWarning, match="exist could not draw svg"):
        assert b"<svg" in engines.draw("digraph {}", "svg")


def test_render_writes_the_picture_and_its_text(tmp_path):
    path = draw_dot(graph()).render(tmp_path / "new" / "picture")
    assert path == str(tmp_path / "new" / "picture.svg")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["picture", "picture.svg"]
    assert draw_dot(graph()).render(outfile=tmp_path / "other.svg", cleanup=True) == str(tmp_path / "other.svg")
    assert not (tmp_path / "other.gv").exists()


def test_what_is_added_to_a_drawing_is_drawn(engine):
    """Where there is Graphviz, which then finds a place for everything."""
    drawing = draw_dot(graph())
    drawing.node("n0", fillcolor="#123456")
    if engine != "none":
        assert drawing.pipe().count(b"#123456") == 1
        drawing.edge("n0", "more")
        assert titles_and_texts(drawing.pipe())[0] == len(drawing.boxes) + 1


def test_a_copy_is_a_drawing_of_its_own():
    drawing = draw_dot(graph())
    copied = drawing.copy()
    copied.attr(bgcolor="white")
    assert copied.source != drawing.source
    assert copied.boxes == drawing.boxes


def test_a_picture_that_cannot_be_drawn_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "engines", list)
    with pytest.raises(RuntimeError):
        draw_dot(graph()).render(tmp_path / "picture", format="pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_svg():
    assert draw_dot(graph())._repr_mimebundle_()["image/svg+xml"].startswith("<?xml")


@pytest.mark.parametrize(
    ("format", "media", "begin"),
    [
        ("svg", "image/svg+xml", "<?xml"),
        ("png", "image/png", b"\x89PNG"),
        ("jpg", "image/jpeg", b"\xff\xd8"),
        ("gif", "image/gif", b"GIF"),
        ("pdf", "application/pdf", b"%PDF"),
        ("dot", "image/svg+xml", "<?xml"),  # which no notebook shows: a picture is what is wanted there
    ],
)
def test_a_notebook_shows_the_format_that_was_asked_for(monkeypatch, format, media, begin):
    monkeypatch.setattr(engines, "draw", lambda *args: {"svg": b"<?xml"}.get(args[1], begin))
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    shown, _ = formatter.format(draw_dot(graph(), format=format))
    assert shown.pop(media)[: len(begin)] == begin
    assert set(shown) == {"text/plain"}
    assert draw_dot(graph(), format=format)._repr_mimebundle_(include={"image/png"}).keys() == {"image/png"}
    assert draw_dot(graph(), format=format)._repr_mimebundle_(exclude={media}) == {}


@pytest.mark.skipif(not engines.engines(), reason="no engine draws PNG here")
def test_a_notebook_with_png_can_be_made_a_paper():
    """nbconvert takes PNG into LaTeX as it is; SVG it hands to Inkscape, which few have."""
    exporter = pytest.importorskip("nbconvert").LatexExporter()
    nbformat = pytest.importorskip("nbformat")
    drawn = draw_dot(graph(), format="png")._repr_mimebundle_()
    data = {media: b64encode(data).decode() for media, data in drawn.items()}
    output = nbformat.v4.new_output("display_data", data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("draw_dot(y)", outputs=[output])])
    text, resources = exporter.from_notebook_node(notebook)
    (name,) = resources["outputs"]
    assert name.endswith(".png")
    assert f"{{{name}}}" in text


@pytest.mark.parametrize("rankdir", ["LR", "TB", "RL", "BT"])
def test_arrows_point_where_they_are_told(rankdir, monkeypatch):
    monkeypatch.setattr(engines, "engines", list)
    svg = draw_dot(Value(1.0, "first").relu(), rankdir=rankdir).pipe(encoding="utf-8")
    (x0, y0), (x1, y1) = (
        (float(x), float(y)) for x, y in re.findall(r'<g id="n\d"><rect x="([\d.]+)" y="([\d.]+)"', svg)
    )
    assert {"LR": x0 < x1, "RL": x0 > x1, "TB": y0 < y1, "BT": y0 > y1}[rankdir]


def test_without_an_engine_boxes_do_not_overlap(monkeypatch):
    monkeypatch.setattr(engines, "engines", list)
    neurons = Neuron(12, fused=False)
    svg = draw_dot(neurons(list(range(12))), edges="local").pipe(encoding="utf-8")
    rects = [
        tuple(map(float, r))
        for r in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    ]
    assert len(rects) > 40
    for i, (x, y, w, h) in enumerate(rects):
        for u, v, s, t in rects[:i]:
            assert x >= u + s or u >= x + w or y >= v + t or v >= y + h


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: draw_dot(3.0), TypeError, "expected the Value to draw, got float 3.0$"),
        (lambda x: draw_dot(abs), TypeError, r"got <built-in function abs>; give it what a call returns, such as loss"),
        (lambda x: draw_dot(x, max_nodes="5"), TypeError, "max_nodes must be a whole number, got str '5'"),
        (lambda x: draw_dot(x, depth="1"), ValueError, r"depth must be a whole number, 0 \(.*\) or more, got '1'"),
        (lambda x: draw_dot(x, names={x: "x"}), TypeError, r'such as \{"x": x\}, got Value.* for a name'),
        (lambda x: draw_dot(x, rankdir="UP"), ValueError, "rankdir must be 'LR', 'TB', 'RL' or 'BT', got 'UP'"),
        (lambda x: draw_dot(x, edges="global"), ValueError, "edges must be 'plain' or 'local', got 'global'"),
        (lambda x: draw_dot(x, format="jpgg"), ValueError, "unknown format"),
    ],
)
def test_unknown_options_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(Value(1.0))


def test_a_label_may_be_any_object():
    assert draw_dot(Value(1.0, label=5)).boxes[0].rows[0] == "5"
