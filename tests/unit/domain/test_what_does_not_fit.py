"""What is said where no placement fits: the numbers, and what would."""

import re

import pytest

from domain.errors import DoesNotFit
from tests.unit.domain.test_memory_plan import plan


def test_what_does_not_fit_is_refused_with_the_numbers_and_with_what_would() -> None:
    with pytest.raises(DoesNotFit) as refused:
        plan(card=8)

    told = refused.value.message
    assert "t2v-A14B at 1280x720 with 81 frames needs" in told
    assert "8.0 GiB" in told
    assert "832x480 with 81 frames" in told
    shorter = re.search(r"1280x720 with (\d+) frames\.$", told)
    assert shorter
    frames = int(shorter[1])
    assert plan(card=8, num_frames=frames)
    with pytest.raises(DoesNotFit):
        plan(card=8, num_frames=frames + 4)


def test_what_would_fit_does_fit() -> None:
    with pytest.raises(DoesNotFit) as refused:
        plan(card=8)

    for width, height, frames in re.findall(
        r"(\d+)x(\d+) with (\d+) frames", refused.value.message
    )[1:]:
        assert plan(card=8, width=int(width), height=int(height), num_frames=int(frames))
    size, length = refused.value.violations
    assert (size.pointer, size.nearest) == ("/width", ("832x480",))
    assert length.pointer == "/num_frames"
    (frames,) = length.nearest
    assert f"or 1280x720 with {frames} frames." in refused.value.message


def test_nothing_of_it_fits_into_nothing() -> None:
    with pytest.raises(DoesNotFit, match="No size of it") as refused:
        plan(card=1, host=1)

    assert refused.value.violations == ()


@pytest.mark.parametrize(
    ("asked", "instead"), [("t2v-A14B", ("t2v-1.3B",)), ("animate-14B", ()), ("i2v-A14B", ())]
)
def test_where_no_size_fits_checkpoints_are_told_that_take_the_same_and_would(
    asked: str, instead: tuple[str, ...]
) -> None:
    with pytest.raises(DoesNotFit, match="No size of it would fit") as refused:
        plan(asked, card=8, host=15)

    nearest = [violation.nearest for violation in refused.value.violations]
    assert nearest == ([instead] if instead else [])
    for other in instead:
        assert other in refused.value.message
        assert plan(other, card=8, host=15)


def test_a_host_that_is_too_small_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="host memory"):
        plan(card=None, host=32)
