"""Give every waiting job to a free renderer."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from application.run_generation import RunGeneration
from domain.errors import Conflict, StorageError
from domain.job import Failure, Job
from domain.ports.clock import Clock
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository

_log = logging.getLogger(__name__)

#: Seconds between looks at a queue that reported nothing new; reports come long before.
IDLE_POLL_S = 5.0
#: Seconds before the next try where the data directory could not be written.
STORAGE_RETRY_S = 2.0


class DispatchJobs:
    """One lane per renderer; a lane runs one job at a time and goes on whatever becomes of it."""

    def __init__(
        self,
        queue: JobQueue,
        repository: JobRepository,
        lanes: Sequence[RunGeneration],
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._repository = repository
        self._lanes = lanes
        self._clock = clock

    async def run(self) -> None:
        """Dispatch until cancelled; jobs that run then are given back."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._serve(lane))

    async def _serve(self, lane: RunGeneration) -> None:
        while True:
            try:
                job = await self._queue.claim(at=self._clock.now())
            except StorageError as error:
                _log.error("cannot claim", extra={"reason": error.message})
                await asyncio.sleep(STORAGE_RETRY_S)
                continue
            if job is None:
                await self._queue.wait(timeout_s=IDLE_POLL_S)
            else:
                await self._attempt(lane, job)

    async def _attempt(self, lane: RunGeneration, job: Job) -> None:
        _log.info("claimed", extra={"job_id": job.id, "attempt": job.fence})
        try:
            await lane.execute(job)
        except StorageError as error:
            # Not the job's fault: it runs again once the data directory can be written.
            reason = f"the data directory could not be written: {error.message}"
            await self._settle(job, lambda kept, at: kept.interrupt(reason, fence=job.fence, at=at))
        except Exception as error:  # noqa: BLE001 - a boundary: a bug must not stop the lane
            _log.exception("attempt failed unexpectedly", extra={"job_id": job.id})
            failure = Failure(code="internal", message=f"Internal error: {type(error).__name__}.")
            await self._settle(job, lambda kept, at: kept.fail(failure, fence=job.fence, at=at))

    async def _settle(self, job: Job, change: Callable[[Job, datetime], None]) -> None:
        """Keep the attempt's end, however long the data directory cannot be written."""
        at = self._clock.now()
        while True:
            try:
                await self._repository.update(job.id, lambda job: change(job, at))
            except Conflict:
                return  # it ended before the fault
            except StorageError as error:
                _log.error("cannot keep", extra={"job_id": job.id, "reason": error.message})
                await asyncio.sleep(STORAGE_RETRY_S)
            else:
                return
