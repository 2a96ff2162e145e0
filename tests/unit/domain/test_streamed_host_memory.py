"""Host memory of a worker that streams A14B's experts, to the byte: pinned, not pinned, cast, converted."""

from dataclasses import replace

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.demand import GIB, Demand, demand
from domain.known_structures import STRUCTURES
from domain.memory_plan import work_of
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.structure import Precision

SPEC = checkpoint_spec("t2v-A14B")
STRUCTURE = STRUCTURES[SPEC.id]
PROCESS = 3 * GIB

UNPINNED = replace(ALL_RESIDENT, experts=Place.STREAMED, text_encoder=Place.VISITING)
PINNED = replace(UNPINNED, is_pinned=True)
INT8 = replace(PINNED, precision=Precision.INT8)

#: Of one expert, in bf16 and in int8: all of it, a block, what is around the blocks.
EXPERT, BLOCK, AROUND = 28_635_351_168, 702_870_528, 520_530_048
EXPERT_INT8, BLOCK_INT8 = 14_803_978_368, 357_086_208
ENCODER = 11_361_820_672

BF16 = dict.fromkeys(("transformer", "transformer_2", "text_encoder"), Precision.BF16) | {
    "vae": Precision.FP32
}


def needs(placement: Placement, **stored_as: Precision) -> Demand:
    work = work_of(Imagined().request(SPEC), SPEC, STRUCTURE, None)
    return demand(replace(work, stored_as=BF16 | stored_as), placement)


def test_pinned_experts_take_their_bytes_and_a_block_that_lies_there_twice() -> None:
    # torch's own pinned memory of these blocks is half as large again: twice 40.0 GiB.
    assert needs(PINNED).host_bytes == PROCESS + 2 * EXPERT + BLOCK
    assert needs(PINNED).host_needed == needs(PINNED).host_bytes


def test_one_block_is_cast_and_pinned_at_a_time() -> None:
    assert needs(INT8).host_bytes == PROCESS + 2 * EXPERT_INT8 + BLOCK_INT8


def test_mapped_ones_take_what_is_around_the_blocks_and_a_staged_block() -> None:
    unpinned = needs(UNPINNED)

    assert unpinned.host_bytes == PROCESS + 2 * AROUND + 2 * BLOCK
    assert unpinned.host_needed == unpinned.host_bytes + EXPERT


def test_cast_ones_that_are_not_pinned_are_all_the_processs() -> None:
    unpinned = needs(replace(INT8, is_pinned=False))

    assert unpinned.host_bytes == PROCESS + 2 * EXPERT_INT8 + 2 * BLOCK_INT8


def test_what_else_was_converted_lies_beside_what_is_pinned() -> None:
    # Only the larger of the two was counted.
    converted = needs(PINNED, text_encoder=Precision.FP32)

    assert converted.host_bytes == needs(PINNED).host_bytes + ENCODER


def test_experts_that_were_converted_lie_there_until_all_are_pinned() -> None:
    converted = needs(PINNED, transformer=Precision.FP32, transformer_2=Precision.FP32)

    assert converted.host_bytes == PROCESS + 2 * EXPERT + 2 * EXPERT + BLOCK


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.INT8, Precision.FP8])
def test_residents_take_nothing(precision: Precision) -> None:
    # Those that are cast are so on the accelerator.
    assert needs(replace(ALL_RESIDENT, precision=precision)).host_bytes == PROCESS
