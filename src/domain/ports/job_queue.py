"""The waiting line."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from domain.job import Job


class JobQueue(ABC):
    """Hands each waiting job to exactly one caller.

    The line's order: higher priority first; within a priority clients take turns, one job each, so
    that nobody waits behind another's hundred; a client's own jobs in the order they came. A job that
    comes back after an attempt has its old place.
    """

    @abstractmethod
    async def claim(
        self,
        *,
        at: datetime,
        slot: int = 0,
        favourite: str | None = None,
        only: AbstractSet[str] | None = None,
    ) -> Job | None:
        """Take the first job whose time has come: its attempt has begun (`Job.claim`) and is kept.

        However many call at once, no job is handed out twice. A job with `run_after` still to come
        is passed over, unless that is further off than any job ever waits (`toll.LONGEST_WAIT_S`): the
        clock was set back then.

        Args:
            slot: where it will run; no two active jobs have the same.
            favourite: a checkpoint. Where the first job is for another, the first for this one goes before
                it, if it has the same priority and is among the first `slot.FAVOUR_REACH` of those.
            only: checkpoints. Where the first job is for none of them, nothing is taken: none overtakes it.

        Returns:
            The job, or None where nothing can be started or the queue is paused.
        """

    @abstractmethod
    async def wait(self, *, timeout_s: float) -> None:
        """Return when a job may be waiting, or after `timeout_s` at the latest.

        A hint, not a promise: whoever wakes still has to `claim`. A job that came between the last
        `claim` and this call also ends the wait. While the queue is paused, nothing waits.
        """

    @abstractmethod
    async def line(
        self,
        *,
        limit: int = 200,
        client: str | None = None,
        startable_at: datetime | None = None,
    ) -> Sequence[Job]:
        """Waiting jobs in the order of the line.

        Args:
            limit: at most this many.
            client: only this one's; everybody's where None.
            startable_at: only those that `claim` could take then, none while the queue is paused; all
                of them where None.
        """

    @abstractmethod
    async def length(self) -> int:
        """How many jobs wait."""

    @abstractmethod
    async def move(
        self, job_id: str, *, at: datetime, priority: int | None = None, position: int | None = None
    ) -> Job:
        """Give a waiting job another place (`Job.move`).

        Args:
            priority: it goes to the end of its client's turns there.
            position: from 1, in the whole line without it; beyond the end is the end. It takes the
                priority of the job it then stands before (at the end: after). Wins over `priority`.

        Raises:
            UnknownJob: there is none with that id.
            IllegalTransition: it does not wait.
        """

    @abstractmethod
    async def set_paused(self, *, paused: bool, at: datetime) -> None:
        """While paused, `claim` hands nothing out; what runs goes on. Outlives the process."""

    @abstractmethod
    async def paused_since(self) -> datetime | None:
        """When it was paused; None where it is not."""
