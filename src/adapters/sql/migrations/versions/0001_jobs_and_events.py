"""Jobs, and what happened to them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_jobs()
    _create_events()


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("started_at", sa.Text),
        sa.Column("finished_at", sa.Text),
        sa.Column("cancel_requested_at", sa.Text),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("video", sa.Text),
        sa.Column("failure", sa.Text),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'publishing', 'completed', 'failed', 'cancelled')",
            name="status_is_known",
        ),
        sa.CheckConstraint(
            "(status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
            name="finished_when_terminal",
        ),
        sa.CheckConstraint(
            "(status IN ('publishing', 'completed')) = (video IS NOT NULL)",
            name="video_from_publishing_on",
        ),
        sa.CheckConstraint(
            "(status = 'failed') = (failure IS NOT NULL)", name="failure_when_failed"
        ),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        "jobs_waiting",
        "jobs",
        [sa.text("priority DESC"), "sequence"],
        sqlite_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "jobs_active",
        "jobs",
        ["sequence"],
        sqlite_where=sa.text("status IN ('running', 'publishing')"),
    )
    op.execute(
        """
        CREATE TRIGGER finished_jobs_never_change BEFORE UPDATE ON jobs
        WHEN OLD.finished_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a finished job never changes'); END
        """
    )
    op.execute(
        """
        CREATE TRIGGER fences_never_fall BEFORE UPDATE OF fence ON jobs
        WHEN NEW.fence < OLD.fence
        BEGIN SELECT RAISE(ABORT, 'a fence never falls'); END
        """
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("events_of_job", "events", ["job_id", "number"])
