"""What happened, in order."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from domain.job_event import JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An event and its place in the one order all events have. `number` starts at 1 and grows."""

    number: int
    event: JobEvent


class EventLog(ABC):
    """Every event of every job, in one order that never changes; written by `JobRepository`."""

    @abstractmethod
    async def read(
        self,
        *,
        after: int,
        job_id: str | None = None,
        client: str | None = None,
        limit: int = 500,
    ) -> Sequence[LoggedEvent]:
        """Events with a number above `after`, oldest first; none where nothing came since.

        Args:
            job_id: only this job's events; every job's where None. An unknown job has none.
            client: only of this one's jobs; everybody's where None.
        """

    @abstractmethod
    async def latest(self) -> int:
        """The highest number there is, of any job; 0 where nothing has happened yet."""

    @abstractmethod
    async def wait(self, *, after: int, timeout_s: float, job_id: str | None = None) -> None:
        """Return once there may be events above `after`, or after `timeout_s` at the latest.

        Args:
            job_id: only this job's events count; any job's where None.
        """
