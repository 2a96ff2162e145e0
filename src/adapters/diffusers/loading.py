"""A checkpoint's folder to parts in memory: safetensors and GGUF only, never from the network."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import diffusers
import torch
import transformers
from transformers import CLIPVisionModel, UMT5EncoderModel

from adapters.diffusers.gguf_weights import gguf_file, load_gguf
from adapters.diffusers.identity import encoder_identity, weights_identity
from adapters.diffusers.loras import LoraStack
from adapters.diffusers.parts import Parts, Placed, PlacedAnimatePipeline, PlacedPipeline
from adapters.diffusers.prompt_cache import PromptCache
from adapters.diffusers.prompts import Prompts
from adapters.diffusers.run_state import Identity
from adapters.diffusers.small_convolutions import convolve_by_rows
from domain.errors import CheckpointBroken, CheckpointUnavailable, OutOfAcceleratorMemory
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import Placement
from domain.sizes import gib
from domain.structure import Precision

_log = logging.getLogger(__name__)

#: In what torch raises, a bare RuntimeError, where the host's memory is full.
_FULL_MEMORY: Final = "DefaultCPUAllocator"
_ENCODERS: Final[dict[str, Any]] = {
    "text_encoder": UMT5EncoderModel,
    "image_encoder": CLIPVisionModel,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """The parts, held by a stock pipeline, and what they are.

    Attributes:
        weights: `weights_identity` of the folder when it was loaded.
        prompts: its way from text to embeddings; loads the text encoder when it is needed.
        loras: what its transformers have on.
    """

    checkpoint: LocalCheckpoint
    pipe: Placed
    weights: str
    prompts: Prompts
    loras: LoraStack


#: Makes a checkpoint's parts and places them, as `load` does.
Load: TypeAlias = Callable[
    [LocalCheckpoint, Placement, torch.device, PromptCache | None], LoadedCheckpoint
]


def load(
    checkpoint: LocalCheckpoint,
    placement: Placement,
    device: torch.device,
    cache: PromptCache | None = None,
) -> LoadedCheckpoint:
    """Load a local folder as a stock pipeline, all but its text encoder, placed as `placement` has it.

    The VAE is in fp32, as its authors run it; all else in bf16, or in fp32 as well.

    Args:
        cache: where its embeddings are kept, if anywhere.

    Raises:
        CheckpointBroken: diffusers or transformers cannot load it.
        CheckpointUnavailable: the system cannot read it now.
        OutOfAcceleratorMemory: it does not fit.
    """
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    dtypes = {"default": computing_dtype(placement), "vae": torch.float32}
    with _errors_of(checkpoint):
        weights = weights_identity(checkpoint.folder)
        kind, apart = PlacedPipeline, _load_gguf_files(checkpoint, dtypes["default"])
        if checkpoint.spec.animates_character:
            kind = PlacedAnimatePipeline
            apart["image_encoder"] = _load_encoder(checkpoint, "image_encoder", dtypes["default"])
        pipe = kind.from_pretrained(
            checkpoint.folder,
            text_encoder=None,
            **apart,
            dtype=dtypes,
            local_files_only=True,
            use_safetensors=True,
        )
        _refuse_missing_tensors(pipe)

    def read_text_encoder() -> Any:
        with _errors_of(checkpoint):
            if weights_identity(checkpoint.folder) != weights:
                raise ValueError("it was changed since its transformer was loaded")
            return _load_encoder(checkpoint, "text_encoder", dtypes["default"])

    return assemble(
        checkpoint,
        pipe,
        placement,
        device,
        weights=weights,
        read_text_encoder=read_text_encoder,
        cache=cache,
    )


def assemble(
    checkpoint: LocalCheckpoint,
    pipe: Placed,
    placement: Placement,
    device: torch.device,
    *,
    weights: str,
    read_text_encoder: Callable[[], Any],
    cache: PromptCache | None,
) -> LoadedCheckpoint:
    """Place a pipeline's parts, wherever they come from, and give it a way from text to embeddings.

    Args:
        weights: what differs where they do.
        read_text_encoder: called once, if a text comes that `cache` does not know.

    Raises:
        OutOfAcceleratorMemory: it does not fit.
    """
    if checkpoint.spec.is_miniature:
        convolve_by_rows(pipe.vae)
    with _room_for(checkpoint):
        pipe.parts = Parts(pipe, placement, device)
    _log.info("loaded", extra={"checkpoint": checkpoint.spec.id, "device": str(device)})

    def load_encoder() -> None:
        encoder = read_text_encoder()
        with _room_for(checkpoint):
            pipe.parts.join("text_encoder", encoder)
        _log.info("loaded the text encoder", extra={"checkpoint": checkpoint.spec.id})

    def identity() -> Identity:
        where = pipe.parts.workplace("text_encoder")
        return encoder_identity(weights, device=where, dtype=computing_dtype(placement))

    prompts = Prompts(pipe, load_encoder=load_encoder, cache=cache, identity=identity)
    return LoadedCheckpoint(
        checkpoint=checkpoint, pipe=pipe, weights=weights, prompts=prompts, loras=LoraStack(pipe)
    )


def computing_dtype(placement: Placement) -> torch.dtype:
    """What all parts but the VAE compute in."""
    return torch.float32 if placement.precision is Precision.FP32 else torch.bfloat16


@contextmanager
def _errors_of(checkpoint: LocalCheckpoint) -> Iterator[None]:
    """Tell what diffusers and transformers make of a bad folder in the domain's words."""
    try:
        yield
    except (torch.OutOfMemoryError, torch.AcceleratorError, MemoryError):
        raise
    except Exception as error:  # over a bad file each library raises its own, tokenizers a bare one
        if _FULL_MEMORY in str(error):
            raise
        if isinstance(error, OSError) and error.strerror:  # the libraries' own have none
            reason = f"{checkpoint.folder} cannot be read: {error.strerror}."
            raise CheckpointUnavailable(reason) from error
        raise CheckpointBroken(f"{checkpoint.folder} cannot be loaded: {error}") from error


@contextmanager
def _room_for(checkpoint: LocalCheckpoint) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        size = gib(checkpoint.weight_bytes)
        raise OutOfAcceleratorMemory(
            f"The weights of {checkpoint.spec.id} ({size} as stored) do not fit into the accelerator."
        ) from error


def _refuse_missing_tensors(pipe: Placed) -> None:
    """Diffusers leaves what a file lacks on the meta device, without a value."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and any(p.is_meta for p in part.parameters()):
            raise ValueError(f"{name} lacks tensors")


def _load_gguf_files(checkpoint: LocalCheckpoint, dtype: torch.dtype) -> dict[str, Any]:
    """The transformers that lie in GGUF files, by name."""
    parts = [part.name for part in checkpoint.components if part.name.startswith("transformer")]
    files = {name: gguf_file(checkpoint.folder / name) for name in parts}
    return {name: load_gguf(file, file.parent, dtype) for name, file in files.items() if file}


def _load_encoder(checkpoint: LocalCheckpoint, name: str, dtype: torch.dtype) -> Any:
    """A part of transformers, loaded apart: it draws the weights that a file lacks at random.

    (diffusers leaves them on the meta device, and moving the model then fails.)
    """
    encoder, told = _ENCODERS[name].from_pretrained(
        checkpoint.folder / name,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    if told["missing_keys"]:
        raise ValueError(f"{name} lacks {', '.join(sorted(told['missing_keys']))}")
    return encoder
