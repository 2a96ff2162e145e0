"""Which name somebody meant."""

import pytest

from domain.checkpoint import CHECKPOINTS
from domain.close_names import closest

IDS = [spec.id for spec in CHECKPOINTS]
FIELDS = ["prompt", "num_frames", "steps", "guidance_high_noise", "guidance_low_noise", "q"]


@pytest.mark.parametrize(
    ("spelt", "known", "meant"),
    [
        ("promt", FIELDS, ("prompt",)),
        ("T2V-a14b", IDS, ("t2v-A14B",)),
        ("Wan-AI/Wan2.2-T2V-A14B-Diffusers", IDS, ("t2v-A14B",)),
        ("Wan2.2-TI2V-5B", IDS, ("ti2v-5B",)),
        ("mini-t2v", IDS, ("mini-ti2v",)),
        ("Wan2.1-T2V-14B", IDS, ("t2v-A14B",)),
        ("num_inference_steps", FIELDS, ("steps",)),
        ("frames", FIELDS, ("num_frames",)),
        ("guidance", FIELDS, ("guidance_low_noise", "guidance_high_noise")),
        ("new", ["newest", "oldest"], ("newest",)),
        ("sequel", FIELDS, ()),
        ("", FIELDS, ()),
        ("sora", IDS, ()),
    ],
)
def test_the_name_that_was_meant_is_found(
    spelt: str, known: list[str], meant: tuple[str, ...]
) -> None:
    assert closest(spelt, known) == meant
