"""What Animate sees of a character and of the one who leads it: looks, pose and face.

Source: `WanAnimatePipeline` of diffusers 0.42, in its mode `animate`, which would stretch a pose or a
face of another shape.
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import WanPipeline

from adapters.diffusers.given_frames import read_whole
from adapters.diffusers.given_latents import clip_latents, clip_pixels, encode
from adapters.diffusers.parts import bring
from domain.generation import GenerationRequest
from domain.inputs import InputFiles
from domain.segments import OVERLAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """All of it, on the device.

    Attributes:
        latents: mask and latents of the character, then of a video of nothing but the frame that it goes
            on from, if any: (1, 20, 1 + T, h, w).
        looks: CLIP's second last states of the character, (1, patches + 1, width).
        pose: latents, (1, 16, T, h, w).
        face: pixels, (1, 3, F, side, side), -1 to 1.
    """

    latents: torch.Tensor
    looks: torch.Tensor
    pose: torch.Tensor
    face: torch.Tensor


def read_performance(
    pipe: WanPipeline,
    request: GenerationRequest,
    inputs: InputFiles,
    segment: int,
    before: torch.Tensor | None,
) -> Performance:
    """What `inputs`, complete as the rules want it, mean for `pipe` in that segment.

    Args:
        before: the frame that the segment goes on from, (1, 3, 1, H, W), -1 to 1; None in the first.
    """
    assert inputs.control_video is not None, "the rules want one"
    assert inputs.face_video is not None, "and this"
    (path,) = inputs.references
    character = read_whole(path)
    device, dtype = pipe.device, pipe.transformer.dtype
    side = pipe.transformer.config.motion_encoder_size
    led = request.segments.led_by(segment)
    face = clip_pixels(pipe, request, inputs.face_video, size=(side, side), numbers=led)
    return Performance(
        latents=_reference_latents(pipe, request, character, before),
        looks=_looks(pipe, character).to(device, dtype),
        pose=clip_latents(pipe, request, inputs.control_video, led).to(dtype),
        face=face.to(device, dtype),
    )


def _reference_latents(
    pipe: WanPipeline, request: GenerationRequest, character: Any, before: torch.Tensor | None
) -> torch.Tensor:
    size = {"height": request.height, "width": request.width}
    image = pipe.vae_image_processor.preprocess(character, **size, resize_mode="fill")
    image = encode(pipe, image.to(pipe.device, dtype=torch.float32).unsqueeze(2))
    video = torch.zeros(1, 3, request.segments.num_frames, *size.values(), device=pipe.device)
    if before is not None:
        video[:, :, :OVERLAP] = before
    latents = torch.cat([image, encode(pipe, video)], dim=2)  # (1, 16, 1 + T, h, w)
    known = torch.zeros_like(latents[:, : pipe.vae_scale_factor_temporal])
    known[:, :, 0] = 1  # the character, not the video after it
    if before is not None:
        known[:, :, 1] = 1  # the one frame of the video's first latent
    return torch.cat([known, latents], dim=1)


def _looks(pipe: WanPipeline, character: Any) -> torch.Tensor:
    bring(pipe, pipe.image_encoder)
    pixels = pipe.image_processor(images=character, return_tensors="pt")
    pixels = pixels.to(pipe.image_encoder.device)
    states: torch.Tensor = pipe.image_encoder(**pixels, output_hidden_states=True).hidden_states[-2]
    return states
