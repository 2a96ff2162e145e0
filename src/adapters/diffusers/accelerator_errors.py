"""What torch's errors mean: memory that ran out, or an accelerator that failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from domain.errors import AcceleratorFault, DomainError, OutOfAcceleratorMemory

#: What the driver says where it, and not torch's allocator, has none left (cudaErrorMemoryAllocation).
_DRIVER_IS_FULL: Final = "CUDA error: out of memory"
#: What cuBLAS and cuDNN say of a kernel that did not come back; torch raises a plain RuntimeError then.
_LIBRARY_FAULTS: Final = ("_STATUS_EXECUTION_FAILED", "_STATUS_INTERNAL_ERROR")


@contextmanager
def accelerator_errors() -> Iterator[None]:
    """Tell them as `OutOfAcceleratorMemory` or `AcceleratorFault`; other errors pass as they are.

    After a fault (an illegal access, an ECC error, a device that fell off the bus) nothing works in this
    process any more: https://docs.nvidia.com/cuda/cuda-runtime-api, "sticky" errors.
    """
    try:
        yield
    except RuntimeError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: RuntimeError) -> DomainError | None:
    told = str(error).strip().partition("\n")[0]
    if isinstance(error, torch.OutOfMemoryError) or told.startswith(_DRIVER_IS_FULL):
        return OutOfAcceleratorMemory()
    if isinstance(error, torch.AcceleratorError) or any(code in told for code in _LIBRARY_FAULTS):
        return AcceleratorFault(f"The accelerator failed: {told}.")
    return None
