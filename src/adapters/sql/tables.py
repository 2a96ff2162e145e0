"""The tables as queries see them; `migrations` makes them, with their checks and triggers.

A value has a column of its own only where a query or a constraint names it; the rest is JSON. Instants
are ISO 8601 text in UTC with microseconds: readable in any SQLite shell, and sorted like time.
"""

from typing import Final

from sqlalchemy import (
    REAL,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    column,
    literal_column,
    or_,
    table,
)

from domain.job_event import JobStatus
from domain.library import OutputState

metadata: Final = MetaData()

#: `sequence`: the order in which jobs came. `turn`, `place`: where it stands in line (ADR-0008).
#: `state`: how far the latest attempt is, and what went wrong. `kind`: of the run, once it is measured.
#: `made_from`, `made_as`: the job it comes of, and how.
jobs: Final = Table(
    "jobs",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("place", REAL, nullable=False),
    Column("preempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("slot", Integer),
    Column("run_after", Text),
    Column("retry_of", Text),
    Column("made_from", Text),
    Column("made_as", Text),
    Column("kind", Text),
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

#: A key outlives its job: a request that comes again must not become a second job.
idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("client", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

#: What lists and searches look through, one for each job: thin, where a job is not. `state`, `since`: as in
#: `domain.library.LibraryEntry`, and so are the last three.
cards: Final = Table(
    "cards",
    metadata,
    Column("sequence", Integer, ForeignKey(jobs.c.sequence), primary_key=True),
    Column("client", Text, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("size", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Text),
    Column("rating", Integer, nullable=False),
    Column("favourite", Integer, nullable=False),
    Column("hidden", Integer, nullable=False),
    sqlite_strict=True,
)

card_loras: Final = Table(
    "card_loras",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sequence", Integer, ForeignKey(cards.c.sequence), primary_key=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

#: FTS5, without the text itself: words of the prompts, under the `sequence` of their jobs.
prompts: Final = table("prompts", column("rowid", Integer), column("prompt", Text))

#: What is still to be told of jobs that are over: ADR-0042. `url`: none for the one in the settings.
webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("job_id", Text, nullable=False),
    Column("url", Text),
    Column("tries", Integer, nullable=False),
    Column("due_at", Text, nullable=False),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)

#: What is true of the queue itself, in its one row.
queue: Final = Table(
    "queue",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("paused_at", Text),
    sqlite_strict=True,
)


def has_status(first: JobStatus, *others: JobStatus) -> ColumnElement[bool]:
    """Whether a job is in one of these states.

    Written as the indexes below are, with literals: SQLite uses a partial index only where it finds
    the index's own condition in the statement, and never for a bound parameter.
    """
    statuses = [status for status in JobStatus if status in {first, *others}]
    literals = [literal_column(f"'{status.value}'", Text) for status in statuses]
    return jobs.c.status == literals[0] if len(literals) == 1 else jobs.c.status.in_(literals)


#: The line itself: claiming never sorts, and passes over a pause without reading the job.
Index(
    "jobs_waiting",
    jobs.c.priority.desc(),
    jobs.c.turn,
    jobs.c.place,
    jobs.c.sequence,
    jobs.c.run_after,
    sqlite_where=has_status(JobStatus.QUEUED),
)
Index(
    "jobs_waiting_of_client",
    jobs.c.client,
    jobs.c.priority,
    jobs.c.turn,
    sqlite_where=has_status(JobStatus.QUEUED),
)
Index(
    "jobs_active",
    jobs.c.sequence,
    sqlite_where=has_status(JobStatus.RUNNING, JobStatus.PUBLISHING),
)
Index(
    "one_active_job_per_slot",
    jobs.c.slot,
    unique=True,
    sqlite_where=has_status(JobStatus.RUNNING, JobStatus.PUBLISHING),
)
Index("measured_jobs", jobs.c.kind, jobs.c.sequence, sqlite_where=jobs.c.kind.is_not(None))
Index("measured_jobs_by_age", jobs.c.sequence, sqlite_where=jobs.c.kind.is_not(None))
_BEGUN: Final = or_(*(has_status(status) for status in JobStatus if status != JobStatus.QUEUED))
#: Listing the newest of some states, however many there are of others.
Index(
    "jobs_begun_by_status",
    jobs.c.status,
    jobs.c.sequence,
    sqlite_where=_BEGUN,
)
#: The same for one client's.
Index(
    "jobs_begun_of_client",
    jobs.c.client,
    jobs.c.status,
    jobs.c.sequence,
    sqlite_where=_BEGUN,
)
Index("jobs_queued", jobs.c.sequence, sqlite_where=has_status(JobStatus.QUEUED))
Index("events_of_job", events.c.job_id, events.c.number)
Index("webhooks_by_time", webhooks.c.due_at, webhooks.c.number)
Index("keys_by_age", idempotency_keys.c.created_at)
Index("jobs_retried", jobs.c.retry_of, sqlite_where=jobs.c.retry_of.is_not(None))
Index("jobs_made_from", jobs.c.made_from, sqlite_where=jobs.c.made_from.is_not(None))


def has_state(first: OutputState, *others: OutputState) -> ColumnElement[bool]:
    """Whether a card is in one of these states, written as `has_status` is, and for its reason."""
    literals = [literal_column(f"'{state.value}'", Text) for state in (first, *others)]
    return or_(*(cards.c.state == literal for literal in literals))


_SHELVED: Final = has_state(OutputState.KEPT, OutputState.DELETED)
#: Lists of one value of what is looked for, in order, however rare it is. What waits, failed or is gone costs
#: none of them anything.
Index("cards_in_order", cards.c.state, cards.c.sequence, cards.c.created_at, sqlite_where=_SHELVED)
Index(
    "cards_of_checkpoint",
    cards.c.state,
    cards.c.checkpoint,
    cards.c.sequence,
    sqlite_where=_SHELVED,
)
Index("cards_of_size", cards.c.state, cards.c.size, cards.c.sequence, sqlite_where=_SHELVED)
Index("cards_of_client", cards.c.state, cards.c.client, cards.c.sequence, sqlite_where=_SHELVED)
Index("cards_rated", cards.c.state, cards.c.sequence, sqlite_where=literal_column("rating > 0"))
Index(
    "cards_favourite", cards.c.state, cards.c.sequence, sqlite_where=literal_column("favourite = 1")
)
#: Counting by value reads nothing but this.
Index(
    "cards_counted",
    cards.c.state,
    cards.c.checkpoint,
    cards.c.size,
    cards.c.rating,
    cards.c.favourite,
    cards.c.created_at,
    cards.c.client,
    sqlite_where=_SHELVED,
)
#: Housekeeping.
Index("cards_by_age", cards.c.state, cards.c.since, sqlite_where=cards.c.since.is_not(None))
