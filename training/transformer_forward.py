"""The Wan transformer as a plain function of its weights, for training.

Equal to the stock `WanTransformer3DModel` to rounding (tests/training), but: timesteps per latent
frame instead of per token, attention by matrix products (the fused CPU kernel's backward pass is
slow), and text of few tokens that stands for the pipeline's 512. Inference keeps the stock path.
Source: diffusers 0.42 `models/transformers/transformer_wan.py`.
"""

import math
from collections.abc import Callable

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor, nn
from torch.nn import functional


def padding_bias(token_counts: Tensor, slots: int, padded_to: int) -> Tensor:
    """Attention bias that makes a few padding slots weigh as much as the pipeline's many.

    The pipeline attends, unmasked, to `padded_to` tokens of which all after the text are equal.
    Equal keys add up in the softmax, so `slots - n` of them with log((padded_to - n) / (slots - n))
    added to their scores are exactly the same.

    Args:
        token_counts: (B,) real tokens n per text, each below `slots`.

    Returns:
        (B, 1, 1, slots).
    """
    counts = token_counts[:, None].float()
    padding = torch.arange(slots, device=token_counts.device)[None] >= counts
    weight = ((padded_to - counts) / (slots - counts)).log()
    return (weight * padding)[:, None, None]


def velocity(
    transformer: WanTransformer3DModel,
    latents: Tensor,
    timesteps: Tensor,
    text: Tensor,
    text_bias: Tensor,
    *,
    one_block: Callable[..., Tensor] | None = None,
) -> Tensor:
    """The flow the transformer predicts.

    Args:
        one_block: `block`, compiled; the blocks are alike, so one compilation serves all of them.
        latents: (B, C, T, H, W), normalised.
        timesteps: (B, T), 0 to 1000, one per latent frame.
        text: (B, L, D) with zeros after each text's end.
        text_bias: (B, 1, 1, L), see `padding_bias`.

    Returns:
        (B, C, T, H, W), float32.
    """
    embedder = transformer.condition_embedder
    batch, _, frames, height, width = latents.shape
    hidden = _patched(transformer, latents)  # (B, T, S, D)
    time = embedder.time_embedder(embedder.timesteps_proj(timesteps.flatten()))
    time = time.float().unflatten(0, (batch, frames))  # (B, T, D)
    modulation = embedder.time_proj(functional.silu(time)).float().unflatten(-1, (6, -1))
    text = embedder.text_embedder(text)
    cosine, sine = transformer.rope(latents)
    rotation = (cosine[:, :, 0, 0::2], sine[:, :, 0, 1::2])  # (1, N, head_dim / 2)
    for layer in transformer.blocks:
        hidden = (one_block or block)(layer, hidden, text, text_bias, modulation, rotation)
    shift, scale = (transformer.scale_shift_table[:, None] + time[:, :, None]).chunk(2, dim=2)
    hidden = functional.linear(
        _layer_norm(hidden) * (1.0 + scale) + shift,
        transformer.proj_out.weight,
        transformer.proj_out.bias,
    )
    hidden = hidden.float().view(batch, frames, height // 2, width // 2, 2, 2, -1)
    return hidden.permute(0, 6, 1, 2, 4, 3, 5).reshape(batch, -1, frames, height, width)


def _patched(transformer: WanTransformer3DModel, latents: Tensor) -> Tensor:
    batch, channels, frames, height, width = latents.shape
    cells = latents.view(batch, channels, frames, height // 2, 2, width // 2, 2)
    cells = cells.permute(0, 2, 3, 5, 1, 4, 6).reshape(batch, frames, -1, channels * 4)
    embedding = transformer.patch_embedding
    return functional.linear(cells, embedding.weight.flatten(1), embedding.bias).float()


def block(
    layer: nn.Module,
    hidden: Tensor,
    text: Tensor,
    text_bias: Tensor,
    modulation: Tensor,
    rotation: tuple[Tensor, Tensor],
) -> Tensor:
    """One transformer block: (B, T, S, D) to the same."""
    shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = (
        layer.scale_shift_table[:, None] + modulation
    ).chunk(6, dim=2)  # each (B, T, 1, D)
    normed = _layer_norm(hidden) * (1.0 + scale) + shift
    hidden = hidden + _self_attention(layer.attn1, normed, rotation) * gate
    normed = _layer_norm(hidden) * layer.norm2.weight + layer.norm2.bias
    hidden = hidden + _cross_attention(layer.attn2, normed, text, text_bias)
    normed = _layer_norm(hidden) * (1.0 + ffn_scale) + ffn_shift
    return hidden + layer.ffn(normed) * ffn_gate


def _layer_norm(hidden: Tensor) -> Tensor:
    centred = hidden - hidden.mean(dim=-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + 1e-6)


def _rms_norm(norm: nn.Module, hidden: Tensor) -> Tensor:
    hidden = hidden.float()
    scale = torch.rsqrt(hidden.square().mean(dim=-1, keepdim=True) + norm.eps)
    return hidden * scale * norm.weight


def _self_attention(
    attention: nn.Module, hidden: Tensor, rotation: tuple[Tensor, Tensor]
) -> Tensor:
    batch, frames, cells, width = hidden.shape
    flat = hidden.view(batch, frames * cells, width)
    query = _heads(attention, _rotated(attention, attention.to_q(flat), attention.norm_q, rotation))
    key = _heads(attention, _rotated(attention, attention.to_k(flat), attention.norm_k, rotation))
    value = _heads(attention, attention.to_v(flat))
    mixed = _attend(query, key, value, None)
    return attention.to_out[0](mixed).view(batch, frames, cells, width)


def _cross_attention(attention: nn.Module, hidden: Tensor, text: Tensor, bias: Tensor) -> Tensor:
    batch, frames, cells, width = hidden.shape
    flat = hidden.view(batch, frames * cells, width)
    query = _heads(attention, _rms_norm(attention.norm_q, attention.to_q(flat)))
    key = _heads(attention, _rms_norm(attention.norm_k, attention.to_k(text)))
    value = _heads(attention, attention.to_v(text))
    mixed = _attend(query, key, value, bias)
    return attention.to_out[0](mixed).view(batch, frames, cells, width)


def _rotated(
    attention: nn.Module, hidden: Tensor, norm: nn.Module, rotation: tuple[Tensor, Tensor]
) -> Tensor:
    cosine, sine = (part[:, :, None] for part in rotation)  # (1, N, 1, head_dim / 2)
    pairs = _rms_norm(norm, hidden).unflatten(-1, (attention.heads, -1, 2))
    first, second = pairs.unbind(-1)
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(2)


def _heads(attention: nn.Module, hidden: Tensor) -> Tensor:
    return hidden.unflatten(-1, (attention.heads, -1)).transpose(1, 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    if query.is_cuda and bias is None:
        query, key = query.to(value.dtype), key.to(value.dtype)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).flatten(2)
    query = query * (1.0 / math.sqrt(query.shape[-1]))
    scores = query @ key.mT
    if bias is not None:
        scores = scores + bias
    return (scores.softmax(dim=-1).to(value.dtype) @ value).transpose(1, 2).flatten(2)
