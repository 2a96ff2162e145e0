"""The last measured runs of any kind are found without reading through the jobs that have none."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("CREATE INDEX measured_jobs_by_age ON jobs (sequence) WHERE kind IS NOT NULL")
