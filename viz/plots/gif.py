"""An animation for slides, from pictures one after another."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from viz.graph.dot import write

_LAST = 2000  # milliseconds that the last picture stays, before all begins again
_LOOKED_AT = 12  # pictures from which the colours are chosen


def save_gif(frames: Iterable[bytes], path: str | Path, seconds: float = 10.0) -> Path:
    """Write an animated GIF, whole or not at all, and return its path. It is repeated without end.

    All frames have the same 256 colours, so that nothing flickers.

    Args:
        frames: the pictures, each a PNG file. One that is smaller than the largest is put in the middle of a white one.
        path: the file.
        seconds: how long the animation takes; the last picture stays for two seconds more.

    Raises:
        ValueError: if there are no frames, or the time is not above 0.
        ImportError: if Pillow is not installed.

    >>> save_gif([], "nothing.gif")
    Traceback (most recent call last):
    ValueError: an animation takes at least one picture, got none
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("animations need Pillow; install it with `pip install 'chalkgrad[plot]'`") from error
    pictures = list(frames)
    if not pictures:
        raise ValueError("an animation takes at least one picture, got none")
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds!r}")
    sizes = [Image.open(BytesIO(png)).size for png in pictures]
    size = max(width for width, _ in sizes), max(height for _, height in sizes)

    def opened(png: bytes) -> Any:
        picture, whole = Image.open(BytesIO(png)).convert("RGBA"), Image.new("RGB", size, "white")
        whole.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2), picture)
        return whole

    looked_at = [opened(png) for png in pictures[:: -(-len(pictures) // _LOOKED_AT)]]
    together = Image.new("RGB", (size[0], size[1] * len(looked_at)))
    for i, picture in enumerate(looked_at):
        together.paste(picture, (0, i * size[1]))
    palette = together.quantize(256, dither=Image.Dither.NONE)
    first, *rest = (opened(png).quantize(palette=palette, dither=Image.Dither.NONE) for png in pictures)
    each = max(20, round(1000 * seconds / len(pictures)))  # browsers show what is faster at a tenth of a second
    file = BytesIO()
    times = [each] * len(rest) + [each + _LAST]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=times, loop=0, optimize=False)
    path = Path(path)
    write(path, file.getvalue())
    return path
