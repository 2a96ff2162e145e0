"""Plain reads: nothing here changes anything."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from domain.errors import OutputMissing
from domain.job import Job, JobStatus
from domain.ports.artifact_store import ArtifactStore
from domain.ports.event_log import EventLog, LoggedEvent
from domain.ports.job_repository import JobRepository


class Queries:
    """What drivers ask to show."""

    def __init__(
        self, repository: JobRepository, event_log: EventLog, store: ArtifactStore
    ) -> None:
        self._repository = repository
        self._event_log = event_log
        self._store = store

    async def job(self, job_id: str) -> Job:
        """One job. Raises `UnknownJob`."""
        return await self._repository.get(job_id)

    async def jobs(
        self, *, statuses: Sequence[JobStatus], before: str | None, limit: int
    ) -> Sequence[Job]:
        """Jobs, newest first; see `JobRepository.list`."""
        return await self._repository.list(statuses=statuses, before=before, limit=limit)

    async def video(self, job_id: str) -> tuple[Job, Path]:
        """A completed job and where its file lies.

        Raises:
            UnknownJob: there is none with that id.
            OutputMissing: it has not completed, or the file was removed.
        """
        job = await self._repository.get(job_id)
        if job.status is not JobStatus.COMPLETED:
            raise OutputMissing(f"The generation has no video: it is {job.status}.")
        return job, await asyncio.to_thread(self._store.locate, job_id)

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
        while True:
            horizon = await self._event_log.latest()
            is_over = (await self._repository.get(job_id)).status.is_terminal
            events = await self._event_log.read(after=after, job_id=job_id)
            for logged in events:
                yield logged
                after, heard_at = logged.number, time()
                if logged.event.status.is_terminal:
                    return
            if is_over and not events:
                return
            if (silence_s := time() - heard_at) >= heartbeat_s:
                yield None
                heard_at = time()
            elif not events:
                await self._event_log.wait(after=horizon, timeout_s=heartbeat_s - silence_s)

    async def has_more(self, job_id: str, *, after: int) -> bool:
        """Whether there is, or may yet be, an event of the job above `after`. Raises `UnknownJob`."""
        job = await self._repository.get(job_id)
        if not job.status.is_terminal:
            return True
        return bool(await self._event_log.read(after=after, job_id=job_id, limit=1))
