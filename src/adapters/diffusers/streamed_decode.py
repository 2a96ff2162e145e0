"""Latents to pixels, one latent frame at a time: the same bits as decoding all at once, never held whole.

Wan's VAE is causal: each latent frame needs only the features cached from those before it, and gives
1 picture (the first) or `temporal_stride` pictures. Source: `AutoencoderKLWan._decode` in diffusers,
whose loop this is, with a `yield` in it.
"""

from collections.abc import Iterator

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify


def decode_frames(vae: AutoencoderKLWan, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Decode normalised latents of one video.

    Args:
        latents: (1, C, T, H, W), as `output_type="latent"` gives them.

    Yields:
        uint8 RGB pictures, (frames, height, width, 3), contiguous, on the host.
    """
    vae.clear_cache()
    try:
        features = _features(vae, latents)
        for index in range(features.shape[2]):
            yield _decode_one(vae, features[:, :, index : index + 1], first=index == 0)
    finally:
        vae.clear_cache()


@torch.no_grad()
def _features(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation as `WanPipeline` does: dividing by the reciprocal is what it computes."""
    latents = latents.to(vae.device, vae.dtype)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latents.device, latents.dtype)
    inverse_std = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(
        latents.device, latents.dtype
    )
    features: torch.Tensor = vae.post_quant_conv(latents / inverse_std + mean)
    return features


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
    pictures = torch.clamp(pictures, min=-1.0, max=1.0)[0]  # (3, F, H, W)
    unit = (pictures / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0).float()  # (F, H, W, 3)
    return (unit * 255).round().to(torch.uint8).cpu().contiguous()
