"""Writes frames as an MP4 and reads them back, so that a clip is judged as a viewer gets it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from training.judge import Frames


def write_mp4(frames: Frames, path: Path, *, fps: int) -> None:
    """Encode as H.264, yuv420p, at a quality close to lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "12"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def read_mp4(path: Path) -> Frames:
    """Every frame of the first video stream: (T, H, W, 3)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
