"""How frames lie in a sheet."""

import pytest

from domain.excerpts import MAX_CELLS, sheet_layout, within


@pytest.mark.parametrize("num_frames", [1, 2, 5, 17, 25, 26, 81, 121])
def test_frames_are_spread_evenly_from_the_first_to_the_last(num_frames: int) -> None:
    layout = sheet_layout(width=832, height=480, num_frames=num_frames)

    assert len(layout.frames) == len(set(layout.frames)) == min(num_frames, MAX_CELLS)
    assert (layout.frames[0], layout.frames[-1]) == (0, num_frames - 1)
    steps = {b - a for a, b in zip(layout.frames, layout.frames[1:], strict=False)}
    assert max(steps, default=1) - min(steps, default=1) <= 1
    assert (layout.rows - 1) * layout.columns < len(layout.frames) <= layout.rows * layout.columns


@pytest.mark.parametrize(
    ("size", "cell"),
    [
        ((1280, 720), (192, 108)),
        ((480, 832), (111, 192)),
        ((16, 16), (16, 16)),
        ((4000, 4), (192, 1)),
    ],
)
def test_pictures_keep_their_shape_and_are_never_enlarged(
    size: tuple[int, int], cell: tuple[int, int]
) -> None:
    assert within(192, width=size[0], height=size[1]) == cell
