"""Jobs of a status are listed without reading through all the others."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Two, and partial: over all states, SQLite would prefer it to the line's own, and sort the line.
    # And written with OR: SQLite finds one state among these, but not in an IN.
    op.execute(
        """
        CREATE INDEX jobs_begun_by_status ON jobs (status, sequence)
        WHERE status = 'running' OR status = 'publishing'
            OR status = 'completed' OR status = 'failed' OR status = 'cancelled'
        """
    )
    op.execute("CREATE INDEX jobs_queued ON jobs (sequence) WHERE status = 'queued'")
