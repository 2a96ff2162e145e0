"""Bytes as people read them."""

import math
from typing import Final

_GIB: Final = 2**30


def gib(size: int, *, up: bool = False) -> str:
    """Such as `26.7 GiB`. `up`: never less than it is, as what is needed must not look like what there is."""
    digits = 2 if size < _GIB else 1
    step = 10**digits
    shown = math.ceil(size / _GIB * step) / step if up else size / _GIB
    return f"{shown:.{digits}f} GiB"
