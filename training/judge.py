"""Says what a clip shows by plain image analysis: no learned judge, no latents.

Background from the border, the object by its distance from it, the shape by overlap with drawn
outlines of equal area, the motion from the object's centre and area over time.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.rendering import outline_coverage
from training.vocabulary import DIRECTIONS, PALETTE, SHAPES, Combination

Frames = NDArray[np.uint8]
"""(T, H, W, 3), sRGB."""

_BORDER_PX = 3
_LEAST_CONTRAST = 40.0
"""RGB distance below which a pixel is background, whatever its neighbours say."""
_LEAST_AREA_SHARE = 0.004
_LEAST_TRAVEL = 0.08
"""Half the slowest motion of the grammar, in canvas sides."""
_LEAST_GROWTH = 0.15
"""Half the slowest growth of the grammar: the logarithm of the radius' ratio."""
_NAMES = list(PALETTE)
_COLOURS = np.asarray([PALETTE[name] for name in _NAMES], dtype=np.float64)


def look_at(frames: Frames) -> Combination:
    """What a clip of at least two frames shows; "nothing" where no object was found."""
    pixels = frames.astype(np.float64)
    ground = _border_colour(pixels)
    background = _nearest_colour(ground)
    colour = _object_colour(pixels, ground)
    if colour is None:
        return Combination("nothing", "nothing", background, "nothing")
    coverage = _coverage(pixels, ground, colour)  # (T, H, W)
    tracks = _tracks(coverage)
    shape = _shape(coverage, tracks)
    return Combination(shape, _nearest_colour(colour), background, _motion(tracks))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tracks:
    """The object over time: frame numbers where it is seen, centres and radii in canvas sides."""

    frames: NDArray[np.int64]
    count: int
    centres: NDArray[np.float64]
    radii: NDArray[np.float64]


def _border_colour(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    border = np.ones(pixels.shape[1:3], dtype=bool)
    border[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = False
    return np.median(pixels[:, border].reshape(-1, 3), axis=0)


def _object_colour(
    pixels: NDArray[np.float64], ground: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    distance = np.linalg.norm(pixels - ground, axis=-1)
    seen = distance > _LEAST_CONTRAST
    if seen.mean() < _LEAST_AREA_SHARE:
        return None
    inside = distance > 0.7 * np.percentile(distance[seen], 90)
    colour: NDArray[np.float64] = np.median(pixels[inside], axis=0)
    return colour


def _nearest_colour(rgb: NDArray[np.float64]) -> str:
    return _NAMES[int(np.argmin(np.linalg.norm(_COLOURS - rgb, axis=-1)))]


def _coverage(
    pixels: NDArray[np.float64], ground: NDArray[np.float64], colour: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much of each pixel is object, 0 to 1, along the line between the two colours."""
    axis = colour - ground
    share = (pixels - ground) @ axis / (axis @ axis)
    return np.clip(share * 1.25 - 0.125, 0.0, 1.0)  # flat areas keep no codec noise


def _tracks(coverage: NDArray[np.float64]) -> _Tracks:
    count, height, width = coverage.shape
    areas = coverage.sum(axis=(1, 2))
    seen = np.flatnonzero(areas > _LEAST_AREA_SHARE * height * width)
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    x = (coverage[seen].sum(axis=1) * columns).sum(axis=1) / areas[seen]
    y = (coverage[seen].sum(axis=2) * rows).sum(axis=1) / areas[seen]
    centres = np.stack([x / width, y / height], axis=1)
    return _Tracks(
        frames=seen, count=count, centres=centres, radii=np.sqrt(areas[seen] / (height * width))
    )


def _shape(coverage: NDArray[np.float64], tracks: _Tracks) -> str:
    overlaps = np.zeros(len(SHAPES))
    side = coverage.shape[1]
    for index in range(0, len(tracks.frames), 2):
        mask = coverage[tracks.frames[index]]
        for kind in range(len(SHAPES)):
            drawn = outline_coverage(
                kind,
                centre_px=tracks.centres[index] * side,
                area_px=float(mask.sum()),
                side_px=side,
            )
            overlaps[kind] += np.minimum(mask, drawn).sum() / np.maximum(mask, drawn).sum()
    return SHAPES[int(np.argmax(overlaps))]


def _motion(tracks: _Tracks) -> str:
    if len(tracks.frames) < 2:
        return "nothing"
    whole = tracks.count - 1
    travel = np.polyfit(tracks.frames, tracks.centres, 1)[0] * whole
    growth = float(np.polyfit(tracks.frames, np.log(tracks.radii), 1)[0] * whole)
    moved, grown = math.hypot(*travel) / _LEAST_TRAVEL, abs(growth) / _LEAST_GROWTH
    if max(moved, grown) < 1.0:
        return "still"
    if grown > moved:
        return "growing" if growth > 0 else "shrinking"
    return max(DIRECTIONS, key=lambda name: float(np.dot(DIRECTIONS[name], travel)))
