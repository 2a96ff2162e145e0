"""Transformers of Wan as small as heads of 128 allow, in the namings and precisions there are."""

import torch
from diffusers import WanTransformer3DModel

Weights = dict[str, torch.Tensor]

#: What Wan's authors call it, by what diffusers calls it.
OFFICIAL = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "attn1": "self_attn",
    "attn2": "cross_attn",
    "to_out.0": "o",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    "norm2": "norm3",
    "proj_out": "head.head",
}


def official(name: str) -> str:
    if name == "scale_shift_table":
        return "head.modulation"
    for ours, theirs in OFFICIAL.items():
        name = name.replace(ours, theirs)
    return name.replace("scale_shift_table", "modulation")


def network(seed: int, *, in_channels: int = 16, out_channels: int = 16) -> Weights:
    """A transformer of Wan, as small as heads of 128 allow, with numbers that differ everywhere."""
    torch.manual_seed(seed)
    model = WanTransformer3DModel(
        num_attention_heads=1,
        attention_head_dim=128,
        in_channels=in_channels,
        out_channels=out_channels,
        text_dim=128,
        freq_dim=256,
        ffn_dim=96,
        num_layers=2,
        rope_max_seq_len=64,
    )
    return {name: torch.randn_like(tensor) / 9 for name, tensor in model.state_dict().items()}


def in_official_naming(weights: Weights) -> Weights:
    return {official(name): tensor for name, tensor in weights.items()}


def in_comfyui_naming(weights: Weights) -> Weights:
    return {f"model.diffusion_model.{official(name)}": t for name, t in weights.items()}


def scaled(weights: Weights, suffix: str = ".scale_weight", *, rows: bool = False) -> Weights:
    """Each matrix in fp8, by a factor that brings its largest number to the largest there is."""
    made: Weights = {}
    for name, tensor in weights.items():
        if tensor.ndim != 2 or not name.endswith(".weight"):
            made[name] = tensor
            continue
        largest = tensor.abs().amax(dim=1, keepdim=True) if rows else tensor.abs().max()
        scale = largest / 448
        made[name] = (tensor / scale).to(torch.float8_e4m3fn)
        made[name.removesuffix(".weight") + suffix] = scale.float()
    return made


def multiplied_out(weights: Weights) -> Weights:
    """What `scaled` leaves of the numbers, in fp32, by the definition."""
    made = {}
    for name, tensor in weights.items():
        scale = next((s for n, s in weights.items() if is_scale_of(n, name)), None)
        if scale is not None:
            made[name] = tensor.float() * scale
        elif not name.endswith(("scale_weight", "weight_scale")):
            made[name] = tensor
    return made


def is_scale_of(name: str, weight: str) -> bool:
    stem = weight.removesuffix(".weight")
    return name in {f"{stem}.scale_weight", f"{stem}.weight_scale"} and name != weight


HIGH, LOW = network(1), network(2)
