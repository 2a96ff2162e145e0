"""A video's length in seconds, for those who do not count frames.

A video of n + 1 frames lasts n frames' time: its first one is the moment it begins. So the 81 frames at 16
a second that Wan2.2 calls five seconds are five, and so are the 121 at 24 of TI2V-5B.
"""

import math
from typing import Final

from domain.checkpoint import CheckpointSpec
from domain.errors import InvalidRequest, Violation

#: Seconds. Lengths are told to the millisecond, and are taken as they are told.
_AS_TOLD: Final = 0.0006


def frames_for(seconds: float, spec: CheckpointSpec) -> int:
    """How many frames of `spec` last that long.

    Raises:
        InvalidRequest: no number of frames that it makes does; the nearest lengths are told.
    """
    fps, stride = spec.defaults.fps, spec.geometry.temporal_stride
    most = (spec.max_frames - 1) // stride
    exact = min(max(seconds * fps / stride, 1.0), float(most))
    near = [count * stride + 1 for count in sorted({math.floor(exact), math.ceil(exact)})]
    for num_frames in near:
        if abs(seconds - (num_frames - 1) / fps) < _AS_TOLD:
            return num_frames
    reason = (
        f"{spec.id} makes no video of {seconds:g} s, but of {stride}n + 1 frames at {fps} a second, "
        f"at most {most * stride + 1} of them"
    )
    nearest = tuple(seconds_of(num_frames, fps) for num_frames in near)
    raise InvalidRequest([Violation(pointer="/seconds", reason=reason, nearest=nearest)])


def seconds_of(num_frames: int, fps: int) -> str:
    """How long that many frames last, to the millisecond: `5`, `2.533`."""
    return f"{(num_frames - 1) / fps:.3f}".rstrip("0").rstrip(".")
