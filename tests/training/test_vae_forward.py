"""The whole-clip autoencoder equals the stock one that walks in chunks."""

import pytest
import torch

from training.budgets import VaeShape
from training.networks import new_vae
from training.vae_forward import decode, encode_moments


@pytest.mark.parametrize("frames", [1, 5, 9])
@torch.no_grad()
def test_encoding_a_whole_clip_equals_the_stock_encoder(frames: int) -> None:
    torch.manual_seed(0)
    vae = new_vae(VaeShape(dim_mult=(1, 2, 2)))
    pixels = torch.rand(2, 3, frames, 32, 32) * 2.0 - 1.0

    mean, _ = encode_moments(vae, pixels)

    torch.testing.assert_close(mean, vae.encode(pixels).latent_dist.mode(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("latent_frames", [1, 3])
@torch.no_grad()
def test_decoding_a_whole_clip_equals_the_stock_decoder(latent_frames: int) -> None:
    torch.manual_seed(0)
    vae = new_vae(VaeShape(dim_mult=(1, 2, 2)))
    latents = torch.randn(2, 16, latent_frames, 4, 4) * 0.1

    pixels = decode(vae, latents).clamp(-1.0, 1.0)

    torch.testing.assert_close(pixels, vae.decode(latents).sample, rtol=1e-4, atol=1e-5)
