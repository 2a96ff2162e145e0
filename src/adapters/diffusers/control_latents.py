"""What VACE's second branch reads: what is kept, what is made anew, where, and who is to be seen.

Source: `preprocess_conditions`, `prepare_video_latents` and `prepare_masks` of diffusers'
`WanVACEPipeline`, 0.42, which would bring a control of another size to one of its own choosing.
"""

from pathlib import Path

import torch
from diffusers import WanPipeline

from adapters.diffusers.given_frames import read_whole
from adapters.diffusers.given_latents import clip_pixels, encode
from domain.generation import GenerationRequest
from domain.inputs import InputFiles


def control_latents(
    pipe: WanPipeline, request: GenerationRequest, inputs: InputFiles
) -> torch.Tensor:
    """16 channels of what is kept, 16 of what is made anew and 64 of mask: (1, 96, references + T, H, W).

    Without a control video, all is to be made, of nothing.
    """
    shape = (1, 3, request.num_frames, request.height, request.width)
    video = torch.zeros(shape)
    mask = torch.ones(shape)
    if inputs.control_video is not None:
        video = clip_pixels(pipe, request, inputs.control_video)
    if inputs.control_mask is not None:
        mask = clip_pixels(pipe, request, inputs.control_mask)
        mask = torch.clamp((mask + 1) / 2, min=0, max=1)
    video, mask = video.to(pipe.device), mask.to(pipe.device)
    anew = torch.where(mask > 0.5, 1.0, 0.0)
    latents = torch.cat([encode(pipe, video * (1 - anew)), encode(pipe, video * anew)], dim=1)
    where = _mask_latents(pipe, mask)
    for path in inputs.references:
        reference = encode(pipe, _on_white(pipe, request, path).to(pipe.device))
        reference = torch.cat([reference, torch.zeros_like(reference)], dim=1)
        latents = torch.cat([reference, latents], dim=2)
        where = torch.cat([torch.zeros_like(where[:, :, :1]), where], dim=2)
    return torch.cat([latents, where], dim=1).to(pipe.transformer.dtype)


def _mask_latents(pipe: WanPipeline, mask: torch.Tensor) -> torch.Tensor:
    """`mask`, (1, 3, F, H, W), 0 to 1, with a channel for each pixel of a latent's cell: (1, 64, T, h, w)."""
    cell, stride = pipe.vae_scale_factor_spatial, pipe.vae_scale_factor_temporal
    _, _, frames, height, width = mask.shape
    rows, columns = height // cell, width // cell
    cells = mask[0, 0].view(frames, rows, cell, columns, cell)
    channels = cells.permute(2, 4, 0, 1, 3).flatten(0, 1)  # (64, F, h, w)
    size = ((frames + stride - 1) // stride, rows, columns)
    return torch.nn.functional.interpolate(channels.unsqueeze(0), size=size, mode="nearest-exact")


def _on_white(pipe: WanPipeline, request: GenerationRequest, path: Path) -> torch.Tensor:
    """The picture at `path`, as large as fits, in the middle of a white frame: (1, 3, 1, H, W), -1 to 1."""
    image = pipe.video_processor.preprocess(read_whole(path), None, None)
    height, width = image.shape[-2:]
    scale = min(request.height / height, request.width / width)
    new_height, new_width = int(height * scale), int(width * scale)
    scaled = torch.nn.functional.interpolate(
        image, size=(new_height, new_width), mode="bilinear", align_corners=False
    )
    top, left = (request.height - new_height) // 2, (request.width - new_width) // 2
    frame = torch.ones(1, 3, 1, request.height, request.width)
    frame[:, :, 0, top : top + new_height, left : left + new_width] = scaled
    return frame
