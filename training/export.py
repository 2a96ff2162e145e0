"""Writes trained networks as diffusers folders, with a manifest and a model card.

A reader of the folder never sees half of it: everything is written beside it, then swapped in.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from training.networks import new_scheduler

BOUNDARY_RATIO = 0.875
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """What a checkpoint is made of; `low_noise` is absent in the one-network layout."""

    vae: AutoencoderKLWan
    text_encoder: UMT5EncoderModel
    tokenizer: PreTrainedTokenizerFast
    transformer: WanTransformer3DModel
    low_noise: WanTransformer3DModel | None


def export(networks: Networks, folder: Path, *, checkpoint: str, card: str) -> None:
    """Write one checkpoint in the exact layout `WanPipeline.from_pretrained` reads.

    Weights are stored as float16; the text encoder as float32, because transformers would
    otherwise load it as float16 while diffusers loads the rest as float32.
    """
    fresh, stale = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(stale, ignore_errors=True)
    pipeline = WanPipeline(
        tokenizer=networks.tokenizer,
        text_encoder=networks.text_encoder.float(),
        vae=networks.vae.to(torch.float16),
        scheduler=new_scheduler(),
        transformer=networks.transformer.to(torch.float16),
        transformer_2=networks.low_noise.to(torch.float16) if networks.low_noise else None,
        boundary_ratio=BOUNDARY_RATIO if networks.low_noise else None,
        expand_timesteps=networks.low_noise is None,
    )
    pipeline.save_pretrained(fresh, safe_serialization=True)
    _name_the_tokenizer_class(fresh)
    (fresh / "README.md").write_text(card, encoding="utf-8")
    write_manifest(fresh, checkpoint=checkpoint)
    if folder.exists():
        folder.rename(stale)
    fresh.rename(folder)
    shutil.rmtree(stale, ignore_errors=True)


def write_manifest(folder: Path, *, checkpoint: str) -> None:
    """List every file of the folder but the manifest itself, with its size and SHA-256."""
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        content = path.read_bytes()
        files[path.relative_to(folder).as_posix()] = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    revision = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:12]
    manifest = {
        "checkpoint": checkpoint,
        "revision": revision,
        "license": "Apache-2.0",
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _name_the_tokenizer_class(folder: Path) -> None:
    """Transformers 5 writes a class name that older releases and diffusers cannot resolve."""
    for name in ("model_index.json", "tokenizer/tokenizer_config.json"):
        path = folder / name
        path.write_text(path.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast"))
