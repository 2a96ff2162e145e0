"""What the domain says a checkpoint weighs, against the real networks, built without memory."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    WanAnimateTransformer3DModel,
    WanTransformer3DModel,
    WanVACETransformer3DModel,
)
from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

import adapters.embedded
from adapters.diffusers.cast_blocks import Cast, cast_blocks
from adapters.diffusers.fp8_weights import AFTERWARDS, Fp8Linear
from adapters.diffusers.int8_weights import Int8Linear
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.known_structures import STRUCTURES
from domain.structure import Precision, Structure
from tests.integration.tiny_wans import FAMILY, make_checkpoint

pytestmark = pytest.mark.slow

EMBEDDED = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])])

#: As diffusers' `scripts/convert_wan_to_diffusers.py` has them, written out again on purpose.
SHARED = {
    "added_kv_proj_dim": None,
    "attention_head_dim": 128,
    "cross_attn_norm": True,
    "freq_dim": 256,
    "patch_size": (1, 2, 2),
    "qk_norm": "rms_norm_across_heads",
    "text_dim": 4096,
}
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "t2v-A14B": {"num_layers": 40, "num_attention_heads": 40, "ffn_dim": 13824,
                 "in_channels": 16, "out_channels": 16},
    "i2v-A14B": {"num_layers": 40, "num_attention_heads": 40, "ffn_dim": 13824,
                 "in_channels": 36, "out_channels": 16},
    "ti2v-5B": {"num_layers": 30, "num_attention_heads": 24, "ffn_dim": 14336,
                "in_channels": 48, "out_channels": 48},
    "t2v-1.3B": {"num_layers": 30, "num_attention_heads": 12, "ffn_dim": 8960,
                 "in_channels": 16, "out_channels": 16},
    "vace-14B": {"num_layers": 40, "num_attention_heads": 40, "ffn_dim": 13824,
                 "in_channels": 16, "out_channels": 16,
                 "vace_layers": [0, 5, 10, 15, 20, 25, 30, 35], "vace_in_channels": 96},
    "animate-14B": {"num_layers": 40, "num_attention_heads": 40, "ffn_dim": 13824,
                    "in_channels": 36, "out_channels": 16, "image_dim": 1280,
                    "added_kv_proj_dim": 5120},
}  # fmt: skip
KINDS = {"vace-14B": WanVACETransformer3DModel, "animate-14B": WanAnimateTransformer3DModel}
#: Its blocks beside the trunk's, which stream as those do.
SIDE_BLOCKS = {"vace-14B": "vace_blocks", "animate-14B": "face_adapter"}
CLIP_VIT_H = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
    "num_attention_heads": 16, "patch_size": 14, "image_size": 224, "projection_dim": 1024,
}  # fmt: skip
VAE_2_2 = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2, "temperal_downsample": [False, True, True], "is_residual": True,
    "in_channels": 12, "out_channels": 12, "patch_size": 2, "scale_factor_spatial": 16,
}  # fmt: skip
UMT5_XXL = {
    "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64,
    "vocab_size": 256384, "feed_forward_proj": "gated-gelu",
}  # fmt: skip


def on_meta(make: Any) -> Any:
    with torch.device("meta"):
        return make()


def in_bf16(transformer: Any) -> Any:
    """As diffusers loads it: what it keeps in float32 stays."""
    kept = set(transformer._keep_in_fp32_modules)
    for name, parameter in transformer.named_parameters():
        if not kept & set(name.split(".")):
            parameter.data = parameter.data.to(torch.bfloat16)
    return transformer


def weight_bytes(module: Any) -> int:
    return sum(p.numel() * p.element_size() for p in module.parameters())


META = torch.device("meta")
CASTS: dict[Precision, Cast] = {
    Precision.INT8: partial(Int8Linear, device=META),
    Precision.FP8: partial(Fp8Linear, device=META, product=AFTERWARDS),
}


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("checkpoint_id", TRANSFORMERS)
def test_an_expert_weighs_what_is_said_to_the_byte(checkpoint_id: str, cast: Precision) -> None:
    structure = STRUCTURES[checkpoint_id].transformer
    config = SHARED | TRANSFORMERS[checkpoint_id]
    kind = KINDS.get(checkpoint_id, WanTransformer3DModel)
    expert = on_meta(lambda: kind(**config))
    beside = list(getattr(expert, SIDE_BLOCKS.get(checkpoint_id, ""), ()))

    assert structure.parameters == sum(p.numel() for p in expert.parameters())
    assert structure.weight_bytes(Precision.FP32) == weight_bytes(expert)
    block = weight_bytes(expert.blocks[0])
    assert structure.block_bytes(Precision.FP32) == block

    in_bf16(expert)
    assert structure.weight_bytes(Precision.BF16) == weight_bytes(expert)
    assert structure.block_bytes(Precision.BF16) == weight_bytes(expert.blocks[0])

    cast_blocks(expert.blocks, CASTS[cast])
    assert structure.weight_bytes(cast) == weight_bytes(expert)
    assert structure.block_bytes(cast) == weight_bytes(expert.blocks[0])
    blocks = [weight_bytes(block) for block in (*expert.blocks, *beside)]
    assert structure.outer_bytes(cast) == weight_bytes(expert) - sum(blocks)
    assert structure.streamed_block_bytes(cast) == max(blocks)


@pytest.mark.parametrize("checkpoint_id", ["t2v-A14B", "ti2v-5B"])
def test_a_lora_on_every_matrix_has_as_many_numbers_as_is_said(checkpoint_id: str) -> None:
    expert = on_meta(lambda: WanTransformer3DModel(**SHARED | TRANSFORMERS[checkpoint_id]))
    matrices = [part for part in expert.blocks.modules() if isinstance(part, torch.nn.Linear)]

    numbers = sum(64 * (matrix.in_features + matrix.out_features) for matrix in matrices)

    assert STRUCTURES[checkpoint_id].transformer.lora_numbers(64) == numbers


def test_the_text_encoder_weighs_what_is_said_to_the_byte() -> None:
    encoder = on_meta(lambda: UMT5EncoderModel(UMT5Config(**UMT5_XXL)))

    for structure in STRUCTURES.values():
        assert structure.text_encoder.weight_bytes(Precision.FP32) == weight_bytes(encoder)
        for cast in CASTS:
            assert structure.text_encoder.weight_bytes(cast) == weight_bytes(encoder) // 2


@pytest.mark.parametrize(
    ("checkpoint_id", "config"),
    [
        ("t2v-A14B", {}),
        ("i2v-A14B", {}),
        ("t2v-1.3B", {}),
        ("ti2v-5B", VAE_2_2),
        ("vace-14B", {}),
        ("animate-14B", {}),
    ],
)
def test_the_vae_weighs_what_is_said_to_the_byte(
    checkpoint_id: str, config: dict[str, Any]
) -> None:
    vae = on_meta(lambda: AutoencoderKLWan(**config))

    structure = STRUCTURES[checkpoint_id].vae
    assert structure.weight_bytes == weight_bytes(vae)
    assert structure.width == (config.get("decoder_base_dim") or vae.config.base_dim)


def test_the_image_encoder_weighs_what_is_said_to_the_byte() -> None:
    encoder = on_meta(lambda: CLIPVisionModel(CLIPVisionConfig(**CLIP_VIT_H)))

    structure = STRUCTURES["animate-14B"]
    assert structure.image_encoder_bytes(Precision.FP32) == weight_bytes(encoder)
    parts = STRUCTURES["i2v-A14B"].text_encoder.weight_bytes(Precision.BF16)
    parts += structure.transformer.weight_bytes(Precision.BF16) + structure.vae.weight_bytes
    assert structure.weight_bytes(Precision.BF16) == parts + weight_bytes(encoder) // 2


def test_known_figures_have_not_moved() -> None:
    """As counted when the checkpoints were published: a change of the library shows here."""
    a14b = STRUCTURES["t2v-A14B"]

    assert a14b.transformer.parameters == 14_288_491_584
    assert a14b.transformer.weight_bytes(Precision.BF16) == 28_635_351_168
    assert a14b.transformer.weight_bytes(Precision.INT8) == 14_803_978_368
    assert a14b.text_encoder.parameters == 5_680_910_336


@pytest.mark.parametrize("checkpoint_id", ["mini", "mini-ti2v"])
def test_an_embedded_checkpoint_tells_its_own_structure(checkpoint_id: str) -> None:
    found = EMBEDDED.find(checkpoint_id)
    structure = found.structure
    assert isinstance(structure, Structure)

    sizes = {part.name: part.parameters for part in found.components}

    assert structure.experts == sum(name.startswith("transformer") for name in sizes)
    assert structure.has_token_times == (checkpoint_id == "mini-ti2v")
    assert structure.transformer.parameters == sizes["transformer"]
    assert structure.text_encoder.parameters == sizes["text_encoder"]
    assert structure.vae.parameters == sizes["vae"]
    if {part.precision for part in found.components} == {Precision.FP32}:
        assert structure.weight_bytes(Precision.FP32) == found.weight_bytes


@pytest.mark.parametrize("checkpoint_id", FAMILY)
def test_a_folder_tells_its_structure_to_the_last_number(
    checkpoint_id: str, tmp_path: Path
) -> None:
    make_checkpoint(checkpoint_id, tmp_path)
    found = FilesystemCheckpointCatalog([tmp_path]).find(checkpoint_id)

    structure = found.structure
    assert isinstance(structure, Structure)
    assert structure.weight_bytes(Precision.FP32) == found.weight_bytes
    assert (structure.transformer.side is None) == (checkpoint_id not in KINDS)
    assert (structure.image_encoder is None) == (checkpoint_id != "animate-14B")
