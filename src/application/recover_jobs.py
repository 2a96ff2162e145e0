"""Before serving: bring what a dead server left half done to where it can go on."""

import asyncio
import logging

from domain.errors import OutputMissing
from domain.job import Job, JobStatus
from domain.ports.artifact_store import ArtifactStore
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository

_log = logging.getLogger(__name__)

_ACTIVE = (JobStatus.RUNNING, JobStatus.PUBLISHING)


class RecoverJobs:
    """Finishes what only lacked its last step, and puts the rest back in the queue, uncharged."""

    def __init__(self, repository: JobRepository, store: ArtifactStore, clock: Clock) -> None:
        self._repository = repository
        self._store = store
        self._clock = clock

    async def execute(self) -> int:
        """How many jobs were brought on. Must not run while anything is dispatched."""
        recovered = 0
        while jobs := await self._repository.list(statuses=_ACTIVE):
            for job in jobs:
                await self._recover(job)
            recovered += len(jobs)
        return recovered

    async def _recover(self, job: Job) -> None:
        adopted = job.status is JobStatus.PUBLISHING and await self._publish(job)
        at = self._clock.now()

        def change(job: Job) -> None:
            if adopted:
                job.complete(fence=job.fence, at=at)
            else:
                job.interrupt("the server had stopped", fence=job.fence, at=at)

        job = await self._repository.update(job.id, change)
        await asyncio.to_thread(self._store.discard, job.id)
        _log.info("recovered", extra={"job_id": job.id, "status": job.status})

    async def _publish(self, job: Job) -> bool:
        assert job.video is not None, "publishing begins with a staged video"
        try:
            await asyncio.to_thread(self._store.publish, job.id, job.fence, sha256=job.video.sha256)
        except OutputMissing:
            return False
        return True
