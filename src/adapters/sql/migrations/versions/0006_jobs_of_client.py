"""Jobs of one client are listed without reading through everybody's."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # Partial, as 0004's and for its reasons. What waits is little, and has the line's own indexes.
    op.execute(
        """
        CREATE INDEX jobs_begun_of_client ON jobs (client, status, sequence)
        WHERE status = 'running' OR status = 'publishing'
            OR status = 'completed' OR status = 'failed' OR status = 'cancelled'
        """
    )
