"""Small pictures to an animated WebP: what a page can show of a video that is being made."""

import io
from typing import Final

import numpy as np
from PIL import Image

from domain.video import FrameChunk

MAX_BYTES: Final = 30_000
#: What is tried, one after the other, until the file is small enough: WebP's quality, of 100, and the
#: share of the pictures, the first always among them. The last is one picture.
_TRIES: Final = ((60, 1), (40, 2), (30, 4), (20, 1_000_000), (0, 1_000_000))
#: WebP's effort, 0 to 6: with 4, a file is a fifth smaller and takes twice the time.
_METHOD: Final = 0


def encode_preview(frames: FrameChunk, *, duration_s: float) -> bytes:
    """See `domain.previews.EncodePreview`. Pictures of more than 256 rows or columns are made smaller."""
    shape = (frames.num_frames, frames.height, frames.width, 3)
    pixels = np.frombuffer(frames.rgb, dtype=np.uint8).reshape(shape)
    pictures = [_small(Image.fromarray(picture)) for picture in pixels]
    told = b""
    for quality, every in _TRIES:
        told = _encode(pictures[::every], quality, duration_s)
        if len(told) <= MAX_BYTES:
            break
    return told


def _small(picture: Image.Image) -> Image.Image:
    picture.thumbnail((256, 256))
    return picture


def _encode(pictures: list[Image.Image], quality: int, duration_s: float) -> bytes:
    file = io.BytesIO()
    first, *rest = pictures
    first.save(
        file,
        "WEBP",
        save_all=bool(rest),
        append_images=rest,
        duration=round(duration_s * 1000 / len(pictures)),
        loop=0,
        quality=quality,
        method=_METHOD,
    )
    return file.getvalue()
