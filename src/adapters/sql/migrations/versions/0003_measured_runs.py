"""What runs took is found by their kind. Runs that nobody measured have none."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN kind TEXT")
    op.execute("CREATE INDEX measured_jobs ON jobs (kind, sequence) WHERE kind IS NOT NULL")
