"""Which kernels may compute attention."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

#: Generations of GPUs on which cuDNN's kernel is faster than FlashAttention 2. Source: PyTorch's own choice of
#: kernels, `check_prefer_cudnn_attention` of its `sdp_utils.cpp`.
_FAST_CUDNN: Final = frozenset({(9, 0), (10, 0)})


class Attention(StrEnum):
    """What may be asked for.

    `AUTO` takes a faster kernel than PyTorch's own only where that rounds no worse: never a lossy one.
    """

    AUTO = "auto"
    SDPA = "sdpa"
    CUDNN = "cudnn"
    FLASH = "flash"
    FLASH_3 = "flash-3"
    SAGE = "sage"

    @property
    def is_lossy(self) -> bool:
        """Whether it computes in fewer bits than the model has: Sage multiplies in 8."""
        return self is Attention.SAGE


def candidates(compute_capability: tuple[int, int] | None) -> Sequence[Attention]:
    """What `AUTO` tries, the fastest first; PyTorch's own, which always works, is last.

    FlashAttention 2 is within that already.

    Args:
        compute_capability: of the GPU; None where there is none.
    """
    cudnn = (Attention.CUDNN,) if compute_capability in _FAST_CUDNN else ()
    return (Attention.FLASH_3, *cudnn, Attention.SDPA)
