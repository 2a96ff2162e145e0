"""The pictures that a video is made from, brought to its shape and never stretched."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZipFile

from PIL import Image, ImageOps

from domain.clip import frame_name, read_clip
from domain.generation import GenerationRequest
from domain.image import padded_box


def read_whole(path: Path) -> Image.Image:
    """One of our own PNG files as RGB, as it is."""
    with Image.open(path, formats=("PNG",)) as image:
        return image.convert("RGB")


def read_image(path: Path, request: GenerationRequest) -> Image.Image:
    """One of our own PNG files as RGB, of the request's size."""
    return _fitted(read_whole(path), (request.width, request.height), request.image_fit)


def read_clip_frames(
    path: Path,
    request: GenerationRequest,
    size: tuple[int, int] | None = None,
    numbers: Iterable[int] | None = None,
) -> Iterator[Image.Image]:
    """The frames of one of our own clips that stand where the request's frames will.

    Args:
        size: (width, height) of each; None for the request's.
        numbers: of the request's frames, from 0; None for all of them.
    """
    clip = read_clip("", path)
    size = size or (request.width, request.height)
    with ZipFile(path) as archive:
        for number in range(request.num_frames) if numbers is None else numbers:
            name = frame_name(clip.frame_at(number, request.fps))
            with archive.open(name) as member, Image.open(member, formats=("PNG",)) as frame:
                yield _fitted(frame.convert("RGB"), size, request.image_fit)


def _fitted(image: Image.Image, size: tuple[int, int], fit: str | None) -> Image.Image:
    """Padded, all of it is shown between black bars. Else what is over is cut off evenly at the edges.

    (Without `crop`, the request was only accepted because that is less than a grid step.)
    """
    if fit != "pad":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    left, top, right, bottom = padded_box(image=image.size, video=size)
    frame = Image.new("RGB", size)
    frame.paste(image.resize((right - left, bottom - top), Image.Resampling.LANCZOS), (left, top))
    return frame
