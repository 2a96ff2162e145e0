"""What strangers' videos become, and which are refused. Each is decoded in a process of its own."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import av
import numpy as np
import pytest
from PIL import Image

from adapters.pyav.clip_reader import PyAvClipReader
from adapters.pyav.sandbox import Refused, write_clip
from domain.clip import frame_name, read_clip
from domain.errors import VideoUnusable
from tests.integration.clips import Frames, noisy_frames, video_file
from tests.integration.pictures import encoded


def write(data: bytes, path: Path) -> None:
    with path.open("wb") as target:
        write_clip(data, target)


def frames_of(path: Path) -> Frames:
    with ZipFile(path) as archive:
        count = len(archive.namelist()) - 1
        return np.stack(
            [np.asarray(Image.open(archive.open(frame_name(number)))) for number in range(count)]
        )


def test_every_frame_is_kept_to_the_bit(tmp_path: Path) -> None:
    frames = noisy_frames()

    PyAvClipReader().to_clip(video_file(frames), tmp_path / "clip")

    assert (frames_of(tmp_path / "clip") == frames).all()


@pytest.mark.parametrize(
    ("codec", "kind", "pixels"),
    [
        ("libx264", "mp4", "yuv420p"),
        ("libx264", "matroska", "yuv420p"),
        ("libvpx-vp9", "webm", "yuv420p"),
        ("libx265", "mp4", "yuv420p"),
    ],
)
def test_what_cameras_and_browsers_write_is_taken(
    codec: str, kind: str, pixels: str, tmp_path: Path
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg cannot write {codec}")
    ramp = np.broadcast_to(
        np.linspace(20, 230, 64).astype(np.uint8)[None, None, :, None], (9, 32, 64, 3)
    )
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}

    write(
        video_file(
            np.ascontiguousarray(ramp), codec=codec, kind=kind, pixels=pixels, options=options
        ),
        tmp_path / "clip",
    )

    clip = read_clip("vid_0", tmp_path / "clip")
    assert (clip.width, clip.height, clip.length_at(8)) == (64, 32, 9)
    assert abs(frames_of(tmp_path / "clip").astype(int) - ramp).mean() < 8


def test_frames_stand_at_their_own_times(tmp_path: Path) -> None:
    write(video_file(noisy_frames(4), times=[0, 1, 4, 6]), tmp_path / "clip")

    clip = read_clip("vid_0", tmp_path / "clip")
    assert clip.times_us == (0, 125_000, 500_000, 750_000)
    assert [clip.frame_at(number, 8) for number in range(7)] == [0, 1, 1, 1, 2, 2, 3]


def a_gif() -> bytes:
    return encoded("GIF", mode="P", colour=3)


def a_playlist() -> bytes:
    return b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"


def an_old_codec() -> bytes:
    return video_file(noisy_frames(), codec="mpeg4", pixels="yuv420p", options={})


def cut_in_its_index() -> bytes:
    return video_file(noisy_frames())[:-40]


def cut_in_its_pictures() -> bytes:
    """Its index is at the front, and promises all of them."""
    whole = video_file(noisy_frames(), flags={"movflags": "empty_moov+frag_keyframe"})
    assert whole.index(b"moov") < whole.index(b"mdat")
    return whole[:-2000]


def damaged() -> bytes:
    whole = bytearray(video_file(noisy_frames()))
    middle = whole.index(b"mdat") + len(whole) // 3
    whole[middle : middle + 64] = bytes(64)
    return bytes(whole)


def nonsense_in_a_box() -> bytes:
    return b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\1\0moov" + bytes(248)


def too_many_frames() -> bytes:
    return video_file(np.zeros((1001, 16, 16, 3), np.uint8))


def a_sound() -> bytes:
    output = BytesIO()
    with av.open(output, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()


@pytest.mark.parametrize(
    ("video", "words"),
    [
        (a_gif, "not an MP4"),
        (a_playlist, "not an MP4"),
        (an_old_codec, "coded as mpeg4"),
        (cut_in_its_index, "cut short"),
        (cut_in_its_pictures, "cut short"),
        (nonsense_in_a_box, "no video track"),
        (damaged, "not a whole video"),
        (too_many_frames, "at most 1000 frames"),
        (a_sound, "no video track"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    video: object, words: str, tmp_path: Path
) -> None:
    assert callable(video)

    with pytest.raises(Refused, match=words):
        write(video(), tmp_path / "clip")


def test_the_reason_comes_out_of_the_sandbox(tmp_path: Path) -> None:
    with pytest.raises(VideoUnusable, match=r"not taken\. It is coded as mpeg4"):
        PyAvClipReader().to_clip(an_old_codec(), tmp_path / "clip")


def test_a_file_above_the_limit_is_not_even_begun(tmp_path: Path) -> None:
    with pytest.raises(VideoUnusable, match="larger than 32 MiB"):
        PyAvClipReader().to_clip(bytes(2**25 + 1), tmp_path / "clip")
