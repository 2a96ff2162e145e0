"""Video files for tests."""

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np

Frames = Any  # uint8, (F, H, W, 3)


def noisy_frames(count: int = 9, size: tuple[int, int] = (64, 32), seed: int = 1) -> Frames:
    """No two pixels or frames of them can be confused."""
    width, height = size
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def video_file(
    frames: Frames,
    *,
    fps: int = 8,
    codec: str = "libx264rgb",
    kind: str = "mp4",
    pixels: str = "rgb24",
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    flags: dict[str, str] | None = None,
) -> bytes:
    """`frames` as a file; the default loses nothing. `times`: of each frame, in frames."""
    output = BytesIO()
    with av.open(output, "w", format=kind, options=flags or {}) as container:
        stream: Any = container.add_stream(codec, rate=fps, options=options or {"crf": "0"})
        _, stream.height, stream.width, _ = frames.shape
        stream.pix_fmt = pixels
        stream.time_base = Fraction(1, fps)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = times[number] if times else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()
