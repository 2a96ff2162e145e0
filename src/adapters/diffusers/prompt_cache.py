"""Embeddings of prompts, kept on the disk: a prompt that comes again needs no text encoder.

One safetensors file for each, named by the hash of all that decides its bits. The prompt itself is not in
it. Losing any of them costs no more than encoding it again.
"""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from safetensors import SafetensorError

from adapters.diffusers.run_state import Identity

_log = logging.getLogger(__name__)

#: Bytes that all of them may take. UMT5-XXL gives 8 KiB a token in bf16: room for some 300 prompts of a
#: hundred tokens.
MAX_BYTES: Final = 256 * 2**20
_NAME: Final = "embedding"
_SUFFIX: Final = ".safetensors"


class PromptCache:
    """A folder that several processes may share. What was used longest ago goes first.

    Nothing it meets ends a run: what cannot be read is as good as absent, and is said in the log.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def find(self, text: str, identity: Identity) -> torch.Tensor | None:
        """The embedding of `text`, (tokens, text_dim), on the CPU; None where it is not known.

        Args:
            identity: all else that decides its bits.
        """
        path = self._path(text, identity)
        try:
            content = path.read_bytes()
            embedding = _from_bytes(content)
            os.utime(path)  # it is the latest used
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("prompt cache unreadable", extra={"reason": str(error)})
            return None
        except (SafetensorError, ValueError, KeyError) as error:
            _log.warning(
                "prompt embedding damaged", extra={"file": path.name, "reason": str(error)}
            )
            self._remove(path)
            return None
        return embedding

    def keep(self, text: str, identity: Identity, embedding: torch.Tensor) -> None:
        """Keep `embedding`, (tokens, text_dim), and forget the oldest beyond the bound."""
        path = self._path(text, identity)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_to_bytes(embedding))
            part.replace(path)
            self._forget_oldest()
        except OSError as error:
            _log.warning("prompt embedding not kept", extra={"reason": str(error)})
            self._remove(part)

    def _forget_oldest(self) -> None:
        """Also what a process that died left half written."""
        files = []
        for path in self._folder.iterdir():
            try:
                files.append((path.stat().st_mtime_ns, path.stat().st_size, path))
            except FileNotFoundError:
                continue  # another process was faster
        taken = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if taken <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            taken -= size

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("not removed", extra={"file": path.name, "reason": str(error)})

    def _path(self, text: str, identity: Identity) -> Path:
        told = json.dumps([text, dict(identity)], sort_keys=True)
        return self._folder / f"{hashlib.sha256(told.encode()).hexdigest()}{_SUFFIX}"


def _to_bytes(embedding: torch.Tensor) -> bytes:
    embedding = embedding.detach().to("cpu", copy=True).contiguous()
    return safetensors.torch.save({_NAME: embedding}, metadata={"sha256": _sha256(embedding)})


def _from_bytes(content: bytes) -> torch.Tensor:
    """What was kept.

    Raises:
        SafetensorError, ValueError, KeyError: it is not as it was kept.
    """
    embedding = safetensors.torch.load(content)[_NAME]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    if header["__metadata__"]["sha256"] != _sha256(embedding):
        raise ValueError("its hash differs")
    return embedding


def _sha256(embedding: torch.Tensor) -> str:
    """Of the samples, and of what they mean."""
    digest = hashlib.sha256(f"{embedding.dtype} {tuple(embedding.shape)}".encode())
    digest.update(embedding.view(torch.uint8).numpy().data)
    return digest.hexdigest()
