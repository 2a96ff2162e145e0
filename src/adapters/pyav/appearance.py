"""What decoded frames look like, by the means of their blocks."""

from typing import Final, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from domain.appearance import Appearance

#: Pixels of a block's side, in luma; of chroma there are half as many.
_BLOCK: Final = 16
_Plane: TypeAlias = "npt.NDArray[np.float32]"


class Watcher:
    """Sees one frame after another, and keeps the first one's blocks."""

    def __init__(self) -> None:
        self._first: list[_Plane] = []
        self._brightness = self._contrast = self._motion = 0.0

    def see(self, frame: av.VideoFrame) -> None:
        """Take in the next frame, in yuv420p."""
        blocks = _blocks(frame)
        self._first = self._first or blocks
        self._brightness = max(self._brightness, float(blocks[0].max()))
        for plane, first in zip(blocks, self._first, strict=True):
            self._contrast = max(self._contrast, float(np.ptp(plane)))
            self._motion = max(self._motion, float(np.abs(plane - first).max()))

    @property
    def appearance(self) -> Appearance:
        """Of all that was seen."""
        return Appearance(brightness=self._brightness, contrast=self._contrast, motion=self._motion)


def _blocks(frame: av.VideoFrame) -> list[_Plane]:
    """The means of luma's blocks and of both chromas'."""
    means = []
    for plane, side in zip(frame.planes, (_BLOCK, _BLOCK // 2, _BLOCK // 2), strict=True):
        samples = np.frombuffer(memoryview(plane), np.uint8)
        samples = samples.reshape(plane.height, plane.line_size)
        tall, broad = min(side, plane.height), min(side, plane.width)
        rows, columns = plane.height // tall, plane.width // broad  # the rest is not looked at
        cut = samples[: rows * tall, : columns * broad].reshape(rows, tall, columns, broad)
        means.append(cut.mean(axis=(1, 3), dtype=np.float32))
    return means
