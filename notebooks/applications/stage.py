"""A scene that moves in the page: it plays, pauses and can be played with, in one file that loads nothing."""

from importlib.resources import files
from pathlib import Path

from viz.player.document import document, frame

SCRIPTS = Path(__file__).parent / "stages"


class Stage:
    """A scene in a frame; `save` writes it as a page of its own.

    Args:
        scene: a script in the folder `stages`, such as ``"cartpole"``.
        data: what the scene is made of, as JSON can hold it.
        title: what is to be seen.
        height: of the frame, in pixels.
    """

    def __init__(self, scene, data, title, height=380):
        self.title, self.height = title, height
        script, style = ((SCRIPTS / name).read_text(encoding="utf-8") for name in (f"{scene}.js", "stage.css"))
        theme = files("viz.player").joinpath("page", "theme.js").read_text(encoding="utf-8")
        common = (SCRIPTS / "stage.js").read_text(encoding="utf-8")
        self.html = document(title, "en", style, common + script, data, before=theme)

    def save(self, path):
        """Write it as a file that any browser opens."""
        Path(path).write_text(self.html, encoding="utf-8")

    def _repr_html_(self):
        return frame(self.html, self.title, self.height)

    def __repr__(self):
        return f"Stage: {self.title}"
