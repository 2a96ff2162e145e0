"""What the tensors of a LoRA file are called, whoever wrote it, and which layer each belongs to.

    diffusers, peft     transformer.blocks.0.attn1.to_q.lora_A.weight
    official, ComfyUI   diffusion_model.blocks.0.self_attn.q.lora_down.weight, ….alpha, ….diff_b
    kohya, musubi       lora_unet_blocks_0_self_attn_q.lora_down.weight, ….alpha

Layers are named as diffusers names them. Source: `convert_wan_to_diffusers.py` and
`lora_conversion_utils.py` of diffusers 0.42.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import LoraUnusable
from domain.lora import Expert

#: The official name of a layer within a block -> diffusers' name.
_IN_BLOCK: Final = {
    "self_attn.q": "attn1.to_q",
    "self_attn.k": "attn1.to_k",
    "self_attn.v": "attn1.to_v",
    "self_attn.o": "attn1.to_out.0",
    "cross_attn.q": "attn2.to_q",
    "cross_attn.k": "attn2.to_k",
    "cross_attn.v": "attn2.to_v",
    "cross_attn.o": "attn2.to_out.0",
    "cross_attn.k_img": "attn2.add_k_proj",
    "cross_attn.v_img": "attn2.add_v_proj",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
    "before_proj": "proj_in",
    "after_proj": "proj_out",
}
#: The same outside of the blocks.
_AROUND: Final = {
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "img_emb.proj.1": "condition_embedder.image_embedder.ff.net.0.proj",
    "img_emb.proj.3": "condition_embedder.image_embedder.ff.net.2",
    "head.head": "proj_out",
}


def _spellings(table: Mapping[str, str]) -> Mapping[str, str]:
    """Every way to write a layer -> diffusers' name."""
    return {
        name: theirs
        for official, theirs in table.items()
        for name in (official, official.replace(".", "_"), theirs)
    }


_IN_BLOCK_SPELT: Final = _spellings(_IN_BLOCK)
_AROUND_SPELT: Final = _spellings(_AROUND)
_BLOCK: Final = re.compile(r"(?P<blocks>(?:vace_)?blocks)[._](?P<number>\d+)[._](?P<layer>.+)")
_PARTS: Final = re.compile(
    r"(?P<layer>.+)\.(?:lora_(?P<matrix>A|B|down|up)(?:\.\w+)?\.weight|(?P<rest>alpha|diff_b))"
)
#: What may stand in front of a layer's name, in this order.
_PREFIXES: Final = ("base_model.model.", "model.", "diffusion_model.", "lora_unet_")
_OF_EXPERT: Final = {
    "transformer.": Expert.HIGH_NOISE,
    "transformer_2.": Expert.LOW_NOISE,
}
#: Where diffusers keeps what it knows of the adapter: JSON, keys such as `transformer.lora_alpha`.
_ADAPTER: Final = "lora_adapter_metadata"


class Part(StrEnum):
    """What a tensor is to its layer: the change is B·A, times strength x alpha / rank."""

    DOWN = "A"  # (rank, in)
    UP = "B"  # (out, rank)
    ALPHA = "alpha"  # one number
    BIAS = "bias"  # (out,): added to the layer's own, times the strength


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraKey:
    """Where a tensor belongs. `expert`: the one it names itself, as diffusers' own files do."""

    layer: str
    part: Part
    expert: Expert | None


def parse_key(key: str) -> LoraKey | None:
    """What the tensor called `key` is; None where that is not known."""
    found = _PARTS.fullmatch(key)
    if found is None:
        return None
    name, expert = found["layer"], None
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    for prefix, named in _OF_EXPERT.items():
        if name.startswith(prefix):
            name, expert = name.removeprefix(prefix), named
    layer = _layer(name)
    if layer is None:
        return None
    return LoraKey(layer=layer, part=_part(found), expert=expert)


def experts_of(keys: Mapping[str, LoraKey], told: Expert | None) -> tuple[Expert, ...]:
    """Whose a file with these keys is.

    Args:
        told: what its name says; a file that names the second transformer itself knows better.
    """
    if _tell_apart(keys):
        return tuple(expert for expert in Expert if keys_of_expert(keys, expert))
    return tuple(Expert) if told is None else (told,)


def keys_of_expert(keys: Mapping[str, LoraKey], expert: Expert) -> Mapping[str, LoraKey]:
    """Those of a file's keys that change that expert: all of them, unless they tell the two apart."""
    if not _tell_apart(keys):
        return keys
    return {name: key for name, key in keys.items() if key.expert is expert}


def adapter_alpha(
    metadata: Mapping[str, str], keys: Mapping[str, LoraKey], expert: Expert
) -> float | None:
    """The alpha of that expert's layers that diffusers wrote beside `keys`; None where it wrote none.

    Raises:
        LoraUnusable: it is of a kind whose change is not strength x alpha / rank x B·A.
    """
    try:
        told = json.loads(metadata.get(_ADAPTER, "{}"))
        is_second = expert is Expert.LOW_NOISE and _tell_apart(keys)
        prefix = "transformer_2." if is_second else "transformer."
        config = {
            name.removeprefix(prefix): value
            for name, value in told.items()
            if name.startswith(prefix)
        }
        alpha = config.get("lora_alpha")
        number = None if alpha is None else float(alpha)
    except (ValueError, TypeError, AttributeError) as error:
        raise LoraUnusable(f"Its {_ADAPTER} does not read as JSON.") from error
    for kind in ("use_dora", "use_rslora", "alpha_pattern"):
        if config.get(kind):
            raise LoraUnusable(
                f"It has {kind}, which is not supported: merge it into a plain LoRA."
            )
    return number


def _tell_apart(keys: Mapping[str, LoraKey]) -> bool:
    """Whether they name the second transformer: the others are then of the first alone."""
    return any(key.expert is Expert.LOW_NOISE for key in keys.values())


def _layer(name: str) -> str | None:
    block = _BLOCK.fullmatch(name)
    if block is None:
        return _AROUND_SPELT.get(name)
    inner = _IN_BLOCK_SPELT.get(block["layer"])
    return inner and f"{block['blocks']}.{block['number']}.{inner}"


def _part(found: re.Match[str]) -> Part:
    if found["rest"] is not None:
        return Part.ALPHA if found["rest"] == "alpha" else Part.BIAS
    return Part.DOWN if found["matrix"] in {"A", "down"} else Part.UP
