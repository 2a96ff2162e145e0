"""The pictures a video begins and ends with, cut to the video's shape."""

from pathlib import Path

from PIL import Image, ImageOps


def read_fitted(path: Path, *, width: int, height: int) -> Image.Image:
    """One of our own PNG files as RGB, `width` x `height`, never stretched.

    The request was only accepted because the shapes agree to within half a grid step; what little is
    over is cut off evenly at the edges.
    """
    with Image.open(path, formats=("PNG",)) as image:
        return ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
