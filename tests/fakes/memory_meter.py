"""A meter that reads what it is told to."""

from domain.ports.memory_meter import MemoryMeter


class FakeMemoryMeter(MemoryMeter):
    """`peak`: what is read after `begin`; nothing is known before."""

    def __init__(self, peak: int | None = 1000) -> None:
        self.peak = peak
        self._has_begun = False

    def begin(self) -> None:
        self._has_begun = True

    def peak_bytes(self) -> int | None:
        return self.peak if self._has_begun else None
