"""The words the embedded checkpoints know, and which combinations training never sees.

Knows nothing of pixels beyond the palette, and nothing of networks.
"""

import hashlib
from itertools import product
from typing import NamedTuple

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "diamond", "hexagon")

PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (225, 30, 40),
    "orange": (255, 140, 0),
    "yellow": (250, 225, 30),
    "green": (30, 160, 60),
    "cyan": (30, 215, 225),
    "blue": (35, 70, 220),
    "purple": (130, 45, 180),
    "pink": (250, 130, 185),
    "white": (245, 245, 245),
    "gray": (128, 128, 128),
    "black": (15, 15, 15),
    "brown": (120, 70, 30),
}
"""sRGB, 0 to 255."""

DIRECTIONS: dict[str, tuple[float, float]] = {
    "right": (1.0, 0.0),
    "left": (-1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
    "up right": (0.7071, -0.7071),
    "up left": (-0.7071, -0.7071),
    "down right": (0.7071, 0.7071),
    "down left": (-0.7071, 0.7071),
}
"""Unit vectors in image coordinates: x to the right, y downwards."""

MOTIONS = (*DIRECTIONS, "still", "growing", "shrinking")

SIZES = ("small", "medium", "large")
SPEEDS = ("slow", "normal", "fast")

_HELD_OUT_ONE_IN = 12
_SMALLEST_PAIR_DISTANCE = 0.5


class Combination(NamedTuple):
    """The four attributes a clip is judged by."""

    shape: str
    colour: str
    background: str
    motion: str


def colour_distance(first: str, second: str) -> float:
    """Euclidean distance of two palette colours, with each channel in 0 to 1."""
    pairs = zip(PALETTE[first], PALETTE[second], strict=True)
    return float(sum(((a - b) / 255.0) ** 2 for a, b in pairs) ** 0.5)


def colour_pairs() -> list[tuple[str, str]]:
    """(object, background) pairs far enough apart to be told from each other."""
    return [
        (a, b)
        for a, b in product(PALETTE, PALETTE)
        if colour_distance(a, b) > _SMALLEST_PAIR_DISTANCE
    ]


def combinations() -> list[Combination]:
    """Every combination that can be drawn, in a fixed order."""
    return [
        Combination(shape, colour, background, motion)
        for shape, (colour, background), motion in product(SHAPES, colour_pairs(), MOTIONS)
    ]


def is_held_out(combination: Combination) -> bool:
    """Whether training must never see this combination.

    Decided by a hash of the words alone, so it needs no list, no seed and no file.
    """
    digest = hashlib.sha256("|".join(combination).encode()).digest()
    return digest[0] % _HELD_OUT_ONE_IN == 0
