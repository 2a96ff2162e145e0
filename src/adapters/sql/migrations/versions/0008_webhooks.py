"""Messages that tell of jobs that are over are kept until they are delivered."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE webhooks (
            number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            job_id TEXT NOT NULL,
            url TEXT,
            tries INTEGER NOT NULL CHECK (tries >= 0),
            due_at TEXT NOT NULL
        ) STRICT
        """
    )
    op.execute("CREATE INDEX webhooks_by_time ON webhooks (due_at, number)")
