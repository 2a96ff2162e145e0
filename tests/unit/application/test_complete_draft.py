"""A draft with a preset: the LoRA that it needs is found by its name, or asked for."""

from pathlib import Path

import pytest

from application.complete_draft import CompleteDraft
from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.errors import InvalidRequest
from domain.generation import GenerationDraft
from domain.lora import Expert, Lora, LoraDraft
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.image_store import FakeImageStore
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora_file

LIGHTNING = "wan2.2_t2v_lightx2v_4steps_lora_v1.1"
DISTILLED = GenerationDraft(prompt="a red circle", checkpoint="t2v-A14B", preset="distilled-4")


def a_pair(name: str) -> Lora:
    files = (
        a_lora_file(f"{name}_{expert.value}", experts=(expert,), widths=(5120,))
        for expert in Expert
    )
    return Lora(name=name, files=tuple(files))


def completed(draft: GenerationDraft, *loras: Lora) -> list[tuple[str, float]]:
    """Its LoRAs and their strengths."""
    complete = CompleteDraft(
        FakeCheckpointCatalog("t2v-A14B"), FakeImageStore(Path()), loras=FakeLoraCatalog(*loras)
    )
    request = complete.execute(draft).request
    return [(use.name, use.strength_high_noise) for use in request.loras]


def test_the_lora_of_a_preset_is_put_before_those_that_are_named() -> None:
    draft = GenerationDraft(
        prompt="x", checkpoint="t2v-A14B", preset="distilled-4", loras=(LoraDraft(name="turn"),)
    )

    assert completed(DISTILLED, a_pair(LIGHTNING)) == [(LIGHTNING, 1.0)]
    assert completed(draft, a_pair(LIGHTNING), a_pair("turn")) == [(LIGHTNING, 1.0), ("turn", 1.0)]


def test_it_may_be_named_with_a_strength_of_its_own() -> None:
    said = (LoraDraft(name=LIGHTNING, strength=0.8),)
    draft = GenerationDraft(prompt="x", checkpoint="t2v-A14B", preset="distilled-4", loras=said)

    assert completed(draft, a_pair(LIGHTNING)) == [(LIGHTNING, 0.8)]


def test_one_that_is_not_here_is_asked_for() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        completed(DISTILLED, a_pair("turn"))

    [violation] = refusal.value.violations
    assert violation.pointer == "/preset"
    assert f"{LIGHTNING}_high_noise.safetensors" in violation.reason


def test_a_plan_takes_it_as_if_it_were_here() -> None:
    spec = checkpoint_spec("t2v-A14B")

    four, eight = (
        Imagined(checkpoint=spec.id, preset=name).request(spec)
        for name in ("distilled-4", "distilled-8")
    )

    assert (four.steps, four.guidance_high_noise) == (4, 1.0)
    assert (eight.steps, eight.guidance_until) == (8, 1 / 8)
