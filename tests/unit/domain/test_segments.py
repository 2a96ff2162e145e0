"""What a video is made in, where it is made in several segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checkpoint import CHECKPOINTS, checkpoint_spec
from domain.segments import Segments

ANIMATE = checkpoint_spec("animate-14B")


@pytest.mark.parametrize(
    ("num_frames", "count", "of", "made"),
    [(5, 1, 5, 5), (77, 1, 77, 77), (81, 2, 77, 153), (153, 2, 77, 153), (533, 7, 77, 533)],
)
def test_a_long_video_is_made_in_as_many_as_it_takes(
    num_frames: int, count: int, of: int, made: int
) -> None:
    segments = ANIMATE.segments(num_frames)

    assert (segments.count, segments.num_frames, segments.made_frames) == (count, of, made)


def test_others_are_made_at_once() -> None:
    for spec in CHECKPOINTS:
        if spec is not ANIMATE:
            assert spec.segments(spec.max_frames).count == 1


@given(quarters=st.integers(1, 133))
def test_each_frame_is_shown_once_and_led_by_its_own(quarters: int) -> None:
    length = 4 * quarters + 1
    segments = ANIMATE.segments(length)

    shown: list[int] = []
    for number in range(segments.count):
        led_by = segments.led_by(number)
        assert len(led_by) == segments.num_frames
        shown += [led_by[frame] for frame in segments.shown(number)]

    assert shown == list(range(length))


def test_the_next_one_begins_with_the_last_frame_of_the_one_before() -> None:
    segments = Segments(length=17, num_frames=9)

    assert segments.led_by(0)[-1] == segments.led_by(1)[0] == 8


def test_past_the_end_it_goes_back_and_forth() -> None:
    # As the stock pipeline pads: [1, 2, 3, 4, 5], 10 -> [1, 2, 3, 4, 5, 4, 3, 2, 1, 2].
    assert Segments(length=5, num_frames=10).led_by(0) == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1]


def test_what_is_made_beyond_the_end_is_told() -> None:
    assert ANIMATE.segments(77).told(steps=20) == ()
    [whole] = ANIMATE.segments(153).told(steps=40)
    [short] = ANIMATE.segments(81).told(steps=40)

    assert "2 segments of 77 frames, 40 steps in all" in whole
    assert "153 frames" not in whole
    assert short.endswith("as many as 153 frames would take.")
