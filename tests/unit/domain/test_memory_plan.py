"""What is planned into which memory, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import CheckpointSpec, checkpoint_spec
from domain.demand import GIB
from domain.errors import DoesNotFit, InvalidRequest
from domain.hardware import Capacity
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.memory_plan import MemoryPlan, plan_memory
from domain.placement import ALL_ON_CPU, Place, Placement
from domain.progress import Stage
from domain.run_record import Measured, PastRun, run_kind
from domain.structure import Precision

LARGE = ("t2v-A14B", "i2v-A14B", "ti2v-5B", "t2v-1.3B", "vace-14B", "animate-14B")
#: Too large for 8 GiB at any length worth it.
LED = ("vace-14B", "animate-14B")
CARDS = (8, 12, 16, 24, 32, 48, 80, 141)


def plan(
    checkpoint: str = "t2v-A14B",
    *,
    card: float | None,
    host: float = 64,
    history: tuple[PastRun, ...] = (),
    **asked: int,
) -> MemoryPlan:
    """A plan for so many GiB on the card and in the host."""
    spec = checkpoint_spec(checkpoint)
    capacity = Capacity(
        accelerator_bytes=None if card is None else int(card * GIB), host_bytes=int(host * GIB)
    )
    return plan_memory(Imagined(**asked).request(spec), spec, None, capacity, history)


def here(spec: CheckpointSpec) -> LocalCheckpoint:
    """Files that are stored as they are used."""
    return LocalCheckpoint(spec=spec, folder=Path("/checkpoints") / spec.id, components=())


def placement(checkpoint: str = "t2v-A14B", **asked: float) -> Placement:
    chosen = plan(checkpoint, **asked).placement  # type: ignore[arg-type]  # sizes are whole
    assert chosen is not None
    return chosen


def test_a_large_card_keeps_everything() -> None:
    chosen = placement(card=141)

    assert {chosen.experts, chosen.text_encoder, chosen.vae} == {Place.RESIDENT}
    assert not chosen.is_tiled


def test_a_card_for_both_experts_but_not_the_encoder_has_it_visit() -> None:
    chosen = placement(card=80)

    assert (chosen.experts, chosen.text_encoder) == (Place.RESIDENT, Place.VISITING)
    assert chosen.precision is Precision.BF16


def test_a_card_for_one_expert_swaps_them() -> None:
    assert placement(card=48).experts is Place.VISITING


def test_a_card_for_no_expert_streams_them_and_stays_exact() -> None:
    chosen = placement(card=24)

    assert (chosen.experts, chosen.is_pinned) == (Place.STREAMED, True)
    assert chosen.precision is Precision.BF16
    assert not chosen.is_tiled


def test_a_small_card_decodes_in_tiles_before_it_gives_up_bf16() -> None:
    chosen = placement(card=16)

    assert chosen.is_tiled
    assert chosen.precision is Precision.BF16


def test_int8_comes_only_where_nothing_in_bf16_fits() -> None:
    tightest = next(
        tenths / 10
        for tenths in range(80, 40, -1)
        if placement(card=tenths / 10, width=832, height=480).precision is Precision.INT8
    )

    told = " ".join(plan(card=tightest, width=832, height=480).reasons)
    assert "no placement of bf16 weights fits" in told
    assert placement(card=tightest + 0.2, width=832, height=480).precision is Precision.BF16


def test_little_host_memory_streams_from_the_page_cache() -> None:
    chosen = placement(card=24, host=40)

    assert (chosen.experts, chosen.is_pinned) == (Place.STREAMED, False)


def test_without_an_accelerator_all_is_in_host_memory_and_the_plan_says_so() -> None:
    planned = plan("t2v-1.3B", card=None)

    assert planned.placement == ALL_ON_CPU
    assert planned.accelerator_bytes is None
    assert "no accelerator" in planned.reasons[0]


@pytest.mark.parametrize(
    ("checkpoint", "card"),
    [(it, card) for it in LARGE for card in CARDS if card > 8 or it not in LED],
)
def test_what_is_planned_fits_and_more_memory_never_makes_it_worse(
    checkpoint: str, card: int
) -> None:
    asked = {"width": 832, "height": 480}
    now, larger = plan(checkpoint, card=card, **asked), plan(checkpoint, card=card * 2, **asked)

    assert now.accelerator_bytes is not None
    assert now.host_bytes is not None
    assert now.accelerator_bytes < card * GIB
    assert now.host_bytes < 64 * GIB
    assert now.placement is not None
    assert larger.placement is not None
    assert larger.placement.is_tiled <= now.placement.is_tiled
    order = [Place.RESIDENT, Place.VISITING, Place.STREAMED]
    assert order.index(larger.placement.experts) <= order.index(now.placement.experts)


def test_there_is_a_sentence_with_a_number_for_each_choice() -> None:
    reasons = plan(card=24).reasons

    for subject in ("expert", "pinned", "text encoder", "VAE", "decoded", "bf16", "host memory"):
        assert any(subject in reason for reason in reasons), subject
    assert sum(bool(re.search(r"\d", reason)) for reason in reasons) >= len(reasons) - 1
    assert all(reason.endswith(".") for reason in reasons)


def test_weights_that_are_not_here_are_taken_to_be_in_bf16() -> None:
    assert plan(card=141).weight_bytes == 2 * 28_635_351_168 + 11_361_820_672 + 4 * 126_892_531


@pytest.mark.parametrize(
    ("card", "host", "precision"),
    [(141, 64, Precision.BF16), (16, 64, Precision.INT8), (None, 256, Precision.FP32)],
)
def test_weights_are_told_as_their_files_are_however_they_are_loaded(
    card: float | None, host: float, precision: Precision
) -> None:
    planned = plan("animate-14B", card=card, host=host)

    assert planned.placement
    assert planned.placement.precision is precision
    assert planned.weight_bytes == plan("animate-14B", card=141).weight_bytes


@pytest.mark.parametrize(("card", "host"), [(24, 64), (24, 40), (None, 256)])
def test_what_must_be_free_is_what_decides(card: float | None, host: float) -> None:
    planned = plan(card=card, host=host)

    host_bytes, accelerator_bytes = planned.host_needed_bytes, planned.accelerator_needed_bytes
    assert 0 < (planned.host_bytes or 0) <= (host_bytes or 0) <= host * GIB
    if card is None:
        assert accelerator_bytes is None
    else:
        assert 0 < (planned.accelerator_bytes or 0) < (accelerator_bytes or 0) <= card * GIB


def test_weights_that_are_read_again_and_again_count_beyond_the_process() -> None:
    streamed = plan(card=24, host=40)

    beyond = (streamed.host_needed_bytes or 0) - (streamed.host_bytes or 0)
    assert beyond == 28_635_351_168, "an expert's pages"


def test_guidance_of_one_halves_the_forwards() -> None:
    spec = checkpoint_spec("t2v-A14B")
    alone = replace(Imagined().request(spec), guidance_high_noise=1.0, guidance_low_noise=1.0)
    capacity = Capacity(accelerator_bytes=141 * GIB, host_bytes=64 * GIB)

    assert plan(card=141).forwards == 80
    assert plan_memory(alone, spec, None, capacity).forwards == 40


def test_a_video_that_is_made_anew_is_encoded_whole_and_takes_fewer_forwards() -> None:
    spec = checkpoint_spec("t2v-1.3B")
    words = Imagined().request(spec)
    anew = replace(words, video="vid_0", strength=0.5)
    capacity = Capacity(accelerator_bytes=8 * GIB, host_bytes=64 * GIB)

    of_words, of_video = (plan_memory(it, spec, None, capacity) for it in (words, anew))

    assert of_words.placement == of_video.placement
    assert (of_words.forwards, of_video.forwards) == (100, 50)
    assert (of_words.accelerator_bytes or 0) < (of_video.accelerator_bytes or 0)


def test_a_control_costs_what_its_hints_hold_and_each_reference_a_latent_frame() -> None:
    bare, led = plan("t2v-A14B", card=141), plan("vace-14B", card=141)
    with_two = plan("vace-14B", card=141, references=2)

    assert bare.placement == led.placement
    a_frame = bare.tokens // 21
    assert (led.tokens, with_two.tokens) == (bare.tokens, bare.tokens + 2 * a_frame)
    assert (with_two.accelerator_bytes or 0) > (led.accelerator_bytes or 0)
    assert led.accelerator_bytes is not None
    assert led.weight_bytes < led.accelerator_bytes < led.weight_bytes + 20 * GIB


def test_a_character_counts_its_image_encoder_and_a_latent_frame_more() -> None:
    bare, led = plan(card=141, num_frames=77), plan("animate-14B", card=141)

    assert led.tokens == bare.tokens // 20 * 21
    needed = (34_607_000_000 + 11_361_820_672 + 1_261_532_160 + 507_570_124) / GIB
    assert led.weight_bytes / GIB == pytest.approx(needed, rel=1e-3)
    told = placement("animate-14B", card=48, width=832, height=480)
    assert (told.experts, told.text_encoder) == (Place.RESIDENT, Place.VISITING)


@pytest.mark.parametrize("card", [141, None])
def test_segments_cost_forwards_and_what_the_host_keeps_of_those_before(card: float | None) -> None:
    one, three = (plan("animate-14B", card=card, host=256, num_frames=count) for count in (77, 229))

    assert (one.forwards, three.forwards) == (20, 60)
    assert (three.tokens, three.latent_shape) == (one.tokens, one.latent_shape)
    assert three.accelerator_bytes == one.accelerator_bytes
    kept = 2 * 4 * 16 * 21 * 90 * 160
    assert (three.host_bytes or 0) - (one.host_bytes or 0) == kept
    assert three.reasons[-1].startswith("It is made in 3 segments of 77 frames, 60 steps in all")


def test_a_long_video_that_does_not_fit_is_offered_what_fits_at_once() -> None:
    with pytest.raises(DoesNotFit, match="or 1280x720 with 53 frames"):
        plan("animate-14B", card=12, num_frames=229)


def test_what_is_imagined_given_is_planned_as_what_is_given() -> None:
    capacity = Capacity(accelerator_bytes=141 * GIB, host_bytes=64 * GIB)

    def forwards_and_bytes(checkpoint: str, **given: object) -> tuple[int, int | None]:
        spec = checkpoint_spec(checkpoint)
        request = Imagined(**given).request(spec)  # type: ignore[arg-type]  # each its own type
        planned = plan_memory(request, spec, None, capacity)
        return planned.forwards, planned.accelerator_bytes

    asked = replace(Imagined().request(checkpoint_spec("t2v-A14B")), video="vid_0", strength=0.5)
    planned = plan_memory(asked, checkpoint_spec("t2v-A14B"), None, capacity)
    imagined = forwards_and_bytes("t2v-A14B", with_video=True, strength=0.5)
    assert (
        imagined == (planned.forwards, planned.accelerator_bytes) != forwards_and_bytes("t2v-A14B")
    )
    ends = forwards_and_bytes("i2v-A14B", with_last_image=True)
    assert ends == forwards_and_bytes("i2v-A14B")
    with pytest.raises(InvalidRequest, match="cannot end with an image"):
        forwards_and_bytes("ti2v-5B", with_image=True, with_last_image=True)


def test_the_5b_holds_an_embedding_of_the_timestep_for_each_token_only_where_they_differ() -> None:
    # It was planned so from text alone, too: a card of 8 GB was refused 720p, one of 16 GB streamed.
    spec = checkpoint_spec("ti2v-5B")
    capacity = Capacity(accelerator_bytes=141 * GIB, host_bytes=64 * GIB)

    def denoising(card: int, **given: bool) -> MemoryPlan:
        held = replace(capacity, accelerator_bytes=card * GIB)
        return plan_memory(Imagined(**given).request(spec), spec, None, held)  # type: ignore[arg-type]

    small, larger = denoising(8).placement, denoising(16).placement
    assert small
    assert larger
    assert (small.experts, small.precision) == (Place.STREAMED, Precision.BF16)
    assert larger.experts is Place.VISITING
    anew = denoising(16, with_video=True).placement
    assert anew
    assert anew.experts is Place.VISITING
    begun = denoising(16, with_image=True).placement
    assert begun
    assert begun.experts is Place.STREAMED


def test_where_the_structure_is_not_known_only_what_is_exact_is_told() -> None:
    spec = checkpoint_spec("mini")
    part = Component(name="transformer", weight_bytes=9, dtypes=("BF16",))
    local = LocalCheckpoint(spec=spec, folder=Path(), components=(part,))
    capacity = Capacity(accelerator_bytes=8 * GIB, host_bytes=8 * GIB)

    planned = plan_memory(Imagined().request(spec), spec, local, capacity)

    assert (planned.weight_bytes, planned.forwards) == (9, 24)
    assert (planned.placement, planned.accelerator_bytes, planned.seconds) == (None, None, None)
    assert "mini is built of is not known" in planned.reasons[0]


def test_only_runs_from_the_same_are_of_one_kind() -> None:
    words = Imagined().request(checkpoint_spec("t2v-A14B"))
    asked = (
        words,
        replace(words, image="img_0"),
        replace(words, video="vid_0", strength=0.5),
        replace(words, references=("img_0",)),
        replace(words, references=("img_0", "img_1")),
    )

    assert len({run_kind(request) for request in asked}) == len(asked)
    assert run_kind(replace(words, seed=1, steps=2)) == run_kind(words)


class TestStored:
    """What the files' own precision does to host memory, on a card that holds everything."""

    def host_bytes(self, *, experts: str, card: float = 141, host: float = 200) -> int:
        spec = checkpoint_spec("t2v-A14B")
        dtypes = {"transformer": experts, "transformer_2": experts, "text_encoder": "BF16"}
        parts = [
            Component(name=name, weight_bytes=1, dtypes=(dtype,))
            for name, dtype in {**dtypes, "vae": "F32"}.items()
        ]
        local = LocalCheckpoint(spec=spec, folder=Path(), components=tuple(parts))
        capacity = Capacity(accelerator_bytes=int(card * GIB), host_bytes=int(host * GIB))
        planned = plan_memory(Imagined().request(spec), spec, local, capacity)
        assert planned.host_bytes is not None
        return planned.host_bytes

    def test_files_that_are_used_as_they_lie_take_nothing(self) -> None:
        assert self.host_bytes(experts="BF16") == 3 * GIB

    def test_files_that_must_be_converted_are_held_until_they_have_left(self) -> None:
        assert self.host_bytes(experts="F32") == 3 * GIB + 2 * 28_635_351_168

    def test_what_was_converted_and_is_swapped_stays_in_host_memory(self) -> None:
        mapped = self.host_bytes(experts="BF16", card=48)

        assert self.host_bytes(experts="F32", card=48) == mapped + 2 * 28_635_351_168


class TestHistory:
    def past(self, at: Placement, *, accelerator: float, denoising: float = 80.0) -> PastRun:
        seconds = {Stage.LOADING: 0.0, Stage.DENOISING: denoising}
        measured = Measured(
            seconds=seconds, accelerator_bytes=int(accelerator * GIB), host_bytes=3 * GIB
        )
        return PastRun(placement=at, tokens=1, forwards=80, measured=measured)

    def test_before_there_are_runs_no_time_is_told(self) -> None:
        assert plan(card=24).seconds is None

    def test_what_was_measured_is_what_is_predicted(self) -> None:
        past = self.past(placement(card=24), accelerator=18.0)

        planned = plan(card=24, history=(past,))

        assert planned.accelerator_bytes == 18 * GIB
        assert planned.seconds == {Stage.LOADING: 0.0, Stage.DENOISING: 80.0}
        assert "last run of this kind" in planned.reasons[-1]

    def test_denoising_takes_its_time_by_the_forward(self) -> None:
        past = self.past(placement(card=24), accelerator=18.0)

        planned = plan(card=24, history=(past,), steps=20)

        assert planned.seconds is not None
        assert planned.seconds[Stage.DENOISING] == 40.0

    def test_a_placement_that_took_too_much_is_not_chosen_again(self) -> None:
        first = placement(card=24)

        planned = plan(card=24, history=(self.past(first, accelerator=30.0),))

        assert planned.placement is not None
        assert planned.placement != first

    def test_a_run_that_was_placed_otherwise_tells_nothing(self) -> None:
        past = self.past(placement(card=141), accelerator=90.0)

        assert plan(card=24, history=(past,)).seconds is None
