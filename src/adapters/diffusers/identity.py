"""What must be equal for two runs to make the same bits."""

import functools
import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

import torch
from diffusers import WanPipeline
from diffusers.models.attention_dispatch import _AttentionBackendRegistry

from adapters.diffusers.run_state import Identity
from domain.checkpoint_manifest import HASHED_AT_SIGHT_BYTES
from domain.generation import GenerationRequest
from domain.inputs import InputFiles

#: A checkpoint's list of hashes. Whoever found the checkpoint has compared its files with it, but for
#: the bytes of the large ones.
_MANIFEST: Final = "manifest.json"
_WEIGHTS: Final = frozenset({".safetensors", ".gguf"})
#: What is read of a GGUF file, whose header does not tell its own length: names and shapes of a Wan.
_MIB: Final = 2**20


def run_identity(
    pipe: WanPipeline, weights: str, request: GenerationRequest, inputs: InputFiles
) -> Identity:
    """Everything that decides the latents' bits.

    Args:
        weights: `weights_identity` of the checkpoint that was loaded.
    """
    asked = asdict(request)
    del asked["fps"]  # decides the file, not the frames
    asked["loras"] = json.dumps(asked["loras"])  # with their files' hashes
    for name, lies in asdict(inputs).items():
        paths = lies if isinstance(lies, tuple) else (lies,) if lies else ()
        asked[name] = " ".join(_sha256(path) for path in paths) or None
    return {
        "weights": weights,
        **asked,
        "device": _device(pipe.device),
        "dtype": str(pipe.transformer.dtype),
        "attention_backend": str(_AttentionBackendRegistry.get_active_backend()[0]),
        **{f"version of {name}": _version(name) for name in ("torch", "diffusers", "transformers")},
    }


def encoder_identity(weights: str, *, device: torch.device, dtype: torch.dtype) -> Identity:
    """Everything that decides an embedding's bits, beside the text.

    Args:
        weights: `weights_identity` of the checkpoint whose text encoder it is.
    """
    return {
        "weights": weights,
        "device": _device(device),
        "dtype": str(dtype),
        **{
            f"version of {name}": _version(name) for name in ("torch", "transformers", "tokenizers")
        },
    }


def weights_identity(folder: Path) -> str:
    """A hash that differs where the checkpoint does: milliseconds, and never a tensor.

    From the manifest, where there is one, and when the files changed that are too large to be compared
    with it. Else from every file: of weights the size, the time of change and the header; of the rest,
    all of it.
    """
    identity = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if (folder / _MANIFEST).is_file():
        identity.update((folder / _MANIFEST).read_bytes())
        for path in files:
            if path.stat().st_size > HASHED_AT_SIGHT_BYTES:
                identity.update(f"{path.relative_to(folder)} {path.stat().st_mtime_ns}\n".encode())
        return identity.hexdigest()
    for path in files:
        identity.update(f"{path.relative_to(folder)}\n".encode())
        identity.update(_header(path) if path.suffix in _WEIGHTS else path.read_bytes())
    return identity.hexdigest()


@functools.cache  # 10 ms each time: it looks through every package's files
def _version(library: str) -> str:
    return version(library)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(path: Path) -> bytes:
    told = path.stat()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little") if path.suffix == ".safetensors" else _MIB
        header = file.read(length)
    return f"{told.st_size} {told.st_mtime_ns} ".encode() + header


def _device(device: torch.device) -> str:
    """On a CPU, sums are made in as many parts as there are threads, and as wide as its registers."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.backends.cpu.get_cpu_capability()} x {torch.get_num_threads()}"
