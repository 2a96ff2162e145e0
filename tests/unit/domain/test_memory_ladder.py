"""What follows once the accelerator's memory was full, and what is learnt of it."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import CheckpointSpec, checkpoint_spec
from domain.demand import GIB, Demand, demand
from domain.errors import DoesNotFit
from domain.generation import GenerationRequest
from domain.hardware import Capacity
from domain.known_structures import STRUCTURES
from domain.local_checkpoint import LocalCheckpoint
from domain.memory_ladder import IN_TILES, ON_CPU, WHOLE, relief_by_plan, relief_by_rung
from domain.memory_plan import MemoryPlan, plan_memory, plan_tighter, work_of
from domain.overflow import Overflow, during, overflow_of
from domain.placement import Place, Placement
from domain.progress import Stage
from domain.run_record import Measured, PastRun
from domain.structure import Precision
from tests.unit.domain.test_memory_plan import LARGE, here, plan

RAN = (Stage.LOADING, Stage.ENCODING_PROMPT, Stage.DENOISING, Stage.DECODING)


class Machine:
    """One with so many GiB, whose accelerator turns out to be full whatever is tried."""

    def __init__(self, checkpoint: str = "t2v-A14B", *, card: float, host: float = 64) -> None:
        self.spec: CheckpointSpec = checkpoint_spec(checkpoint)
        self.request: GenerationRequest = Imagined().request(self.spec)
        self.capacity = Capacity(accelerator_bytes=int(card * GIB), host_bytes=int(host * GIB))
        self.overflows: list[Overflow] = []

    @property
    def local(self) -> LocalCheckpoint:
        return here(self.spec)

    def plan(self, history: Sequence[PastRun] = ()) -> MemoryPlan:
        return plan_memory(
            self.request, self.spec, self.local, self.capacity, history, (), self.overflows
        )

    def needs(self, placement: Placement) -> Demand:
        work = work_of(self.request, self.spec, STRUCTURES[self.spec.id], self.local)
        return demand(work, placement)

    def held(self, plan: MemoryPlan, stage: Stage) -> int:
        return during(stage, self.needs(placed(plan)))

    def overflow(
        self, plan: MemoryPlan, stage: Stage, history: Sequence[PastRun] = ()
    ) -> MemoryPlan:
        """The plan of the next attempt."""
        assert self.capacity.accelerator_bytes is not None
        needs, available_bytes = self.needs(placed(plan)), self.capacity.accelerator_bytes
        self.overflows.append(overflow_of(stage, needs, available_bytes=available_bytes))
        return plan_tighter(
            plan,
            self.request,
            self.spec,
            self.local,
            self.capacity,
            history=history,
            loras=(),
            overflows=self.overflows,
        )


def placed(plan: MemoryPlan) -> Placement:
    assert plan.placement is not None
    return plan.placement


@pytest.mark.parametrize(("rung", "then"), [(WHOLE, IN_TILES), (IN_TILES, ON_CPU)])
def test_full_while_decoding_it_decodes_in_less(rung: int, then: int) -> None:
    whole = plan(card=24)

    relief = relief_by_rung(Stage.DECODING, rung, whole)

    assert relief is not None
    assert (relief.rung, relief.plan) == (then, whole)


def test_a_plan_that_is_in_tiles_already_is_not_tried_in_tiles_again() -> None:
    # It was: the second attempt was the first one over again, and the job failed.
    relief = relief_by_rung(Stage.DECODING, WHOLE, plan(card=16))

    assert relief is not None
    assert relief.rung == ON_CPU


@pytest.mark.parametrize("stage", [Stage.LOADING, Stage.ENCODING_PROMPT, Stage.DENOISING])
@pytest.mark.parametrize("rung", [WHOLE, IN_TILES, ON_CPU])
def test_full_elsewhere_no_rung_helps(stage: Stage, rung: int) -> None:
    assert relief_by_rung(stage, rung, plan(card=24)) is None


def test_after_the_last_rung_there_is_none() -> None:
    assert relief_by_rung(Stage.DECODING, ON_CPU, plan(card=24)) is None


def test_full_while_denoising_experts_are_swapped_and_then_streamed() -> None:
    machine, tried = Machine(card=80), list[Place]()
    present = machine.plan()

    with pytest.raises(DoesNotFit):
        while True:
            tried.append(placed(present).experts)
            present = machine.overflow(present, Stage.DENOISING)

    assert list(dict.fromkeys(tried)) == [Place.RESIDENT, Place.VISITING, Place.STREAMED]


def test_full_while_a_picture_is_encoded_it_is_encoded_in_tiles_as_the_recipe_then_says() -> None:
    machine = Machine("i2v-A14B", card=48)
    whole = machine.plan()
    tiled = machine.overflow(whole, Stage.ENCODING_PROMPT)

    assert not placed(whole).is_tiled
    assert placed(tiled).is_tiled
    assert relief_by_plan(Stage.ENCODING_PROMPT, WHOLE, whole, tiled).rung == IN_TILES
    assert relief_by_plan(Stage.DENOISING, WHOLE, whole, whole).rung == WHOLE


@pytest.mark.parametrize("stage", RAN)
@pytest.mark.parametrize(
    ("checkpoint", "card"),
    [*((it, 80) for it in LARGE), ("t2v-A14B", 24), ("ti2v-5B", 16), ("t2v-1.3B", 8)],
)
def test_each_plan_is_tighter_and_as_exact_and_there_are_few(
    checkpoint: str, card: int, stage: Stage
) -> None:
    machine = Machine(checkpoint, card=card)
    plans = [machine.plan()]

    with pytest.raises(DoesNotFit):
        while True:
            plans.append(machine.overflow(plans[-1], stage))

    assert len({placed(each).precision for each in plans}) == 1
    assert len({placed(each) for each in plans}) == len(plans) <= 7
    held = [machine.held(each, stage) for each in plans]
    assert all(later <= 0.8 * former for former, later in pairwise(held))


@pytest.mark.parametrize("stage", RAN)
@pytest.mark.parametrize(
    ("checkpoint", "card"), [("t2v-A14B", 80), ("i2v-A14B", 48), ("ti2v-5B", 24), ("t2v-1.3B", 16)]
)
def test_no_relief_needs_more_than_what_overflowed_or_had_found_room_before(
    checkpoint: str, card: int, stage: Stage
) -> None:
    # Full while the prompt was encoded, the experts came back to stay: a sixth of that had found no room.
    machine = Machine(checkpoint, card=card)
    present = machine.plan()

    with suppress(DoesNotFit):
        for _ in range(2):
            present = machine.overflow(present, stage)

            found = machine.overflows[-1]
            room = max(found.planned_bytes, found.passed_bytes)
            assert machine.held(present, Stage.ENCODING_PROMPT) <= room
            assert machine.held(present, Stage.DENOISING) <= room
            assert placed(present).is_tiled or machine.held(present, Stage.DECODING) <= room


def test_full_while_denoising_what_is_decoded_whole_then_would_find_no_room_either() -> None:
    machine = Machine("ti2v-5B", card=32)
    whole = machine.plan()

    while not placed(tighter := machine.overflow(whole, Stage.DENOISING)).is_tiled:
        whole = tighter

    found = machine.overflows[-1]
    room = max(found.planned_bytes, found.passed_bytes)
    assert machine.held(whole, Stage.DECODING) > room


def test_what_denoised_before_the_decoding_was_full_may_denoise_again() -> None:
    # Its peak was while it denoised, and that was no reason to stream the experts.
    machine = Machine(card=48)
    first = machine.plan()

    second = machine.overflow(first, Stage.DECODING)

    assert machine.held(first, Stage.DENOISING) > machine.held(first, Stage.DECODING)
    assert placed(second).experts is placed(first).experts is Place.VISITING
    assert machine.overflows[-1].passed_bytes == machine.held(first, Stage.DENOISING)


@pytest.mark.parametrize("stage", [Stage.ENCODING_PROMPT, Stage.DENOISING, Stage.DECODING])
@pytest.mark.parametrize(
    ("checkpoint", "card"), [("t2v-A14B", 80), ("i2v-A14B", 48), ("ti2v-5B", 32), ("t2v-1.3B", 16)]
)
def test_each_reason_of_a_tighter_plan_is_true(checkpoint: str, card: int, stage: Stage) -> None:
    # They told of 3.0 GiB of host memory as too much where there were 128, and of 22 where there were 80.
    machine = Machine(checkpoint, card=card, host=128)

    told = " ".join(machine.overflow(machine.plan(), stage).reasons)

    for needed in re.findall(r"would need ([\d.]+) GiB of host memory", told):
        assert float(needed) > 128
    for needed, available in re.findall(r"need ([\d.]+) GiB[^,.]*, where there is ([\d.]+)", told):
        assert float(needed) > float(available)
    [(held, needed)] = re.findall(r"holds ([\d.]+) GiB .* ([\d.]+) GiB of [\d.]+ GiB must be", told)
    assert float(needed) < 1.2 * float(held) + 2
    assert "it took" not in told, "nothing was measured"


def test_what_a_run_that_found_no_room_rules_out_is_told_as_that() -> None:
    machine = Machine(card=141, host=128)

    tighter = machine.overflow(machine.plan(), Stage.DENOISING)

    [experts] = [told for told in tighter.reasons if told.startswith("One expert")]
    assert experts.endswith("it would need about as much as a run that found no room, or more.")


def test_a_placement_that_was_measured_as_too_large_is_told_as_that() -> None:
    machine = Machine(card=141)
    first = placed(machine.plan())
    measured = Measured(seconds={}, accelerator_bytes=150 * GIB, host_bytes=None)
    history = [
        PastRun(placement=replace(first, vae=vae), tokens=1, forwards=80, measured=measured)
        for vae in (Place.RESIDENT, Place.VISITING)
    ]

    told = machine.plan(history).reasons

    [encoder] = [it for it in told if it.startswith("The text encoder")]
    assert encoder.endswith("it took more than there is, when that was measured.")


def test_where_nothing_is_left_it_says_what_would_fit() -> None:
    machine = Machine(card=24)

    with pytest.raises(DoesNotFit) as refused:
        machine.overflow(machine.plan(), Stage.DENOISING)

    told, violations = refused.value.message, refused.value.violations
    assert "832x480 with 81 frames" in told
    assert [violation.pointer for violation in violations] == ["/width", "/num_frames"]
    assert all(violation.nearest for violation in violations)


def test_the_next_of_its_kind_is_planned_tighter_and_says_why() -> None:
    machine = Machine(card=80)
    first = machine.plan()
    machine.overflow(first, Stage.DENOISING)

    following = machine.plan()

    assert (placed(first).experts, placed(following).experts) == (Place.RESIDENT, Place.VISITING)
    assert "full during denoising" in following.reasons[0]


def test_runs_that_were_measured_do_not_hide_what_overflowed() -> None:
    # They took less than the formulas say: that made the placement fit again that had just found no room.
    machine = Machine(card=80)
    first = machine.plan()
    measured = Measured(seconds={}, accelerator_bytes=40 * GIB, host_bytes=None)
    history = (PastRun(placement=placed(first), tokens=1, forwards=80, measured=measured),)
    machine.overflow(first, Stage.DENOISING, history)

    assert placed(machine.plan(history)) != placed(first)


def test_what_overflowed_refuses_nobody_and_changes_no_precision() -> None:
    # Another program may have held the memory: it was the run that found out, not the plan.
    machine = Machine(card=24)
    first = machine.plan()
    with pytest.raises(DoesNotFit):
        machine.overflow(first, Stage.DENOISING)

    assert machine.plan() == first
    assert placed(first).precision is Precision.BF16


def test_on_a_larger_card_what_overflowed_on_a_smaller_one_may_lie_as_ever() -> None:
    machine = Machine(card=48)
    machine.overflow(machine.plan(), Stage.DENOISING)
    machine.capacity = Capacity(accelerator_bytes=141 * GIB, host_bytes=64 * GIB)

    assert placed(machine.plan()).experts is Place.RESIDENT
