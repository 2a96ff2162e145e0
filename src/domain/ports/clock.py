"""Time, so that tests can hold it still."""

from abc import ABC, abstractmethod
from datetime import datetime


class Clock(ABC):
    """The two times there are. Both are safe to call from any thread."""

    @abstractmethod
    def now(self) -> datetime:
        """The wall clock, in UTC and aware of it. It may jump: show it, never decide by it."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never falls. Differences decide deadlines."""
