"""The file that results, and the frames on their way into it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFile:
    """What is known of a finished media file, read back from the file itself.

    Attributes:
        sha256: lower-case hex digest of the whole file.
        codec: as FFmpeg names it, such as `h264`.
    """

    sha256: str
    size_bytes: int
    width: int
    height: int
    num_frames: int
    fps: float
    duration_s: float
    codec: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChunk:
    """Consecutive decoded frames.

    Attributes:
        rgb: uint8 samples, C-contiguous, (num_frames, height, width, 3).
    """

    rgb: memoryview
    num_frames: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """A file that is durable. `sha256`: lower-case hex of all its bytes."""

    sha256: str
    size_bytes: int
