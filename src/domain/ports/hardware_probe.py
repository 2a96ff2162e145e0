"""The machine's own senses."""

from abc import ABC, abstractmethod

from domain.hardware import Hardware


class HardwareProbe(ABC):
    """Reads accelerators and host."""

    @abstractmethod
    def read(self) -> Hardware:
        """How the machine is now, in milliseconds. Never raises: what cannot be read is absent."""
