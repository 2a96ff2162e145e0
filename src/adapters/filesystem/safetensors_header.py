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
class SafetensorsHeader:
    """`bytes_by_dtype`: summed tensor bytes for each dtype, such as `BF16`; `parameters`: all numbers."""

    tensors: int
    parameters: int
    bytes_by_dtype: Mapping[str, int]

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
        entries = json.loads(raw)
        entries.pop("__metadata__", None)
        sums: dict[str, int] = {}
        end = parameters = 0
        for entry in entries.values():
            first, last = entry["data_offsets"]
            if not 0 <= first <= last:
                raise ValueError(f"a tensor from {first} to {last}")
            sums[entry["dtype"]] = sums.get(entry["dtype"], 0) + last - first
            end = max(end, last)
            parameters += prod(entry["shape"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointBroken(
            f"{path.name} in {path.parent.name}/ has a damaged header."
        ) from error
    if 8 + length + end != size:
        missing = 8 + length + end - size
        state = f"cut short by {missing} bytes" if missing > 0 else f"{-missing} bytes too long"
        raise CheckpointBroken(f"{path.name} in {path.parent.name}/ is {state}.")
    return SafetensorsHeader(tensors=len(entries), parameters=parameters, bytes_by_dtype=sums)
