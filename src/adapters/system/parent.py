"""A process that is of no use without the one that started it."""

import ctypes
import signal
from typing import Final

#: Source: prctl(2).
_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> None:
    """Have Linux kill this process when its parent is gone, whatever this one does then.

    What it forks is not affected. No other system can be told.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
