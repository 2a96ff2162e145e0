"""The memory that the C library keeps after it was freed, for whoever asks next."""

import ctypes


def give_back_heap() -> None:
    """Return it to the system: some milliseconds. glibc alone keeps much, and alone can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
