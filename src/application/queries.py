"""Plain reads: nothing here changes anything."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.own_jobs import OwnJobs
from domain.access import LOCAL, Caller
from domain.errors import PreviewMissing
from domain.job import Job
from domain.job_event import JobStatus
from domain.ports.event_log import EventLog, LoggedEvent
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.rendering import Previewed


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotState:
    """One slot now.

    Attributes:
        number: from 0.
        is_busy: whether it works on something, whoever's that is.
        job_id: the generation that runs there; None while none does that the caller may see.
        accelerator: its index; None where there is none, or none that can be seen.
        checkpoint: what is loaded there, as far as its last video shows; None while one is made.
        spare_for: checkpoints that it is a spare slot for, and takes no others; None where it takes all.
        problem: why nothing is started there; None where nothing keeps it.
        fenced_out: reports that came too late.
    """

    number: int
    accelerator: int | None
    checkpoint: str | None
    is_busy: bool
    job_id: str | None
    spare_for: Sequence[str] | None
    problem: str | None
    fenced_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """The line and who works on it.

    Attributes:
        length: how many wait, everybody's.
        running, waiting: those that the caller may see.
        waiting: the first `limit` jobs in the order they will be started.
        problem: why nothing is started, besides pausing: a disk that is nearly full.
    """

    length: int
    running: Sequence[Job]
    waiting: Sequence[Job]
    paused_since: datetime | None
    is_draining: bool
    problem: str | None
    slots: Sequence[SlotState]


class Queries:
    """What one caller asks to be shown: its own generations, or an administrator everybody's."""

    def __init__(
        self,
        repository: JobRepository,
        queue: JobQueue,
        event_log: EventLog,
        dispatch: DispatchJobs,
        gate: DiskGate,
        *,
        caller: Caller = LOCAL,
    ) -> None:
        self._caller = caller
        self._repository = OwnJobs(repository, caller)
        self._queue = queue
        self._event_log = event_log
        self._dispatch = dispatch
        self._gate = gate

    async def job(self, job_id: str) -> Job:
        """One job. Raises `UnknownJob`."""
        return await self._repository.get(job_id)

    async def queue(self, *, limit: int = 200) -> QueueState:
        """The line as it is now."""
        client = None if self._caller.sees_all else self._caller.client
        return QueueState(
            length=await self._queue.length(),
            running=await self._repository.list(statuses=(JobStatus.RUNNING, JobStatus.PUBLISHING)),
            waiting=await self._queue.line(limit=limit, client=client),
            paused_since=await self._queue.paused_since(),
            is_draining=self._dispatch.is_draining,
            problem=self._gate.problem(),
            slots=self.slots(),
        )

    def slots(self) -> Sequence[SlotState]:
        """Every slot as it is now, by number."""
        return [
            SlotState(
                number=lane.slot.number,
                accelerator=lane.slot.heat.index if lane.slot.heat else None,
                checkpoint=lane.slot.loaded,
                is_busy=lane.running is not None,
                job_id=self._id_if_seen(lane.running),
                spare_for=None if lane.slot.spare_for is None else sorted(lane.slot.spare_for),
                problem=lane.slot.problem,
                fenced_out=lane.fenced_out,
            )
            for lane in self._dispatch.lanes
        ]

    def _id_if_seen(self, job: Job | None) -> str | None:
        return job.id if job is not None and self._caller.may_see(job.client) else None

    async def preview(self, job_id: str) -> Previewed:
        """The newest of a running job.

        Raises:
            UnknownJob: there is none with that id.
            PreviewMissing: it does not run, or has made none yet.
        """
        job = await self._repository.get(job_id)
        if (preview := self.newest_preview(job_id)) is None:
            raise PreviewMissing(f"The generation has no preview: it is {job.status}.")
        return preview

    def newest_preview(self, job_id: str) -> Previewed | None:
        """The same, where it is there."""
        lanes = self._dispatch.lanes
        return next((at.preview for at in lanes if at.running and at.running.id == job_id), None)

    async def follow(
        self, job_id: str, *, after: int = 0, heartbeat_s: float = 15.0
    ) -> AsyncIterator[LoggedEvent | None]:
        """The job's events above `after`, as they come, until its last.

        Yields:
            Events, and None after every `heartbeat_s` seconds of silence.

        Raises:
            UnknownJob: there is none with that id.
        """
        time = asyncio.get_running_loop().time
        heard_at = time()
        # One that is not over yet has its last event still to come, whenever that is read.
        is_over = (await self._repository.get(job_id)).status.is_terminal
        while True:
            horizon = await self._event_log.latest()
            events = await self._event_log.read(after=after, job_id=job_id)
            for logged in events:
                yield logged
                after, heard_at = logged.number, time()
                if logged.event.status.is_terminal:
                    return
            if events:
                continue
            if is_over:
                return
            if (silence_s := time() - heard_at) >= heartbeat_s:
                yield None
                heard_at = time()
            else:
                await self._event_log.wait(
                    after=horizon, timeout_s=heartbeat_s - silence_s, job_id=job_id
                )

    async def latest_event(self) -> int:
        """The number of the last thing that happened."""
        return await self._event_log.latest()

    async def follow_all(
        self, *, after: int, heartbeat_s: float = 15.0
    ) -> AsyncIterator[LoggedEvent | None]:
        """The events of all jobs that the caller may see, above `after`: as they come, without end.

        Args:
            after: where it is above all there are, another database gave it: from now on, then.

        Yields:
            Events, and None after every `heartbeat_s` seconds of silence.
        """
        time = asyncio.get_running_loop().time
        heard_at = time()
        client = None if self._caller.sees_all else self._caller.client
        after = min(after, await self._event_log.latest())
        while True:
            horizon = await self._event_log.latest()
            events = await self._event_log.read(after=after, client=client)
            for logged in events:
                yield logged
                after, heard_at = logged.number, time()
            if events:
                continue
            after = max(after, horizon)  # others' events are not looked through again
            if (silence_s := time() - heard_at) >= heartbeat_s:
                yield None
                heard_at = time()
            else:
                await self._event_log.wait(after=after, timeout_s=heartbeat_s - silence_s)

    async def has_more(self, job_id: str, *, after: int) -> bool:
        """Whether there is, or may yet be, an event of the job above `after`. Raises `UnknownJob`."""
        job = await self._repository.get(job_id)
        if not job.status.is_terminal:
            return True
        return bool(await self._event_log.read(after=after, job_id=job_id, limit=1))
