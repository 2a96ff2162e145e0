"""What happened, in SQL; `SqlJobRepository` and `SqlJobQueue` write it."""

from collections.abc import Sequence

from sqlalchemy import func, select

from adapters.sql.database import Database
from adapters.sql.rows import row_to_event
from adapters.sql.tables import events, jobs
from domain.ports.event_log import EventLog, LoggedEvent


class SqlEventLog(EventLog):
    """Numbers are the database's own: with one writer, commits and numbers have one order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self,
        *,
        after: int,
        job_id: str | None = None,
        client: str | None = None,
        limit: int = 500,
    ) -> Sequence[LoggedEvent]:
        query = select(events).where(events.c.number > after).order_by(events.c.number).limit(limit)
        if job_id is not None:
            query = query.where(events.c.job_id == job_id)
        if client is not None:
            whose = select(jobs.c.client).where(jobs.c.id == events.c.job_id).scalar_subquery()
            query = query.where(whose == client)
        return await self._database.read(
            lambda connection: [row_to_event(row) for row in connection.execute(query).mappings()]
        )

    async def latest(self) -> int:
        query = select(func.coalesce(func.max(events.c.number), 0))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def wait(self, *, after: int, timeout_s: float) -> None:
        async def came() -> bool:
            return await self.latest() > after

        await self._database.wait(came, timeout_s=timeout_s)
