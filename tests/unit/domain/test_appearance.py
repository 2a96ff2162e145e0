"""Which videos may have gone wrong, by their looks."""

import pytest

from domain.appearance import Appearance


@pytest.mark.parametrize(
    ("brightness", "contrast", "motion", "said"),
    [
        (16.0, 0.0, 0.0, "black"),
        (17.1, 0.4, 0.3, "black"),
        (43.0, 0.0, 0.0, "of one colour"),
        (43.0, 1.0, 90.0, "of one colour"),  # another in every frame
        (212.0, 170.0, 1.2, "Nothing moves"),
        (212.0, 170.0, 8.3, None),
        (20.0, 9.0, 9.0, None),  # a dark scene
    ],
)
def test_what_is_black_blank_or_frozen_is_doubted(
    brightness: float, contrast: float, motion: float, said: str | None
) -> None:
    seen = Appearance(brightness=brightness, contrast=contrast, motion=motion)

    told = seen.doubt(num_frames=81)

    assert told is None if said is None else said in (told or "")


def test_a_single_frame_cannot_move() -> None:
    assert Appearance(brightness=200, contrast=90, motion=0).doubt(num_frames=1) is None
