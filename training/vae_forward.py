"""The Wan autoencoder over a whole clip at once.

The stock `AutoencoderKLWan` walks a clip in chunks of four frames with a feature cache. For
training, the same sums over all frames at once are several times faster. The two agree to
rounding (tests/training/test_vae_forward.py); inference keeps the stock path.
Source: diffusers 0.42 `models/autoencoders/autoencoder_kl_wan.py`.
"""

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify
from torch import Tensor, nn
from torch.nn import functional


def encode_moments(vae: AutoencoderKLWan, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance of the latents, not yet normalised.

    Args:
        pixels: (B, 3, T, H, W), -1 to 1, T = 4k + 1.

    Returns:
        Two tensors of (B, z, k + 1, H / 8, W / 8).
    """
    encoder = vae.encoder
    hidden = encoder.conv_in(_patchified(vae, pixels))
    for block in encoder.down_blocks:
        shortcut = _average_down(block.avg_shortcut, hidden)
        for resnet in block.resnets:
            hidden = _residual(resnet, hidden)
        if block.downsampler is not None:
            hidden = _downsample(block.downsampler, hidden)
        hidden = hidden + shortcut
    hidden = _middle(encoder.mid_block, hidden)
    hidden = encoder.conv_out(functional.silu(_norm(encoder.norm_out, hidden)))
    mean, log_variance = vae.quant_conv(hidden).float().chunk(2, dim=1)
    return mean, log_variance.clamp(-30.0, 20.0)


def decode(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Pixels of latents that are not normalised, without the stock path's final clamp.

    Args:
        latents: (B, z, k + 1, h, w).

    Returns:
        (B, 3, 4k + 1, 8h, 8w), about -1 to 1.
    """
    decoder = vae.decoder
    hidden = decoder.conv_in(vae.post_quant_conv(latents))
    hidden = _middle(decoder.mid_block, hidden)
    for block in decoder.up_blocks:
        before = hidden
        for resnet in block.resnets:
            hidden = _residual(resnet, hidden)
        if block.upsampler is not None:
            hidden = _upsample(block.upsampler, hidden)
        if block.avg_shortcut is not None:
            hidden = hidden + block.avg_shortcut(before, first_chunk=True)
    hidden = decoder.conv_out(functional.silu(_norm(decoder.norm_out, hidden)))
    return unpatchify(hidden, patch_size=vae.config.patch_size).float()


def _patchified(vae: AutoencoderKLWan, pixels: Tensor) -> Tensor:
    patched = patchify(pixels, patch_size=vae.config.patch_size)
    return patched.contiguous(memory_format=torch.channels_last_3d)


def _norm(norm: nn.Module, hidden: Tensor) -> Tensor:
    scale = torch.rsqrt(hidden.float().square().mean(dim=1, keepdim=True) + 1e-12)
    return (hidden * scale.to(hidden.dtype)) * norm.gamma.to(hidden.dtype)


def _residual(block: nn.Module, hidden: Tensor) -> Tensor:
    shortcut = block.conv_shortcut(hidden)
    hidden = block.conv1(functional.silu(_norm(block.norm1, hidden)))
    hidden = block.conv2(functional.silu(_norm(block.norm2, hidden)))
    return hidden + shortcut


def _middle(block: nn.Module, hidden: Tensor) -> Tensor:
    hidden = _residual(block.resnets[0], hidden)
    for attention, resnet in zip(block.attentions, block.resnets[1:], strict=True):
        if attention is not None:
            hidden = attention(hidden)
        hidden = _residual(resnet, hidden)
    return hidden


def _per_frame(layer: nn.Module, hidden: Tensor) -> Tensor:
    batch, _, frames, _, _ = hidden.shape
    flat = hidden.permute(0, 2, 1, 3, 4).flatten(0, 1)
    flat = layer(flat.contiguous(memory_format=torch.channels_last))
    return flat.unflatten(0, (batch, frames)).permute(0, 2, 1, 3, 4)


def _average_down(shortcut: nn.Module, hidden: Tensor) -> Tensor:
    if shortcut.factor_t == 1:
        return shortcut(hidden)
    first = shortcut(hidden[:, :, :1])  # the stock path pads the lone first frame with zeros
    if hidden.shape[2] == 1:
        return first
    return torch.cat([first, shortcut(hidden[:, :, 1:])], dim=2)


def _downsample(layer: nn.Module, hidden: Tensor) -> Tensor:
    hidden = _per_frame(layer.resample, hidden)
    if layer.mode != "downsample3d" or hidden.shape[2] == 1:
        return hidden
    return torch.cat([hidden[:, :, :1], layer.time_conv(hidden)], dim=2)


def _upsample(layer: nn.Module, hidden: Tensor) -> Tensor:
    if layer.mode == "upsample3d" and hidden.shape[2] > 1:
        batch, channels, frames, height, width = hidden.shape
        later = layer.time_conv(hidden[:, :, 1:])  # (B, 2C, T - 1, H, W)
        later = later.reshape(batch, 2, channels, frames - 1, height, width)
        later = later.permute(0, 2, 3, 1, 4, 5).reshape(batch, channels, -1, height, width)
        hidden = torch.cat([hidden[:, :, :1], later], dim=2)
    return _per_frame(layer.resample, hidden)
