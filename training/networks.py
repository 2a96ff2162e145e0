"""The stock networks of a Wan2.2 checkpoint at the sizes of a budget, with random weights."""

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanTransformer3DModel
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from training.budgets import TextShape, TransformerShape, VaeShape
from training.tokenization import EOS_ID, PAD_ID

FLOW_SHIFT = 5.0
"""Where the noise levels crowd, in training and in sampling."""

_LOG_VARIANCE_START = -5.0
"""Posterior noise of about 0.08 at the start; unit noise would drown the signal."""


def new_vae(shape: VaeShape) -> AutoencoderKLWan:
    """A causal video autoencoder of stride 4 in time and 8 in space."""
    vae = AutoencoderKLWan(
        base_dim=shape.base_dim,
        dim_mult=list(shape.dim_mult),
        num_res_blocks=1,
        temperal_downsample=[True, True],
        z_dim=shape.latent_channels,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        is_residual=True,
        latents_mean=[0.0] * shape.latent_channels,
        latents_std=[1.0] * shape.latent_channels,
        scale_factor_temporal=4,
        scale_factor_spatial=8,
    )
    with torch.no_grad():
        vae.quant_conv.bias[shape.latent_channels :] = _LOG_VARIANCE_START
    return vae


def new_transformer(
    shape: TransformerShape, *, latent_channels: int, text_width: int
) -> WanTransformer3DModel:
    """One expert; it predicts zero until it is trained."""
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=shape.heads,
        attention_head_dim=shape.head_dim,
        in_channels=latent_channels,
        out_channels=latent_channels,
        text_dim=text_width,
        freq_dim=256,
        ffn_dim=shape.ffn_dim,
        num_layers=shape.layers,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=64,
    )
    torch.nn.init.zeros_(transformer.proj_out.weight)
    torch.nn.init.zeros_(transformer.proj_out.bias)
    return transformer


def new_text_encoder(shape: TextShape, tokenizer: PreTrainedTokenizerFast) -> UMT5EncoderModel:
    """A small UMT5 encoder for the tokenizer's vocabulary."""
    config = UMT5Config(
        vocab_size=len(tokenizer),
        d_model=shape.width,
        d_kv=shape.head_dim,
        d_ff=shape.ffn_dim,
        num_layers=shape.layers,
        num_heads=shape.heads,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        relative_attention_num_buckets=32,
        relative_attention_max_distance=32,
        pad_token_id=PAD_ID,
        eos_token_id=EOS_ID,
    )
    return UMT5EncoderModel(config)


def new_scheduler() -> UniPCMultistepScheduler:
    """Wan's sampler: UniPC on the flow, with the shift the training used."""
    return UniPCMultistepScheduler(
        num_train_timesteps=1000,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=FLOW_SHIFT,
        solver_order=2,
    )
