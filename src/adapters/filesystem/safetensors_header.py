"""The head of a safetensors file: what it holds, to the byte, without reading a tensor.

Format: 8 bytes of little-endian length, that many bytes of JSON, then the tensors. Source: the
safetensors README.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from domain.errors import CheckpointBroken

#: Bytes. The format's own limit; a larger length is garbage or an attack.
MAX_HEADER_BYTES: Final = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """Where a tensor lies in its file, `start` to `end`, and how: `dtype` such as `BF16`."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetensorsHeader:
    """`metadata`: what the writer said of the file, in words."""

    entries: Mapping[str, StoredTensor]
    metadata: Mapping[str, str]

    @property
    def tensors(self) -> int:
        return len(self.entries)

    @property
    def parameters(self) -> int:
        """How many numbers all tensors have."""
        return sum(prod(tensor.shape) for tensor in self.entries.values())

    @property
    def bytes_by_dtype(self) -> Mapping[str, int]:
        """Summed tensor bytes for each dtype."""
        sums: dict[str, int] = {}
        for tensor in self.entries.values():
            sums[tensor.dtype] = sums.get(tensor.dtype, 0) + tensor.end - tensor.start
        return sums

    @property
    def weight_bytes(self) -> int:
        return sum(self.bytes_by_dtype.values())


def read_header(path: Path) -> SafetensorsHeader:
    """Read and check the head of the file at `path`.

    Raises:
        CheckpointBroken: it cannot be read, is not safetensors, or is shorter or longer than its
            header says.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
                raise CheckpointBroken(
                    f"{path.name} in {path.parent.name}/ is not a safetensors file."
                )
            raw = file.read(length)
    except OSError as error:
        raise CheckpointBroken(f"{path} cannot be read: {error.strerror}.") from error
    try:
        header = _parse(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointBroken(
            f"{path.name} in {path.parent.name}/ has a damaged header."
        ) from error
    end = max((tensor.end for tensor in header.entries.values()), default=8 + length)
    if end != size:
        missing = end - size
        state = f"cut short by {missing} bytes" if missing > 0 else f"{-missing} bytes too long"
        raise CheckpointBroken(f"{path.name} in {path.parent.name}/ is {state}.")
    return header


def _parse(raw: bytes) -> SafetensorsHeader:
    told = json.loads(raw)
    metadata = told.pop("__metadata__", None) or {}
    offset = 8 + len(raw)
    entries = {}
    for name, entry in told.items():
        first, last = entry["data_offsets"]
        if not 0 <= first <= last:
            raise ValueError(f"a tensor from {first} to {last}")
        entries[name] = StoredTensor(
            dtype=str(entry["dtype"]),
            shape=tuple(int(length) for length in entry["shape"]),
            start=offset + first,
            end=offset + last,
        )
    return SafetensorsHeader(entries=entries, metadata=dict(metadata))
