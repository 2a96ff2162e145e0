"""Jobs in SQL."""

from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, bindparam, insert, select, union_all, update

from adapters.sql import cards, keys, line, room_in_line, webhook_outbox
from adapters.sql.database import Database
from adapters.sql.rows import event_to_row, job_to_row, row_to_job
from adapters.sql.tables import events, has_status, jobs
from domain.access import Room
from domain.errors import UnknownJob
from domain.idempotency import IdempotencyKey
from domain.job import Job
from domain.job_event import JobEvent, JobStatus
from domain.ports.job_repository import JobRepository
from domain.webhook import new_message_id

_BY_ID: Final = select(jobs).where(jobs.c.id == bindparam("of_id"))
_APPEND: Final = insert(events)


class SqlJobRepository(JobRepository):
    """Loads, changes and keeps a job within one transaction."""

    def __init__(self, database: Database, *, tells_server: bool = False) -> None:
        """`tells_server`: whether the settings name somebody who is told of every job that is over."""
        self._database = database
        self._tells_server = tells_server

    async def add(
        self, job: Job, *, key: IdempotencyKey | None = None, room: Room | None = None
    ) -> Job:
        # As it is now, whatever becomes of it meanwhile. Its values never change, but are replaced.
        kept = copy(job)
        row = job_to_row(kept)
        stand = {"of_client": job.client, "at_priority": job.priority, "not_counting": 0}
        recorded = kept.collect_events()

        def work(connection: Connection) -> Job | None:
            if key and (job_id := keys.find(connection, key, at=kept.created_at)):
                return row_to_job(load_row(connection, job_id))
            if room:
                room_in_line.check(connection, room, client=kept.client)
            cards.insert(connection, kept, connection.execute(line.INSERT, row | stand).lastrowid)
            _append(connection, recorded)
            if key:
                keys.remember(connection, key, job_id=kept.id, at=kept.created_at)
            return None

        if (known := await self._database.write(work)) is not None:
            return known
        job.collect_events()  # only now: a job that was refused may be added again
        return job

    async def find(self, key: IdempotencyKey, *, at: datetime) -> Job | None:
        job_id = await self._database.read(lambda connection: keys.find(connection, key, at=at))
        return None if job_id is None else await self.get(job_id)

    async def get(self, job_id: str) -> Job:
        return await self._database.read(
            lambda connection: row_to_job(load_row(connection, job_id))
        )

    async def update(self, job_id: str, change: Callable[[Job], None]) -> Job:
        def work(connection: Connection) -> Job:
            job = row_to_job(load_row(connection, job_id))
            was_over = job.status.is_terminal
            apply_change(connection, job, change)
            if job.status.is_terminal and not was_over:
                self._post(connection, job)
            return job

        return await self._database.write(work)

    def _post(self, connection: Connection, job: Job) -> None:
        """Whoever is told that it is over, is told if this transaction is kept."""
        assert job.finished_at is not None, "it is over"
        for url in job.told_when_over(tells_server=self._tells_server):
            webhook_outbox.post(
                connection,
                message_id=new_message_id(),
                job_id=job.id,
                url=url,
                at=job.finished_at,
            )

    async def list(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        before: str | None = None,
        limit: int = 50,
        client: str | None = None,
    ) -> Sequence[Job]:
        if client is not None:
            statuses = statuses or tuple(JobStatus)  # its index goes by state
        query = _listing(
            tuple(dict.fromkeys(statuses)),
            is_of_client=client is not None,
            is_older=before is not None,
        )
        told = {"of_client": client, "before": before, "at_most": limit}
        return await self._database.read(
            lambda connection: [
                row_to_job(row) for row in connection.execute(query, told).mappings()
            ]
        )


@cache  # to put a statement together takes longer than to look up what it asks for
def _listing(statuses: tuple[JobStatus, ...], *, is_of_client: bool, is_older: bool) -> Select[Any]:
    """Jobs of `of_client`, from before the job `before`, at most `at_most`: whichever of these count."""
    eligible = select(jobs)
    if is_of_client:
        eligible = eligible.where(jobs.c.client == bindparam("of_client"))
    if is_older:
        older_than = select(jobs.c.sequence).where(jobs.c.id == bindparam("before"))
        eligible = eligible.where(jobs.c.sequence < older_than.scalar_subquery())
    # One ordered walk per status, which SQLite merges: an IN would be sorted whole.
    walks = [eligible.where(has_status(status)) for status in statuses]
    among = union_all(*walks).subquery() if walks else eligible.subquery()
    return select(among).order_by(among.c.sequence.desc()).limit(bindparam("at_most"))


def load_row(connection: Connection, job_id: str) -> RowMapping:
    """The whole row of `jobs`.

    Raises:
        UnknownJob: there is none with that id.
    """
    row = connection.execute(_BY_ID, {"of_id": job_id}).mappings().one_or_none()
    if row is None:
        raise UnknownJob(f"No generation has the id {job_id!r}.")
    return row


def apply_change(connection: Connection, job: Job, change: Callable[[Job], None]) -> None:
    """Let `change` alter the kept `job`, and keep what it altered and the events it recorded.

    A change that alters nothing writes nothing, not even to a finished job.
    """
    before = job_to_row(job)
    change(job)
    altered = {name: value for name, value in job_to_row(job).items() if value != before[name]}
    if altered:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(altered))
    if "status" in altered and job.status is JobStatus.COMPLETED:
        cards.note_completion(connection, job)
    _append(connection, job.collect_events())


def _append(connection: Connection, recorded: Sequence[JobEvent]) -> None:
    if recorded:
        connection.execute(_APPEND, [event_to_row(event) for event in recorded])
