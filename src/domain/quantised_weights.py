"""What a GGUF file keeps quantised, and memory, too: each layer undoes its own whenever it works.

Types are named as ggml names them: `Q4_K` is 4 bits and a bit for each number, in blocks of 256.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Not quantised at all: loaded as any other weights are.
_PLAIN: Final = frozenset({"F32", "F16", "BF16"})
#: Both namings of the one module of matrices that is used in fp32: `_keep_in_fp32_modules` of diffusers.
_KEPT_IN_FP32: Final = re.compile(r"(^|\.)(time_embedding|time_embedder)\.")

#: Bytes for each number of a matrix that undoing it holds at the peak, in diffusers' arithmetic, whatever
#: the sums are made in. `tests/integration/test_gguf_loading.py` measures it again.
_WORKSPACE: Final[Mapping[str, int]] = {
    "IQ4_NL": 13,
    "IQ4_XS": 13,
    "Q5_0": 10,
    "Q5_1": 10,
    "Q5_K": 8,
}
_USUAL_WORKSPACE: Final = 6


def stays_quantised(name: str, dimensions: int, dtype: str) -> bool:
    """Whether a tensor lies in memory as it does in the file: only what linear layers multiply by does.

    Args:
        name: in whichever naming, without a prefix.
    """
    is_matrix = dimensions == 2 and name.endswith(".weight")
    return is_matrix and dtype not in _PLAIN and not _KEPT_IN_FP32.search(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some matrices: how many numbers, in how many bytes."""

    numbers: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Share") -> "Share":
        return Share(
            numbers=self.numbers + other.numbers, size_bytes=self.size_bytes + other.size_bytes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantisedWeights:
    """Of one expert.

    Attributes:
        types: of its numbers, the one that takes most bytes first.
        blocks: of each block that has such matrices.
        outside: of all else.
        largest: numbers of the largest matrix.
    """

    types: tuple[str, ...]
    blocks: tuple[Share, ...]
    outside: Share
    largest: int

    @property
    def all(self) -> Share:
        return sum(self.blocks, self.outside)

    @property
    def largest_block(self) -> Share:
        return max(self.blocks, key=lambda block: block.size_bytes, default=Share())

    @property
    def workspace_bytes(self) -> int:
        """What undoing the largest matrix takes."""
        return self.largest * max(_WORKSPACE.get(kind, _USUAL_WORKSPACE) for kind in self.types)
