"""Weights in every naming scheme, of any shape, written without torch: their numbers mean nothing."""

import json
import math
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import adapters.embedded

EMBEDDED = Path(adapters.embedded.__path__[0])
_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "U8": 1}
Tensors = Mapping[str, tuple[str, tuple[int, ...]]]


def write_weights(path: Path, tensors: Tensors, metadata: Mapping[str, str] | None = None) -> Path:
    """A safetensors file of these names, types and shapes."""
    head, end = _head(tensors, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + random.Random(path.name).randbytes(end))
    return path


def write_hollow(path: Path, tensors: Tensors) -> Path:
    """The same without its numbers: as large as told, and no larger on the disk than its header."""
    head, end = _head(tensors, None)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + end)
    return path


def _head(tensors: Tensors, metadata: Mapping[str, str] | None) -> tuple[bytes, int]:
    """The head of such a file, and how many bytes follow it."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw, end


def write_transformer(folder: Path, *, channels: int, dim: int = 64, blocks: int = 2) -> None:
    """A transformer's folder, in diffusers' naming."""
    shutil.rmtree(folder, ignore_errors=True)
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "patch_embedding.weight": ("BF16", (dim, channels, 1, 2, 2))
    }
    for block in range(blocks):
        tensors[f"blocks.{block}.attn1.to_q.weight"] = ("BF16", (dim, dim))
    write_weights(folder / "diffusion_pytorch_model.safetensors", tensors)
    config = {
        "_class_name": "WanTransformer3DModel",
        "in_channels": channels,
        "out_channels": 16,
        "num_attention_heads": 2,
        "attention_head_dim": dim // 2,
        "num_layers": blocks,
        "image_dim": None,
    }
    (folder / "config.json").write_text(json.dumps(config))


def write_t2v(folder: Path) -> Path:
    """A diffusers folder of the form of T2V-A14B, half a megabyte of it."""
    shutil.copytree(EMBEDDED / "mini", folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "manifest.json").unlink()
    for part in ("transformer", "transformer_2"):
        write_transformer(folder / part, channels=16, dim=128, blocks=5)
    for name in ("vae/diffusion_pytorch_model", "text_encoder/model"):
        write_weights(folder / f"{name}.safetensors", {name: ("F32", (9999,))})
    return folder


def write_i2v(folder: Path) -> Path:
    """A diffusers folder of the form of I2V-A14B."""
    write_t2v(folder)
    for part in ("transformer", "transformer_2"):
        write_transformer(folder / part, channels=36)
    change(folder / "model_index.json", boundary_ratio=0.9)
    return folder


def write_ti2v(folder: Path) -> Path:
    """A diffusers folder of the form of TI2V-5B."""
    write_t2v(folder)
    write_transformer(folder / "transformer", channels=48)
    shutil.rmtree(folder / "transformer_2")
    change(folder / "transformer/config.json", out_channels=48)
    change(folder / "vae/config.json", z_dim=48)
    change(
        folder / "model_index.json",
        transformer_2=[None, None],
        boundary_ratio=None,
        expand_timesteps=True,
    )
    return folder


def change(path: Path, **values: object) -> None:
    """Say other values in a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def official_tensors(
    dtype: str = "BF16",
    *,
    channels: int = 16,
    dim: int = 128,
    blocks: int = 2,
    ffn: int = 64,
    text: int = 32,
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """A whole transformer in the naming of Wan's authors; `dtype`: of its matrices."""
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "patch_embedding.weight": ("BF16", (dim, channels, 1, 2, 2)),
        "patch_embedding.bias": ("BF16", (dim,)),
        "head.modulation": ("BF16", (1, 2, dim)),
    }

    def linear(name: str, rows: int, columns: int) -> None:
        tensors[f"{name}.weight"] = (dtype, (rows, columns))
        tensors[f"{name}.bias"] = ("BF16", (rows,))

    linear("head.head", 16 * 4, dim)
    linear("text_embedding.0", dim, text)
    linear("text_embedding.2", dim, dim)
    linear("time_embedding.0", dim, 256)
    linear("time_embedding.2", dim, dim)
    linear("time_projection.1", dim * 6, dim)
    for block in (f"blocks.{index}" for index in range(blocks)):
        for attention in (f"{block}.self_attn", f"{block}.cross_attn"):
            for part in "qkvo":
                linear(f"{attention}.{part}", dim, dim)
            for part in ("norm_q", "norm_k"):
                tensors[f"{attention}.{part}.weight"] = ("BF16", (dim,))
        for part in ("weight", "bias"):
            tensors[f"{block}.norm3.{part}"] = ("BF16", (dim,))
        linear(f"{block}.ffn.0", ffn, dim)
        linear(f"{block}.ffn.2", dim, ffn)
        tensors[f"{block}.modulation"] = ("BF16", (1, 6, dim))
    return tensors


def write_official(path: Path, *, channels: int = 16, dim: int = 128, blocks: int = 2) -> Path:
    """That transformer as a file."""
    return write_weights(path, official_tensors(channels=channels, dim=dim, blocks=blocks))
