"""Latents to pixels, tile by tile: little accelerator memory, the pictures gathered on the host.

The tiles and their blending are those of `AutoencoderKLWan.tiled_decode` in diffusers, bit for bit on
one device; that keeps every decoded tile on the accelerator, and cannot be stopped in between.
"""

from collections.abc import Callable, Iterator

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify


def decode_tiles(
    vae: AutoencoderKLWan, features: torch.Tensor, pause: Callable[[], None]
) -> Iterator[torch.Tensor]:
    """Decode what the VAE's latents are before `post_quant_conv`.

    Args:
        features: (1, C, T, H, W), not normalised, on the VAE's device.
        pause: called between a tile's latent frames; what it raises ends the decoding.

    Yields:
        The pictures of one latent frame after the other, (3, F, H, W), -1 to 1, on the host.
    """
    grid = _Grid(vae)
    rows: list[list[torch.Tensor]] = []
    for top in range(0, features.shape[3], grid.stride[0]):
        lefts = range(0, features.shape[4], grid.stride[1])
        rows.append([_decode_tile(vae, grid.cut(features, top, left), pause) for left in lefts])
    pictures = _join(vae, rows, grid)[..., : grid.height(features), : grid.width(features)]
    if vae.config.patch_size is not None:
        pictures = unpatchify(pictures, patch_size=vae.config.patch_size)
    pictures = torch.clamp(pictures, min=-1.0, max=1.0)[0]
    stride = 2 ** sum(vae.config.temperal_downsample)
    yield pictures[:, :1]
    for first in range(1, pictures.shape[1], stride):
        yield pictures[:, first : first + stride]


class _Grid:
    """The tiles' measures: in latents where they are cut, in the decoder's cells where they are joined."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        sides = (vae.tile_sample_min_height, vae.tile_sample_min_width)
        strides = (vae.tile_sample_stride_height, vae.tile_sample_stride_width)
        ratio: int = vae.spatial_compression_ratio
        patch: int = vae.config.patch_size or 1
        self._cells = ratio // patch
        self.side = (sides[0] // ratio, sides[1] // ratio)
        self.stride = (strides[0] // ratio, strides[1] // ratio)
        self.kept = (strides[0] // patch, strides[1] // patch)
        self.blend = (sides[0] // patch - self.kept[0], sides[1] // patch - self.kept[1])

    def cut(self, features: torch.Tensor, top: int, left: int) -> torch.Tensor:
        return features[..., top : top + self.side[0], left : left + self.side[1]]

    def height(self, features: torch.Tensor) -> int:
        return features.shape[3] * self._cells

    def width(self, features: torch.Tensor) -> int:
        return features.shape[4] * self._cells


@torch.no_grad()
def _decode_tile(
    vae: AutoencoderKLWan, tile: torch.Tensor, pause: Callable[[], None]
) -> torch.Tensor:
    """All of its frames, on the host."""
    vae.clear_cache()
    try:
        decoded = []
        for index in range(tile.shape[2]):
            pause()
            part = vae.decoder(
                vae.post_quant_conv(tile[:, :, index : index + 1]),
                feat_cache=vae._feat_map,  # noqa: SLF001 - what `tiled_decode` hands over
                feat_idx=[0],
                first_chunk=index == 0,
            )
            decoded.append(part.to("cpu"))
    finally:
        vae.clear_cache()
    return torch.cat(decoded, dim=2)


def _join(vae: AutoencoderKLWan, rows: list[list[torch.Tensor]], grid: _Grid) -> torch.Tensor:
    """Blend each tile with the one above and the one to its left, as blended before it."""
    joined = []
    for index, row in enumerate(rows):
        kept = []
        for column, tile in enumerate(row):
            if index > 0:
                vae.blend_v(rows[index - 1][column], tile, grid.blend[0])
            if column > 0:
                vae.blend_h(row[column - 1], tile, grid.blend[1])
            kept.append(tile[..., : grid.kept[0], : grid.kept[1]])
        joined.append(torch.cat(kept, dim=-1))
    return torch.cat(joined, dim=3)
