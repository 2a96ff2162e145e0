"""How many threads of the processor a run computes with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from domain.checkpoint import CheckpointSpec


@contextmanager
def threads_for(checkpoint: CheckpointSpec) -> Iterator[None]:
    """Within it, torch computes with as many threads as pay for `checkpoint`.

    An operation of a miniature takes a few hundred microseconds: handing half of it to another thread, and waiting
    for that, takes about as much processor time as it saves of the clock's. Whatever else runs, one thread
    also makes the same bits on every machine, however many cores it has (ADR-0050).
    """
    usual = torch.get_num_threads()
    wanted = 1 if checkpoint.is_miniature else usual
    if wanted != usual:
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if wanted != usual:
            torch.set_num_threads(usual)
