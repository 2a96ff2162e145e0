"""Transformers of other layouts to diffusers' own, tensor by tensor.

The names are diffusers' own map, `convert_wan_transformer_to_diffusers`; what must come out is what a
model of that form has, name by name and shape by shape.
"""

import errno
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import FilesProgress, Report
from domain.errors import CheckpointBroken, DiskFull, StorageError
from domain.found_weights import (
    COMFYUI_PREFIX,
    FoundParts,
    FoundTensor,
    FoundTransformer,
    Naming,
    is_weight,
    scale_names,
)
from domain.ports import weight_converter
from domain.store_errors import WeightsUnrecognised

#: safetensors' names for what can be converted.
_TYPES: Final = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
#: Every Wan has heads of this width; no tensor's shape tells it.
_HEAD_DIM: Final = 128
#: Modules that diffusers loads in fp32 whatever it is asked for: its `_keep_in_fp32_modules`.
KEPT_IN_FP32: Final = frozenset(
    {"rope", "time_embedder", "scale_shift_table", "norm1", "norm2", "norm3"}
)
_NAMES: Final = {torch.float32: "F32", torch.bfloat16: "BF16"}
_FILE: Final = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """A tensor's way from where it lies to its new name and type.

    Attributes:
        scale: what it is to be multiplied by; None for what it is.
    """

    source: FoundTensor
    scale: FoundTensor | None
    target: str
    dtype: torch.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class DiffusersWeightConverter(weight_converter.WeightConverter):
    """Reads one tensor, writes it, and forgets it."""

    def convert(self, found: FoundTransformer, folder: Path, report: Report) -> None:
        moves, model = _understood(found)
        with _writing(folder):
            model.save_config(folder)
            with (folder / _FILE).open("wb") as written:
                _write(written, moves, found, report)

    def describe(self, found: FoundTransformer, folder: Path) -> None:
        _, model = _understood(found)
        with _writing(folder):
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


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise StorageError(f"Cannot write {folder}: {error.strerror or error}.") from error


def _understood(found: FoundTransformer) -> tuple[list[_Move], WanTransformer3DModel]:
    """Its tensors, and a model of its form without any numbers, which has just these."""
    if found.form.branches:
        raise WeightsUnrecognised(
            f"{found} cannot be used in this layout by this version; its diffusers folder can be adopted."
        )
    moves = _moves(found)
    model = _model(found, {move.target: move.shape for move in moves})
    _refuse_difference(found, moves, model)
    return moves, model


def _moves(found: FoundTransformer) -> list[_Move]:
    """In the order they are written: fp32 first, so that every tensor lies at a multiple of its size."""
    moves = []
    for name, tensor in found.tensors.items():
        if is_weight(name):
            scales = (found.tensors.get(scale) for scale in scale_names(name))
            target = _target(name, found.naming)
            moves.append(
                _Move(
                    source=tensor,
                    scale=next((scale for scale in scales if scale is not None), None),
                    target=target,
                    dtype=_dtype(target),
                )
            )
    return sorted(moves, key=lambda move: (-move.dtype.itemsize, move.target))


def _target(source: str, naming: Naming) -> str:
    plain = source.removeprefix(COMFYUI_PREFIX)
    if naming is Naming.DIFFUSERS:
        return plain
    return str(next(iter(convert_wan_transformer_to_diffusers({plain: torch.empty(0)}))))


def _dtype(target: str) -> torch.dtype:
    return torch.float32 if KEPT_IN_FP32 & set(target.split(".")) else torch.bfloat16


def _model(found: FoundTransformer, shapes: Mapping[str, tuple[int, ...]]) -> WanTransformer3DModel:
    """A model of that form, without any numbers.

    Raises:
        CheckpointBroken: a tensor that tells the form is missing.
        WeightsUnrecognised: its width is no number of heads.
    """
    form = found.form
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
        raise CheckpointBroken(f"{found.path} lacks {error.args[0]}.") from error


def _refuse_difference(
    found: FoundTransformer, moves: Sequence[_Move], model: WanTransformer3DModel
) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    here = {move.target: move.shape for move in moves}
    for words, names in (
        ("lacks", sorted(wanted.keys() - here.keys())),
        ("has, and Wan has not,", sorted(here.keys() - wanted.keys())),
        ("has of another shape", sorted(n for n in wanted if here.get(n, wanted[n]) != wanted[n])),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise CheckpointBroken(f"{found.path} {words} {names[0]}{more}.")


def _write(
    written: BinaryIO, moves: Sequence[_Move], found: FoundTransformer, report: Report
) -> None:
    total, done = sum(move.size_bytes for move in moves), 0
    written.write(_header(moves))
    for move in moves:
        written.write(_numbers(move).view(torch.uint8).numpy().data)
        done += move.size_bytes
        report(
            FilesProgress(
                doing="converting", name=found.path.name, done_bytes=done, total_bytes=total
            )
        )


def _header(moves: Sequence[_Move]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for move in moves:
        start, end = end, end + move.size_bytes
        entries[move.target] = {
            "dtype": _NAMES[move.dtype],
            "shape": move.shape,
            "data_offsets": [start, end],
        }
    raw = json.dumps(entries).encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw


def _numbers(move: _Move) -> torch.Tensor:
    """What is to be written, scaled numbers multiplied out."""
    tensor = _read(move.source)
    if move.scale is not None:
        tensor = tensor.float()
        tensor *= _fitting(_read(move.scale).float(), tensor, move)
    return tensor.to(move.dtype).contiguous()


def _read(found: FoundTensor) -> torch.Tensor:
    """One tensor, read from its file: a map of a whole one would need as much memory to be free."""
    if found.dtype not in _TYPES:
        raise CheckpointBroken(
            f"{found.file} holds {found.dtype} numbers, which nobody can convert."
        )
    with found.file.open("rb") as file:
        file.seek(found.start)
        raw = bytearray(file.read(found.size_bytes))
    return torch.frombuffer(raw, dtype=_TYPES[found.dtype]).reshape(found.shape)


def _fitting(scale: torch.Tensor, tensor: torch.Tensor, move: _Move) -> torch.Tensor:
    """The factor for all of a tensor, or for each of its rows, in a shape that multiplies it."""
    if scale.numel() == 1:
        return scale.reshape(())
    if scale.numel() == tensor.shape[0]:
        return scale.reshape(-1, *(1 for _ in tensor.shape[1:]))
    raise CheckpointBroken(
        f"{move.target} is to be scaled by {tuple(scale.shape)}, and has the shape {move.shape}: neither "
        "a tensor nor its rows."
    )
