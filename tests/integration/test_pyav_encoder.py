"""What only a real media file can show."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.pyav.video_encoder import PyAvVideoEncoder
from domain.errors import DiskFull, DomainError, EncodingFailed, StorageError
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


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EIO, StorageError),
        (errno.EROFS, StorageError),
        (errno.EINVAL, EncodingFailed),
    ],
)
def test_what_the_disk_refuses_is_no_fault_of_the_video(
    number: int, kind: type[DomainError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user over quota and a disk that failed were charged to the job, which failed for good.
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise av.OSError(number, os.strerror(number), str(path))

    PyAvVideoEncoder().encode([flat((9, 9, 9))], tmp_path / "whole.mp4", fps=8, metadata={})
    monkeypatch.setattr(av, "open", refuse)

    for deed in (
        lambda: PyAvVideoEncoder().encode([], tmp_path / "v.mp4", fps=8, metadata={}),
        lambda: PyAvVideoEncoder().probe(tmp_path / "whole.mp4"),
    ):
        with pytest.raises(kind) as caught:
            deed()
        assert type(caught.value) is kind


def noise(num_frames: int) -> FrameChunk:
    """Frames that hardly compress."""
    frames = np.random.default_rng(7).integers(0, 256, (num_frames, 64, 64, 3), np.uint8)
    return FrameChunk(rgb=frames.data, num_frames=num_frames, height=64, width=64)


def test_a_disk_that_fills_up_in_the_middle_is_told_as_full() -> None:
    with pytest.raises(DiskFull):
        PyAvVideoEncoder().encode([noise(40)] * 5, Path("/dev/full"), fps=8, metadata={})


def test_a_file_cut_between_two_frames_is_not_whole(tmp_path: Path) -> None:
    # The index is at the front, and FFmpeg reads on without a word: 1 of 9 frames was "a video".
    path = tmp_path / "v.mp4"
    PyAvVideoEncoder().encode([noise(9)], path, fps=8, metadata={})
    with av.open(path) as container:
        ends = [p.pos + p.size for p in container.demux(video=0) if p.pos is not None]
    path.write_bytes(path.read_bytes()[: min(ends)])

    with pytest.raises(EncodingFailed, match="1 of 9"):
        PyAvVideoEncoder().probe(path)


def test_red_has_the_luma_of_bt709_and_the_file_says_so(tmp_path: Path) -> None:
    # BT.601 would give 81: a player that believes the tag would show another red.
    PyAvVideoEncoder().encode([flat((255, 0, 0))], tmp_path / "v.mp4", fps=8, metadata={})

    with av.open(tmp_path / "v.mp4") as container:
        frame = next(container.decode(video=0))
    assert frame.to_ndarray()[32, 32] == pytest.approx(16 + 219 * 0.2126, abs=1)
    assert (frame.colorspace, frame.color_range, frame.format.name) == (1, 1, "yuv420p")


def test_frames_keep_their_order(tmp_path: Path) -> None:
    shades = [10, 60, 110, 160, 210, 90, 30]

    PyAvVideoEncoder().encode(
        [flat((shade,) * 3, num_frames=1) for shade in shades],
        tmp_path / "v.mp4",
        fps=8,
        metadata={},
    )

    with av.open(tmp_path / "v.mp4") as container:
        seen = [int(f.to_ndarray(format="rgb24")[9, 9, 0]) for f in container.decode(video=0)]
    assert seen == pytest.approx(shades, abs=4)


def test_a_folder_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed, match="No such file or directory"):
        PyAvVideoEncoder().encode([noise(1)], tmp_path / "no" / "v.mp4", fps=8, metadata={})


def test_a_file_without_pictures_is_no_video(tmp_path: Path) -> None:
    with av.open(tmp_path / "v.mp4", "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        silence.sample_rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))

    with pytest.raises(EncodingFailed):
        PyAvVideoEncoder().probe(tmp_path / "v.mp4")


#: Encodes drifting bands of the size it is told, and prints the file's hash.
ENCODE = """
import hashlib, sys
from pathlib import Path
import numpy as np
from adapters.pyav.video_encoder import PyAvVideoEncoder
from domain.video import FrameChunk
width, path = int(sys.argv[1]), Path(sys.argv[2])
noise = np.random.default_rng(7).integers(0, 256, (80, width + 40, 3), np.uint8)
bands = np.cumsum(noise // 16, axis=1, dtype=np.uint8)
frames = np.stack([bands[t : t + 64, 2 * t : 2 * t + width] for t in range(17)])
chunk = FrameChunk(rgb=frames.data, num_frames=17, height=64, width=width)
PyAvVideoEncoder().encode([chunk], path, fps=8, metadata={"comment": "a recipe"})
print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 72, 100, 832])
def test_equal_frames_give_equal_files_in_every_process(width: int, tmp_path: Path) -> None:
    # x264 read memory that nobody had written: a process that had rendered before gave another file.
    # glibc fills fresh memory with whatever MALLOC_PERTURB_ says, as such a process does by chance.
    hashes = set()
    for number, filling in enumerate((0, 17, 85, 129, 170, 254)):
        command = [sys.executable, "-c", ENCODE, str(width), str(tmp_path / f"{number}.mp4")]
        environment = {**os.environ, "MALLOC_PERTURB_": str(filling)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        hashes.add(done.stdout)

    assert len(hashes) == 1
