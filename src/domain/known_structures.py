"""Of which structure each published checkpoint is, by its id.

Sources: see `domain.structure`. The embedded checkpoints are told by their own files.
"""

from collections.abc import Mapping
from typing import Final

from domain.side_branches import CharacterBranch, ControlBranch, SideBranch
from domain.structure import (
    ImageEncoderStructure,
    Precision,
    Structure,
    TextEncoderStructure,
    TransformerStructure,
    VaeStructure,
)

_UMT5_XXL: Final = TextEncoderStructure(
    layers=24, width=4096, heads=64, head_width=64, ffn_width=10240, vocabulary=256_384
)
_VAE_2_1: Final = VaeStructure(parameters=126_892_531, width=96, encoder_width=96)
_VAE_2_2: Final = VaeStructure(
    parameters=704_688_668,
    width=256,
    encoder_width=160,
    patch=2,
    is_residual=True,
)


#: ViT-H/14 at 224 pixels.
_CLIP: Final = ImageEncoderStructure(parameters=630_766_080, layers=32, width=1280, tokens=257)


def _14b(in_channels: int, side: SideBranch | None = None) -> TransformerStructure:
    return TransformerStructure(
        layers=40,
        heads=40,
        head_width=128,
        ffn_width=13824,
        in_channels=in_channels,
        out_channels=16,
        side=side,
    )


_VACE: Final = ControlBranch(layers=8, in_channels=96)
_ANIMATE: Final = CharacterBranch(
    adapters=8,
    image_width=1280,
    looks_width=5120,
    motion_parameters=22_736_436,
    motion_in_fp32=512 * 20,
    face_parameters=17_842_176,
    face_side=512,
    face_frames=8,
    face_channels=32,
)

#: By checkpoint id. The embedded ones are told by their own files.
STRUCTURES: Final[Mapping[str, Structure]] = {
    "t2v-A14B": Structure(transformer=_14b(16), experts=2, text_encoder=_UMT5_XXL, vae=_VAE_2_1),
    "i2v-A14B": Structure(transformer=_14b(36), experts=2, text_encoder=_UMT5_XXL, vae=_VAE_2_1),
    "ti2v-5B": Structure(
        transformer=TransformerStructure(
            layers=30,
            heads=24,
            head_width=128,
            ffn_width=14336,
            in_channels=48,
            out_channels=48,
        ),
        experts=1,
        text_encoder=_UMT5_XXL,
        vae=_VAE_2_2,
        has_token_times=True,
    ),
    "t2v-1.3B": Structure(
        transformer=TransformerStructure(
            layers=30, heads=12, head_width=128, ffn_width=8960, in_channels=16, out_channels=16
        ),
        experts=1,
        text_encoder=_UMT5_XXL,
        vae=_VAE_2_1,
    ),
    "vace-14B": Structure(
        transformer=_14b(16, _VACE), experts=1, text_encoder=_UMT5_XXL, vae=_VAE_2_1
    ),
    "animate-14B": Structure(
        transformer=_14b(36, _ANIMATE),
        experts=1,
        text_encoder=_UMT5_XXL,
        vae=_VAE_2_1,
        image_encoder=_CLIP,
    ),
}

#: Those whose repository has the transformers and the VAE in fp32, and the text encoder in bf16; of the others
#: that is not known here. Sources: decision record 0063.
_STORED_IN_FP32: Final = frozenset({"t2v-A14B", "i2v-A14B", "ti2v-5B"})


def fp32_download_bytes(checkpoint_id: str) -> int | None:
    """Of the weights in its repository, where that has the transformers in fp32; None where that is not known."""
    if checkpoint_id not in _STORED_IN_FP32:
        return None
    structure = STRUCTURES[checkpoint_id]
    transformers = structure.experts * structure.transformer.weight_bytes(Precision.FP32)
    encoder = structure.text_encoder.weight_bytes(Precision.BF16)
    return transformers + encoder + structure.vae.weight_bytes
