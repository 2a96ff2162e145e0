"""How long a given video is, and which of its frames stand where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clip import InputClip, is_video
from domain.image import is_picture


def a_clip(frames: int, fps: float) -> InputClip:
    """As a container tells it: to the millisecond."""
    times = [round(number * 1000 / fps) * 1000 for number in range(frames)]
    end = round(frames * 1000 / fps) * 1000
    return InputClip(id="vid_0", width=64, height=32, times_us=tuple(times), duration_us=end)


@pytest.mark.parametrize("fps", [8, 16, 24, 25, 30, 60, 30000 / 1001])
def test_at_its_own_rate_a_video_has_its_own_frames(fps: float) -> None:
    clip = a_clip(121, fps)

    assert clip.length_at(round(fps)) == 121
    assert [clip.frame_at(number, round(fps)) for number in range(121)] == list(range(121))


def test_a_faster_video_is_thinned_out_and_a_slower_one_repeats() -> None:
    assert [a_clip(30, 30).frame_at(number, 15) for number in range(4)] == [0, 2, 4, 6]
    assert a_clip(30, 30).length_at(15) == 15
    assert [a_clip(8, 8).frame_at(number, 16) for number in range(5)] == [0, 0, 1, 1, 2]
    assert a_clip(8, 8).length_at(16) == 16


@given(frames=st.integers(1, 300), fps=st.sampled_from([8, 16, 24]), rate=st.floats(5.0, 120.0))
def test_every_moment_of_a_video_has_a_frame_and_time_never_runs_back(
    frames: int, fps: int, rate: float
) -> None:
    clip = a_clip(frames, rate)

    shown = [clip.frame_at(number, fps) for number in range(clip.length_at(fps))]

    assert shown[0] == 0
    assert shown == sorted(shown)
    assert shown[-1] < frames


@pytest.mark.parametrize(
    ("begins", "kind"),
    [
        (b"\0\0\0\x20ftypisom", "video"),
        (b"\x1a\x45\xdf\xa3....", "video"),
        (b"\x89PNG\r\n\x1a\n....", "picture"),
        (b"\xff\xd8\xff\xe0....", "picture"),
        (b"RIFF....WEBP", "picture"),
        (b"RIFF....AVI ", "neither"),
        (b"\0\0\0\x20ftypheic", "neither"),
        (b"", "neither"),
    ],
)
def test_a_file_says_at_its_beginning_what_it_is(begins: bytes, kind: str) -> None:
    assert (is_video(begins), is_picture(begins)) == (kind == "video", kind == "picture")
