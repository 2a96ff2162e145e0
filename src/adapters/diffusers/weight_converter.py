"""Transformers of other layouts to diffusers' own, and parts in diffusers' layout to the types they are run in.

The names are diffusers' own map, `convert_wan_transformer_to_diffusers`; what must come out is what a
model of that form has, name by name and shape by shape.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

from adapters.diffusers.weight_file import Move, in_order, type_of, write_file, writing
from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import Report
from domain.errors import CheckpointBroken
from domain.found_weights import (
    COMFYUI_PREFIX,
    FoundPart,
    FoundParts,
    FoundTransformer,
    Naming,
    is_weight,
    scale_names,
)
from domain.ports import weight_converter
from domain.store_errors import WeightsUnrecognised

_BLOCK: Final = re.compile(r"^blocks\.\d+\.")
#: Every Wan has heads of this width; no tensor's shape tells it.
_HEAD_DIM: Final = 128
#: Modules that diffusers loads in fp32 whatever it is asked for: `_keep_in_fp32_modules` of its Wan transformers,
#: of which Animate's alone has the last.
KEPT_IN_FP32: Final = frozenset(
    {
        "rope",
        "time_embedder",
        "scale_shift_table",
        "norm1",
        "norm2",
        "norm3",
        "motion_synthesis_weight",
    }
)
_FILE: Final = "diffusion_pytorch_model.safetensors"
#: transformers calls its own differently.
_FILES: Final = dict.fromkeys(("text_encoder", "image_encoder"), "model.safetensors")


class DiffusersWeightConverter(weight_converter.WeightConverter):
    """Reads one tensor, writes it, and forgets it."""

    def check(self, found: FoundTransformer) -> None:
        _understood(found)

    def convert(self, found: FoundTransformer, folder: Path, report: Report) -> None:
        moves, model = _understood(found)
        with writing(folder):
            model.save_config(folder)
            write_file(folder / _FILE, moves, found.path.name, report)

    def recast_bytes(self, part: FoundPart) -> int:
        return sum(move.size_bytes for move in _recast_moves(part))

    def recast(self, part: FoundPart, folder: Path, report: Report) -> None:
        moves = _recast_moves(part)
        with writing(folder):
            write_file(folder / _FILES.get(part.name, _FILE), moves, part.name, report)

    def describe(self, found: FoundTransformer, folder: Path) -> None:
        _, model = _understood(found)
        with writing(folder):
            model.save_config(folder)

    def write_index(self, spec: CheckpointSpec, parts: FoundParts, folder: Path) -> None:
        told: dict[str, Any] = json.loads((parts.folder / "model_index.json").read_text())
        ours = {name: told[name] for name in ("scheduler", "text_encoder", "tokenizer", "vae")}
        transformer = ["diffusers", "WanTransformer3DModel"]
        is_i2v = spec.needs_image and spec.has_two_experts
        index = {
            "_class_name": "WanImageToVideoPipeline" if is_i2v else "WanPipeline",
            "boundary_ratio": spec.boundary_ratio,
            "expand_timesteps": spec.expands_timesteps,
            **ours,
            "transformer": transformer,
            "transformer_2": transformer if spec.has_two_experts else [None, None],
        }
        if is_i2v:
            index |= {"image_encoder": [None, None], "image_processor": [None, None]}
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def _understood(found: FoundTransformer) -> tuple[list[Move], WanTransformer3DModel]:
    """Its tensors, and a model of its form without any numbers, which has just these."""
    if found.form.branches:
        raise WeightsUnrecognised(
            f"{found} cannot be used in this layout by this version; its diffusers folder can be adopted."
        )
    moves = _moves(found)
    model = _model(found, moves)
    _refuse_difference(found, moves, model)
    return moves, model


def _moves(found: FoundTransformer) -> list[Move]:
    moves = []
    for name, tensor in found.tensors.items():
        if is_weight(name):
            scales = (found.tensors.get(scale) for scale in scale_names(name))
            target = _target(name, found.naming)
            moves.append(
                Move(
                    name=name,
                    source=tensor,
                    scale=next((scale for scale in scales if scale is not None), None),
                    target=target,
                    dtype=_dtype(target),
                )
            )
    return in_order(moves)


def _recast_moves(part: FoundPart) -> list[Move]:
    """By the names they have. An encoder is transformers', and loaded in bf16 as a whole."""
    is_transformer = part.name.startswith("transformer")
    moves = []
    for name, tensor in part.tensors.items():
        dtype = type_of(tensor)
        if dtype.is_floating_point:
            dtype = _dtype(name) if is_transformer else torch.bfloat16
        moves.append(Move(name=name, source=tensor, scale=None, target=name, dtype=dtype))
    return in_order(moves)


def _target(source: str, naming: Naming) -> str:
    plain = source.removeprefix(COMFYUI_PREFIX)
    if naming is Naming.DIFFUSERS:
        return plain
    return str(next(iter(convert_wan_transformer_to_diffusers({plain: torch.empty(0)}))))


def _dtype(target: str) -> torch.dtype:
    return torch.float32 if KEPT_IN_FP32 & set(target.split(".")) else torch.bfloat16


def _model(found: FoundTransformer, moves: Sequence[Move]) -> WanTransformer3DModel:
    """A model of that form, without any numbers.

    Raises:
        CheckpointBroken: a tensor that tells the form is missing.
        WeightsUnrecognised: its width is no number of heads.
    """
    form, shapes = found.form, {move.target: move.shape for move in moves}
    if form.dim % _HEAD_DIM:
        raise WeightsUnrecognised(
            f"{found.path} is {form.dim} wide, which is no multiple of Wan's heads of {_HEAD_DIM}."
        )
    try:
        with torch.device("meta"):
            return WanTransformer3DModel(
                patch_size=shapes["patch_embedding.weight"][2:],
                num_attention_heads=form.dim // _HEAD_DIM,
                attention_head_dim=_HEAD_DIM,
                in_channels=form.in_channels,
                out_channels=form.out_channels,
                text_dim=shapes["condition_embedder.text_embedder.linear_1.weight"][1],
                freq_dim=shapes["condition_embedder.time_embedder.linear_1.weight"][1],
                ffn_dim=shapes["blocks.0.ffn.net.0.proj.weight"][0],
                num_layers=form.blocks,
                cross_attn_norm="blocks.0.norm2.weight" in shapes,
            )
    except KeyError as error:
        lacking = _own_name(str(error.args[0]), moves)
        raise CheckpointBroken(f"{found.path} lacks {lacking}.") from error


def _refuse_difference(
    found: FoundTransformer, moves: Sequence[Move], model: WanTransformer3DModel
) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    here = {move.target: move for move in moves}
    lacking = sorted(wanted.keys() - here.keys())
    if lacking:
        raise CheckpointBroken(f"{found.path} lacks {_listed(lacking, moves)}.")
    strange = sorted(here.keys() - wanted.keys())
    if strange:
        raise CheckpointBroken(
            f"{found.path} has a tensor that no Wan has: {_listed(strange, moves)}."
        )
    for name, move in here.items():
        if move.shape != wanted[name]:
            raise CheckpointBroken(
                f"{found.path} does not fit: {move.name} is of the shape {move.shape} and should be of "
                f"{wanted[name]}."
            )


def _listed(targets: Sequence[str], moves: Sequence[Move]) -> str:
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return f"{_own_name(targets[0], moves)}{more}"


def _own_name(target: str, moves: Sequence[Move]) -> str:
    """What the file calls that tensor, or would: as it calls another block's, or the bias of that weight."""
    bare = _BLOCK.sub("", target)
    block = target.removesuffix(bare)
    stem, _, kind = bare.rpartition(".")
    for move in moves:
        theirs = move.name.removeprefix(COMFYUI_PREFIX)
        before = move.name.removesuffix(theirs) + block
        same, own = _BLOCK.sub("", move.target), _BLOCK.sub("", theirs)
        if same == bare:
            return before + own
        if stem and same.rpartition(".")[0] == stem:
            return f"{before}{own.rpartition('.')[0]}.{kind}"
    return target
