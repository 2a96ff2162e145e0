"""Images that are given: what is accepted, and when one fits a video."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Limits of an uploaded image. Pixels and sides are far above any video's; they bound the decoding.
MAX_IMAGE_BYTES: Final = 32 * 2**20
MAX_IMAGE_PIXELS: Final = 40_000_000
MAX_IMAGE_SIDE: Final = 12_000

#: The longer side over the shorter: a bound of ours, beyond any shape the models were made for.
MAX_ASPECT: Final = 8

#: What may be done to an image whose shape is not the video's, once somebody asks for it: cut off what
#: is over, evenly at both edges, or show all of it between black bars.
IMAGE_FITS: Final = ("crop", "pad")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputImage:
    """An image that was given: upright, RGB, kept under its own hash.

    Attributes:
        id: `img_` and the SHA-256 of the kept file; the same picture has the same id.
    """

    id: str
    width: int
    height: int

    def fits(self, *, width: int, height: int, side_multiple: int) -> bool:
        """Whether a video of that size shows the image unstretched.

        Sides are multiples of `side_multiple`, so a few pixels may be cut off: less than half a
        multiple at either edge. More is a crop that somebody has to ask for.
        """
        too_wide = abs(width - height * self.width / self.height)
        too_high = abs(height - width * self.height / self.width)
        return min(too_wide, too_high) <= side_multiple / 2

    def fitting_sizes(self, *, pixels: int, side_multiple: int) -> Iterator[tuple[int, int]]:
        """The (width, height) of at most `pixels` that show the image unstretched, in no order."""
        for width in range(side_multiple, pixels // side_multiple + 1, side_multiple):
            ideal = width * self.height / self.width
            height = max(1, round(ideal / side_multiple)) * side_multiple
            if width * height <= pixels and self.fits(
                width=width, height=height, side_multiple=side_multiple
            ):
                yield width, height


def padded_box(*, image: tuple[int, int], video: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where an image lies in a video that shows all of it, unstretched, in the middle.

    Args:
        image: (width, height) in pixels.
        video: the same; the image is scaled until it reaches two opposite edges.

    Returns:
        (left, top, right, bottom), whole pixels, at least one each way; an odd pixel is left at the right
        or below.
    """
    scale = min(video[0] / image[0], video[1] / image[1])
    width, height = (max(1, round(side * scale)) for side in image)
    left, top = (video[0] - width) // 2, (video[1] - height) // 2
    return left, top, left + width, top + height


def is_picture(data: bytes) -> bool:
    """Whether a file begins as PNG, JPEG or WebP do."""
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return is_webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def png_size(path: Path) -> tuple[int, int]:
    """(width, height) of one of our own PNG files, from its head (RFC 2083, 4.1.1)."""
    with path.open("rb") as file:
        head = file.read(24)
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
