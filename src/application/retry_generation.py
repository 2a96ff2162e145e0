"""Ask again for what failed or was cancelled."""

import logging
from collections.abc import Callable

from application.disk_gate import DiskGate
from application.own_jobs import OwnJobs
from application.submit_generation import new_id
from domain.access import LOCAL, Caller, Room
from domain.job import Job
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository

_log = logging.getLogger(__name__)


class RetryGeneration:
    """Makes a new job that points to the old: a finished job never changes."""

    def __init__(
        self,
        repository: JobRepository,
        gate: DiskGate,
        clock: Clock,
        new_id: Callable[[], str] = new_id,
        *,
        caller: Caller = LOCAL,
        waiting: int | None = None,
    ) -> None:
        """`waiting`: how many may wait, everybody's; None for any number."""
        self._repository = OwnJobs(repository, caller)
        self._room = Room(total=waiting, share=caller.share)
        self._gate = gate
        self._clock = clock
        self._new_id = new_id

    async def execute(self, job_id: str, *, traceparent: str | None = None) -> Job:
        """The new job, already durable; it asks for the very same video, seed included.

        Args:
            traceparent: of the trace that asking again is part of, if any.

        Raises:
            UnknownJob: there is none with that id.
            NotRetryable: it has not failed, nor was it cancelled.
            ShareUsedUp, QueueFull: there is no room in line.
            DiskFull: it cannot be kept.
        """
        self._gate.refuse_if_full()
        failed = await self._repository.get(job_id)
        again = failed.again(self._new_id(), at=self._clock.now(), traceparent=traceparent)
        job = await self._repository.add(again, room=self._room)
        _log.info("retried", extra={"job_id": job.id, "retry_of": job_id})
        return job
