"""The generations that exist for one caller: its own, or, for an administrator, all."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.access import Caller, Room
from domain.errors import UnknownJob
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobStatus
from domain.ports.job_repository import JobRepository


class OwnJobs(JobRepository):
    """Keeps jobs elsewhere, and finds the caller's only: another's is as unknown as none."""

    def __init__(self, repository: JobRepository, caller: Caller) -> None:
        self._repository = repository
        self._caller = caller

    async def add(
        self, job: Job, *, key: IdempotencyKey | None = None, room: Room | None = None
    ) -> Job:
        return await self._repository.add(job, key=key, room=room)

    async def find(self, key: IdempotencyKey, *, at: datetime) -> Job | None:
        return await self._repository.find(key, at=at)

    async def get(self, job_id: str) -> Job:
        return self._own(await self._repository.get(job_id))

    async def update(self, job_id: str, change: Callable[[Job], None]) -> Job:
        return await self._repository.update(job_id, lambda job: change(self._own(job)))

    async def list(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        before: str | None = None,
        limit: int = 50,
        client: str | None = None,
    ) -> Sequence[Job]:
        if not self._caller.sees_all:
            client = self._caller.client
        if before is not None and client is not None and not await self._is_own(before):
            return []
        return await self._repository.list(
            statuses=statuses, before=before, limit=limit, client=client
        )

    async def _is_own(self, job_id: str) -> bool:
        try:
            await self.get(job_id)
        except UnknownJob:
            return False
        return True

    def _own(self, job: Job) -> Job:
        if not self._caller.may_see(job.client):
            raise UnknownJob(f"No generation has the id {job.id!r}.")
        return job
