"""Pictures and videos that are given, as the latents a run is told of."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import WanPipeline
from PIL import Image

from adapters.diffusers.given_frames import read_clip_frames, read_image
from adapters.diffusers.parts import bring
from domain.generation import GenerationRequest


def image_pixels(pipe: WanPipeline, request: GenerationRequest, path: Path) -> torch.Tensor:
    """The image at `path` as one float32 frame, (1, 3, 1, H, W), -1 to 1."""
    return _pixels(pipe, read_image(path, request))


def clip_latents(
    pipe: WanPipeline,
    request: GenerationRequest,
    path: Path,
    numbers: Iterable[int] | None = None,
) -> torch.Tensor:
    """The clip at `path`, or those frames of it, as normalised float32 latents."""
    return encode(pipe, clip_pixels(pipe, request, path, numbers=numbers).to(pipe.device))


def clip_pixels(
    pipe: WanPipeline,
    request: GenerationRequest,
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    numbers: Iterable[int] | None = None,
) -> torch.Tensor:
    """The clip at `path` as float32, (1, 3, F, H, W), -1 to 1.

    Args:
        size: (width, height); None for the request's.
        numbers: of the request's frames; None for all of them.
    """
    frames = [_pixels(pipe, frame) for frame in read_clip_frames(path, request, size, numbers)]
    return torch.cat(frames, dim=2)


def encode(pipe: WanPipeline, video: torch.Tensor) -> torch.Tensor:
    """`video`, (1, 3, F, H, W), -1 to 1, as normalised float32 latents."""
    vae = pipe.vae
    bring(pipe, vae)
    latents: Any = vae.encode(video.to(vae.device, vae.dtype)).latent_dist.mode()
    latents = latents.to(video.device, torch.float32)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(video.device, torch.float32)
    inverse_std = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(
        video.device, torch.float32
    )
    result: torch.Tensor = (latents - mean) * inverse_std
    return result


def _pixels(pipe: WanPipeline, picture: Image.Image) -> torch.Tensor:
    pixels: torch.Tensor = pipe.video_processor.preprocess(
        picture, height=picture.height, width=picture.width
    )
    return pixels.to(torch.float32).unsqueeze(2)
