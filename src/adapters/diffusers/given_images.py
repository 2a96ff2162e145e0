"""The pictures a video begins and ends with, brought to the video's shape and never stretched."""

from pathlib import Path

from PIL import Image, ImageOps

from domain.image import padded_box


def read_fitted(path: Path, *, width: int, height: int, fit: str | None) -> Image.Image:
    """One of our own PNG files as RGB, `width` x `height`.

    Args:
        fit: `pad` shows all of it between black bars. Else what is over is cut off evenly at the edges:
            without `crop`, the request was only accepted because that is less than a grid step.
    """
    with Image.open(path, formats=("PNG",)) as opened:
        image = opened.convert("RGB")
    if fit != "pad":
        return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    left, top, right, bottom = padded_box(image=image.size, video=(width, height))
    frame = Image.new("RGB", (width, height))
    frame.paste(image.resize((right - left, bottom - top), Image.Resampling.LANCZOS), (left, top))
    return frame
