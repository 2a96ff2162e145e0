"""Stopping inside a step: a moment to stop at before every transformer block."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

#: Blocks that the host may be ahead of a GPU: few, so that a stop is not followed by queued work, and
#: enough that the GPU never waits.
_BLOCKS_AHEAD: Final = 3
#: A transformer's lists of blocks: its own, and those of VACE's second branch.
_LISTS: Final = ("blocks", "vace_blocks")


@contextmanager
def moments_between_blocks(
    transformers: list[torch.nn.Module], pause: Callable[[], None]
) -> Iterator[None]:
    """Call `pause` before each block of each of `transformers`; what it raises ends their pass.

    A hook on a block would do the same, but is traced into a compiled one, and cannot raise there.
    """
    leash = _Leash()

    def moment() -> None:
        leash.wait()
        pause()

    watched: list[Any] = [
        blocks
        for transformer in transformers
        for name in _LISTS
        if (blocks := getattr(transformer, name, None)) is not None
    ]
    try:
        for blocks in watched:
            blocks.__class__ = _WatchedBlocks
            blocks.moment = moment
        yield
    finally:
        for blocks in watched:
            del blocks.moment
            blocks.__class__ = torch.nn.ModuleList


class _WatchedBlocks(torch.nn.ModuleList):
    """Blocks with a moment before each of them. The names of the weights do not change."""

    moment: Callable[[], None]

    def __iter__(self) -> Iterator[torch.nn.Module]:
        for block in super().__iter__():
            self.moment()
            yield block


class _Leash:
    """Keeps the host close to a GPU, whose kernels are queued long before they run.

    Without one, a stop would be noticed at once and take effect when the queue is empty.
    """

    def __init__(self) -> None:
        self._marks: deque[Any] = deque()  # CUDA events; torch leaves them untyped

    def wait(self) -> None:
        """Return once the GPU is at most `_BLOCKS_AHEAD` moments behind. On a CPU: at once."""
        if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # as above
            return
        mark = torch.cuda.Event()  # type: ignore[no-untyped-call]
        mark.record()
        self._marks.append(mark)
        if len(self._marks) > _BLOCKS_AHEAD:
            self._marks.popleft().synchronize()
