"""What LoRAs add to a plan: to each expert its own, for as long as it is there."""

from dataclasses import replace

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.demand import GIB, Demand, demand
from domain.hardware import Capacity
from domain.known_structures import STRUCTURES
from domain.lora import Expert, Lora, LoraUse
from domain.memory_plan import MemoryPlan, plan_memory, work_of
from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Place, Placement
from domain.run_record import run_kind
from tests.fakes.lora_catalog import a_lora, a_lora_file

A14B = checkpoint_spec("t2v-A14B")
#: Numbers, of the high-noise expert and of the low-noise one.
HIGH, LOW = 300_000_000, 200_000_000
VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)


def a_pair(high: int = HIGH, low: int = LOW) -> Lora:
    files = (
        a_lora_file("turn_high", experts=(Expert.HIGH_NOISE,), numbers={Expert.HIGH_NOISE: high}),
        a_lora_file("turn_low", experts=(Expert.LOW_NOISE,), numbers={Expert.LOW_NOISE: low}),
    )
    return Lora(name="turn", files=files)


def needs(placement: Placement, *loras: Lora, checkpoint: str = "t2v-A14B") -> Demand:
    spec, structure = checkpoint_spec(checkpoint), STRUCTURES[checkpoint]
    return demand(work_of(Imagined().request(spec), spec, structure, None, loras), placement)


def more(placement: Placement, *loras: Lora, checkpoint: str = "t2v-A14B") -> dict[str, int]:
    """What they add to each phase, where they add anything."""
    bare = needs(placement, checkpoint=checkpoint).phases
    worn = needs(placement, *loras, checkpoint=checkpoint).phases
    return {phase: worn[phase] - bare[phase] for phase in bare if worn[phase] != bare[phase]}


@pytest.mark.parametrize("experts", [Place.VISITING, Place.STREAMED])
def test_what_is_added_to_an_expert_comes_and_goes_with_it(experts: Place) -> None:
    placement = replace(VISITING, experts=experts)

    assert more(placement, a_pair()) == {"denoising": 2 * HIGH}
    assert more(placement, a_pair(high=1)) == {"denoising": 2 * LOW}


def test_what_is_added_to_experts_that_stay_stays() -> None:
    both = 2 * (HIGH + LOW)

    assert more(ALL_RESIDENT, a_pair()) == dict.fromkeys(needs(ALL_RESIDENT).phases, both)


def test_several_add_up_and_a_file_for_both_experts_counts_for_each() -> None:
    one = a_lora("one", numbers=dict.fromkeys(Expert, 1000))

    assert more(VISITING, a_pair(), one) == {"denoising": 2 * (HIGH + 1000)}


def test_one_network_has_it_once() -> None:
    lora = a_lora("turn", numbers=dict.fromkeys(Expert, HIGH))

    more_of_5b = more(ALL_RESIDENT, lora, checkpoint="ti2v-5B")
    assert set(more_of_5b.values()) == {2 * HIGH}


def test_on_the_cpu_it_is_in_fp32_for_both_and_on_an_accelerator_the_host_has_its_file() -> None:
    assert needs(ALL_ON_CPU, a_pair()).host_bytes - needs(ALL_ON_CPU).host_bytes == 4 * (HIGH + LOW)
    assert needs(VISITING, a_pair()).host_bytes == needs(VISITING).host_bytes


def plan(*loras: Lora, card: int | None, checkpoint: str = "t2v-A14B") -> MemoryPlan:
    spec = checkpoint_spec(checkpoint)
    capacity = Capacity(
        accelerator_bytes=None if card is None else card * GIB, host_bytes=256 * GIB
    )
    return plan_memory(Imagined().request(spec), spec, None, capacity, loras=loras)


def test_what_does_not_fit_beside_it_is_not_chosen() -> None:
    # LoRAs were in no plan: a rank of 64 on both experts takes more than 1 GiB.
    numbers = STRUCTURES["t2v-A14B"].transformer.lora_numbers(64)
    bare = plan(card=76).placement
    worn = plan(a_pair(high=numbers, low=numbers), card=76).placement

    assert bare
    assert worn
    assert (bare.experts, worn.experts) == (Place.RESIDENT, Place.VISITING)


@pytest.mark.parametrize(
    ("card", "where"),
    [
        (141, "stays on the accelerator with it"),
        (48, "is on the accelerator while it denoises"),
        (None, "is in host memory"),
    ],
)
def test_it_is_told(card: int | None, where: str) -> None:
    [told] = [it for it in plan(a_pair(), card=card).reasons if "LoRA" in it]

    assert where in told
    assert "GiB and " in told, "those of the two experts differ"
    assert not any("LoRA" in reason for reason in plan(card=card).reasons)


def test_a_rank_of_64_is_what_is_published() -> None:
    transformer = STRUCTURES["t2v-A14B"].transformer

    in_fp32 = 4 * transformer.lora_numbers(64)

    assert in_fp32 / 1e9 == pytest.approx(1.23, abs=0.005)


def test_runs_with_other_loras_are_of_another_kind() -> None:
    bare = Imagined().request(A14B)

    def kind(*names: str) -> str:
        uses = (
            LoraUse(name=name, strength_high_noise=1.0, strength_low_noise=1.0, sha256=())
            for name in names
        )
        return run_kind(replace(bare, loras=tuple(uses)))

    assert len({kind(), kind("a"), kind("b"), kind("a", "b")}) == 4
    assert kind("a", "b") == kind("b", "a")
