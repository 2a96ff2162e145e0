"""Jobs in SQL."""

from collections.abc import Callable, Sequence
from copy import deepcopy

from sqlalchemy import Connection, insert, select, update

from adapters.sql.database import Database
from adapters.sql.rows import event_to_row, job_to_row, row_to_job
from adapters.sql.tables import events, has_status, jobs
from domain.errors import UnknownJob
from domain.job import Job, JobEvent, JobStatus
from domain.ports.job_repository import JobRepository


class SqlJobRepository(JobRepository):
    """Loads, changes and keeps a job within one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, job: Job) -> None:
        kept = deepcopy(job)

        def work(connection: Connection) -> None:
            connection.execute(insert(jobs), job_to_row(kept))
            _append(connection, kept.collect_events())

        await self._database.write(work)
        job.collect_events()  # only now: a job that was refused may be added again

    async def get(self, job_id: str) -> Job:
        return await self._database.read(lambda connection: _load(connection, job_id))

    async def update(self, job_id: str, change: Callable[[Job], None]) -> Job:
        def work(connection: Connection) -> Job:
            job = _load(connection, job_id)
            apply_change(connection, job, change)
            return job

        return await self._database.write(work)

    async def list(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        query = select(jobs).order_by(jobs.c.sequence.desc()).limit(limit)
        if statuses:
            query = query.where(has_status(*statuses))
        if before is not None:
            older_than = select(jobs.c.sequence).where(jobs.c.id == before).scalar_subquery()
            query = query.where(jobs.c.sequence < older_than)
        return await self._database.read(
            lambda connection: [row_to_job(row) for row in connection.execute(query).mappings()]
        )


def apply_change(connection: Connection, job: Job, change: Callable[[Job], None]) -> None:
    """Let `change` alter the kept `job`, and keep what it altered and the events it recorded.

    A change that alters nothing writes nothing, not even to a finished job.
    """
    before = job_to_row(job)
    change(job)
    altered = {name: value for name, value in job_to_row(job).items() if value != before[name]}
    if altered:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(altered))
    _append(connection, job.collect_events())


def _load(connection: Connection, job_id: str) -> Job:
    query = select(jobs).where(jobs.c.id == job_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownJob(f"No generation has the id {job_id!r}.")
    return row_to_job(row)


def _append(connection: Connection, recorded: Sequence[JobEvent]) -> None:
    if recorded:
        connection.execute(insert(events), [event_to_row(event) for event in recorded])
