"""The tables as queries see them; `migrations` makes them, with their checks and triggers.

A value has a column of its own only where a query or a constraint names it; the rest is JSON. Instants
are ISO 8601 text in UTC with microseconds: readable in any SQLite shell, and sorted like time.
"""

from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    literal,
)

from domain.job import JobStatus

metadata: Final = MetaData()

#: `sequence`: the order in which jobs came. `state`: how far the latest attempt is, and what went wrong.
jobs: Final = Table(
    "jobs",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("started_at", Text),
    Column("finished_at", Text),
    Column("cancel_requested_at", Text),
    Column("request", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("video", Text),
    Column("failure", Text),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)

events: Final = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("job_id", Text, ForeignKey(jobs.c.id), nullable=False),
    Column("event", Text, nullable=False),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)

Index("events_of_job", events.c.job_id, events.c.number)


def has_status(first: JobStatus, *others: JobStatus) -> ColumnElement[bool]:
    """Whether a job is in one of these states.

    Written as the indexes below are, with literals: SQLite uses a partial index only where it finds
    the index's own condition in the statement, and never for a bound parameter.
    """
    if not others:
        return jobs.c.status == literal(first.value, literal_execute=True)
    statuses = [status for status in JobStatus if status in {first, *others}]
    return jobs.c.status.in_([literal(status.value, literal_execute=True) for status in statuses])


#: Where jobs wait: the queue's own order, so that claiming never sorts.
Index(
    "jobs_waiting",
    jobs.c.priority.desc(),
    jobs.c.sequence,
    sqlite_where=jobs.c.status == JobStatus.QUEUED.value,
)
Index(
    "jobs_active",
    jobs.c.sequence,
    sqlite_where=jobs.c.status.in_([JobStatus.RUNNING.value, JobStatus.PUBLISHING.value]),
)
