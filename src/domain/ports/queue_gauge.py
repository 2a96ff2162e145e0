"""What the place where jobs are kept tells of itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReading:
    """One look.

    Attributes:
        oldest_waiting_at: when the oldest of those that wait was asked for; None where none waits.
        journal_bytes: of what is kept, and not yet copied to where it stays.
    """

    oldest_waiting_at: datetime | None
    journal_bytes: int


class QueueGauge(ABC):
    """Quick, however much waits."""

    @abstractmethod
    async def read(self) -> QueueReading:
        """How it is now.

        Raises:
            StorageError: it cannot be read.
        """
