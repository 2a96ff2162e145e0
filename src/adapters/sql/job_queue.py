"""The waiting line in SQL."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, update

from adapters.sql.database import Database
from adapters.sql.job_repository import apply_change, load_row
from adapters.sql.line import (
    NEXT,
    NEXT_FEW,
    NOT_PAUSED,
    ORDER,
    STARTABLE,
    WAITING,
    Stand,
    end_of_turns,
    stand_at,
)
from adapters.sql.rows import instant, instant_to_text, row_to_job
from adapters.sql.tables import jobs, queue
from domain.job import Job
from domain.ports.job_queue import JobQueue
from domain.slot import FAVOUR_REACH
from domain.toll import LONGEST_WAIT_S

_LONGEST_WAIT: Final = timedelta(seconds=LONGEST_WAIT_S)
_SOMETHING_WAITS: Final = (
    select(jobs.c.sequence).where(WAITING, jobs.c.run_after.is_(None), NOT_PAUSED).limit(1)
)
_LINE: Final = select(jobs).where(WAITING).order_by(*ORDER).limit(bindparam("at_most"))
_LENGTH: Final = select(func.count()).select_from(jobs).where(WAITING)
_STAND_THERE: Final = (
    update(jobs)
    .where(jobs.c.sequence == bindparam("of_sequence"))
    .values(turn=bindparam("new_turn"), place=bindparam("new_place"))
)


class SqlJobQueue(JobQueue):
    """Selects and claims within one transaction; the one writer keeps everyone else out.

    A job whose pause ends wakes nobody by itself: the clock is the caller's. It is claimed at the next
    look.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self,
        *,
        at: datetime,
        slot: int = 0,
        favourite: str | None = None,
        only: AbstractSet[str] | None = None,
    ) -> Job | None:
        times = _times(at)

        def work(connection: Connection) -> Job | None:
            row = connection.execute(NEXT, times).mappings().one_or_none()
            if row is None:
                return None
            job = row_to_job(row)
            if only is not None and job.request.checkpoint not in only:
                return None
            if favourite is not None:
                job = _favoured(connection, favourite, times, head=job)
            apply_change(connection, job, lambda job: job.claim(at=at, slot=slot))
            return job

        return await self._database.write(work)

    async def wait(self, *, timeout_s: float) -> None:
        await self._database.wait(self._is_waited_in, timeout_s=timeout_s)

    async def line(
        self,
        *,
        limit: int = 200,
        client: str | None = None,
        startable_at: datetime | None = None,
    ) -> Sequence[Job]:
        query, told = _LINE, {"at_most": limit}
        if startable_at is not None:
            query, told = STARTABLE, told | _times(startable_at)
        if client is not None:
            query = query.where(jobs.c.client == client)
        return await self._database.read(
            lambda connection: [
                row_to_job(row) for row in connection.execute(query, told).mappings()
            ]
        )

    async def length(self) -> int:
        return await self._database.read(
            lambda connection: int(connection.execute(_LENGTH).scalar_one())
        )

    async def move(
        self, job_id: str, *, at: datetime, priority: int | None = None, position: int | None = None
    ) -> Job:
        def find_stand(connection: Connection, job: Job) -> Stand:
            row = load_row(connection, job.id)
            if position is not None:
                return stand_at(connection, row, position=position)
            wanted = job.priority if priority is None else priority
            return end_of_turns(connection, row, priority=wanted)

        def work(connection: Connection) -> Job:
            row = load_row(connection, job_id)
            job = row_to_job(row)
            stand = find_stand(connection, job)
            apply_change(connection, job, lambda job: job.move(stand.priority, at=at))
            place = {"new_turn": stand.turn, "new_place": stand.place}
            connection.execute(_STAND_THERE, {"of_sequence": row["sequence"], **place})
            return job

        return await self._database.write(work)

    async def set_paused(self, *, paused: bool, at: datetime) -> None:
        since = func.coalesce(queue.c.paused_at, instant_to_text(at)) if paused else None
        statement = update(queue).values(paused_at=since)
        await self._database.write(lambda connection: connection.execute(statement).close())

    async def paused_since(self) -> datetime | None:
        query = select(queue.c.paused_at)
        return instant(
            await self._database.read(lambda connection: connection.execute(query).scalar_one())
        )

    async def _is_waited_in(self) -> bool:
        return await self._database.read(
            lambda connection: connection.execute(_SOMETHING_WAITS).one_or_none() is not None
        )


def _times(at: datetime) -> dict[str, Any]:
    return {"at": instant_to_text(at), "longest_wait": instant_to_text(at + _LONGEST_WAIT)}


def _favoured(
    connection: Connection, favourite: str, times: Mapping[str, str | None], *, head: Job
) -> Job:
    """The first job for the checkpoint `favourite` beside `head`; `head` where there is none near it."""
    if head.request.checkpoint == favourite:
        return head
    among = {"at_priority": head.priority, "reach": FAVOUR_REACH}
    few = map(row_to_job, connection.execute(NEXT_FEW, {**times, **among}).mappings())
    return next((job for job in few if job.request.checkpoint == favourite), head)
