"""Latents to pixels, one latent frame at a time: the same bits as decoding all at once, never held whole.

Wan's VAE is causal: each latent frame needs only the features cached from those before it, and gives
1 picture (the first) or `temporal_stride` pictures. Source: `AutoencoderKLWan._decode` in diffusers,
whose loop this is, with a `yield` in it.
"""

from collections.abc import Callable, Generator

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

from adapters.diffusers.tiled_decode import decode_tiles


def _go_on() -> None:
    """Nobody wants to stop."""


def decode_frames(
    vae: AutoencoderKLWan, latents: torch.Tensor, pause: Callable[[], None] = _go_on
) -> Generator[torch.Tensor]:
    """Decode normalised latents of one video; in tiles where the VAE was told to and they are larger.

    Args:
        latents: (1, C, T, H, W), as `output_type="latent"` gives them.
        pause: called between tiles, before there is any picture; what it raises ends the decoding.

    Yields:
        The pictures of one latent frame after the other, (3, frames, height, width), -1 to 1.
    """
    features = _features(vae, latents)
    if vae.use_tiling and _is_larger_than_a_tile(vae, features):
        yield from decode_tiles(vae, features, pause)
        return
    features = _convolved(vae, features)
    vae.clear_cache()
    try:
        for index in range(features.shape[2]):
            yield _decode_one(vae, features[:, :, index : index + 1], first=index == 0)
    finally:
        vae.clear_cache()


@torch.no_grad()
def to_rgb(pictures: torch.Tensor) -> torch.Tensor:
    """Decoded pictures as uint8 RGB, (frames, height, width, 3), contiguous, on the host."""
    unit = (pictures / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0).float()
    return (unit * 255).round().to(torch.uint8).cpu().contiguous()


def _is_larger_than_a_tile(vae: AutoencoderKLWan, features: torch.Tensor) -> bool:
    ratio = vae.spatial_compression_ratio
    return bool(
        features.shape[3] > vae.tile_sample_min_height // ratio
        or features.shape[4] > vae.tile_sample_min_width // ratio
    )


@torch.no_grad()
def _features(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation as `WanPipeline` does: dividing by the reciprocal is what it computes."""
    latents = latents.to(vae.device, vae.dtype)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latents.device, latents.dtype)
    inverse_std = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(
        latents.device, latents.dtype
    )
    return latents / inverse_std + mean


@torch.no_grad()
def _convolved(vae: AutoencoderKLWan, features: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = vae.post_quant_conv(features)
    return result


@torch.no_grad()
def _decode_one(vae: AutoencoderKLWan, feature: torch.Tensor, *, first: bool) -> torch.Tensor:
    pictures = vae.decoder(
        feature,
        feat_cache=vae._feat_map,  # noqa: SLF001 - what `_decode` hands over, and no accessor gives
        feat_idx=[0],
        first_chunk=first,
    )
    if vae.config.patch_size is not None:
        pictures = unpatchify(pictures, patch_size=vae.config.patch_size)
    return torch.clamp(pictures, min=-1.0, max=1.0)[0]
