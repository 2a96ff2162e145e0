"""Where jobs are kept."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime

from domain.access import Room
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobStatus


class JobRepository(ABC):
    """Jobs and their events, kept together: each change is one durable transaction.

    A call that returned has survived the death of the process and of the machine. A call that raised
    changed nothing. Safe to call from many tasks at once; changes to one job happen one after another.
    """

    @abstractmethod
    async def add(
        self, job: Job, *, key: IdempotencyKey | None = None, room: Room | None = None
    ) -> Job:
        """Keep a new job and the events it recorded, at the end of its client's turns.

        Args:
            key: where this client has used that key before, nothing is kept.
            room: for how many; without, for any number. However many are added at once, it holds.

        Returns:
            The job as it is kept now: `job`, or the one that was kept under `key` before.

        Raises:
            KeyReused: the key was used for something else.
            ShareUsedUp, QueueFull: there is no room in line.
            DiskFull: there was no room; nothing is kept.
        """

    @abstractmethod
    async def find(self, key: IdempotencyKey, *, at: datetime) -> Job | None:
        """The job, as it is now, that was kept under `key`; None where it was not used of late.

        Raises:
            KeyReused: it was used for something else.
        """

    @abstractmethod
    async def get(self, job_id: str) -> Job:
        """The job as it is now; changing what is returned changes nothing kept.

        Raises:
            UnknownJob: there is none with that id.
        """

    @abstractmethod
    async def update(self, job_id: str, change: Callable[[Job], None]) -> Job:
        """Load the job, let `change` alter it, and keep it with the events it recorded.

        `change` runs inside the transaction, may run more than once, and must only touch the job.
        Whatever it raises is raised here, and nothing is changed.

        Raises:
            UnknownJob: there is none with that id.
            DiskFull: there was no room; nothing is changed.
        """

    @abstractmethod
    async def list(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        before: str | None = None,
        limit: int = 50,
        client: str | None = None,
    ) -> Sequence[Job]:
        """Jobs, newest first.

        Args:
            statuses: only these; all where empty.
            before: only jobs older than the one with this id; an id that is not there gives none.
            limit: at most this many.
            client: only this one's; everybody's where None.
        """
