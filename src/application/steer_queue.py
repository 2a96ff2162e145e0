"""What an operator does to the line: stop it, let it go on, and change its order."""

import logging

from application.dispatch_jobs import DispatchJobs
from domain.job import Job
from domain.ports.clock import Clock
from domain.ports.job_queue import JobQueue

_log = logging.getLogger(__name__)


class SteerQueue:
    """Pausing keeps new attempts from starting; what runs goes on, and submissions are accepted."""

    def __init__(self, queue: JobQueue, dispatch: DispatchJobs, clock: Clock) -> None:
        self._queue = queue
        self._dispatch = dispatch
        self._clock = clock

    async def pause(self) -> None:
        """Start nothing more until `resume`, across restarts."""
        await self._queue.set_paused(paused=True, at=self._clock.now())
        _log.info("queue paused")

    async def resume(self) -> None:
        """Go on; slots that were found unhealthy are trusted again, and way is made for what is urgent."""
        for lane in self._dispatch.lanes:
            lane.slot.forgive()
            lane.count_waiting_from_now()
        await self._queue.set_paused(paused=False, at=self._clock.now())
        _log.info("queue resumed")
        for job in await self._queue.line():
            await self._dispatch.make_way(job)

    async def move(self, job_id: str, *, priority: int | None, position: int | None) -> Job:
        """Give a waiting job another place; see `JobQueue.move`."""
        job = await self._queue.move(
            job_id, at=self._clock.now(), priority=priority, position=position
        )
        await self._dispatch.make_way(job)
        return job
