"""What only a real media file can show."""

from pathlib import Path

import av
import numpy as np
import pytest

from adapters.pyav.video_encoder import PyAvVideoEncoder
from domain.errors import DiskFull, EncodingFailed
from domain.video import FrameChunk


def flat(colour: tuple[int, int, int], num_frames: int = 5) -> FrameChunk:
    frames = np.full((num_frames, 64, 64, 3), colour, dtype=np.uint8)
    return FrameChunk(rgb=frames.data, num_frames=num_frames, height=64, width=64)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 200, 60), (20, 40, 250), (255, 255, 255)])
def test_colours_come_back(colour: tuple[int, int, int], tmp_path: Path) -> None:
    PyAvVideoEncoder().encode([flat(colour)], tmp_path / "v.mp4", fps=8, metadata={})

    with av.open(tmp_path / "v.mp4") as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(picture.astype(int) - colour).max() <= 6


def test_the_index_comes_first_so_that_playing_starts_at_once(tmp_path: Path) -> None:
    PyAvVideoEncoder().encode([flat((9, 9, 9))], tmp_path / "v.mp4", fps=8, metadata={})

    content = (tmp_path / "v.mp4").read_bytes()

    assert content.index(b"moov") < content.index(b"mdat")


def test_no_frames_are_no_video(tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed, match="no frames"):
        PyAvVideoEncoder().encode([], tmp_path / "v.mp4", fps=8, metadata={})


def test_a_full_disk_is_told_as_one() -> None:
    with pytest.raises(DiskFull):
        PyAvVideoEncoder().encode([flat((9, 9, 9))], Path("/dev/full"), fps=8, metadata={})
