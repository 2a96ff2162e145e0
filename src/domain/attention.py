"""Which kernels may compute attention."""

from enum import StrEnum


class Attention(StrEnum):
    """What may be asked for.

    `AUTO` takes a faster kernel than PyTorch's own only where that rounds no worse: never a lossy one.
    """

    AUTO = "auto"
    SDPA = "sdpa"
    FLASH = "flash"
    FLASH_3 = "flash-3"
    SAGE = "sage"

    @property
    def is_lossy(self) -> bool:
        """Whether it computes in fewer bits than the model has: Sage multiplies in 8."""
        return self is Attention.SAGE
