"""Where an image lies in a video of another shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.image import padded_box

SIDES = st.integers(1, 12_000)


@pytest.mark.parametrize(
    ("image", "video", "box"),
    [
        ((200, 100), (128, 128), (0, 32, 128, 96)),
        ((100, 200), (128, 128), (32, 0, 96, 128)),
        ((64, 64), (128, 128), (0, 0, 128, 128)),
        ((1920, 1080), (832, 480), (0, 6, 832, 474)),
        ((3, 2), (16, 16), (0, 2, 16, 13)),
        ((12_000, 1), (128, 128), (0, 63, 128, 64)),
        ((1, 12_000), (128, 128), (63, 0, 64, 128)),
    ],
)
def test_a_padded_image_lies_in_the_middle(
    image: tuple[int, int], video: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert padded_box(image=image, video=video) == box


@given(image=st.tuples(SIDES, SIDES), video=st.tuples(SIDES, SIDES))
def test_a_padded_image_is_whole_unstretched_and_as_large_as_can_be(
    image: tuple[int, int], video: tuple[int, int]
) -> None:
    left, top, right, bottom = padded_box(image=image, video=video)
    width, height = right - left, bottom - top

    assert 0 <= left < right <= video[0]
    assert 0 <= top < bottom <= video[1]
    assert width == video[0] or height == video[1]
    scale = min(video[0] / image[0], video[1] / image[1])
    assert abs(width - image[0] * scale) <= 1
    assert abs(height - image[1] * scale) <= 1
    assert 0 <= (video[0] - right) - left <= 1
    assert 0 <= (video[1] - bottom) - top <= 1
