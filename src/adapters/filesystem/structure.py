"""What a folder's checkpoint is built of, by its configuration files and the counts of its headers."""

from collections.abc import Mapping, Sequence
from math import prod

from domain.local_checkpoint import Component
from domain.structure import Structure, TextEncoderStructure, TransformerStructure, VaeStructure

_Config = Mapping[str, object]


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
            transformer=_transformer(configs["transformer"]),
            experts=len(experts),
            text_encoder=_text_encoder(configs["text_encoder"]),
            vae=_vae(configs["vae"], parts["vae"].modules),
            has_token_times=bool(index.get("expand_timesteps")),
            quantised=tuple(part.quantised for part in experts if part.quantised),
        )
    except (KeyError, TypeError, ValueError):
        return None
    counted = structure.transformer.parameters
    is_counted = all(part.parameters == counted for part in experts)
    # Of two experts, both are in GGUF files or neither is.
    return structure if is_counted and len(structure.quantised) in {0, len(experts)} else None


def _transformer(config: _Config) -> TransformerStructure:
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
