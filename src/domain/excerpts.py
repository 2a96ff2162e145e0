"""What is taken out of a finished video to look at without playing it: a picture, many small ones, its recipe."""

import math
from dataclasses import dataclass
from typing import Final

#: Pixels of the longer side of a thumbnail, and of one of a sheet's frames.
THUMBNAIL_SIDE: Final = 512
CELL_SIDE: Final = 192
#: Frames of a sheet at most: a scrub of that many steps looks smooth, and 25 of them are some 100 kB.
MAX_CELLS: Final = 25
#: Of both pictures.
MEDIA_TYPE: Final = "image/webp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpts:
    """Both pictures as WebP.

    Attributes:
        spritesheet: the frames of a `SheetLayout`, row by row.
        recipe: the text under `domain.recipe.RECIPE_KEY`; None where the file has none.
    """

    thumbnail: bytes
    spritesheet: bytes
    recipe: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetLayout:
    """How frames lie in a sheet: side by side, row by row.

    Attributes:
        columns: frames side by side.
        rows: of frames.
        cell_width, cell_height: pixels of each frame.
        frames: the numbers of those frames in the video, from 0; the last row may not be full.
    """

    columns: int
    rows: int
    cell_width: int
    cell_height: int
    frames: tuple[int, ...]


def sheet_layout(*, width: int, height: int, num_frames: int) -> SheetLayout:
    """The layout for a video of that size: frames evenly over its length, the first and the last included."""
    count = min(num_frames, MAX_CELLS)
    columns = math.ceil(math.sqrt(count))
    cell_width, cell_height = within(CELL_SIDE, width=width, height=height)
    return SheetLayout(
        columns=columns,
        rows=math.ceil(count / columns),
        cell_width=cell_width,
        cell_height=cell_height,
        frames=tuple(round(n * (num_frames - 1) / max(count - 1, 1)) for n in range(count)),
    )


def within(side: int, *, width: int, height: int) -> tuple[int, int]:
    """The size whose longer side is at most `side`, of the same shape; small pictures stay as they are."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
