"""Latents to small pictures without the VAE: each cell's colour is a linear function of its channels.

The function is fitted, once for each checkpoint that is loaded, to what its own VAE makes of coloured
squares. Tables of such factors for Wan's two VAEs go round, but none comes from its authors, and none
fits a VAE of one's own.
"""

from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it

from domain.video import FrameChunk

#: The pictures to fit to: cells of a side, and coloured squares of a side, sharp and blurred. 288 cells in
#: all, for at most 49 numbers. (`mini` decodes to what these give within 23.4 dB; with twice as many cells
#: it is 23.6, with more pictures, or videos, less.)
_CELLS: Final = 12
_SQUARES: Final = (3, 6)
_MODES: Final = ("nearest", "bilinear")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentColours:
    """`weights`: (C + 1, 3), float32, on the host; the last row is what is added."""

    weights: torch.Tensor

    @torch.no_grad()
    def pictures(self, latents: torch.Tensor) -> FrameChunk:
        """A picture for each latent frame, a pixel for each cell; waits for the GPU.

        Args:
            latents: (1, C, T, H, W), normalised.
        """
        weights = self.weights.to(latents.device)
        cells = latents[0].float().permute(1, 2, 3, 0)  # (T, H, W, C)
        unit = (cells @ weights[:-1] + weights[-1]).clamp(0, 1)
        pixels = (unit * 255).round().to(torch.uint8).cpu().contiguous()
        frames, height, width, _colours = pixels.shape
        return FrameChunk(rgb=pixels.numpy().data, num_frames=frames, height=height, width=width)


@torch.no_grad()
def fit_colours(vae: Any) -> LatentColours:
    """The least squares' fit to `vae`, a diffusers `AutoencoderKLWan`, where it lies."""
    side = _CELLS * vae.spatial_compression_ratio
    dice = torch.Generator().manual_seed(0)
    known, wanted = [], []
    for squares, mode in zip(_SQUARES, _MODES, strict=True):
        colours = torch.rand(1, 3, squares, squares, generator=dice)
        picture = F.interpolate(colours, size=(side, side), mode=mode)  # (1, 3, side, side)
        pixels = (picture * 2 - 1).unsqueeze(2).to(vae.device, vae.dtype)
        latents = _normalised(vae, vae.encode(pixels).latent_dist.mode().float().cpu())
        cells = latents[0].flatten(1).T  # (cells, C)
        known.append(torch.cat([cells, torch.ones(len(cells), 1)], dim=1))
        wanted.append(F.adaptive_avg_pool2d(picture, _CELLS)[0].flatten(1).T)
    solution = torch.linalg.lstsq(torch.cat(known), torch.cat(wanted), driver="gelsd").solution
    return LatentColours(weights=solution)


def _normalised(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    shape = (1, -1, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape)
    return (latents - mean) / torch.tensor(vae.config.latents_std).view(shape)
