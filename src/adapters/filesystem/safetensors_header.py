"""The head of a safetensors file: what it holds, to the byte, without reading a tensor.

Format: 8 bytes of little-endian length, that many bytes of JSON, then the tensors. Source: the
safetensors README.
"""

import json
from pathlib import Path
from typing import Final

from adapters.filesystem.weights_header import StoredTensor, WeightsHeader
from domain.errors import CheckpointBroken

#: Bytes. The format's own limit; a larger length is garbage or an attack.
MAX_HEADER_BYTES: Final = 100_000_000


def read_header(path: Path) -> WeightsHeader:
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


def _parse(raw: bytes) -> WeightsHeader:
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
    return WeightsHeader(entries=entries, metadata=dict(metadata))
