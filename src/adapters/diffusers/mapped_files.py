"""Which tensors lie in a mapped file: that memory is the kernel's, which drops it and reads it again."""

from bisect import bisect
from pathlib import Path
from typing import Final

import torch

_MAPS: Final = Path("/proc/self/maps")
_NO_FILE: Final = "0"


class MappedFiles:
    """Where files were mapped when this was made; nowhere, for all one knows, if the system does not tell."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for line in _MAPS.read_text().splitlines() if _MAPS.exists() else ():  # by address
            span, _rights, _offset, _device, inode, *_ = line.split(maxsplit=5)
            if inode != _NO_FILE:
                begin, end = span.split("-")
                self._begins.append(int(begin, 16))
                self._ends.append(int(end, 16))

    def __contains__(self, tensor: torch.Tensor) -> bool:
        address = tensor.data_ptr()
        index = bisect(self._begins, address) - 1
        is_within = index >= 0 and address < self._ends[index]
        return is_within and tensor.device.type == "cpu"
