"""Where the experts of GGUF files are planned to lie."""

from dataclasses import replace
from pathlib import Path

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.demand import GIB
from domain.hardware import Capacity
from domain.known_structures import STRUCTURES
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.memory_plan import MemoryPlan, plan_memory
from domain.placement import Place
from domain.quantised_weights import QuantisedWeights, Share, stays_quantised
from domain.structure import Precision

SPEC = checkpoint_spec("t2v-A14B")
A14B = STRUCTURES["t2v-A14B"]
#: Query, key, value and output of two attentions, and the feed-forward layer.
BLOCK = 8 * 5120**2 + 2 * 5120 * 13824
LARGEST = 5120 * 13824


def quantised(kind: str, bytes_per_256: int) -> QuantisedWeights:
    """The matrices of A14B's blocks, all of one type."""
    block = Share(numbers=BLOCK, size_bytes=BLOCK // 256 * bytes_per_256)
    return QuantisedWeights(types=(kind,), blocks=(block,) * 40, outside=Share(), largest=LARGEST)


Q4_K, Q8_0 = quantised("Q4_K", 144), quantised("Q8_0", 272)


def adopted(*experts: QuantisedWeights) -> LocalCheckpoint:
    parts = [
        Component(
            name=name, weight_bytes=own.all.size_bytes, dtypes=("F32", *own.types), quantised=own
        )
        for name, own in zip(("transformer", "transformer_2"), experts, strict=True)
    ]
    encoder = Component(name="text_encoder", weight_bytes=1, dtypes=("BF16",))
    vae = Component(name="vae", weight_bytes=1, dtypes=("F32",))
    return LocalCheckpoint(
        spec=SPEC,
        folder=Path("/models/t2v-A14B"),
        components=(*parts, encoder, vae),
        structure=replace(A14B, quantised=experts),
    )


def plan(local: LocalCheckpoint | None, *, card: float | None, host: float = 64) -> MemoryPlan:
    request = Imagined(width=832, height=480).request(SPEC)
    accelerator = None if card is None else int(card * GIB)
    capacity = Capacity(accelerator_bytes=accelerator, host_bytes=int(host * GIB))
    return plan_memory(request, SPEC, local, capacity)


def test_an_expert_takes_what_its_file_keeps_quantised_and_the_rest_as_it_is_loaded() -> None:
    structure = replace(A14B, quantised=(Q4_K, Q8_0))
    matrices = 40 * BLOCK
    rest = A14B.transformer.weight_bytes(Precision.BF16) - 2 * matrices

    assert structure.expert_bytes(Precision.BF16) == (
        matrices * 144 // 256 + rest,
        matrices * 272 // 256 + rest,
    )


def test_both_fit_where_one_in_bf16_would_not() -> None:
    bf16, q4 = plan(None, card=32).placement, plan(adopted(Q4_K, Q4_K), card=32).placement

    assert bf16 is not None
    assert q4 is not None
    assert (bf16.experts, q4.experts) == (Place.STREAMED, Place.RESIDENT)


@pytest.mark.parametrize("card", [8, 12, 16, 24, 32, 48, 80])
def test_they_are_never_quantised_again(card: int) -> None:
    placement = plan(adopted(Q4_K, Q8_0), card=card).placement

    assert placement is not None
    assert placement.precision is Precision.BF16


def test_the_plan_says_what_they_are_and_what_undoing_them_takes() -> None:
    told = " ".join(plan(adopted(Q4_K, Q8_0), card=48).reasons)

    assert "as their GGUF files have them (Q4_K and Q8_0)" in told
    assert "in up to 0.40 GiB; sums are made in bf16" in told
    assert "Both experts (7.9 GiB and 14.4 GiB) stay" in told
    assert "the files are mapped, not copied" in told


def test_what_is_mapped_is_not_the_processs() -> None:
    visiting = plan(adopted(Q8_0, Q8_0), card=24)

    assert visiting.placement is not None
    assert visiting.placement.experts is Place.VISITING
    assert visiting.host_bytes is not None
    assert visiting.host_bytes < 5 * GIB


def test_on_a_cpu_they_stay_as_they_are() -> None:
    with_q4, in_fp32 = plan(adopted(Q4_K, Q4_K), card=None), A14B.weight_bytes(Precision.FP32)

    assert with_q4.host_bytes is not None
    assert with_q4.host_bytes < in_fp32 / 2
    assert "GGUF files have them (Q4_K)" in with_q4.reasons[0]


@pytest.mark.parametrize(
    ("name", "dimensions", "dtype", "stays"),
    [
        ("blocks.0.self_attn.q.weight", 2, "Q4_K", True),
        ("blocks.0.attn1.to_q.weight", 2, "Q4_K", True),
        ("blocks.0.self_attn.q.weight", 2, "BF16", False),
        ("blocks.0.self_attn.q.bias", 1, "Q8_0", False),
        ("patch_embedding.weight", 5, "Q8_0", False),
        ("time_embedding.0.weight", 2, "Q8_0", False),
        ("condition_embedder.time_embedder.linear_1.weight", 2, "Q8_0", False),
        ("time_projection.1.weight", 2, "Q8_0", True),
    ],
)
def test_only_what_layers_multiply_by_stays_quantised(
    name: str, dimensions: int, dtype: str, stays: bool
) -> None:
    assert stays_quantised(name, dimensions, dtype) is stays
