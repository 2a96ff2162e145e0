"""Which kernels may compute attention."""

from enum import StrEnum
from typing import Final


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


#: What `AUTO` tries, the fastest first; PyTorch's own, which always works, is last. FlashAttention 2 is within
#: that already; cuDNN's is for those who name it (ADR-0062).
AUTOMATIC: Final = (Attention.FLASH_3, Attention.SDPA)
