"""Jobs, queue and event log over one memory."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import datetime

from domain.errors import Conflict, StorageError, UnknownJob
from domain.job import Job, JobStatus
from domain.ports.event_log import EventLog, LoggedEvent
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository


class InMemoryJobs:
    """What the three ports share; lost with the process, and that is its only dishonesty.

    Put errors into `refusals` and as many of the next writes fail with them, in that order.
    """

    def __init__(self) -> None:
        self.refusals: list[StorageError] = []
        self.repository = InMemoryJobRepository(self)
        self.queue = InMemoryJobQueue(self)
        self.event_log = InMemoryEventLog(self)
        self._jobs: dict[str, Job] = {}  # in the order they came
        self._events: list[LoggedEvent] = []
        self._news = asyncio.Event()

    @property
    def kept(self) -> Sequence[Job]:
        """Copies of every job, oldest first."""
        return [deepcopy(job) for job in self._jobs.values()]

    @property
    def events(self) -> Sequence[LoggedEvent]:
        return tuple(self._events)

    def keep(self, job: Job) -> None:
        """Replace the job and append its events; everybody who waits is woken."""
        if self.refusals:
            raise self.refusals.pop(0)
        for event in job.collect_events():
            self._events.append(LoggedEvent(number=len(self._events) + 1, event=event))
        self._jobs[job.id] = deepcopy(job)
        self._news.set()
        self._news = asyncio.Event()

    async def wait(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return once `ready`, asked now and after every write, or after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not ready():
                    await self._news.wait()


class InMemoryJobRepository(JobRepository):
    """Copies on the way in and out, so that nobody holds what is kept."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def add(self, job: Job) -> None:
        if any(kept.id == job.id for kept in self._memory.kept):
            raise Conflict(f"There is a job {job.id} already.")
        kept = deepcopy(job)
        self._memory.keep(kept)
        job.collect_events()

    async def get(self, job_id: str) -> Job:
        for job in self._memory.kept:
            if job.id == job_id:
                return job
        raise UnknownJob

    async def update(self, job_id: str, change: Callable[[Job], None]) -> Job:
        job = await self.get(job_id)
        before = deepcopy(job)
        change(job)
        if job != before and before.status.is_terminal:
            raise Conflict("A finished job never changes.")
        self._memory.keep(job)
        return job

    async def list(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        jobs = self._memory.kept
        if before is not None:
            ids = [job.id for job in jobs]
            jobs = jobs[: ids.index(before)] if before in ids else []
        wanted = [job for job in reversed(jobs) if not statuses or job.status in statuses]
        return wanted[:limit]


class InMemoryJobQueue(JobQueue):
    """Claims without ever awaiting, so no two callers can be inside at once."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def claim(self, *, at: datetime) -> Job | None:
        waiting = self._waiting()
        if not waiting:
            return None
        job = max(waiting, key=lambda job: job.priority)  # the first of equals
        job.claim(at=at)
        self._memory.keep(job)
        return job

    async def wait(self, *, timeout_s: float) -> None:
        await self._memory.wait(lambda: bool(self._waiting()), timeout_s)

    def _waiting(self) -> Sequence[Job]:
        return [job for job in self._memory.kept if job.status is JobStatus.QUEUED]


class InMemoryEventLog(EventLog):
    """A list."""

    def __init__(self, memory: InMemoryJobs) -> None:
        self._memory = memory

    async def read(
        self, *, after: int, job_id: str | None = None, limit: int = 500
    ) -> Sequence[LoggedEvent]:
        return [
            logged
            for logged in self._memory.events
            if logged.number > after and job_id in {None, logged.event.job_id}
        ][:limit]

    async def latest(self) -> int:
        return len(self._memory.events)

    async def wait(self, *, after: int, timeout_s: float) -> None:
        await self._memory.wait(lambda: len(self._memory.events) > after, timeout_s)
