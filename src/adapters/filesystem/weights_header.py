"""What a file of weights holds, to the byte, as its header tells it, in whichever format."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """Where a tensor lies in its file, `start` to `end`, and how: `dtype` such as `BF16` or `Q4_K`."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsHeader:
    """`metadata`: what the writer said of the file, in words."""

    entries: Mapping[str, StoredTensor]
    metadata: Mapping[str, str]

    @property
    def tensors(self) -> int:
        return len(self.entries)

    @property
    def numbers_by_module(self) -> Mapping[str, int]:
        """How many numbers the tensors have, by the first word of their names, such as `decoder`."""
        numbers: dict[str, int] = {}
        for name, tensor in self.entries.items():
            module = name.partition(".")[0]
            numbers[module] = numbers.get(module, 0) + prod(tensor.shape)
        return numbers

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
