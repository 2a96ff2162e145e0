"""Before serving: bring what a dead server left half done to where it can go on."""

import asyncio
import logging

from domain.errors import (
    DomainError,
    OutputMissing,
    RenderSuspended,
    StorageError,
    UnknownJob,
)
from domain.job import Job
from domain.job_event import JobStatus
from domain.ports.artifact_store import ArtifactStore
from domain.ports.clock import Clock
from domain.ports.image_store import ImageStore
from domain.ports.job_repository import JobRepository
from domain.ports.resume_store import ResumeStore

_log = logging.getLogger(__name__)

_ACTIVE = (JobStatus.RUNNING, JobStatus.PUBLISHING)


class RecoverJobs:
    """Finishes what only lacked its last step, puts the rest back in the queue, uncharged, and tidies.

    Only what is known to be needless is removed; a file that nobody can account for stays, and is told.
    """

    def __init__(
        self,
        repository: JobRepository,
        store: ArtifactStore,
        resume_store: ResumeStore,
        images: ImageStore,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._store = store
        self._resume_store = resume_store
        self._images = images
        self._clock = clock

    async def execute(self) -> int:
        """How many jobs were brought on. Must not run while anything is dispatched."""
        recovered = 0
        while jobs := await self._repository.list(statuses=_ACTIVE):
            for job in jobs:
                await self._recover(job)
            recovered += len(jobs)
        await self._tidy()
        return recovered

    async def _recover(self, job: Job) -> None:
        stopped = await self._publish(job)
        at = self._clock.now()

        def change(job: Job) -> None:
            if stopped is None:
                job.complete(fence=job.fence, at=at)
            else:
                job.end_attempt(stopped, fence=job.fence, at=at)

        job = await self._repository.update(job.id, change)
        _log.info("recovered", extra={"job_id": job.id, "status": job.status})

    async def _publish(self, job: Job) -> DomainError | None:
        """Publish the video if only that was left to do. Returns why it must run again otherwise."""
        stopped = RenderSuspended("The server had stopped.")
        if job.status is not JobStatus.PUBLISHING:
            return stopped
        assert job.video is not None, "publishing begins with a staged video"
        try:
            await asyncio.to_thread(self._store.publish, job.id, job.fence, sha256=job.video.sha256)
        except OutputMissing:
            return stopped
        except StorageError as error:  # one file that cannot be read is no reason not to start
            _log.error("not published", extra={"job_id": job.id, "reason": error.message})
            return error
        return None

    async def _tidy(self) -> None:
        """Clear what nobody will need. What cannot be cleared now, the next start clears."""
        for clear in (self._clear_staged, self._clear_uploads, self._clear_resume_points):
            try:
                await clear()
            except StorageError as error:
                _log.warning("not tidied", extra={"reason": error.message})

    async def _clear_staged(self) -> None:
        """What dead attempts left."""
        survey = await asyncio.to_thread(self._store.survey)
        for name in survey.strangers:
            _log.warning("a file that is not ours was left where it is", extra={"file": name})
        for job_id in survey.staged:
            await asyncio.to_thread(self._store.discard, job_id)

    async def _clear_uploads(self) -> None:
        """Those that were cut short."""
        await asyncio.to_thread(self._images.sweep)

    async def _clear_resume_points(self) -> None:
        """Those of jobs that are over."""
        for job_id in await asyncio.to_thread(self._resume_store.job_ids):
            try:
                is_over = (await self._repository.get(job_id)).status.is_terminal
            except UnknownJob:
                _log.warning("a resume point of no known job was left", extra={"job_id": job_id})
                continue
            if is_over:
                await asyncio.to_thread(self._resume_store.discard, job_id)
