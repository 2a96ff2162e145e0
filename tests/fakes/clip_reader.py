"""A format of our own: `a_video(64, 48, frames=9, fps=8)` is a video of that size and length."""

from pathlib import Path
from zipfile import ZipFile, ZipInfo

from domain.clip import clip_facts, frame_name, is_video
from domain.errors import VideoUnusable
from domain.ports.clip_reader import ClipReader

_HEAD = b"\0\0\0\0ftypfake"


def a_video(width: int, height: int, *, frames: int, fps: int) -> bytes:
    """A file that this reader takes."""
    return _HEAD + f"{width} {height} {frames} {fps}".encode()


class FakeClipReader(ClipReader):
    """Each frame is a picture as `FakeImageReader` takes them."""

    def to_clip(self, data: bytes, target: Path) -> None:
        try:
            width, height, frames, fps = map(int, data.removeprefix(_HEAD).split())
        except ValueError as error:
            raise VideoUnusable from error
        assert is_video(data)
        times = [number * 1_000_000 // fps for number in range(frames)]
        name, facts = clip_facts(
            width=width, height=height, times_us=times, duration_us=frames * 1_000_000 // fps
        )
        with ZipFile(target, "w") as archive:
            archive.writestr(ZipInfo(name), facts)
            for number in range(frames):
                archive.writestr(ZipInfo(frame_name(number)), f"{width}x{height}")
