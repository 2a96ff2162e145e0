"""Stop a generation, wherever it is."""

import asyncio
import logging
from collections.abc import Sequence

from application.own_jobs import OwnJobs
from application.run_generation import RunGeneration
from domain.access import LOCAL, Caller
from domain.job import Job
from domain.job_event import JobStatus
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository
from domain.ports.resume_store import ResumeStore

_log = logging.getLogger(__name__)


class CancelGeneration:
    """Marks the job first, then tells the lanes: a mark survives, a message may not."""

    def __init__(
        self,
        repository: JobRepository,
        lanes: Sequence[RunGeneration],
        resume_store: ResumeStore,
        clock: Clock,
        *,
        caller: Caller = LOCAL,
    ) -> None:
        self._repository = OwnJobs(repository, caller)
        self._lanes = lanes
        self._resume_store = resume_store
        self._clock = clock

    async def execute(self, job_id: str) -> Job:
        """The job: cancelled if it waited, being cancelled if it ran.

        Raises:
            UnknownJob: there is none with that id.
            NotCancellable: it is publishing, completed or failed.
        """
        at = self._clock.now()
        job = await self._repository.update(job_id, lambda job: job.request_cancel(at=at))
        if job.status is JobStatus.RUNNING:
            for lane in self._lanes:
                await lane.cancel(job_id)
        elif job.status is JobStatus.CANCELLED:  # it waited, perhaps to be resumed
            await asyncio.to_thread(self._resume_store.discard, job_id)
        _log.info("cancel requested", extra={"job_id": job_id, "status": job.status})
        return job
