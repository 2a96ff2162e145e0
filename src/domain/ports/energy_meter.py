"""How much energy the accelerator takes."""

from abc import ABC, abstractmethod


class EnergyMeter(ABC):
    """Measures the whole accelerator, whoever uses it. One measurement at a time."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a measurement; one that has begun is forgotten. Never raises."""

    @abstractmethod
    def end(self) -> float | None:
        """Joules since `begin`, whose measurement it ends.

        None where none has begun, where there is no accelerator, or where its driver did not tell all
        of it. Never raises.
        """
