"""Clients take turns, jobs have slots and pauses, and requests that come again are known.

Columns are added rather than the table made anew: its triggers, its numbering and the events that point
to it stay as they are. The order matters where a column's check looks at another.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # What finished is brought into the new form too, and nothing else may ever change it.
    op.execute("DROP TRIGGER finished_jobs_never_change")
    _add_columns()
    _move_counters_into_tolls()
    _put_in_line()
    _give_slots()
    op.execute(
        """
        CREATE TRIGGER finished_jobs_never_change BEFORE UPDATE ON jobs
        WHEN OLD.finished_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a finished job never changes'); END
        """
    )
    _create_indexes()
    _create_keys()
    _create_queue()


def _add_columns() -> None:
    for column in (
        "client TEXT NOT NULL DEFAULT 'local'",
        "turn INTEGER NOT NULL DEFAULT 0",
        "place REAL NOT NULL DEFAULT 0",
        "slot INTEGER",
        "run_after TEXT",
        "retry_of TEXT",
    ):
        op.execute(f"ALTER TABLE jobs ADD COLUMN {column}")


def _move_counters_into_tolls() -> None:
    op.execute(
        """
        UPDATE jobs SET place = sequence, state = json_set(
            json_remove(state, '$.crashes', '$.interruptions'),
            '$.resume_step', 0,
            '$.toll', json_object(
                'crashes', json_extract(state, '$.crashes'),
                'interruptions', json_extract(state, '$.interruptions'),
                'failures', 0,
                'oom_level', 0))
        """
    )


def _put_in_line() -> None:
    """All were one client's: one turn each, in the order they came."""
    op.execute(
        """
        UPDATE jobs SET turn = line.turn
        FROM (
            SELECT sequence, row_number() OVER (PARTITION BY priority ORDER BY sequence) AS turn
            FROM jobs WHERE status IN ('queued', 'running', 'publishing')
        ) AS line
        WHERE jobs.sequence = line.sequence
        """
    )


def _give_slots() -> None:
    op.execute(
        """
        UPDATE jobs SET slot = active.slot
        FROM (
            SELECT sequence, row_number() OVER (ORDER BY sequence) - 1 AS slot
            FROM jobs WHERE status IN ('running', 'publishing')
        ) AS active
        WHERE jobs.sequence = active.sequence
        """
    )
    # SQLite takes a new check only with a new column; it tries it on every row that is there.
    op.execute(
        """
        ALTER TABLE jobs ADD COLUMN preempts INTEGER NOT NULL DEFAULT 0
        CONSTRAINT preempts_or_not CHECK (preempts IN (0, 1))
        CONSTRAINT slot_while_active
            CHECK ((status IN ('running', 'publishing')) = (slot IS NOT NULL))
        """
    )


def _create_indexes() -> None:
    op.execute("DROP INDEX jobs_waiting")
    op.execute(
        """
        CREATE INDEX jobs_waiting ON jobs (priority DESC, turn, place, sequence, run_after)
        WHERE status = 'queued'
        """
    )
    op.execute(
        """
        CREATE INDEX jobs_waiting_of_client ON jobs (client, priority, turn)
        WHERE status = 'queued'
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX one_active_job_per_slot ON jobs (slot)
        WHERE status IN ('running', 'publishing')
        """
    )


def _create_keys() -> None:
    op.execute(
        """
        CREATE TABLE idempotency_keys (
            client TEXT NOT NULL,
            "key" TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            job_id TEXT NOT NULL,
            created_at TEXT NOT NULL,
            PRIMARY KEY (client, "key")
        ) STRICT, WITHOUT ROWID
        """
    )
    op.execute("CREATE INDEX keys_by_age ON idempotency_keys (created_at)")


def _create_queue() -> None:
    op.execute(
        """
        CREATE TABLE queue (
            number INTEGER NOT NULL PRIMARY KEY CONSTRAINT only_one CHECK (number = 1),
            paused_at TEXT
        ) STRICT
        """
    )
    op.execute("INSERT INTO queue (number) VALUES (1)")
