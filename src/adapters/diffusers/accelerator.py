"""Whether the accelerator that a worker counts on is there."""

import os

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


def survives_forks() -> bool:
    """Whether a process that is forked from this one can use an accelerator: nothing here has touched one.

    A fork is asked, as torch marks it there, and nowhere else.
    """
    if (process_id := os.fork()) == 0:
        os._exit(int(torch.cuda._is_in_bad_fork()))  # noqa: SLF001 - only that tells
    _, status = os.waitpid(process_id, 0)
    return status == 0
