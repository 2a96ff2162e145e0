"""What happened, in SQL; `SqlJobRepository` and `SqlJobQueue` write it."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

from sqlalchemy import Connection, Select, func, select

from adapters.sql.database import Database
from adapters.sql.event_tail import SIZE, EventTail, Told
from adapters.sql.rows import row_to_event
from adapters.sql.tables import events, jobs
from domain.errors import StorageError
from domain.ports.event_log import EventLog, LoggedEvent


class SqlEventLog(EventLog):
    """Numbers are the database's own: with one writer, commits and numbers have one order.

    After a commit the news is read once, however many wait for it. ADR-0048.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tail = EventTail()
        self._seen_commits = -1
        self._reading: asyncio.Task[None] | None = None
        #: By the job that is waited for, None being any; gone once nobody waits.
        self._news: WeakValueDictionary[str | None, asyncio.Event] = WeakValueDictionary()
        database.on_commit(self._look_where_awaited)

    async def read(
        self,
        *,
        after: int,
        job_id: str | None = None,
        client: str | None = None,
        limit: int = 500,
    ) -> Sequence[LoggedEvent]:
        if self._database.is_ours:
            await self._catch_up()
            kept = self._tail.above(after)
            if kept is not None:
                return [t.logged for t in kept if t.concerns(job_id=job_id, client=client)][:limit]
        query = _query(after).order_by(events.c.number).limit(limit)
        if job_id is not None:
            query = query.where(events.c.job_id == job_id)
        if client is not None:
            query = query.where(jobs.c.client == client)
        return [told.logged for told in await self._read(query)]

    async def latest(self) -> int:
        if self._database.is_ours:
            await self._catch_up()
            return self._tail.latest
        query = select(func.coalesce(func.max(events.c.number), 0))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def wait(self, *, after: int, timeout_s: float, job_id: str | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._catch_up()
                if not self._is_known(after, job_id):
                    news = self._news.setdefault(job_id, asyncio.Event())
                    await news.wait()

    def _is_known(self, after: int, job_id: str | None) -> bool:
        kept = self._tail.above(after)
        return kept is None or any(told.concerns(job_id=job_id, client=None) for told in kept)

    def _look_where_awaited(self) -> None:
        if self._news and self._reading is None:
            self._begin_reading()

    async def _catch_up(self) -> None:
        """Return once the tail has whatever was committed before the call."""
        while self._seen_commits < self._database.commits:
            await asyncio.shield(self._reading or self._begin_reading())

    def _begin_reading(self) -> asyncio.Task[None]:
        self._reading = asyncio.create_task(self._read_news())
        self._reading.add_done_callback(_retrieve)
        return self._reading

    async def _read_news(self) -> None:
        try:
            while self._seen_commits < (commits := self._database.commits):
                query = _query(self._tail.latest).order_by(events.c.number.desc()).limit(SIZE)
                news = [*reversed(await self._read(query))]
                self._tail.add(news)
                self._seen_commits = commits
                self._wake({None, *(told.logged.event.job_id for told in news)} if news else ())
        except StorageError:
            self._wake(tuple(self._news))  # whoever waits reads for itself, and is told
            raise
        finally:
            self._reading = None

    def _wake(self, job_ids: Iterable[str | None]) -> None:
        for job_id in job_ids:
            if (news := self._news.pop(job_id, None)) is not None:
                news.set()

    async def _read(self, query: Select[tuple[int, str, str]]) -> Sequence[Told]:
        def look(connection: Connection) -> Sequence[Told]:
            rows = connection.execute(query).mappings()
            return [Told(row_to_event(row), row["client"]) for row in rows]

        return await self._database.read(look)


def _query(after: int) -> Select[tuple[int, str, str]]:
    told = select(events.c.number, events.c.event, jobs.c.client)
    return told.join(jobs, jobs.c.id == events.c.job_id).where(events.c.number > after)


def _retrieve(reading: asyncio.Task[None]) -> None:
    """Whoever waited was told; where nobody did, asyncio need not say so either."""
    if not reading.cancelled():
        reading.exception()
