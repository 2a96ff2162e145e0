"""What a folder's checkpoint is built of, by its configuration files and the counts of its headers."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

from domain.local_checkpoint import Component
from domain.side_branches import CharacterBranch, ControlBranch, SideBranch
from domain.structure import (
    ImageEncoderStructure,
    Structure,
    TextEncoderStructure,
    TransformerStructure,
    VaeStructure,
)

_Config = Mapping[str, object]
#: Of the motion network where the configuration names none: `WAN_ANIMATE_MOTION_ENCODER_CHANNEL_SIZES`
#: of diffusers' `transformer_wan_animate.py`, at 512 pixels.
_MOTION_CHANNELS: Final = {"512": 32}


def read_structure(
    index: _Config, configs: Mapping[str, _Config], components: Sequence[Component]
) -> Structure | None:
    """The structure; None where the files hold something that is not known here.

    Args:
        index: `model_index.json`.
        configs: each part's `config.json`, by its name.
    """
    parts = {component.name: component for component in components}
    experts = [part for name, part in parts.items() if name.startswith("transformer")]
    try:
        structure = Structure(
            transformer=_transformer(configs["transformer"], parts["transformer"].modules),
            experts=len(experts),
            text_encoder=_text_encoder(configs["text_encoder"]),
            vae=_vae(configs["vae"], parts["vae"].modules),
            has_token_times=bool(index.get("expand_timesteps")),
            image_encoder=_image_encoder(configs, parts),
            quantised=tuple(part.quantised for part in experts if part.quantised),
        )
    except (KeyError, TypeError, ValueError):
        return None
    counted = structure.transformer.parameters
    is_counted = all(part.parameters == counted for part in experts)
    # Of two experts, both are in GGUF files or neither is.
    return structure if is_counted and len(structure.quantised) in {0, len(experts)} else None


def _transformer(config: _Config, modules: Mapping[str, int]) -> TransformerStructure:
    return TransformerStructure(
        layers=_whole(config["num_layers"]),
        heads=_whole(config["num_attention_heads"]),
        head_width=_whole(config["attention_head_dim"]),
        ffn_width=_whole(config["ffn_dim"]),
        in_channels=_whole(config["in_channels"]),
        out_channels=_whole(config["out_channels"]),
        text_width=_whole(config["text_dim"]),
        frequency_width=_whole(config["freq_dim"]),
        patch=prod(_wholes(config["patch_size"])),
        side=_side(config, modules),
    )


def _side(config: _Config, modules: Mapping[str, int]) -> SideBranch | None:
    if "vace_layers" in config:
        return ControlBranch(
            layers=len(_wholes(config["vace_layers"])),
            in_channels=_whole(config["vace_in_channels"]),
        )
    if "motion_encoder_size" not in config:
        return None
    side = _whole(config["motion_encoder_size"])
    channels = config.get("motion_encoder_channel_sizes") or _MOTION_CHANNELS
    if not isinstance(channels, Mapping):
        raise TypeError(channels)
    return CharacterBranch(
        adapters=_whole(config["num_layers"]) // _whole(config["inject_face_latents_blocks"]),
        image_width=_whole(config["image_dim"]),
        looks_width=_whole(config["added_kv_proj_dim"] or 0),
        motion_parameters=modules["motion_encoder"],
        motion_in_fp32=_whole(config["motion_encoder_dim"]) * _whole(config["motion_dim"]),
        face_parameters=modules["face_encoder"],
        face_side=side,
        face_frames=_whole(config["motion_encoder_batch_size"]),
        face_channels=_whole(channels[str(side)]),
    )


def _image_encoder(
    configs: Mapping[str, _Config], parts: Mapping[str, Component]
) -> ImageEncoderStructure | None:
    if "image_encoder" not in parts:
        return None
    config = configs["image_encoder"]
    patches = (_whole(config["image_size"]) // _whole(config["patch_size"])) ** 2
    return ImageEncoderStructure(
        parameters=parts["image_encoder"].parameters,
        layers=_whole(config["num_hidden_layers"]),
        width=_whole(config["hidden_size"]),
        tokens=patches + 1,
    )


def _text_encoder(config: _Config) -> TextEncoderStructure:
    return TextEncoderStructure(
        layers=_whole(config["num_layers"]),
        width=_whole(config["d_model"]),
        heads=_whole(config["num_heads"]),
        head_width=_whole(config["d_kv"]),
        ffn_width=_whole(config["d_ff"]),
        vocabulary=_whole(config["vocab_size"]),
        buckets=_whole(config["relative_attention_num_buckets"]),
    )


def _vae(config: _Config, modules: Mapping[str, int]) -> VaeStructure:
    width = _whole(config["base_dim"])
    return VaeStructure(
        parameters=sum(modules.values()),
        width=_whole(config.get("decoder_base_dim") or width),
        encoder_width=width,
        patch=_whole(config.get("patch_size") or 1),
        is_residual=bool(config.get("is_residual")),
    )


def _wholes(told: object) -> Sequence[int]:
    if not isinstance(told, list):
        raise TypeError(told)
    return [_whole(value) for value in told]


def _whole(told: object) -> int:
    if not isinstance(told, int):
        raise TypeError(told)
    return told
