"""The waiting line in SQL."""

from datetime import datetime

from sqlalchemy import Connection, select

from adapters.sql.database import Database
from adapters.sql.job_repository import apply_change
from adapters.sql.rows import row_to_job
from adapters.sql.tables import has_status, jobs
from domain.job import Job, JobStatus
from domain.ports.job_queue import JobQueue


class SqlJobQueue(JobQueue):
    """Selects and claims within one transaction; the writer's lock keeps everyone else out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, *, at: datetime) -> Job | None:
        next_in_line = (
            select(jobs)
            .where(has_status(JobStatus.QUEUED))
            .order_by(jobs.c.priority.desc(), jobs.c.sequence)
            .limit(1)
        )

        def work(connection: Connection) -> Job | None:
            row = connection.execute(next_in_line).mappings().one_or_none()
            if row is None:
                return None
            job = row_to_job(row)
            apply_change(connection, job, lambda job: job.claim(at=at))
            return job

        return await self._database.write(work)

    async def wait(self, *, timeout_s: float) -> None:
        await self._database.wait(self._is_waited_in, timeout_s=timeout_s)

    async def _is_waited_in(self) -> bool:
        query = select(jobs.c.sequence).where(has_status(JobStatus.QUEUED)).limit(1)
        return await self._database.read(
            lambda connection: connection.execute(query).one_or_none() is not None
        )
