"""How much host memory this process takes at its peak."""

from abc import ABC, abstractmethod


class MemoryMeter(ABC):
    """Measures the process it is in. One measurement at a time."""

    @abstractmethod
    def begin(self) -> None:
        """Forget the peak so far."""

    @abstractmethod
    def peak_bytes(self) -> int | None:
        """The most that was resident at once since `begin`; None where the system does not tell."""
