"""Give every waiting job to a free renderer."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from application.run_generation import STORAGE_RETRY_S, RunGeneration
from domain.errors import Conflict, StorageError, WorkerUnavailable
from domain.job import Failure, Job
from domain.ports.clock import Clock
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository

_log = logging.getLogger(__name__)

#: Seconds between looks at a queue that reported nothing new; reports come long before.
IDLE_POLL_S = 5.0
#: Seconds a lane rests when it cannot work: no room on the disk, no worker, a fault in the queue.
REST_S = 5.0


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
                if job is None:
                    await self._queue.wait(timeout_s=IDLE_POLL_S)
                    continue
            except StorageError as error:
                _log.error("cannot claim", extra={"reason": error.message})
            except Exception:  # noqa: BLE001 - a boundary: the lane must outlive any fault
                _log.exception("cannot claim")
            else:
                if await self._attempt(lane, job):
                    continue
            await asyncio.sleep(REST_S)

    async def _attempt(self, lane: RunGeneration, job: Job) -> bool:
        """Make one attempt. Returns whether the lane can go on at once."""
        _log.info("claimed", extra={"job_id": job.id, "attempt": job.fence})
        try:
            await lane.execute(job)
        except (StorageError, WorkerUnavailable) as error:
            reason = error.message
            _log.error("cannot work", extra={"job_id": job.id, "reason": reason})
            await self._settle(job, lambda kept, at: kept.give_back(reason, fence=job.fence, at=at))
            return False
        except Exception as error:  # noqa: BLE001 - a boundary: a bug must not stop the lane
            _log.exception("attempt failed unexpectedly", extra={"job_id": job.id})
            failure = Failure(code="internal", message=f"Internal error: {type(error).__name__}.")
            await self._settle(job, lambda kept, at: kept.fail(failure, fence=job.fence, at=at))
        return True

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
