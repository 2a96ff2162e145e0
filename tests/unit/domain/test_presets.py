"""A preset is a name for fields of the request."""

import pytest

from domain.checkpoint import CHECKPOINTS, CheckpointSpec, checkpoint_spec
from domain.errors import InvalidRequest, Violation
from domain.generation import GenerationDraft
from domain.lora import Expert, Lora, LoraDraft
from domain.preset_costs import COSTS
from domain.presets import PRESETS, Preset, preset_named, presets_of
from tests.fakes.examples import a_draft
from tests.fakes.lora_catalog import a_lora, a_lora_file

MINI, A14B = checkpoint_spec("mini"), checkpoint_spec("t2v-A14B")
LIGHTNING = "wan2.2_t2v_lightx2v_4steps_lora_v1.1"


def a_pair(name: str, *experts: Expert) -> Lora:
    return Lora(
        name=name,
        files=tuple(
            a_lora_file(f"{name}_{expert.value}", experts=(expert,), widths=(5120,))
            for expert in experts or tuple(Expert)
        ),
    )


def refusal_of(draft: GenerationDraft, checkpoint: str) -> Violation:
    with pytest.raises(InvalidRequest) as refusal:
        draft.complete(checkpoint_spec(checkpoint), drawn_seed=0)
    [violation] = refusal.value.violations
    return violation


def test_the_default_leaves_nothing_out() -> None:
    exact = a_draft(seed=1).complete(MINI, drawn_seed=0)

    assert a_draft(seed=1, preset="exact").complete(MINI, drawn_seed=0) == exact
    assert exact.guidance_until is exact.step_cache is exact.loras_from is None
    assert preset_named(None).name == "exact"


def test_a_preset_becomes_fields_that_can_be_asked_for_by_themselves() -> None:
    by_name = a_draft(seed=1, preset="draft").complete(MINI, drawn_seed=0)

    by_field = a_draft(seed=1, step_cache=0.4, guidance_until=0.75).complete(MINI, drawn_seed=0)

    assert by_name == by_field


def test_what_is_asked_for_by_itself_wins() -> None:
    asked = a_draft(preset="draft", step_cache=0.0, guidance_until=0.25)

    request = asked.complete(MINI, drawn_seed=0)

    assert (request.step_cache, request.guidance_until) == (None, 0.25)


def test_of_more_steps_each_may_change_less() -> None:
    few, many = (a_draft(preset="balanced", steps=n).complete(MINI, drawn_seed=0) for n in (12, 40))

    assert (few.step_cache, many.step_cache) == (0.2, 0.06)


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    violation = refusal_of(a_draft(preset="fast"), "mini")

    assert violation.pointer == "/preset"
    assert violation.nearest == tuple(preset.name for preset in PRESETS)


def test_a_name_that_is_nearly_right_is_refused_with_the_one_that_was_meant() -> None:
    assert refusal_of(a_draft(preset="Balancd"), "mini").nearest == ("balanced",)


def test_a_preset_for_other_checkpoints_is_refused_with_those_for_this_one() -> None:
    violation = refusal_of(a_draft(preset="distilled-4"), "mini")

    assert "for t2v-A14B and i2v-A14B" in violation.reason
    assert violation.nearest == ("exact", "balanced", "fp8", "draft")


def test_the_distilled_neededs_are_theirs_that_publish_them() -> None:
    lora = (a_pair(LIGHTNING), ("0", "1"))
    drafts = (
        GenerationDraft(prompt="a", preset=name, loras=(LoraDraft(name=LIGHTNING),))
        for name in ("distilled-4", "distilled-8")
    )

    four, eight = (draft.complete(A14B, drawn_seed=0, loras=[lora]) for draft in drafts)

    assert (four.steps, four.scheduler, four.flow_shift) == (4, "distilled", 5.0)
    assert four.guidance_high_noise == four.guidance_low_noise == 1.0
    assert (eight.steps, eight.guidance_high_noise, eight.guidance_low_noise) == (8, 3.5, 1.0)
    assert eight.guidance_until == eight.loras_from == 1 / 8


class TestTheLoraItNeeds:
    preset = preset_named("distilled-4")

    @pytest.mark.parametrize(
        "name",
        [
            LIGHTNING,
            "Wan22_A14B_T2V_Lightning_4steps_lora_250928_rank128_fp16",
            "Wan2.2-T2V-A14B-4steps-lora-rank64-Seko-V1.1",
        ],
    )
    def test_is_known_by_the_names_it_is_published_under(self, name: str) -> None:
        assert self.preset.lora_among([a_pair("other"), a_pair(name)], A14B) == name
        assert self.needs([a_pair(name)], "i2v-A14B")

    def test_is_told_with_where_to_put_it_where_it_is_not_here(self) -> None:
        reason = self.needs([a_lora("turn")], "t2v-A14B")

        assert "wan2.2_t2v_lightx2v_4steps_lora_v1.1_high_noise.safetensors" in reason
        assert "folder `loras`" in reason

    def test_has_a_file_for_each_expert(self) -> None:
        assert self.needs([a_pair(LIGHTNING, Expert.HIGH_NOISE)], "t2v-A14B")

    def test_is_none_for_most(self) -> None:
        assert preset_named("draft").lora_among([], MINI) is None

    def needs(self, loras: list[Lora], checkpoint: str) -> str:
        with pytest.raises(InvalidRequest) as refusal:
            self.preset.lora_among(loras, checkpoint_spec(checkpoint))
        return refusal.value.violations[0].reason


@pytest.mark.parametrize("spec", CHECKPOINTS, ids=lambda spec: spec.id)
def test_every_checkpoint_has_the_four_that_need_nothing(spec: CheckpointSpec) -> None:
    names = [preset.name for preset in presets_of(spec)]

    assert names[:4] == ["exact", "balanced", "fp8", "draft"]


def test_what_can_be_measured_here_was() -> None:
    needing_nothing: list[Preset] = [preset for preset in PRESETS[1:] if not preset.needs]

    assert [(cost.checkpoint, cost.preset) for cost in COSTS] == [
        (checkpoint, preset.name)
        for checkpoint in ("mini", "mini-ti2v")
        for preset in needing_nothing
    ]
