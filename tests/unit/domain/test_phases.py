"""What lies on the accelerator in each phase, and what must stay in the page cache."""

from dataclasses import replace

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.demand import Demand, demand
from domain.known_structures import STRUCTURES
from domain.memory_plan import work_of
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.quantised_weights import QuantisedWeights, Share
from domain.structure import Precision, Structure

A14B = STRUCTURES["i2v-A14B"]
ENCODER = A14B.text_encoder.weight_bytes(Precision.BF16)
VAE = A14B.vae.weight_bytes
EXPERT = A14B.transformer.weight_bytes(Precision.BF16)
#: Everybody comes and goes.
VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)


def needs(placement: Placement, structure: Structure = A14B) -> Demand:
    """Of a video that begins with a picture."""
    spec = checkpoint_spec("i2v-A14B")
    return demand(work_of(Imagined().request(spec), spec, structure, None), placement)


@pytest.mark.parametrize("phase", ["image encoding", "decoding"])
def test_a_visiting_vae_is_there_whenever_it_works(phase: str) -> None:
    visiting = needs(VISITING).phases
    resident = needs(replace(VISITING, vae=Place.RESIDENT)).phases

    assert visiting[phase] == resident[phase] > VAE
    others = set(visiting) - {"image encoding", "decoding"}
    assert {resident[other] - visiting[other] for other in others} == {VAE}


def test_a_visiting_encoder_is_there_while_it_reads() -> None:
    visiting = needs(VISITING).phases
    resident = needs(replace(VISITING, text_encoder=Place.RESIDENT)).phases

    assert visiting["text encoding"] == resident["text encoding"] > ENCODER
    others = set(visiting) - {"text encoding"}
    assert {resident[other] - visiting[other] for other in others} == {ENCODER}


def test_a_visiting_expert_is_there_while_it_denoises() -> None:
    visiting = needs(VISITING).phases
    resident = needs(replace(VISITING, experts=Place.RESIDENT)).phases

    assert resident["denoising"] - visiting["denoising"] == EXPERT, "the other one"
    assert resident["decoding"] - visiting["decoding"] == 2 * EXPERT


def test_an_encoder_that_works_on_the_cpu_is_kept_where_it_is_read() -> None:
    on_host = needs(replace(VISITING, text_encoder=Place.HOST))

    assert on_host.host_needed - on_host.host_bytes == ENCODER
    assert needs(VISITING).host_needed == needs(VISITING).host_bytes
    assert "text encoding" not in on_host.phases


def test_of_what_is_read_where_it_lies_the_largest_is_kept() -> None:
    streamed = replace(VISITING, experts=Place.STREAMED, text_encoder=Place.HOST)

    assert needs(streamed).host_needed - needs(streamed).host_bytes == EXPERT


def test_weights_that_are_undone_take_room_for_the_largest_matrix_in_denoising_alone() -> None:
    def beside_weights(precision: Precision) -> dict[str, int]:
        weights = A14B.transformer.weight_bytes(precision)
        phases = needs(replace(VISITING, precision=precision)).phases
        return {**phases, "denoising": phases["denoising"] - weights}

    exact, undone = beside_weights(Precision.BF16), beside_weights(Precision.INT8)

    assert undone.pop("denoising") - exact.pop("denoising") == 2 * 5120 * 13824
    assert undone == exact


def test_so_does_what_a_gguf_file_keeps_quantised() -> None:
    def denoising(largest: int) -> int:
        share = Share(numbers=256, size_bytes=144)
        own = QuantisedWeights(
            types=("Q4_K",), blocks=(share,) * 40, outside=Share(), largest=largest
        )
        return needs(VISITING, replace(A14B, quantised=(own, own))).phases["denoising"]

    assert denoising(2048) - denoising(1024) == 1024 * 6
