"""The waiting line."""

from abc import ABC, abstractmethod
from datetime import datetime

from domain.job import Job


class JobQueue(ABC):
    """Hands each waiting job to exactly one caller."""

    @abstractmethod
    async def claim(self, *, at: datetime) -> Job | None:
        """Take the next waiting job: its attempt has begun (`Job.claim`) and is kept.

        Higher priority goes first; of equals, the oldest. However many call at once, no job is handed
        out twice.

        Returns:
            The job, or None where nothing waits.
        """

    @abstractmethod
    async def wait(self, *, timeout_s: float) -> None:
        """Return when a job may be waiting, or after `timeout_s` at the latest.

        A hint, not a promise: whoever wakes still has to `claim`. A job that came between the last
        `claim` and this call also ends the wait.
        """
