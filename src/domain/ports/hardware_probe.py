"""The machine's own senses."""

from abc import ABC, abstractmethod

from domain.hardware import Hardware


class HardwareProbe(ABC):
    """Reads accelerators, host and disk."""

    @abstractmethod
    def read(self) -> Hardware:
        """How the machine is now, in milliseconds. Never raises: what cannot be read is absent."""

    @abstractmethod
    def free_disk_bytes(self) -> int:
        """What may still be written to the disk of the data directory, in microseconds."""
