"""A checkpoint's folder to parts in memory: safetensors only, never from the network."""

import logging
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
import transformers
from diffusers import WanAnimatePipeline, WanPipeline
from transformers import CLIPVisionModel, UMT5EncoderModel

from adapters.diffusers.identity import weights_identity
from domain.errors import CheckpointBroken, OutOfAcceleratorMemory
from domain.local_checkpoint import LocalCheckpoint

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """The parts, held by a stock pipeline, and what they are.

    Attributes:
        weights: `weights_identity` of the folder when it was loaded.
    """

    checkpoint: LocalCheckpoint
    pipe: WanPipeline
    weights: str


def load(checkpoint: LocalCheckpoint) -> LoadedCheckpoint:
    """Load a local folder as a stock pipeline.

    bf16 on a GPU (with the VAE in fp32, as its authors run it), fp32 on a CPU.

    Raises:
        CheckpointBroken: diffusers or transformers cannot load it.
        OutOfAcceleratorMemory: it does not fit.
    """
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = {"default": torch.bfloat16, "vae": torch.float32}
    dtypes = bf16 if device.type == "cuda" else dict.fromkeys(bf16, torch.float32)
    try:
        weights = weights_identity(checkpoint.folder)
        kind = WanAnimatePipeline if checkpoint.spec.animates_character else WanPipeline
        pipe = kind.from_pretrained(
            checkpoint.folder,
            **_load_encoders(checkpoint, dtypes["default"]),
            dtype=dtypes,
            local_files_only=True,
            use_safetensors=True,
        )
        _refuse_missing_tensors(pipe)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # over a bad file each library raises its own, tokenizers a bare one
        raise CheckpointBroken(f"{checkpoint.folder} cannot be loaded: {error}") from error
    try:
        pipe.to(device)
    except torch.OutOfMemoryError as error:
        size = f"{checkpoint.weight_bytes / 2**30:.1f} GiB"
        raise OutOfAcceleratorMemory(
            f"The weights of {checkpoint.spec.id} ({size} as stored) do not fit into the accelerator."
        ) from error
    _log.info("loaded", extra={"checkpoint": checkpoint.spec.id, "device": str(device)})
    return LoadedCheckpoint(checkpoint=checkpoint, pipe=pipe, weights=weights)


def _refuse_missing_tensors(pipe: WanPipeline) -> None:
    """Diffusers leaves what a file lacks on the meta device, without a value."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and any(p.is_meta for p in part.parameters()):
            raise ValueError(f"{name} lacks tensors")


def _load_encoders(checkpoint: LocalCheckpoint, dtype: torch.dtype) -> dict[str, Any]:
    """The parts of transformers, loaded apart: it draws the weights that a file lacks at random.

    (diffusers leaves them on the meta device, and moving the model then fails.)
    """
    kinds: dict[str, Any] = {"text_encoder": UMT5EncoderModel}
    if checkpoint.spec.animates_character:
        kinds["image_encoder"] = CLIPVisionModel
    parts = {}
    for name, kind in kinds.items():
        parts[name], told = kind.from_pretrained(
            checkpoint.folder / name,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
        if told["missing_keys"]:
            raise ValueError(f"{name} lacks {', '.join(sorted(told['missing_keys']))}")
    return parts
