"""Which layers of a transformer are kept in fewer bits."""

import pytest
import torch
from diffusers import WanTransformer3DModel

from adapters.diffusers.cast_blocks import cast_blocks, cast_for
from domain.structure import Precision

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.FP8])
def test_only_the_layers_of_the_blocks_are_cast_and_one_that_is_is_left(
    precision: Precision,
) -> None:
    expert = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
    )
    cast = cast_for(precision, torch.float32, HOST)
    assert cast is not None

    cast_blocks(expert.blocks, cast)
    first = expert.blocks[0].attn1.to_q
    cast_blocks(expert.blocks, cast)

    linear = {n: it for n, it in expert.named_modules() if isinstance(it, torch.nn.Linear)}
    kept = {name for name, layer in linear.items() if type(layer) is not torch.nn.Linear}
    assert len(kept) == 2 * 10
    assert kept == {name for name in linear if name.startswith("blocks.")}
    assert kept < set(linear)
    assert expert.blocks[0].attn1.to_q is first


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.BF16])
def test_what_is_not_cast_stays_plain(precision: Precision) -> None:
    assert cast_for(precision, torch.float32, HOST) is None
