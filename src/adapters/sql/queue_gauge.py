"""What the SQLite file tells of itself and of those that wait."""

from typing import Final

from sqlalchemy import Connection, select

from adapters.sql.database import Database
from adapters.sql.line import WAITING
from adapters.sql.rows import instant
from adapters.sql.tables import jobs
from domain.ports.queue_gauge import QueueGauge, QueueReading

#: By the index `jobs_queued`: one entry is read.
_OLDEST: Final = select(jobs.c.created_at).where(WAITING).order_by(jobs.c.sequence).limit(1)


class SqlQueueGauge(QueueGauge):
    """One indexed SELECT, and the size of the write-ahead log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> QueueReading:
        def work(connection: Connection) -> str | None:
            return connection.execute(_OLDEST).scalar_one_or_none()

        oldest = await self._database.read(work)
        return QueueReading(
            oldest_waiting_at=instant(oldest), journal_bytes=self._database.log_bytes()
        )
