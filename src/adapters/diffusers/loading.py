"""A checkpoint's folder to parts in memory: safetensors only, never from the network."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import diffusers
import torch
import transformers
from diffusers import WanPipeline
from transformers import UMT5EncoderModel

from adapters.diffusers.identity import encoder_identity, weights_identity
from adapters.diffusers.loras import LoraStack
from adapters.diffusers.prompt_cache import PromptCache
from adapters.diffusers.prompts import Prompts
from domain.errors import CheckpointBroken, OutOfAcceleratorMemory
from domain.local_checkpoint import LocalCheckpoint

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """The parts, held by a stock pipeline, and what they are.

    Attributes:
        weights: `weights_identity` of the folder when it was loaded.
        prompts: its way from text to embeddings; loads the text encoder when it is needed.
        loras: what its transformers have on.
    """

    checkpoint: LocalCheckpoint
    pipe: WanPipeline
    weights: str
    prompts: Prompts
    loras: LoraStack


def load(checkpoint: LocalCheckpoint, cache: PromptCache | None = None) -> LoadedCheckpoint:
    """Load a local folder as a stock pipeline, all but its text encoder.

    bf16 on a GPU (with the VAE in fp32, as its authors run it), fp32 on a CPU.

    Args:
        cache: where its embeddings are kept, if anywhere.

    Raises:
        CheckpointBroken: diffusers or transformers cannot load it.
        OutOfAcceleratorMemory: it does not fit.
    """
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = {"default": torch.bfloat16, "vae": torch.float32}
    dtypes = bf16 if device.type == "cuda" else dict.fromkeys(bf16, torch.float32)
    with _errors_of(checkpoint):
        weights = weights_identity(checkpoint.folder)
        pipe = WanPipeline.from_pretrained(
            checkpoint.folder,
            text_encoder=None,
            dtype=dtypes,
            local_files_only=True,
            use_safetensors=True,
        )
        _refuse_missing_tensors(pipe)
    with _room_for(checkpoint):
        pipe.to(device)
    _log.info("loaded", extra={"checkpoint": checkpoint.spec.id, "device": str(device)})

    def load_encoder() -> UMT5EncoderModel:
        with _errors_of(checkpoint):
            if weights_identity(checkpoint.folder) != weights:
                raise ValueError("it was changed since its transformer was loaded")
            encoder = _load_text_encoder(checkpoint, dtypes["default"])
        with _room_for(checkpoint):
            encoder.to(device)
        _log.info("loaded the text encoder", extra={"checkpoint": checkpoint.spec.id})
        return encoder

    identity = encoder_identity(weights, device=device, dtype=dtypes["default"])
    prompts = Prompts(pipe, load_encoder=load_encoder, cache=cache, identity=identity)
    return LoadedCheckpoint(
        checkpoint=checkpoint, pipe=pipe, weights=weights, prompts=prompts, loras=LoraStack(pipe)
    )


@contextmanager
def _errors_of(checkpoint: LocalCheckpoint) -> Iterator[None]:
    """Tell what diffusers and transformers make of a bad folder as `CheckpointBroken`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # over a bad file each library raises its own, tokenizers a bare one
        raise CheckpointBroken(f"{checkpoint.folder} cannot be loaded: {error}") from error


@contextmanager
def _room_for(checkpoint: LocalCheckpoint) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        size = f"{checkpoint.weight_bytes / 2**30:.1f} GiB"
        raise OutOfAcceleratorMemory(
            f"The weights of {checkpoint.spec.id} ({size} as stored) do not fit into the accelerator."
        ) from error


def _refuse_missing_tensors(pipe: WanPipeline) -> None:
    """Diffusers leaves what a file lacks on the meta device, without a value."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and any(p.is_meta for p in part.parameters()):
            raise ValueError(f"{name} lacks tensors")


def _load_text_encoder(checkpoint: LocalCheckpoint, dtype: torch.dtype) -> UMT5EncoderModel:
    """The text encoder, loaded apart: transformers draws the weights a file lacks at random.

    (diffusers leaves them on the meta device, and moving the model then fails.)
    """
    model, told = UMT5EncoderModel.from_pretrained(
        checkpoint.folder / "text_encoder",
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    if told["missing_keys"]:
        raise ValueError(f"text_encoder lacks {', '.join(sorted(told['missing_keys']))}")
    return model
