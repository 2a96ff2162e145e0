"""Environment variables that other software reads: CUDA, torch, its threads, the C library.

Ours are in `settings`. What an operator set goes before what is set here, but for what a worker needs.
"""

import os
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from bootstrap.settings import SECRETS

_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
_THREADS: Final = "OMP_NUM_THREADS"
#: torch's threads otherwise spin while they wait, and keep the very thread they wait for off its core.
_PATIENT_THREADS: Final = {"OMP_WAIT_POLICY": "PASSIVE"}
#: CUDA would count the fastest first; the driver, whom we ask, counts by slot.
_COUNTED_BY_SLOT: Final = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def visible_accelerators(found: Sequence[int]) -> Sequence[str]:
    """What CUDA may see of the accelerators `found`: an operator's own `CUDA_VISIBLE_DEVICES` rules.

    In it, -1 and all that follows is hidden, as CUDA reads it.
    """
    chosen = os.environ.get(_VISIBLE)
    if chosen is None:
        return [str(index) for index in found]
    named = [part.strip() for part in chosen.split(",") if part.strip()]
    return list(takewhile(lambda part: part != "-1", named))


def worker_environment(accelerator: str | None, *, workers: int = 1) -> dict[str, str]:
    """The environment of a worker: offline, and seeing one accelerator only, where there are any.

    Args:
        accelerator: one of `visible_accelerators`; None where there are none.
        workers: how many there are; without accelerators they share the cores.
    """
    variables = {**_PATIENT_THREADS}
    if accelerator is None and workers > 1:
        variables[_THREADS] = str(max(1, usable_cores() // workers))
    variables |= {
        **{name: value for name, value in os.environ.items() if not name.startswith(SECRETS)},
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Its threads would start with NumPy, and a process that has any cannot be forked. Wan's
        # arithmetic is torch's.
        "OPENBLAS_NUM_THREADS": "1",
        # It warns of every optional package that is not here.
        "TRANSFORMERS_VERBOSITY": "error",
        # Lets diffusers look for a GPU at import without taking hold of one.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        **_COUNTED_BY_SLOT,
        # Tensors of up to 64 MiB from a heap that keeps as much for the next ones, instead of fresh pages
        # for each: a `mini` video faults 10,000 pages in, not 125,000, and takes an eighth less CPU time.
        # (glibc's own thresholds move: 50,000, and 100 MB more.) An idle worker gives it back.
        "MALLOC_MMAP_THRESHOLD_": "67108864",
        "MALLOC_TRIM_THRESHOLD_": "67108864",
    }
    if accelerator is not None:
        variables[_VISIBLE] = accelerator
    return variables


def show_accelerator(named: str) -> None:
    """For a forked process, before it touches one: that is the one it sees. Empty where there are none."""
    if named:
        os.environ[_VISIBLE] = named


def prepare_for_torch() -> None:
    """For a process that is about to load it itself: what its workers would find, as far as it decides.

    What an operator set for the threads stays.
    """
    os.environ |= _COUNTED_BY_SLOT
    for name, value in _PATIENT_THREADS.items():
        os.environ.setdefault(name, value)


def usable_cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
