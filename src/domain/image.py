"""Images that are given: what is accepted, and when one fits a video."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Limits of an uploaded image. Pixels and sides are far above any video's; they bound the decoding.
MAX_IMAGE_BYTES: Final = 32 * 2**20
MAX_IMAGE_PIXELS: Final = 40_000_000
MAX_IMAGE_SIDE: Final = 12_000


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


def png_size(path: Path) -> tuple[int, int]:
    """(width, height) of one of our own PNG files, from its head (RFC 2083, 4.1.1)."""
    with path.open("rb") as file:
        head = file.read(24)
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
