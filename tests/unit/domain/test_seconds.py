"""Lengths in seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checkpoint import CHECKPOINTS, CheckpointSpec, checkpoint_spec
from domain.errors import InvalidRequest
from domain.seconds import frames_for, seconds_of


@pytest.mark.parametrize(
    ("seconds", "checkpoint", "num_frames"),
    [
        (5, "t2v-A14B", 81),
        (5, "ti2v-5B", 121),
        (2, "mini", 17),
        (0.5, "mini", 5),
        (7.5, "t2v-A14B", 121),
        (2.533, "animate-14B", 77),
    ],
)
def test_a_length_is_a_number_of_frames(seconds: float, checkpoint: str, num_frames: int) -> None:
    assert frames_for(seconds, checkpoint_spec(checkpoint)) == num_frames


@pytest.mark.parametrize("spec", CHECKPOINTS, ids=lambda spec: str(spec.id))
def test_every_length_is_taken_as_it_is_told(spec: CheckpointSpec) -> None:
    stride, fps = spec.geometry.temporal_stride, spec.defaults.fps

    for num_frames in range(stride + 1, spec.max_frames + 1, stride):
        assert frames_for(float(seconds_of(num_frames, fps)), spec) == num_frames


@pytest.mark.parametrize(
    ("seconds", "nearest"),
    [
        (12, ("7.5",)),
        (1e300, ("7.5",)),
        (0, ("0.25",)),
        (-1e300, ("0.25",)),
        (5.1, ("5", "5.25")),
    ],
)
def test_a_length_between_is_refused_with_its_neighbours(
    seconds: float, nearest: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        frames_for(seconds, checkpoint_spec("t2v-A14B"))

    [violation] = refused.value.violations
    assert (violation.pointer, violation.nearest) == ("/seconds", nearest)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(CHECKPOINTS))
def test_what_is_offered_in_its_place_is_taken(seconds: float, spec: CheckpointSpec) -> None:
    try:
        assert frames_for(seconds, spec) <= spec.max_frames
    except InvalidRequest as refused:
        for near in refused.violations[0].nearest:
            assert frames_for(float(near), spec) <= spec.max_frames
