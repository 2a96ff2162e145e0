"""Host memory whose pages are locked, which is copied to the accelerator at full speed: to the byte.

torch pins each tensor in a block of its own, rounded up to a power of two: half as much again for an
expert, and kept by its allocator for later (ADR-0058).
"""

import logging
import mmap
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Locks:
    """How pages are locked.

    Attributes:
        lock: so many bytes from an address on; gives why they cannot be, nothing where they are.
        unlock: what was locked at these addresses.
    """

    lock: Callable[[int, int], str]
    unlock: Callable[[Sequence[int]], None]


def locks_for(device: torch.device) -> Locks:
    """The driver's, for copies to a CUDA device. What goes elsewhere is at full speed as it is."""
    if device.type != "cuda":
        return Locks(lambda _address, _size: "", lambda _addresses: None)
    cudart = torch.cuda.cudart()  # type: ignore[no-untyped-call]  # torch leaves it so

    def lock(address: int, size: int) -> str:
        error = cudart.cudaHostRegister(address, size, 0)
        if error == cudart.cudaError.success:
            return ""
        with suppress(RuntimeError):  # the next kernel is told of the refusal: that is this one
            torch.ones(1, device=device)
        return str(cudart.cudaGetErrorString(error))

    def unlock(addresses: Sequence[int]) -> None:
        torch.cuda.synchronize(device)  # nothing is copied from there any more
        for address in addresses:
            cudart.cudaHostUnregister(address)

    return Locks(lock, unlock)


class PinnedMemory:
    """Locked buffers, each as large as what lies in it, until this is no longer held.

    Once one cannot be locked, no more are made: what comes then stays where it lies.
    """

    def __init__(self, locks: Locks) -> None:
        self._lock = locks.lock
        self._is_at_its_end = False
        self._buffers: list[torch.Tensor] = []
        # They are unlocked before they are unmapped: whoever still has their tensors, it holds them, too.
        unlocking = weakref.finalize(self, _unlock, self._buffers, locks.unlock)
        unlocking.atexit = False  # the system does it then, and CUDA may be gone

    @property
    def size_bytes(self) -> int:
        """What is locked."""
        return sum(buffer.nbytes for buffer in self._buffers)

    def take_in(self, part: torch.nn.Module) -> None:
        """Move the part's tensors from where they lie in host memory into a buffer of their own."""
        tensors = [*part.parameters(), *part.buffers()]
        # The widest numbers first: each tensor then begins where one of its numbers may.
        tensors.sort(key=lambda tensor: tensor.element_size(), reverse=True)
        buffer = self._locked(sum(tensor.nbytes for tensor in tensors))
        if buffer is None:
            return
        begin = 0
        for tensor in tensors:
            end = begin + tensor.nbytes
            inside = buffer[begin:end].view(tensor.dtype).view(tensor.shape)
            tensor.data = inside.copy_(tensor.data)
            begin = end

    def _locked(self, size: int) -> torch.Tensor | None:
        """A buffer of so many bytes; None where there is none to be had."""
        if self._is_at_its_end or not size:
            return None
        try:  # pages of its own, which malloc would not give to small ones, nor give back
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            self._end(str(error), size)
            return None
        buffer = torch.frombuffer(memory, dtype=torch.uint8)
        if reason := self._lock(buffer.data_ptr(), size):
            self._end(reason, size)
            return None
        self._buffers.append(buffer)
        return buffer

    def _end(self, reason: str, size: int) -> None:
        self._is_at_its_end = True
        told = {"reason": reason, "bytes": size, "pinned_bytes": self.size_bytes}
        _log.warning("no more can be pinned: the rest is copied at a lower speed", extra=told)


def _unlock(buffers: list[torch.Tensor], unlock: Callable[[Sequence[int]], None]) -> None:
    if buffers:
        unlock([buffer.data_ptr() for buffer in buffers])
        buffers.clear()


def forget_pinned_blocks() -> None:
    """Have torch give back what it pinned itself, for blocks on their way, and keeps for later."""
    torch._C._host_emptyCache()  # noqa: SLF001 - its public name is not in torch 2.10
