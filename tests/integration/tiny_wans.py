"""The Wan family in small: random parts, joined as each checkpoint joins its own."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanAnimatePipeline,
    WanAnimateTransformer3DModel,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from transformers import (
    AutoTokenizer,
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    UMT5Config,
    UMT5EncoderModel,
)

import adapters.embedded

TOKENIZER: Final = Path(adapters.embedded.__path__[0]) / "mini" / "tokenizer"
_FACE: Final = {
    "image_dim": 4,
    "motion_encoder_channel_sizes": {"4": 16, "8": 16, "16": 16},
    "motion_encoder_size": 16,
    "motion_style_dim": 8,
    "motion_dim": 4,
    "motion_encoder_dim": 16,
    "face_encoder_hidden_dim": 16,
    "face_encoder_num_heads": 2,
    "inject_face_latents_blocks": 2,
}
#: What the VAE of Wan2.2's 5B has beyond that of Wan2.1; source: its `vae/config.json`.
VAE_16X: Final = {
    "z_dim": 48,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "is_residual": True,
    "scale_factor_spatial": 16,
    "latents_mean": [(index - 24) / 48 for index in range(48)],
    "latents_std": [1 + index / 48 for index in range(48)],
}


@dataclass(frozen=True)
class Structure:
    """What of a Wan differs from checkpoint to checkpoint."""

    experts: int = 2
    boundary_ratio: float | None = 0.875
    expand_timesteps: bool = False
    takes_image: bool = False
    vae_16x: bool = False
    takes_control: bool = False
    animates_character: bool = False

    @property
    def channels(self) -> int:
        return 48 if self.vae_16x else 16

    @property
    def in_channels(self) -> int:
        masked = self.animates_character or (self.takes_image and not self.expand_timesteps)
        return self.channels + 4 + self.channels if masked else self.channels


A14B: Final = Structure()
ANIMATE: Final = Structure(experts=1, boundary_ratio=None, animates_character=True)
VACE: Final = Structure(experts=1, boundary_ratio=None, takes_control=True)
T2V_1B: Final = Structure(experts=1, boundary_ratio=None)
I2V_A14B: Final = Structure(boundary_ratio=0.9, takes_image=True)
TI2V_5B: Final = Structure(experts=1, boundary_ratio=None, expand_timesteps=True, vae_16x=True)

#: By checkpoint id.
FAMILY: Final[Mapping[str, Structure]] = {
    "t2v-A14B": A14B,
    "i2v-A14B": I2V_A14B,
    "ti2v-5B": TI2V_5B,
    "t2v-1.3B": T2V_1B,
    "vace-14B": VACE,
    "animate-14B": ANIMATE,
}


@functools.cache
def a_pipe(structure: Structure) -> Any:
    """The stock pipeline over random parts; equal structures have equal weights."""
    torch.manual_seed(0)
    transformer, more = WanTransformer3DModel, {}
    if structure.takes_control:
        transformer, more = WanVACETransformer3DModel, {"vace_layers": [0, 1]}
    if structure.animates_character:
        transformer, more = WanAnimateTransformer3DModel, _FACE
    experts = [
        transformer(
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=structure.in_channels,
            out_channels=structure.channels,
            text_dim=16,
            freq_dim=32,
            ffn_dim=32,
            num_layers=2,
            rope_max_seq_len=32,
            **more,
        )
        for _ in range(structure.experts)
    ]
    vae = AutoencoderKLWan(
        base_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        **(VAE_16X if structure.vae_16x else {}),
    )
    text = UMT5Config(
        vocab_size=200, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    parts = {
        "tokenizer": AutoTokenizer.from_pretrained(TOKENIZER),
        "text_encoder": UMT5EncoderModel(text).eval(),
        "vae": vae.eval(),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        "transformer": experts[0].eval(),
        "transformer_2": experts[1].eval() if structure.experts == 2 else None,
        "boundary_ratio": structure.boundary_ratio,
        "expand_timesteps": structure.expand_timesteps,
    }
    kind = WanImageToVideoPipeline if structure.takes_image else WanPipeline
    if structure.takes_control:
        kind = WanVACEPipeline
        del parts["expand_timesteps"]
    if structure.animates_character:
        kind = WanAnimatePipeline
        for name in ("transformer_2", "boundary_ratio", "expand_timesteps"):
            del parts[name]
        clip = CLIPVisionConfig(
            hidden_size=4,
            projection_dim=4,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=4,
            intermediate_size=16,
            patch_size=1,
        )
        parts["image_encoder"] = CLIPVisionModel(clip).eval()
        parts["image_processor"] = CLIPImageProcessor(crop_size=4, size=4)
    pipe = kind(**parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def make_checkpoint(checkpoint_id: str, models: Path) -> Path:
    """The folder `models/<checkpoint_id>`, in diffusers' layout, with random weights."""
    folder = models / checkpoint_id
    a_pipe(FAMILY[checkpoint_id]).save_pretrained(folder, safe_serialization=True)
    return folder
