"""Whether the accelerator that a worker counts on is there."""

import torch

from domain.errors import WorkerUnavailable


def insist_on(accelerator: str) -> None:
    """Refuse to go on without it, before anything is rendered on the CPU in its place.

    A torch that was built for the CPU has never had one, and may use that.

    Args:
        accelerator: what `CUDA_VISIBLE_DEVICES` names.

    Raises:
        WorkerUnavailable: torch cannot see it.
    """
    was_built_for_one = torch.version.cuda or torch.version.hip
    if was_built_for_one and not torch.cuda.is_available():
        raise WorkerUnavailable(
            f"The worker cannot see its accelerator ({accelerator}): nothing is rendered on the CPU in "
            "its place. Look at nvidia-smi and the kernel's log; to mean the CPU, start the server "
            "with CUDA_VISIBLE_DEVICES=-1."
        )
