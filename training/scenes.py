"""Scenes: what one clip shows, drawn at random from the vocabulary.

A scene is in units of the canvas side, so it can be drawn at any size.
"""

from dataclasses import dataclass

import numpy as np

from training.vocabulary import (
    DIRECTIONS,
    MOTIONS,
    PALETTE,
    SHAPES,
    Combination,
    colour_pairs,
    is_held_out,
)

_RADIUS = {"small": (0.155, 0.175), "medium": (0.195, 0.215), "large": (0.235, 0.26)}
_TRAVEL = {"slow": (0.15, 0.18), "normal": (0.22, 0.26), "fast": (0.3, 0.34)}
_GROWTH = {"slow": (1.35, 1.45), "normal": (1.55, 1.7), "fast": (1.8, 1.95)}
_EDGE_MARGIN = 0.02
_REACH = 1.25
"""The farthest any shape reaches from its centre, in radii (the star's tips)."""
_JITTER = 0.03

_PAIRS = colour_pairs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One clip before it is drawn.

    Attributes:
        rgb, background_rgb: 0 to 1.
        start, end: centres (x, y) in the first and last frame, in canvas sides, y downwards.
        start_radius, end_radius: in canvas sides.
    """

    combination: Combination
    size: str
    speed: str
    rgb: tuple[float, float, float]
    background_rgb: tuple[float, float, float]
    start: tuple[float, float]
    end: tuple[float, float]
    start_radius: float
    end_radius: float


def sample_training_scene(rng: np.random.Generator) -> Scene:
    """A scene whose combination is not held out; shapes and motions are balanced."""
    while True:
        colour, background = _PAIRS[rng.integers(len(_PAIRS))]
        shape = SHAPES[rng.integers(len(SHAPES))]
        motion = MOTIONS[rng.integers(len(MOTIONS))]
        combination = Combination(shape, colour, background, motion)
        if not is_held_out(combination):
            return sample_scene(combination, rng)


def sample_scene(combination: Combination, rng: np.random.Generator) -> Scene:
    """A scene of the given combination with size, speed, place and tint drawn at random."""
    size = str(rng.choice(list(_RADIUS)))
    speed = str(rng.choice(list(_TRAVEL)))
    start_radius, end_radius = _radii(combination.motion, size, speed, rng)
    start, end = _path(combination.motion, speed, max(start_radius, end_radius), rng)
    return Scene(
        combination=combination,
        size=size,
        speed=speed,
        rgb=_tinted(combination.colour, rng),
        background_rgb=_tinted(combination.background, rng),
        start=start,
        end=end,
        start_radius=start_radius,
        end_radius=end_radius,
    )


def _radii(motion: str, size: str, speed: str, rng: np.random.Generator) -> tuple[float, float]:
    radius = float(rng.uniform(*_RADIUS[size]))
    if motion not in ("growing", "shrinking"):
        return radius, radius
    growth = float(rng.uniform(*_GROWTH[speed])) ** 0.5
    small, large = radius / growth, radius * growth
    return (small, large) if motion == "growing" else (large, small)


def _path(
    motion: str, speed: str, radius: float, rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[float, float]]:
    step = np.zeros(2)
    if motion in DIRECTIONS:
        step = np.asarray(DIRECTIONS[motion]) * rng.uniform(*_TRAVEL[speed])
    room = np.maximum(0.5 - _EDGE_MARGIN - radius * _REACH - np.abs(step) / 2, 0.0)
    middle = 0.5 + rng.uniform(-1.0, 1.0, 2) * room
    start, end = middle - step / 2, middle + step / 2
    return (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))


def _tinted(colour: str, rng: np.random.Generator) -> tuple[float, float, float]:
    tint = np.asarray(PALETTE[colour]) / 255.0 + rng.uniform(-_JITTER, _JITTER, 3)
    red, green, blue = np.clip(tint, 0.0, 1.0)
    return float(red), float(green), float(blue)
