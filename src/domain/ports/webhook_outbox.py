"""Messages that are still to be delivered."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one receiver.

    Attributes:
        number: its place among all there ever were.
        id: of the message; the receiver sees it.
        url: None for the one that the server's settings name.
        tries: that came to nothing.
    """

    number: int
    id: str
    job_id: str
    url: str | None
    tries: int = 0


class WebhookOutbox(ABC):
    """Filled by `JobRepository`, in the very transaction that ends a job; durable as that is."""

    @abstractmethod
    async def due(self, *, at: datetime, limit: int) -> Sequence[Delivery]:
        """Deliveries whose time has come, those first that are due longest."""

    @abstractmethod
    async def postpone(self, number: int, *, until: datetime) -> None:
        """One more try came to nothing; the next is not before then. Unknown numbers are passed over."""

    @abstractmethod
    async def remove(self, number: int) -> None:
        """It was delivered, or given up. Unknown numbers are passed over."""

    @abstractmethod
    async def length(self) -> int:
        """How many are still to be delivered."""

    @abstractmethod
    async def wait(self, *, now: Callable[[], datetime], timeout_s: float) -> None:
        """Return when one may be due by `now`, asked anew at each change, or after `timeout_s` at the latest."""
