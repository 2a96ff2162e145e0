"""Look whether everything is as it must be, changing nothing: on a live data directory or a stopped one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from domain.audit import Finding, audit_file, audit_job, audit_outputs, audit_slots
from domain.errors import OutputMissing
from domain.job import Job
from domain.job_event import JobEvent, JobStatus
from domain.ports.artifact_store import ArtifactStore
from domain.ports.event_log import EventLog
from domain.ports.job_repository import JobRepository
from domain.ports.library import Library
from domain.video import SealedFile

_PAGE: Final = 200


class AuditJobs:
    """Reads every job, its history and its file. On a live directory, what moves meanwhile is read again."""

    def __init__(
        self,
        repository: JobRepository,
        event_log: EventLog,
        library: Library,
        store: ArtifactStore,
    ) -> None:
        self._repository = repository
        self._library = library
        self._event_log = event_log
        self._store = store
        self.jobs_seen = 0

    async def execute(self) -> AsyncIterator[Finding]:
        """Everything that is not as it must be."""
        # Taken first: whatever is published by now has its job among those that are read after.
        survey = await asyncio.to_thread(self._store.survey)
        statuses: dict[str, JobStatus] = {}
        async for job in self._every_job():
            statuses[job.id] = job.status
            for finding in await self._audit(job):
                yield finding
        self.jobs_seen = len(statuses)
        active = await self._repository.list(
            statuses=(JobStatus.RUNNING, JobStatus.PUBLISHING), limit=_PAGE
        )
        for finding in audit_slots(active):
            yield finding
        for finding in audit_outputs(survey.published, statuses):
            yield finding

    async def _every_job(self) -> AsyncIterator[Job]:
        """Newest first; a job that comes meanwhile is not seen."""
        before = None
        while page := await self._repository.list(before=before, limit=_PAGE):
            for job in page:
                yield job
            before = page[-1].id

    async def _audit(self, job: Job) -> Sequence[Finding]:
        """What is wrong with it in one moment: read between two of its events where it moves."""
        while True:
            events = await self._history(job.id)
            now = await self._repository.get(job.id)
            state = (await self._library.get(job.id)).state
            file = await self._file_of(now)
            is_still = (await self._library.get(job.id)).state is state
            if is_still and len(await self._history(job.id)) == len(events):
                return [*audit_job(now, events), *audit_file(now, state, file)]

    async def _history(self, job_id: str) -> Sequence[JobEvent]:
        events: list[JobEvent] = []
        after = 0
        while page := await self._event_log.read(after=after, job_id=job_id):
            events += [logged.event for logged in page]
            after = page[-1].number
        return events

    async def _file_of(self, job: Job) -> SealedFile | None:
        if job.status is not JobStatus.COMPLETED:
            return None
        try:
            return await asyncio.to_thread(self._store.examine, job.id)
        except OutputMissing:
            return None
