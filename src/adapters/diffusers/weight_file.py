"""A safetensors file written tensor by tensor, each read from where it lies and brought to its type.

Memory is taken for one tensor at a time.
"""

import errno
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch

from domain.checkpoint_manifest import FilesProgress, Report
from domain.errors import CheckpointBroken, DiskFull, StorageError
from domain.found_weights import FoundTensor

#: safetensors' names for what can be read.
TYPES: Final = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
}
#: Bytes, at a multiple of which the first tensor lies, and by their sizes all of a Wan: as torch has its own.
_ALIGNMENT: Final = 64
_NAMES: Final = {dtype: name for name, dtype in TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A tensor's way from where it lies to its new name and type.

    Attributes:
        name: what its file calls it.
        scale: what it is to be multiplied by; None for what it is.
    """

    name: str
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


def in_order(moves: Sequence[Move]) -> list[Move]:
    """As they are written: the widest type first, so that every tensor lies at a multiple of its size."""
    return sorted(moves, key=lambda move: (-move.dtype.itemsize, move.target))


def write_file(path: Path, moves: Sequence[Move], doing: str, report: Report) -> None:
    """Write the tensors, in the order they come in; `doing` is what the report calls it.

    Raises:
        CheckpointBroken: a scale does not fit its tensor, or numbers are of a type nobody can read.
        OSError: it cannot be written.
    """
    total, done = sum(move.size_bytes for move in moves), 0
    with path.open("wb") as written:
        _write_header(written, moves)
        for move in moves:
            written.write(_numbers(move).view(torch.uint8).numpy().data)
            done += move.size_bytes
            report(
                FilesProgress(doing="converting", name=doing, done_bytes=done, total_bytes=total)
            )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make `folder`, and tell what keeps files in it from being written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise StorageError(f"Cannot write {folder}: {error.strerror or error}.") from error


def type_of(found: FoundTensor) -> torch.dtype:
    """The type of its numbers.

    Raises:
        CheckpointBroken: nobody can read it.
    """
    if found.dtype not in TYPES:
        raise CheckpointBroken(
            f"{found.file} holds {found.dtype} numbers, which nobody can convert."
        )
    return TYPES[found.dtype]


def _write_header(written: BinaryIO, moves: Sequence[Move]) -> None:
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
    raw += b" " * (-(8 + len(raw)) % _ALIGNMENT)
    written.write(len(raw).to_bytes(8, "little") + raw)


def _numbers(move: Move) -> torch.Tensor:
    """What is to be written, scaled numbers multiplied out; flat, as even a scalar is in the file."""
    tensor = _read(move.source)
    if move.scale is not None:
        tensor = tensor.float()
        tensor *= _fitting(_read(move.scale).float(), tensor, move)
    return tensor.to(move.dtype).contiguous().reshape(-1)


def _read(found: FoundTensor) -> torch.Tensor:
    """One tensor, read from its file: a map of a whole one would need as much memory to be free."""
    dtype = type_of(found)
    with found.file.open("rb") as file:
        file.seek(found.start)
        raw = bytearray(file.read(found.size_bytes))
    return torch.frombuffer(raw, dtype=dtype).reshape(found.shape)


def _fitting(scale: torch.Tensor, tensor: torch.Tensor, move: Move) -> torch.Tensor:
    """The factor for all of a tensor, or for each of its rows, in a shape that multiplies it."""
    if scale.numel() == 1:
        return scale.reshape(())
    if scale.numel() == tensor.shape[0]:
        return scale.reshape(-1, *(1 for _ in tensor.shape[1:]))
    raise CheckpointBroken(
        f"{move.name} is to be scaled by {tuple(scale.shape)}, and has the shape {move.shape}: neither "
        "a tensor nor its rows."
    )
