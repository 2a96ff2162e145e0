"""The contract of `ClipReader`. The fake has a format of its own, so each brings its videos."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.pyav.clip_reader import PyAvClipReader
from domain.clip import read_clip
from domain.errors import VideoUnusable
from domain.ports.clip_reader import ClipReader
from tests.fakes.clip_reader import FakeClipReader, a_video
from tests.integration.clips import noisy_frames, video_file

Made = tuple[ClipReader, Callable[[int, int], bytes]]


@pytest.fixture(params=["pyav", "fake"])
def made(request: pytest.FixtureRequest) -> Made:
    """A reader, and what makes it a video of 9 frames at 8 a second."""
    if request.param == "fake":
        return FakeClipReader(), lambda width, height: a_video(width, height, frames=9, fps=8)
    return PyAvClipReader(), lambda width, height: video_file(noisy_frames(9, (width, height)))


def test_a_video_keeps_its_size_and_its_time(made: Made, tmp_path: Path) -> None:
    reader, video = made

    reader.to_clip(video(64, 32), tmp_path / "clip")

    clip = read_clip("vid_0", tmp_path / "clip")
    assert (clip.width, clip.height, len(clip.times_us)) == (64, 32, 9)
    assert clip.times_us[:3] == (0, 125_000, 250_000)
    assert clip.duration_us == 1_125_000


def test_the_same_video_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    reader, video = made
    data = video(32, 32)

    for name in ("one", "two"):
        reader.to_clip(data, tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("data", [b"", b"no video", b"\0\0\0\x18ftypmp42" + bytes(40)])
def test_what_is_no_video_is_refused(data: bytes, made: Made, tmp_path: Path) -> None:
    reader, _video = made

    with pytest.raises(VideoUnusable):
        reader.to_clip(data, tmp_path / "clip")
