"""What is known of each member of the family."""

import pytest

from domain.checkpoint import (
    CHECKPOINTS,
    DEFAULT_CHECKPOINT,
    CheckpointSpec,
    checkpoint_spec,
    chosen_checkpoint,
)
from domain.errors import InvalidRequest, UnknownCheckpoint
from domain.memory_plan import plan_memory
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.examples import a_request
from tests.fakes.hardware_probe import FakeHardwareProbe


def test_an_unknown_checkpoint_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownCheckpoint, match=r"'sora'.* mini, mini-ti2v, t2v-A14B"):
        checkpoint_spec("sora")


def test_one_that_is_nearly_known_is_suggested() -> None:
    with pytest.raises(UnknownCheckpoint, match="Is mini meant"):
        checkpoint_spec("min")
    with pytest.raises(InvalidRequest, match=r"checkpoint: .*'T2V-a14b' \(nearest: t2v-A14B\)"):
        chosen_checkpoint("T2V-a14b")
    with pytest.raises(InvalidRequest, match="nearest: mini or mini-ti2v or t2v-A14B or "):
        chosen_checkpoint("sora")


def test_silence_means_the_embedded_checkpoint() -> None:
    assert DEFAULT_CHECKPOINT == "mini"


@pytest.mark.parametrize(
    ("checkpoint_id", "shape", "tokens"),
    [
        ("t2v-A14B", (16, 21, 90, 160), 75_600),
        ("ti2v-5B", (48, 31, 44, 80), 27_280),
        ("mini", (16, 5, 16, 16), 320),
    ],
)
def test_the_default_video_has_the_published_latents(
    checkpoint_id: str, shape: tuple[int, ...], tokens: int
) -> None:
    spec = checkpoint_spec(checkpoint_id)
    defaults = spec.defaults
    size = {
        "num_frames": defaults.num_frames,
        "height": defaults.height,
        "width": defaults.width,
    }

    assert spec.geometry.latent_shape(**size) == shape
    assert spec.geometry.tokens(**size) == tokens


@pytest.mark.parametrize("spec", CHECKPOINTS, ids=lambda spec: spec.id)
def test_the_longest_clip_ends_on_the_grid(spec: CheckpointSpec) -> None:
    assert spec.max_frames % spec.geometry.temporal_stride == 1


@pytest.mark.parametrize(
    ("checkpoint_id", "two"), [("mini", True), ("i2v-A14B", True), ("ti2v-5B", False)]
)
def test_a_boundary_means_two_experts(checkpoint_id: str, two: bool) -> None:
    assert checkpoint_spec(checkpoint_id).has_two_experts is two


@pytest.mark.parametrize(("guidance", "forwards"), [(4.0, 8), (1.0, 4)])
def test_guidance_doubles_the_forwards_of_a_plan(guidance: float, forwards: int) -> None:
    request = a_request(guidance_high_noise=guidance, guidance_low_noise=1.0)

    local = FakeCheckpointCatalog().find("mini")
    plan = plan_memory(request, local.spec, local, FakeHardwareProbe().capacity())

    assert plan.forwards == forwards
    assert (plan.weight_bytes, plan.latent_shape, plan.tokens) == (2000, (16, 2, 2, 2), 2)
