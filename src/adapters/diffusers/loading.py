"""A checkpoint's folder to parts in memory: safetensors only, never from the network."""

import logging
from dataclasses import dataclass
from typing import Any, Final

import diffusers
import torch
import transformers
from transformers import CLIPVisionModel, UMT5EncoderModel

from adapters.diffusers.identity import weights_identity
from adapters.diffusers.parts import Parts, Placed, PlacedAnimatePipeline, PlacedPipeline
from domain.errors import CheckpointBroken, CheckpointUnavailable, OutOfAcceleratorMemory
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import Placement
from domain.structure import Precision

_log = logging.getLogger(__name__)

#: In what torch raises, a bare RuntimeError, where the host's memory is full.
_FULL_MEMORY: Final = "DefaultCPUAllocator"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """The parts, held by a stock pipeline, and what they are.

    Attributes:
        weights: `weights_identity` of the folder when it was loaded.
    """

    checkpoint: LocalCheckpoint
    pipe: Placed
    weights: str


def load(
    checkpoint: LocalCheckpoint, placement: Placement, device: torch.device
) -> LoadedCheckpoint:
    """Load a local folder as a stock pipeline, its experts placed as `placement` has them.

    The VAE is in fp32, as its authors run it; all else in bf16, or in fp32 as well.

    Raises:
        CheckpointBroken: diffusers or transformers cannot load it.
        CheckpointUnavailable: the system cannot read it now.
        OutOfAcceleratorMemory: it does not fit.
    """
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    is_fp32 = placement.precision is Precision.FP32
    dtypes = {
        "default": torch.float32 if is_fp32 else torch.bfloat16,
        "vae": torch.float32,
    }
    try:
        weights = weights_identity(checkpoint.folder)
        kind = PlacedAnimatePipeline if checkpoint.spec.animates_character else PlacedPipeline
        pipe = kind.from_pretrained(
            checkpoint.folder,
            **_load_encoders(checkpoint, dtypes["default"]),
            dtype=dtypes,
            local_files_only=True,
            use_safetensors=True,
        )
        _refuse_missing_tensors(pipe)
    except (torch.OutOfMemoryError, torch.AcceleratorError, MemoryError):
        raise
    except Exception as error:  # over a bad file each library raises its own, tokenizers a bare one
        if _FULL_MEMORY in str(error):
            raise
        if isinstance(error, OSError) and error.strerror:  # the libraries' own have none
            reason = f"{checkpoint.folder} cannot be read: {error.strerror}."
            raise CheckpointUnavailable(reason) from error
        raise CheckpointBroken(f"{checkpoint.folder} cannot be loaded: {error}") from error
    try:
        pipe.parts = Parts(pipe, placement, device)
    except torch.OutOfMemoryError as error:
        size = f"{checkpoint.weight_bytes / 2**30:.1f} GiB"
        raise OutOfAcceleratorMemory(
            f"The weights of {checkpoint.spec.id} ({size} as stored) do not fit into the accelerator."
        ) from error
    _log.info("loaded", extra={"checkpoint": checkpoint.spec.id, "device": str(device)})
    return LoadedCheckpoint(checkpoint=checkpoint, pipe=pipe, weights=weights)


def _refuse_missing_tensors(pipe: Placed) -> None:
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
