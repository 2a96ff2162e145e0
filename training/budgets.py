"""How much of everything: network sizes, clip sizes and training lengths.

`mini` is what ships, made on one GPU; `cpu` is a shorter run of the same networks on smaller clips;
`tiny` runs the whole recipe in about a minute and learns nothing.
"""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeShape:
    base_dim: int = 16
    dim_mult: tuple[int, int, int] = (1, 4, 4)
    latent_channels: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerShape:
    heads: int = 4
    head_dim: int = 40
    layers: int = 5
    ffn_dim: int = 416


@dataclass(frozen=True, slots=True, kw_only=True)
class TextShape:
    width: int = 128
    head_dim: int = 32
    heads: int = 4
    ffn_dim: int = 256
    layers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One training run.

    Attributes:
        steps: optimiser steps; the learning rate falls to zero as a cosine over them.
        matrix_rate, other_rate: peak learning rates of Muon and of AdamW.
        ema: decay of the averaged weights, the ones that are kept.
    """

    steps: int
    batch: int
    matrix_rate: float
    other_rate: float
    ema: float = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the autoencoder must reach on `clips` reconstructions before anything is built on it."""

    clips: int = 64
    psnr_db: float = 33.0
    shape_share: float = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Everything one run of the recipe needs to know.

    Attributes:
        side_px, frames: the shipped clip format.
        vae_side_px, crop_px: the autoencoder trains on windows of crop_px from larger canvases,
            where outlines are longer; it is convolutional, so it serves any size.
        crop_frames: frames per window in the video stage of the autoencoder.
        image_latents, video_latents: scenes encoded ahead of the transformer's training.
    """

    side_px: int
    frames: int
    fps: int
    vae_side_px: int
    crop_px: int
    crop_frames: int
    vae_shape: VaeShape
    transformer_shape: TransformerShape
    text_shape: TextShape
    vae_images: Stage
    vae_video: Stage
    vae_polish: Stage
    gate: Gate = Gate()
    image_latents: int
    video_latents: int
    text: Stage
    base_images: Stage
    base_video: Stage
    high_noise: Stage
    low_noise: Stage
    text_and_image: Stage


CPU = Budget(
    side_px=64,
    frames=17,
    fps=8,
    vae_side_px=128,
    crop_px=64,
    crop_frames=17,
    vae_shape=VaeShape(),
    transformer_shape=TransformerShape(),
    text_shape=TextShape(),
    vae_images=Stage(steps=1600, batch=32, matrix_rate=2e-3, other_rate=1e-3),
    vae_video=Stage(steps=2400, batch=4, matrix_rate=1e-3, other_rate=6e-4),
    vae_polish=Stage(steps=1000, batch=4, matrix_rate=6e-4, other_rate=4e-4),
    image_latents=24576,
    video_latents=16384,
    text=Stage(steps=900, batch=128, matrix_rate=3e-3, other_rate=3e-3, ema=0.98),
    base_images=Stage(steps=4200, batch=128, matrix_rate=2e-3, other_rate=1e-3),
    base_video=Stage(steps=3500, batch=64, matrix_rate=2e-3, other_rate=1.5e-3),
    high_noise=Stage(steps=1450, batch=64, matrix_rate=1e-3, other_rate=5e-4, ema=0.99),
    low_noise=Stage(steps=1450, batch=64, matrix_rate=1e-3, other_rate=5e-4, ema=0.99),
    text_and_image=Stage(steps=560, batch=64, matrix_rate=1e-3, other_rate=5e-4, ema=0.99),
)
"""What two CPU cores reach in about two hours: everything but the shapes with many corners."""

MINI = replace(
    CPU,
    side_px=128,
    image_latents=65536,
    video_latents=65536,
    base_images=Stage(steps=790, batch=1024, matrix_rate=2e-3, other_rate=1e-3),
    base_video=Stage(steps=2820, batch=384, matrix_rate=2e-3, other_rate=1e-3),
    high_noise=Stage(steps=690, batch=384, matrix_rate=8e-4, other_rate=4e-4, ema=0.995),
    low_noise=Stage(steps=690, batch=384, matrix_rate=8e-4, other_rate=4e-4, ema=0.995),
    text_and_image=Stage(steps=1020, batch=384, matrix_rate=8e-4, other_rate=4e-4, ema=0.995),
)
"""What ships: the transformers took seven and a half minutes of one H100 with `--compile`, encoding
included. The autoencoder and the text encoder are the CPU's, kept by `adopt`."""

_SHORT = Stage(steps=3, batch=4, matrix_rate=1e-3, other_rate=5e-4, ema=0.5)

TINY = Budget(
    side_px=32,
    frames=5,
    fps=8,
    vae_side_px=32,
    crop_px=32,
    crop_frames=5,
    vae_shape=VaeShape(dim_mult=(1, 2, 2)),
    transformer_shape=TransformerShape(heads=2, head_dim=16, layers=2, ffn_dim=64),
    text_shape=TextShape(width=32, head_dim=16, heads=2, ffn_dim=32, layers=1),
    vae_images=_SHORT,
    vae_video=_SHORT,
    vae_polish=_SHORT,
    gate=Gate(clips=2, psnr_db=-math.inf, shape_share=0.0),
    image_latents=16,
    video_latents=16,
    text=_SHORT,
    base_images=_SHORT,
    base_video=_SHORT,
    high_noise=_SHORT,
    low_noise=_SHORT,
    text_and_image=_SHORT,
)

BUDGETS = {"mini": MINI, "cpu": CPU, "tiny": TINY}
