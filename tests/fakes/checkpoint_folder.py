"""Checkpoint folders in diffusers' layout whose weights are a few bytes: whole for a catalog's eyes."""

import json
from pathlib import Path
from typing import Any

from domain.checkpoint import CheckpointSpec

#: Bytes of the one tensor that each safetensors file holds.
TENSOR_BYTES = 24


def write_checkpoint(folder: Path, spec: CheckpointSpec) -> Path:
    """A folder that is all that `spec` asks for."""
    parts = ["transformer", "text_encoder", "vae"] + ["transformer_2"] * spec.has_two_experts
    index: dict[str, Any] = {"_class_name": "WanPipeline", "boundary_ratio": spec.boundary_ratio}
    index |= {part: ["diffusers", "AnyModel"] for part in [*parts, "scheduler", "tokenizer"]}
    index.setdefault("transformer_2", [None, None])
    write_json(folder / "model_index.json", index)
    write_json(folder / "scheduler" / "scheduler_config.json", {})
    write_json(folder / "tokenizer" / "tokenizer.json", {})
    for part in parts:
        write_json(folder / part / "config.json", {"z_dim": spec.geometry.channels})
        write_safetensors(folder / part / "model.safetensors")
    return folder


def write_json(path: Path, told: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told))


def change_json(path: Path, **changes: Any) -> None:
    write_json(path, json.loads(path.read_text()) | changes)


def write_safetensors(path: Path, header: object | None = None) -> None:
    """One BF16 tensor of `TENSOR_BYTES`, or whatever `header` claims about those bytes."""
    told = {"w": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, TENSOR_BYTES]}}
    raw = json.dumps(told if header is None else header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(TENSOR_BYTES))
