"""Give every waiting job to a free slot; stop and make way without losing what a job has reached."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from application.disk_gate import DiskGate
from application.run_generation import RunGeneration
from domain.errors import (
    CheckpointUnavailable,
    DomainError,
    Preempted,
    RenderFailed,
    RenderSuspended,
    StorageError,
    WorkerUnavailable,
)
from domain.job import Job
from domain.ports.clock import Clock
from domain.ports.job_queue import JobQueue
from domain.trace import trace_id

_log = logging.getLogger(__name__)

#: Seconds between looks at a queue that reported nothing new; reports come long before.
IDLE_POLL_S: Final = 5.0
#: Seconds a lane rests when it cannot work: no room on the disk, no worker, no weights, a fault in the queue.
REST_S: Final = 5.0
#: Seconds between a spare lane's looks while something waits: one that is free has come by then.
SPARE_POLL_S: Final = 0.1
#: The same where what waits is not for it: for as long as a larger video takes.
SPARE_REST_S: Final = 1.0
#: After these the next job would most likely end the same way.
_NOTHING_WORKS: Final = (CheckpointUnavailable, StorageError, WorkerUnavailable)


class DispatchJobs:
    """One lane per slot; a lane runs one job at a time and goes on whatever becomes of it."""

    def __init__(
        self, queue: JobQueue, lanes: Sequence[RunGeneration], gate: DiskGate, clock: Clock
    ) -> None:
        self.lanes = tuple(lanes)
        self._queue = queue
        self._gate = gate
        self._clock = clock
        self._draining = asyncio.Event()
        self._told: str | None = None
        self._ways: dict[int, str] = {}  # by the slot that is being freed, the job it is freed for

    @property
    def is_draining(self) -> bool:
        return self._draining.is_set()

    async def run(self) -> None:
        """Dispatch until drained or cancelled; being cancelled gives back at once what runs."""
        async with asyncio.TaskGroup() as group:
            for lane in self.lanes:
                group.create_task(self._serve(lane))

    async def drain(self) -> None:
        """Start nothing more, and hand back what runs at the end of its step; `run` then ends."""
        self._draining.set()
        for lane in self.lanes:
            await lane.suspend(RenderSuspended("The server stopped."))

    async def make_way(self, urgent: Job) -> None:
        """Where no slot is free, stop the least of the jobs that are less urgent, at its next step.

        Unless nothing could start in its place, or there: an accelerator may be too hot for that.
        """
        has_to_wait = urgent.run_after is not None and urgent.run_after > self._clock.now()
        if not urgent.preempts or has_to_wait or await self._starts_nothing():
            return
        if urgent.id in self._ways.values():
            return
        checkpoint, now = urgent.request.checkpoint, self._clock.monotonic()
        if any(self._is_free(lane, checkpoint) for lane in self.lanes):
            return
        going_on = [
            lane
            for lane in self.lanes
            if lane.running is not None
            and lane.slot.number not in self._ways
            and lane.slot.takes(checkpoint)
            and lane.slot.may_work(now=now)
        ]
        least = min(going_on, key=_priority, default=None)
        if least is not None and _priority(least) < urgent.priority:
            self._ways[least.slot.number] = urgent.id
            await least.suspend(
                Preempted(f"It made way for {urgent.id}, of priority {urgent.priority}.")
            )

    async def _starts_nothing(self) -> bool:
        if self.is_draining or self._gate.problem() is not None:
            return True
        return await self._queue.paused_since() is not None

    def _is_free(self, lane: RunGeneration, checkpoint: str) -> bool:
        """Whether it would begin a job for `checkpoint` at once."""
        return (
            lane.running is None
            and lane.slot.takes(checkpoint)
            and lane.slot.may_work(now=self._clock.monotonic())
        )

    async def _serve(self, lane: RunGeneration) -> None:
        while not self.is_draining:
            try:
                job = await self._claim(lane)
                if job is None:
                    continue
            except StorageError as error:
                _log.error("cannot claim", extra={"reason": error.message})
            except Exception:  # noqa: BLE001 - a boundary: the lane must outlive any fault
                _log.exception("cannot claim")
            else:
                ended_in = await self._attempt(lane, job)
                if not isinstance(ended_in, _NOTHING_WORKS):
                    continue
            await self._rest(REST_S)

    async def _claim(self, lane: RunGeneration) -> Job | None:
        """The slot's next job; None, after a while, where there is none or none may be started."""
        slot = lane.slot
        if not slot.may_work(now=self._clock.monotonic()) or self._is_disk_low():
            await lane.give_back_if_idle()
            await self._rest(REST_S)
            return None
        if slot.is_spare and not await self._is_needed(lane):
            return None
        job = await self._queue.claim(
            at=self._clock.now(),
            slot=slot.number,
            favourite=slot.favourite,
            only=slot.spare_for,
        )
        if job is not None:
            slot.note_claim(job.request.checkpoint)
        else:
            await lane.give_back_if_idle()
            await self._until_something_waits()
        return job

    async def _is_needed(self, lane: RunGeneration) -> bool:
        """Whether a job waits that a spare lane may take, and nobody else is free for; else after a while."""
        heads = await self._queue.line(limit=1, startable_at=self._clock.now())
        others = [other for other in self.lanes if not other.slot.is_spare]
        rest_s = SPARE_POLL_S
        for checkpoint in (job.request.checkpoint for job in heads):
            if not lane.slot.takes(checkpoint):
                rest_s = SPARE_REST_S
            elif not any(self._is_free(other, checkpoint) for other in others):
                return True
        await lane.give_back_if_idle()
        await self._until_something_waits()
        await self._rest(rest_s)
        return False

    async def _until_something_waits(self) -> None:
        await self._until_draining(self._queue.wait(timeout_s=IDLE_POLL_S))

    async def _attempt(self, lane: RunGeneration, job: Job) -> DomainError | None:
        """Make one attempt. Returns what it ended in; None where the video is published."""
        told = {"job_id": job.id, "attempt": job.fence, "slot": lane.slot.number}
        if job.traceparent:
            told["trace_id"] = trace_id(job.traceparent)
        _log.info("claimed", extra=told)
        if self.is_draining:  # the drain came between the claim and here
            return await lane.end(job, RenderSuspended("The server stopped."))
        try:
            ended_in = await lane.execute(job)
        except Exception as error:  # noqa: BLE001 - a boundary: a bug must not stop the lane
            _log.exception("attempt failed unexpectedly", extra={"job_id": job.id})
            ended_in = RenderFailed(f"Internal error: {type(error).__name__}.")
            await lane.end(job, ended_in)
        finally:
            self._ways.pop(lane.slot.number, None)
        if lane.slot.note_end(job.id, ended_in, now=self._clock.monotonic()):
            _log.critical("slot unhealthy", extra={"reason": lane.slot.problem})
        return ended_in

    def _is_disk_low(self) -> bool:
        problem = self._gate.problem()
        if problem != self._told:
            _log.warning("starting again" if problem is None else problem)
            self._told = problem
        return problem is not None

    async def _rest(self, seconds: float) -> None:
        await self._until_draining(asyncio.sleep(seconds))

    async def _until_draining(self, deed: Coroutine[Any, Any, None]) -> None:
        """Wait for `deed`, but no longer than until the server stops."""
        waiting = asyncio.create_task(deed)
        stop = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
        finally:
            waiting.cancel()
            stop.cancel()
            await asyncio.gather(waiting, stop, return_exceptions=True)


def _priority(lane: RunGeneration) -> int:
    assert lane.running is not None, "asked of lanes that run"
    return lane.running.priority
